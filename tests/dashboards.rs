//! The dashboards: that they are what their sources say, that Grafana knows what is in them, and
//! that the real engine answers each of their questions in the shape it is shown.

#![allow(clippy::print_stderr, reason = "what a failed test has to say")]

#[path = "dashboards/engine.rs"]
mod engine;
#[path = "dashboards/expand.rs"]
mod expand;
#[path = "dashboards/file.rs"]
mod file;
#[path = "dashboards/shape.rs"]
mod shape;
#[path = "dashboards/source.rs"]
mod source;
mod support;

use std::fs;

use engine::{Answer, SPANS, begin};
use expand::{Choice, Scope};
use file::{Dashboard, Question};
use serde_json::Value;
use support::{
    clients::{Clients, program},
    stack::Stack,
    yaml,
};

const HOUR: i64 = 3600;

/// The alert rules and whom they are told to.
const ALERTING: &str = include_str!("../assets/grafana/provisioning/alerting/telemetry.yaml");

/// Where the spans themselves are looked at.
fn hours() -> (i64, i64) {
    (begin() + 6 * HOUR + 1234, begin() + 12 * HOUR + 2345)
}

/// Where the roll-up is; its hours begin and end with the range.
fn days() -> (i64, i64) {
    (begin(), begin() + 72 * HOUR)
}

/// A dashboard with its variables as they are when it is opened, but for those that are given.
fn scope(dashboard: &Dashboard, (from, to): (i64, i64), chosen: &[(&str, &str)]) -> Scope {
    let choice = |variable: &Value| {
        let name = variable["name"].as_str().expect("a variable has a name");
        let given = chosen.iter().find(|(given, _)| *given == name);
        let choice = match (
            given,
            variable["multi"] == true,
            &variable["current"]["value"],
        ) {
            (Some((_, value)), true, _) => Choice::Some(vec![(*value).to_owned()]),
            (Some((_, value)), false, _) => Choice::One((*value).to_owned()),
            (None, _, Value::Array(_)) => Choice::All(Vec::new()),
            (None, _, Value::String(value)) if value == "$__all" => Choice::All(Vec::new()),
            (None, _, Value::String(value)) => Choice::One(value.clone()),
            // A choice of what there is, and there is nothing.
            (None, _, Value::Null) => Choice::One(String::new()),
            (None, _, other) => panic!("`{name}` is {other}"),
        };
        (name.to_owned(), choice)
    };
    Scope {
        from,
        to,
        interval: u64::try_from((to - from) / 100).expect("time goes on"),
        variables: dashboard.variables().iter().map(choice).collect(),
    }
}

/// The values of variables that decide whether there is anything to see.
const TRACE: (&str, &str) = ("trace", "00000000000000000000000000002000");
const METRIC: (&str, &str) = ("metric", "requests");
const ATTRIBUTE: (&str, &str) = ("attribute", "route");

fn answer(stack: &Stack, question: &Question, scope: &Scope) -> Answer {
    let sql = scope.expand(question.sql);
    engine::ask(stack, &sql).unwrap_or_else(|error| panic!("{}: {error}\n{sql}", question.name))
}

fn kind<'q>(question: &Question<'q>) -> &'q str {
    question.panel["type"].as_str().expect("a panel has a type")
}

#[test]
fn the_committed_dashboards_are_what_their_sources_make() {
    let update = std::env::var_os("UPDATE_DASHBOARDS").is_some();
    let made = source::dashboards();
    let mut differing = Vec::new();
    for (name, expected) in &made {
        let path = source::directory().join(name).with_extension("json");
        if fs::read_to_string(&path).ok().as_ref() != Some(expected) {
            differing.push(name);
            if update {
                fs::write(&path, expected).expect("it can be written");
            }
        }
    }
    assert!(
        update || differing.is_empty(),
        "{differing:?} differ from their sources: `UPDATE_DASHBOARDS=1 cargo test --test dashboards`"
    );
    let names: Vec<_> = made.iter().map(|(name, _)| name.clone()).collect();
    let there: Vec<_> = file::all()
        .into_iter()
        .map(|dashboard| dashboard.name)
        .collect();
    assert_eq!(there, names, "a dashboard has no source");
}

/// What Grafana's published types say against a dashboard.
fn problems(clients: &Clients, json: &str) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("dashboard.json");
    fs::write(&path, json).expect("it can be written");
    let mut check = clients.node();
    let output = check.arg(program("dashboards.js")).arg(path).output();
    let output = output.expect("Node is installed");
    let problems = String::from_utf8(output.stdout).expect("it is text");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.success(),
        problems.is_empty(),
        "{problems}{stderr}"
    );
    problems
}

