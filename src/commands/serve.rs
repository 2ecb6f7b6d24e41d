//! `telemetry serve`: the server process, run by the supervisor.

use std::path::PathBuf;

use crate::clickhouse::schema;
use crate::embedded::server::Schema;
use crate::embedded::{Directory, ServerSpec, server};

/// Serves the project in `directory` until it is asked to stop, and ends the process.
pub fn run(directory: PathBuf) -> ! {
    server::run(&Directory::new(directory), schema_of)
}

/// The tables, as the stack's settings want them.
fn schema_of(spec: &ServerSpec) -> Schema {
    let retention_days = spec.retention_days;
    let environment = spec.environment.clone();
    let parameters = schema::Parameters {
        retention_days,
        environment: &environment,
    };
    Schema {
        init: parameters.init(),
        state: schema::STATE,
        adjustments: Box::new(move |state| {
            let parameters = schema::Parameters {
                retention_days,
                environment: &environment,
            };
            parameters.adjustments(state)
        }),
    }
}
