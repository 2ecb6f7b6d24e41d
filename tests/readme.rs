//! The README says what the program does: its tables are the program's, its examples run.

mod support;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use clap::CommandFactory as _;
use support::{
    clients::{self, Clients},
    stack::Stack,
};
use telemetry::{cli::Cli, error::Code, settings::Variable};

const README: &str = include_str!("../README.md");

/// What is under a heading, up to the next.
fn section(heading: &str) -> &'static str {
    let (_, rest) = README
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("`{heading}` is in the README"));
    rest.split_once("\n#").map_or(rest, |(section, _)| section)
}

/// The rows of the first table in a section, without its head; code without its backticks.
fn table(heading: &str) -> Vec<Vec<String>> {
    let rows = section(heading)
        .lines()
        .filter(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let row = row.trim_matches('|');
        row.split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect()
    };
    rows.skip(2).map(cells).collect()
}

/// The first block of code in this language in a section.
fn example(heading: &str, language: &str) -> &'static str {
    let (_, rest) = section(heading)
        .split_once(&format!("```{language}\n"))
        .expect("there is an example");
    rest.split_once("```").expect("it ends").0
}

#[test]
fn every_command_is_listed_as_its_help_describes_it() {
    let program: Vec<_> = Cli::command()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| {
            let about = command.get_about().expect("it is described");
            vec![
                format!("telemetry {}", command.get_name()),
                about.to_string(),
            ]
        })
        .collect();
    assert_eq!(table("## Commands"), program);
}

#[test]
fn every_setting_is_listed_with_its_flag_and_its_default() {
    let listed: Vec<_> = table("## Settings")
        .into_iter()
        .map(|row| row[..3].to_vec())
        .collect();
    let program: Vec<_> = Variable::ALL
        .into_iter()
        .map(|variable| {
            let or_nothing = |text: Option<&str>| text.unwrap_or_default().to_owned();
            vec![
                variable.name().to_owned(),
                or_nothing(variable.flag()),
                or_nothing(variable.default_value()),
            ]
        })
        .collect();
    assert_eq!(listed, program);
}

/// Every code: serde names them all when it refuses one that is none.
fn codes() -> Vec<Code> {
    let refusal = serde_json::from_str::<Code>("\"?\"").expect_err("it is none");
    let refusal = refusal.to_string();
    let (_, names) = refusal.split_once("expected one of").expect("it names all");
    let names = names.split('`').skip(1).step_by(2);
    names
        .map(|name| serde_json::from_value(name.into()).expect("it is one"))
        .collect()
}

#[test]
fn every_error_code_is_listed_with_its_exit_status() {
    let mut listed: BTreeMap<_, _> = table("## Exit statuses and error codes")
        .into_iter()
        .map(|row| (row[1].clone(), row[0].clone()))
        .collect();
    assert_eq!(listed.remove("").as_deref(), Some("0"));
    let program: BTreeMap<_, _> = codes()
        .into_iter()
        .map(|code| (code.to_string(), code.exit_status().to_string()))
        .collect();
    assert_eq!(listed, program);
}

#[test]
fn start_prints_what_is_shown() {
    let Some(stack) = Stack::prepare() else {
        return;
    };
    let mut printed = stack.start_with("").output().stdout;
    let ports = stack.ports;
    for (port, default) in [
        (ports.otlp_http, ":4318"),
        (ports.otlp_grpc, ":4317"),
        (ports.clickhouse, ":8123"),
        (ports.dashboards, ":3000"),
        (ports.health, ":13133"),
    ] {
        printed = printed.replace(&format!(":{port}"), default);
    }
    // The first line says how long it took.
    let (_, printed) = printed.split_once(" s\n").expect("it took some seconds");
    let shown = example("## What you see", "console");
    let (_, shown) = shown.split_once(" s\n").expect("it took some seconds");
    assert_eq!(printed, shown);
}

/// Runs an example as a person would who has pointed its SDK at the stack, and asserts that its
/// span is there.
fn assert_sends(stack: &Stack, client: Command, service: &str) {
    let printed = stack.telemetry("env --as json").output().stdout;
    let mut variables: BTreeMap<String, String> =
        serde_json::from_str(&printed).expect("it prints a JSON object");
    variables.insert("OTEL_SERVICE_NAME".to_owned(), service.to_owned());
    clients::run(client, stack.sandbox().home(), &variables);
    let sql = format!(
        "SELECT span_name, attributes['cart.items'] FROM traces WHERE service_name = '{service}'"
    );
    assert_eq!(stack.query(&sql), "checkout\t3", "{service}");
}

#[test]
fn the_examples_send_a_span() {
    let (Some(clients), Some(stack)) = (Clients::installed(), Stack::start()) else {
        return;
    };
    let mut python = clients.python();
    python.args(["-c", example("### Python", "python")]);
    assert_sends(&stack, python, "python");

    let mut node = clients.node();
    node.args(["-e", example("### Node", "js")]);
    assert_sends(&stack, node, "node");

    // Its module has what the example needs.
    let main = clients::program("go/readme/main.go");
    assert_eq!(
        fs::read_to_string(main).ok().as_deref(),
        Some(example("### Go", "go"))
    );
    assert_sends(&stack, clients.go("readme"), "go");

    assert_sends(&stack, bash(example("### curl", "bash")), "curl");
}

fn bash(script: &str) -> Command {
    let mut bash = Command::new("bash");
    bash.args(["-euc", script]);
    bash
}

#[test]
fn clickhouse_answers_curl() {
    let Some(stack) = Stack::start() else {
        return;
    };
    let script = example("## Ask questions", "bash");
    assert!(script.contains("http://127.0.0.1:8123/"));
    let script = script.replace("http://127.0.0.1:8123/", &stack.clickhouse_url("/"));
    clients::run(bash(&script), stack.sandbox().home(), &BTreeMap::new());
}

#[test]
fn what_it_refers_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (_, rest) in README
        .match_indices("](")
        .map(|(at, it)| README.split_at(at + it.len()))
    {
        let (target, _) = rest.split_once(')').expect("a link ends");
        assert!(
            target.starts_with("https://") || root.join(target).exists(),
            "{target}"
        );
    }
}
