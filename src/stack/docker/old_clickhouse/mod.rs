//! The ClickHouse of a stack that others made with Compose, to read its telemetry from: the one
//! that runs, or else one for a while on a copy of its volume.

mod error;
mod temporary;

use std::pin::pin;

pub use error::OldClickhouseError;

use self::temporary::Temporary;
use crate::clickhouse::Client;
use crate::clickhouse::import::{PASSWORD, USER};
use crate::docker::{Connection, ContainerState, OldStack, RunningClickhouse, Surroundings};
use crate::error::{Error, Result};
use crate::output::Printer;
use crate::stack::{ChangeLock, Desired, DockerError, Endpoint, Project, told_to_stop};

/// What an interruption leaves.
const UNCHANGED: &str = "nothing was changed";

/// The ClickHouse of an older stack, able to be asked.
#[derive(Debug)]
pub struct OldClickhouse {
    /// The volume with its telemetry.
    pub volume: String,
    /// A client of it, as a user who may read.
    pub client: Client,
    project: Project,
    connection: Connection,
    /// Whether it is there only to be asked.
    is_temporary: bool,
}

impl OldClickhouse {
    /// That of the Compose project `old`, to bring its telemetry into `project`, the stack of
    /// which is as `desired`. Ends when a signal asks to stop.
    ///
    /// # Errors
    ///
    /// When there is no such project, or its ClickHouse can be had in neither way. What was made
    /// is removed again.
    pub async fn open(
        old: &str,
        project: &Project,
        _lock: &ChangeLock,
        desired: &Desired,
        printer: &Printer,
    ) -> Result<Self> {
        let mut interrupted = pin!(told_to_stop());
        let surroundings = Surroundings::of_this_process();
        let looked_for = async {
            let connection = Connection::open(&surroundings).await?;
            remove_temporaries(&connection, project).await?;
            let stack = find(&connection, old).await?;
            let running = match &stack.clickhouse {
                Some(running) => Some(reach(&connection, &stack, running, desired).await?),
                None => None,
            };
            Ok::<_, Error>((connection, stack.volume, running))
        };
        let (connection, volume, running) = tokio::select! {
            biased;
            () = &mut interrupted => return Err(DockerError::Interrupted(UNCHANGED).into()),
            looked = looked_for => looked?,
        };
        let is_temporary = running.is_none();
        let client = if let Some(client) = running {
            client
        } else {
            let temporary = Temporary::new(&connection, project, desired, &volume);
            let directory = surroundings.config;
            match temporary.start(directory, printer, interrupted).await {
                Ok(client) => client,
                Err(error) => {
                    remove_or_warn(&connection, project, printer).await;
                    return Err(error);
                }
            }
        };
        Ok(Self {
            volume,
            client,
            project: project.clone(),
            connection,
            is_temporary,
        })
    }

    /// Removes what was made to ask it.
    pub async fn close(self, printer: &Printer) {
        if self.is_temporary {
            remove_or_warn(&self.connection, &self.project, printer).await;
        }
    }
}

async fn remove_or_warn(connection: &Connection, project: &Project, printer: &Printer) {
    if let Err(error) = remove_temporaries(connection, project).await {
        let error = Error::from(error);
        printer.warn(format!("{error}: {}", error.causes().join(": ")));
    }
}

/// What is labelled as temporary is this process's own, or left over from one that was killed: the
/// right to change the project keeps others from having any.
async fn remove_temporaries(connection: &Connection, project: &Project) -> Result<(), DockerError> {
    let removed = connection.remove_temporaries(project.root()).await;
    removed.map_err(|error| DockerError::Unremovable(connection.endpoint.clone(), error))
}

async fn find(connection: &Connection, old: &str) -> Result<OldStack> {
    let stacks = connection.stacks_with_clickhouse().await;
    let stacks =
        stacks.map_err(|error| DockerError::Unobservable(connection.endpoint.clone(), error))?;
    let (found, others): (Vec<_>, Vec<_>) =
        stacks.into_iter().partition(|stack| stack.project == old);
    found.into_iter().next().ok_or_else(|| {
        OldClickhouseError::NoSuchProject {
            project: old.to_owned(),
            others: others.into_iter().map(|stack| stack.project).collect(),
        }
        .into()
    })
}

/// A client of the ClickHouse that runs, as the user that its container was made with.
async fn reach(
    connection: &Connection,
    stack: &OldStack,
    running: &RunningClickhouse,
    desired: &Desired,
) -> Result<Client> {
    let address = running
        .http
        .filter(|_| running.state == ContainerState::Running)
        .ok_or_else(|| OldClickhouseError::OutOfReach {
            project: stack.project.clone(),
            container: running.container.clone(),
        })?;
    if desired.endpoints.address(Endpoint::ClickhouseHttp) == address {
        return Err(OldClickhouseError::Itself(stack.project.clone()).into());
    }
    let environment = connection.environment_of(&running.container).await;
    let environment = environment
        .map_err(|error| DockerError::Unobservable(connection.endpoint.clone(), error))?;
    let variable = |name: &str| environment.get(name).map(String::as_str);
    let printable = |text: &&str| !text.contains(char::is_control);
    let user = variable("CLICKHOUSE_USER")
        .filter(printable)
        .unwrap_or(USER);
    let password = variable("CLICKHOUSE_PASSWORD")
        .filter(printable)
        .unwrap_or(PASSWORD);
    let http = reqwest::Client::builder().no_proxy().build();
    let http = http.expect("without TLS, nothing has to be loaded");
    Ok(Client::new(
        http,
        format!("http://{address}"),
        user,
        password,
    ))
}
