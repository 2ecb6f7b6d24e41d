//! What Podman answers otherwise than Docker.

use bollard::errors::Error as EngineError;
use bollard::models::{ContainerInspectResponse, ContainerSummary};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptions};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Connection;

impl Connection {
    /// Lists containers, which with Podman may be in states that Docker does not know.
    pub(super) async fn list_containers(
        &self,
        options: ListContainersOptions,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        understood(self.docker.list_containers(Some(options)).await)
    }

    /// Inspects a container, likewise.
    pub(super) async fn inspect_container(
        &self,
        name: &str,
    ) -> Result<ContainerInspectResponse, EngineError> {
        let options = None::<InspectContainerOptions>;
        understood(self.docker.inspect_container(name, options).await)
    }
}

fn understood<T: DeserializeOwned>(answer: Result<T, EngineError>) -> Result<T, EngineError> {
    answer.or_else(|error| match &error {
        EngineError::JsonDataError { contents, .. } => in_dockers_words(contents).ok_or(error),
        _ => Err(error),
    })
}

fn in_dockers_words<T: DeserializeOwned>(answer: &str) -> Option<T> {
    let mut answer = serde_json::from_str(answer).ok()?;
    match &mut answer {
        Value::Array(listed) => listed.iter_mut().for_each(translate),
        inspected => translate(inspected),
    }
    serde_json::from_value(answer).ok()
}

/// A container is listed with its state, and inspected with more than that.
fn translate(container: &mut Value) {
    let state = match container.get_mut("State") {
        Some(Value::Object(state)) => state.get_mut("Status"),
        state => state,
    };
    let Some(state) = state else { return };
    match state.as_str() {
        // It has ended, and Podman has yet to tidy up after it.
        Some("stopped") => *state = "exited".into(),
        Some("configured" | "initialized") => *state = "created".into(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::{
        ContainerInspectResponse, ContainerStateStatusEnum, ContainerSummary,
        ContainerSummaryStateEnum,
    };

    use super::*;

    fn answer<T: DeserializeOwned>(text: &str) -> Result<T, EngineError> {
        understood(
            serde_json::from_str(text).map_err(|error| EngineError::JsonDataError {
                message: error.to_string(),
                contents: text.to_owned(),
                column: error.column(),
            }),
        )
    }

    #[test]
    fn a_container_that_podman_has_stopped_has_ended() {
        let text = r#"[{"Id": "1", "State": "running"}, {"Id": "2", "State": "stopped"}]"#;
        let listed: Vec<ContainerSummary> = answer(text).unwrap();
        let states: Vec<_> = listed.into_iter().filter_map(|it| it.state).collect();
        assert_eq!(
            states,
            [
                ContainerSummaryStateEnum::RUNNING,
                ContainerSummaryStateEnum::EXITED
            ]
        );
        let text = r#"{"Id": "2", "State": {"Status": "stopped", "ExitCode": 1}}"#;
        let state = answer::<ContainerInspectResponse>(text).unwrap().state;
        let state = state.unwrap();
        assert_eq!(state.status, Some(ContainerStateStatusEnum::EXITED));
        assert_eq!(state.exit_code, Some(1));
    }

    #[test]
    fn what_no_engine_answers_stays_an_error() {
        let error = answer::<Vec<ContainerSummary>>(r#"[{"State": "asleep"}]"#).unwrap_err();
        assert!(error.to_string().contains("unknown variant `asleep`"));
        assert!(answer::<Vec<ContainerSummary>>("<html>").is_err());
    }
}
