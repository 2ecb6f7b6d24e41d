//! The page in a real browser: Debian's Chromium, which Playwright drives.

use crate::{
    TESTS, engine,
    support::{clients::Clients, stack::Stack},
};

/// Runs the tests of a file on the page of a stack, as whoever started it.
fn on_the_page_of(stack: &Stack, file: &str) {
    let Some(clients) = Clients::installed() else {
        return;
    };
    let ended = stack
        .shell(&format!("node --test '{TESTS}/browser/{file}'"))
        .env("NODE_PATH", &clients.node_modules().to_string_lossy())
        .env("PAGE", &stack.dashboards_url(""))
        .env("OTLP", &stack.otlp_http_url(""))
        .env("START", &stack.ports.flags())
        .env("BEGIN", &engine::begin().to_string())
        .output();
    assert_eq!(ended.status, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn every_dashboard_is_drawn() {
    let Some(stack) = engine::filled() else {
        return;
    };
    on_the_page_of(&stack, "drawn.test.mjs");
}

#[test]
fn a_reader_finds_the_way_from_what_is_wrong_to_why() {
    let Some(stack) = engine::filled() else {
        return;
    };
    on_the_page_of(&stack, "reader.test.mjs");
}

#[test]
fn whatever_telemetry_says_is_only_ever_shown() {
    let Some(stack) = Stack::start() else {
        return;
    };
    on_the_page_of(&stack, "hostile.test.mjs");
}

#[test]
fn a_stack_without_telemetry_says_how_to_send_some() {
    let Some(stack) = Stack::start() else {
        return;
    };
    on_the_page_of(&stack, "empty.test.mjs");
}

#[test]
fn commands_and_the_page_go_together() {
    let Some(stack) = Stack::start() else {
        return;
    };
    on_the_page_of(&stack, "commands.test.mjs");
}
