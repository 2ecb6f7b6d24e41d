//! Whether passwords are those that everybody knows.

use super::Patient;
use crate::stack::{Finding, Topic};

pub(super) fn finding(patient: &Patient<'_>) -> Finding {
    let settings = &patient.context.settings;
    let defaults = settings.default_passwords();
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
    let origin = &settings.host.origin;
    let exposed_by = match (host.is_loopback(), patient.examination.is_exposed) {
        (true, false) => {
            let found = format!("default, reachable from this machine only ({host})");
            return Finding::note(Topic::Passwords, subject, found).mended_by(set);
        }
        (true, true) => "a container of it is published on every address".to_owned(),
        (false, _) => format!("the stack listens on {host} (`TELEMETRY_HOST`, {origin})"),
    };
    let found = format!("default, known to everybody, and {exposed_by}");
    Finding::problem(Topic::Passwords, subject, found)
        .mended_by(format!("{set}; or listen on `127.0.0.1`"))
}
