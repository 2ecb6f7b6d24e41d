//! Whether each endpoint's port is free, or held by the stack itself.

use super::Patient;
use crate::stack::{Endpoint, Finding, Holder, Topic, port};

pub(super) fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let endpoints = &patient.desired.endpoints;
    let findings = endpoints.offered();
    let findings = findings
        .map(|endpoint| finding(patient, endpoint))
        .collect();
    in_one_line(findings)
}

fn finding(patient: &Patient<'_>, endpoint: Endpoint) -> Finding {
    let endpoints = &patient.desired.endpoints;
    let address = endpoints.listen(endpoint);
    let port = address.port();
    let subject = format!("{endpoint} {port}");
    match patient.examination.holder(port) {
        Some(Holder::ThisStack) => return Finding::ok(Topic::Ports, subject, HELD),
        Some(Holder::Other { who, fix }) => {
            let setting = port::setting(endpoint);
            let other = format!("{setting} sets another port");
            let fix = match fix {
                Some(fix) => format!("{fix}; {other}"),
                None => other,
            };
            return Finding::problem(Topic::Ports, subject, format!("taken by {who}"))
                .mended_by(fix);
        }
        None if patient.examination.is_remote => {
            let found = "held by no container; what else listens there cannot be told from here";
            return Finding::ok(Topic::Ports, subject, found);
        }
        None => {}
    }
    match port::check(endpoint, address) {
        Ok(()) => Finding::ok(Topic::Ports, subject, FREE),
        Err(error) => Finding::of_failure(Topic::Ports, subject, &error),
    }
}

const HELD: &str = "held by this stack";
const FREE: &str = "free";

/// The findings, with those that say the same good of each port in one.
fn in_one_line(findings: Vec<Finding>) -> Vec<Finding> {
    let (good, others): (Vec<_>, Vec<_>) = findings
        .into_iter()
        .partition(|finding| [HELD, FREE].contains(&finding.found.as_str()));
    let all = |found: &'static str| {
        let subjects: Vec<_> = good
            .iter()
            .filter(|finding| finding.found == found)
            .map(|finding| finding.subject.as_str())
            .collect();
        (!subjects.is_empty()).then(|| Finding::ok(Topic::Ports, subjects.join(", "), found))
    };
    [all(HELD), all(FREE)]
        .into_iter()
        .flatten()
        .chain(others)
        .collect()
}
