//! Whether this program, what runs and what is stored fit each other.

use std::cmp::Ordering;

use super::Patient;
use crate::{
    clickhouse::schema::{self, OverHttp, Parameters, SchemaError},
    context::Context,
    stack::{Finding, Level, Topic},
};

/// This program, and the one that the stack was last started with.
pub(super) fn program(context: &Context) -> Vec<Finding> {
    let this = env!("CARGO_PKG_VERSION");
    let finding = Finding::ok(Topic::Versions, "this program", format!("telemetry {this}"));
    let Some(record) = &context.record else {
        return vec![finding];
    };
    let that = record.telemetry_version.as_str();
    let started = |found: String| Finding::note(Topic::Versions, "last start", found);
    match order(that, this) {
        Ordering::Equal => vec![finding],
        Ordering::Less => vec![
            finding,
            started(format!("by the older telemetry {that}")).mended_by(format!(
                "`{}` brings the stack to {this}",
                context.command("restart")
            )),
        ],
        Ordering::Greater => vec![
            finding,
            started(format!("by the newer telemetry {that}"))
                .mended_by(format!("use telemetry {that} or a later one")),
        ],
    }
}

/// The order of two versions such as `0.10.1`.
fn order(one: &str, other: &str) -> Ordering {
    let numbers = |version: &str| -> Vec<u64> {
        let numbers = version.split(|c: char| !c.is_ascii_digit());
        numbers.map(|number| number.parse().unwrap_or(0)).collect()
    };
    numbers(one).cmp(&numbers(other))
}

/// The schema of the database, if it can be asked.
pub(super) async fn schema(patient: &Patient<'_>) -> Option<Finding> {
    if !patient.runs() {
        return None;
    }
    let client = patient.clickhouse();
    let parameters = Parameters {
        retention_days: patient.desired.retention_days,
        environment: &patient.desired.environment,
    };
    let subject = "database";
    let planned = schema::plan(&mut OverHttp(&client), &parameters).await;
    let restart = patient.command("restart");
    Some(match planned {
        Ok(plan) if plan.is_empty() => {
            let found = format!("schema version {}", schema::VERSION);
            Finding::ok(Topic::Versions, subject, found)
        }
        Ok(plan) => {
            let found = match plan.from {
                Some(schema::VERSION) => {
                    "other days of retention, or another environment, than the settings say"
                        .to_owned()
                }
                Some(version) => format!(
                    "schema version {version}, older than {} of this program",
                    schema::VERSION
                ),
                None => "no schema yet".to_owned(),
            };
            Finding::note(Topic::Versions, subject, found)
                .mended_by(format!("{restart} brings it up to date"))
        }
        // That it does not answer is said elsewhere.
        Err(SchemaError::Statement(_)) => return None,
        Err(error) => Finding::of_failure(Topic::Versions, subject, &error).at(Level::Problem),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(order("0.9.0", "0.10.0"), Ordering::Less);
        assert_eq!(order("1.0.0", "0.10.0"), Ordering::Greater);
        assert_eq!(order("0.1.0", "0.1.0"), Ordering::Equal);
    }
}