#[test]
fn grafana_knows_everything_in_the_dashboards() {
    let Some(clients) = Clients::installed() else {
        return;
    };
    for (name, json) in source::dashboards() {
        assert_eq!(problems(&clients, &json), "", "{name}");
    }
    let (_, json) = &source::dashboards()[0];
    for (right, wrong) in [
        (r#""schemaVersion""#, r#""schemeVersion""#),
        (r#""placement": "bottom""#, r#""placement": "below""#),
        (r#""fillOpacity": 80"#, r#""fillOpacity": "80""#),
        (r#""type": "timeseries""#, r#""type": "graph""#),
    ] {
        assert!(json.contains(right), "{right}");
        assert_ne!(
            problems(&clients, &json.replace(right, wrong)),
            "",
            "{wrong}"
        );
    }
}

#[test]
fn every_panel_shows_what_there_is() {
    let Some(stack) = engine::filled() else {
        return;
    };
    let somewhere = [
        ("project", "project-1"),
        ("service", "service-0"),
        ("environment", "it's staging"),
    ];
    let something = [TRACE, METRIC, ATTRIBUTE];
    for dashboard in file::all() {
        for range in [hours(), days()] {
            for chosen in [&something[..], &[&something[..], &somewhere].concat()] {
                let scope = scope(&dashboard, range, chosen);
                for question in dashboard.panels() {
                    eprintln!("{}, {chosen:?}, {range:?}", question.name);
                    let answer = answer(&stack, &question, &scope);
                    shape::columns(kind(&question), &answer);
                    shape::rows(kind(&question), &answer);
                }
            }
        }
    }
}

#[test]
fn no_panel_fails_where_there_is_nothing() {
    let Some(stack) = Stack::start() else { return };
    for dashboard in file::all() {
        for range in [hours(), days()] {
            for chosen in [&[][..], &[("project", "x")]] {
                let scope = scope(&dashboard, range, chosen);
                for question in dashboard.panels() {
                    let answer = answer(&stack, &question, &scope);
                    shape::columns(kind(&question), &answer);
                }
            }
        }
    }
}

#[test]
fn every_variable_offers_what_there_is() {
    let (Some(filled), Some(empty)) = (engine::filled(), Stack::start()) else {
        return;
    };
    for dashboard in file::all() {
        for variable in dashboard.variables() {
            let Some(sql) = variable["query"]["rawSql"].as_str() else {
                continue;
            };
            let sql = scope(&dashboard, days(), &[METRIC]).expand(sql);
            let answer =
                engine::ask(&filled, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert_eq!(answer.columns.len(), 1, "{sql}");
            assert!(!answer.rows.is_empty(), "{sql}");
            let nothing =
                engine::ask(&empty, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert_eq!(nothing.rows, Vec::<Vec<Value>>::new());
        }
    }
}

#[test]
fn what_is_set_for_a_column_is_set_for_one_that_is_there() {
    let Some(stack) = engine::filled() else {
        return;
    };
    for dashboard in file::all() {
        let scope = scope(&dashboard, hours(), &[TRACE, METRIC, ATTRIBUTE]);
        for question in dashboard.panels() {
            let answer = answer(&stack, &question, &scope);
            // A column's name, or that of a series, which is its label.
            let mut names: Vec<_> = answer
                .columns
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            names.extend(answer.rows.iter().flatten().filter_map(Value::as_str));
            let overrides = question.panel["fieldConfig"]["overrides"].as_array();
            for set in overrides.expect("there are some, or none") {
                let name = set["matcher"]["options"]
                    .as_str()
                    .expect("it names a column");
                assert!(
                    names.contains(&name),
                    "{}: there is no `{name}`",
                    question.name
                );
            }
        }
    }
}

/// A query of a long range, and the same asked of the spans themselves.
fn both_ways(question: &Question, scope: &Scope) -> Option<[String; 2]> {
    let asked = scope.expand(question.sql);
    let of_spans = expand::of_spans(&asked)?;
    Some([asked, of_spans])
}

#[test]
fn the_roll_up_and_the_spans_say_the_same() {
    let Some(stack) = engine::filled() else {
        return;
    };
    let mut compared = 0;
    for dashboard in file::all() {
        let mut scope = scope(&dashboard, days(), &[]);
        scope.interval = 6 * 3600;
        for question in dashboard.panels() {
            let Some(sqls) = both_ways(&question, &scope) else {
                continue;
            };
            let [rolled_up, of_spans] = sqls.map(|sql| {
                let answer = engine::ask(&stack, &sql);
                answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
            });
            assert_eq!(rolled_up, of_spans, "{}", question.name);
            compared += 1;
        }
    }
    assert!(compared > 10, "only {compared} panels have both");
}

/// How many rows of tables or projections a query reads at the most.
fn rows_read(stack: &Stack, sql: &str) -> u64 {
    let estimate = engine::ask(stack, &format!("EXPLAIN ESTIMATE {sql}"));
    let estimate = estimate.unwrap_or_else(|error| panic!("{sql}: {error}"));
    estimate.rows.iter().filter_map(|row| row[3].as_u64()).sum()
}

#[test]
fn the_roll_up_is_what_long_ranges_read() {
    let Some(stack) = engine::filled() else {
        return;
    };
    for dashboard in file::all() {
        let scope = scope(&dashboard, days(), &[]);
        for question in dashboard.panels() {
            let Some([asked, _]) = both_ways(&question, &scope) else {
                continue;
            };
            let read = rows_read(&stack, &asked);
            // The slowest spans themselves are looked for in a few hours.
            let most = if asked.contains("INTERVAL 1 HOUR") {
                SPANS
            } else {
                SPANS / 10
            };
            assert!(
                read > 0 && read < most,
                "{} reads {read} rows",
                question.name
            );
        }
    }
}

#[test]
fn a_failed_span_is_marked_in_its_trace() {
    let Some(stack) = engine::filled() else {
        return;
    };
    let dashboards = file::all();
    let dashboard = dashboards
        .iter()
        .find(|dashboard| dashboard.name == "traces");
    let dashboard = dashboard.expect("it is there");
    let panels = dashboard.panels();
    let trace = panels.iter().find(|question| kind(question) == "traces");
    let failed = "SELECT trace_id FROM traces WHERE status_code = 'ERROR' LIMIT 1";
    let failed = engine::ask(&stack, failed).expect("one failed");
    let id = failed.rows[0][0].as_str().expect("it is text");
    let scope = scope(dashboard, days(), &[("trace", id)]);
    let answer = answer(&stack, trace.expect("it is there"), &scope);
    let column = |name| {
        answer
            .columns
            .iter()
            .position(|(column, _)| column == name)
            .expect(name)
    };
    let error = serde_json::json!({ "key": "error", "value": "true" });
    let mut marked = 0;
    for row in &answer.rows {
        let tags = row[column("tags")].as_array().expect("tags are a list");
        assert_eq!(
            row[column("statusCode")] == 2,
            tags.contains(&error),
            "{row:?}"
        );
        assert_eq!(
            row[column("statusCode")] == 2,
            row[column("statusMessage")] == "it went wrong"
        );
        marked += usize::from(row[column("statusCode")] == 2);
    }
    assert!(marked > 0);
}

/// The rules of alerts.
fn rules(alerting: &Value) -> &[Value] {
    alerting["groups"][0]["rules"]
        .as_array()
        .expect("there are rules")
}

/// What a rule asks when it is evaluated at a time.
fn asked(rule: &Value, at: i64) -> String {
    let query = &rule["data"][0];
    let from = query["relativeTimeRange"]["from"]
        .as_i64()
        .expect("it is a number");
    let scope = Scope {
        from: at - from,
        to: at,
        interval: 60,
        variables: std::collections::BTreeMap::new(),
    };
    scope.expand(query["model"]["rawSql"].as_str().expect("it is SQL"))
}

/// Checks that Grafana takes each row for a number with labels.
fn assert_labelled_numbers(answer: &Answer) {
    let (value, labels) = answer.columns.split_last().expect("there are columns");
    assert_eq!((value.0.as_str(), value.1.as_str()), ("Value", "Float64"));
    assert!(
        labels
            .iter()
            .all(|(_, of)| of.ends_with("String") || of == "LowCardinality(String)")
    );
}

#[test]
fn every_alert_rule_finds_what_it_is_for_and_nothing_where_nothing_is() {
    let (Some(filled), Some(empty)) = (engine::filled(), Stack::start()) else {
        return;
    };
    let alerting = yaml::parse(ALERTING);
    let end = begin() + 72 * HOUR;
    for rule in rules(&alerting) {
        // The telemetry ends; an hour later, it has been missing for half an hour.
        let silent = rule["uid"] == "telemetry-no-data";
        let at = if silent { end + HOUR } else { end - 60 };
        let sql = asked(rule, at);
        let answer = engine::ask(&filled, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_labelled_numbers(&answer);
        assert!(!answer.rows.is_empty(), "{sql}");
        if silent {
            assert_eq!(answer.rows.len(), 3, "each project: {answer:?}");
            let at_the_end = engine::ask(&filled, &asked(rule, end)).expect("it can be asked");
            assert!(at_the_end.rows.is_empty(), "{at_the_end:?}");
        }
        let nothing = engine::ask(&empty, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_labelled_numbers(&nothing);
        assert!(nothing.rows.is_empty(), "{sql}");
    }
}

#[test]
fn alert_rules_and_their_contact_point_fit_together() {
    let alerting = yaml::parse(ALERTING);
    let contact = &alerting["contactPoints"][0];
    assert_eq!(alerting["policies"][0]["receiver"], contact["name"]);
    let dashboards: Vec<_> = file::all()
        .iter()
        .map(|it| it.json["uid"].clone())
        .collect();
    let mut uids = std::collections::BTreeSet::new();
    for rule in rules(&alerting) {
        let uid = rule["uid"].as_str().expect("it has one");
        assert!(uids.insert(uid) && uid.len() <= 40, "{uid}");
        let [query, condition] = &rule["data"].as_array().expect("there are queries")[..] else {
            panic!("{uid} is a query and a condition");
        };
        assert_eq!(query["datasourceUid"], "telemetry");
        assert_eq!(query["refId"], query["model"]["refId"]);
        assert_eq!(condition["datasourceUid"], "__expr__");
        assert_eq!(condition["model"]["expression"], query["refId"]);
        assert_eq!(condition["refId"], rule["condition"]);
        assert!(
            dashboards.contains(&rule["annotations"]["__dashboardUid__"]),
            "{uid}"
        );
    }
}
