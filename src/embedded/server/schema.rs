//! Bringing the database to what the specification asks for.

use super::ServerError;
use crate::embedded::chdb::{Connection, Engine};

/// How the database comes to be what the specification asks for. The statements are those of any
/// engine, so they are given from above.
pub struct Schema {
    /// Makes whatever is missing; applied again, it changes nothing.
    pub init: Vec<String>,
    /// Asks what an existing database was made with, answered in format `JSONEachRow`.
    pub state: &'static str,
    /// Makes of that answer what brings the database to the present settings.
    pub adjustments: Adjustments,
}

/// Makes statements of an answer; an error if it is not one.
pub type Adjustments = Box<dyn FnOnce(&str) -> Result<Vec<String>, serde_json::Error>>;

impl Schema {
    /// Applies it. Statements run one by one: whoever breaks off in between goes on with the
    /// next start.
    pub(super) fn apply(self, engine: &Engine) -> Result<(), ServerError> {
        let mut connection = engine.connect()?;
        execute(&mut connection, &self.init)?;
        let state = connection
            .execute(self.state.as_bytes(), "JSONEachRow", &[])
            .map_err(ServerError::Schema)?;
        let state = String::from_utf8_lossy(state.data()).into_owned();
        let adjustments = (self.adjustments)(&state).map_err(ServerError::SchemaState)?;
        execute(&mut connection, &adjustments)?;
        if !adjustments.is_empty() {
            tracing::info!(statements = ?adjustments, "changed settings are applied");
        }
        Ok(())
    }
}

fn execute(connection: &mut Connection, statements: &[String]) -> Result<(), ServerError> {
    for statement in statements {
        connection
            .execute(statement.as_bytes(), "Null", &[])
            .map_err(ServerError::Schema)?;
    }
    Ok(())
}
