//! Whether passwords are those that everybody knows.

use super::Patient;
use crate::stack::{Endpoint, Finding, Topic};

pub(super) fn finding(patient: &Patient<'_>) -> Finding {
    let has_dashboards = patient.engine.kind().offers(Endpoint::Dashboards);
    let settings = &patient.context.settings;
    let defaults = settings.default_passwords(has_dashboards);
    let host = patient.desired.endpoints.host;
    if defaults.is_empty() {
        return Finding::ok(Topic::Passwords, "passwords", "none is a default");
    }
    let names: Vec<_> = defaults
        .iter()
        .map(|variable| format!("`{}`", variable.name()))
        .collect();
    let subject = names.join(", ");
    let set = format!(
        "set them in the environment or in `.env`, then {}",
        patient.command(if patient.runs() { "restart" } else { "start" })
    );
    if host.is_loopback() {
        let found = format!("default, reachable from this machine only ({host})");
        return Finding::note(Topic::Passwords, subject, found).mended_by(set);
    }
    let origin = &settings.host.origin;
    let found = format!(
        "default, known to everybody, and the stack listens on {host} (`TELEMETRY_HOST`, {origin})"
    );
    Finding::problem(Topic::Passwords, subject, found)
        .mended_by(format!("{set}; or listen on `127.0.0.1`"))
}
