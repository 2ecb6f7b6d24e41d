//! What earlier stacks have left.

use super::Patient;
use crate::stack::{EngineKind, Finding, Topic};

/// What the project has on the engine that it does not run on.
pub(super) async fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let other = match patient.choice.kind {
        EngineKind::Docker => EngineKind::Embedded,
        EngineKind::Embedded => EngineKind::Docker,
    };
    let engine = patient.context.engine_of(other);
    let remains = tokio::time::timeout(super::PATIENCE, engine.remains()).await;
    let remains = remains.unwrap_or_default();
    if remains.is_empty() {
        return Vec::new();
    }
    let found = format!(
        "this project has a stack there too, with data of its own: {}",
        remains.join(", ")
    );
    let start = format!("start --engine {other}");
    vec![
        Finding::note(Topic::Leftovers, format!("{other} engine"), found).mended_by(format!(
            "{} goes on with that one once this one is stopped; {} on it deletes it",
            patient.command(&start),
            patient.command("clean")
        )),
    ]
}
