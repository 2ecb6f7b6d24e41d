//! What earlier stacks have left.

use super::Patient;
use crate::stack::{EngineKind, Finding, Topic};

pub(super) async fn findings(patient: &Patient<'_>) -> Vec<Finding> {
    let (other, adoptable) = tokio::join!(on_the_other_engine(patient), adoptable(patient));
    other.into_iter().chain(adoptable).collect()
}

/// Telemetry of other Compose projects that could be brought over.
async fn adoptable(patient: &Patient<'_>) -> Vec<Finding> {
    let adoptable = tokio::time::timeout(super::PATIENCE, patient.engine.adoptable()).await;
    let found = |project: &String| {
        let found = format!("the Compose project `{project}` has telemetry of its own");
        let migrate = format!("migrate --from-compose {project}");
        Finding::note(Topic::Leftovers, project.clone(), found).mended_by(format!(
            "{} brings it over and leaves it there",
            patient.command(&migrate)
        ))
    };
    adoptable.iter().flatten().map(found).collect()
}

/// What the project has on the engine that it does not run on.
async fn on_the_other_engine(patient: &Patient<'_>) -> Option<Finding> {
    let other = match patient.choice.kind {
        EngineKind::Docker => EngineKind::Embedded,
        EngineKind::Embedded => EngineKind::Docker,
    };
    let engine = patient.context.engine_of(other);
    let remains = tokio::time::timeout(super::PATIENCE, engine.holdings()).await;
    let remains = remains.unwrap_or_default();
    if remains.is_empty() {
        return None;
    }
    let found = format!(
        "this project has a stack there too, with data of its own: {}",
        remains.join(", ")
    );
    let start = format!("start --engine {other}");
    Some(
        Finding::note(Topic::Leftovers, format!("{other} engine"), found).mended_by(format!(
            "{} goes on with that one once this one is stopped; {} on it deletes it",
            patient.command(&start),
            patient.command("clean")
        )),
    )
}
