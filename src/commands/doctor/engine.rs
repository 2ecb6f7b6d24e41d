//! Which engine runs the stack, and why.

use std::time::Duration;

use crate::{
    commands::choose::Choice,
    docker::{ConnectError, EndpointError},
    stack::{Finding, Level, Topic},
};

/// The one that is chosen.
pub(super) fn choice(choice: &Choice) -> Finding {
    let found = format!("{} ({})", choice.kind, choice.reason);
    Finding::ok(Topic::Engine, "engine", found)
}

/// Docker, where it would have been chosen and does not answer. That there is none at all is
/// nothing to mend.
pub(super) fn unreachable_docker(choice: &Choice) -> Option<Finding> {
    match &choice.no_docker {
        None | Some(ConnectError::Endpoint(EndpointError::Nowhere)) => None,
        Some(error) => Some(Finding::of_failure(Topic::Engine, "Docker", error).at(Level::Note)),
    }
}

/// An engine that may take connections, but does nothing else.
pub(super) fn silent(patience: Duration) -> Finding {
    let found = format!("did not answer within {patience:?}");
    Finding::problem(Topic::Engine, "Docker", found)
        .mended_by("start Docker anew; `--engine embedded` needs none")
}
