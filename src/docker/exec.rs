//! Running a command in a container.

use bollard::container::LogOutput;
use bollard::errors::Error as EngineError;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures_util::StreamExt as _;

use super::Connection;

/// Why a command in a container did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It could not be run.
    #[error("cannot run `{command}` in `{container}`: {source}")]
    Engine {
        /// The name of the program.
        command: String,
        /// The container.
        container: String,
        /// What the engine says.
        source: EngineError,
    },
    /// It ended with another status than 0.
    #[error("`{command}` in `{container}` ended with status {status}: {output}")]
    Failed {
        /// The name of the program.
        command: String,
        /// The container.
        container: String,
        /// How it ended.
        status: i64,
        /// What it said.
        output: String,
    },
}

impl Connection {
    /// Runs a command in a container, which must be running, and waits for its end.
    ///
    /// # Errors
    ///
    /// When it cannot be run, or ends with another status than 0.
    pub async fn exec(&self, container: &str, command: &[&str]) -> Result<(), ExecError> {
        let program = || command.first().copied().unwrap_or_default().to_owned();
        let ended = self.exec_to_end(container, command).await;
        let (status, output) = ended.map_err(|source| ExecError::Engine {
            command: program(),
            container: container.to_owned(),
            source,
        })?;
        if status == 0 {
            return Ok(());
        }
        Err(ExecError::Failed {
            command: program(),
            container: container.to_owned(),
            status,
            output,
        })
    }

    /// Gives the status it ended with and what it said.
    async fn exec_to_end(
        &self,
        container: &str,
        command: &[&str],
    ) -> Result<(i64, String), EngineError> {
        let config = ExecConfig {
            cmd: Some(command.iter().map(|&part| part.to_owned()).collect()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let id = self.docker.create_exec(container, config).await?.id;
        let mut said = String::new();
        if let StartExecResults::Attached { mut output, .. } =
            self.docker.start_exec(&id, None).await?
        {
            while let Some(part) = output.next().await {
                if let LogOutput::StdOut { message } | LogOutput::StdErr { message } = part? {
                    said.push_str(&String::from_utf8_lossy(&message));
                }
            }
        }
        let ended = self.docker.inspect_exec(&id).await?;
        Ok((ended.exit_code.unwrap_or_default(), said.trim().to_owned()))
    }
}
