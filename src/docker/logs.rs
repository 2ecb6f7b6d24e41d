//! What a stack's containers say, oldest first, and what they say from now on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::Connection;

type EngineError = bollard::errors::Error;

/// How often containers are looked for that were made, or started again, meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A line that a container has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerLine {
    /// When the engine took it in.
    pub timestamp: Option<Timestamp>,
    /// The container's service.
    pub service: String,
    /// What it says.
    pub text: String,
}

/// The log of all containers of a project.
pub struct ProjectLog {
    connection: Connection,
    project: String,
    /// Until when each container's lines are known.
    known: HashMap<String, Timestamp>,
    followed: HashMap<String, AbortHandle>,
    looked: Option<Instant>,
    sender: mpsc::UnboundedSender<(String, ContainerLine)>,
    receiver: mpsc::UnboundedReceiver<(String, ContainerLine)>,
}

impl ProjectLog {
    /// The log of `project`, from its beginning.
    pub fn new(connection: Connection, project: &str) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            connection,
            project: project.to_owned(),
            known: HashMap::new(),
            followed: HashMap::new(),
            looked: None,
            sender,
            receiver,
        }
    }

    /// Which engine tells it.
    pub fn endpoint(&self) -> &super::Endpoint {
        &self.connection.endpoint
    }

    /// The lines since the last call, oldest first.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn read_new(&mut self) -> Result<Vec<ContainerLine>, EngineError> {
        if self.looked.is_none() {
            self.looked = Some(Instant::now());
            return self.read_all().await;
        }
        if self
            .looked
            .is_some_and(|looked| looked.elapsed() >= LOOK_INTERVAL)
            || self.followed.is_empty()
        {
            self.looked = Some(Instant::now());
            self.follow().await?;
        }
        let mut lines = Vec::new();
        while let Ok((container, line)) = self.receiver.try_recv() {
            if let Some(timestamp) = line.timestamp {
                self.known.insert(container, timestamp);
            }
            lines.push(line);
        }
        Ok(sorted(lines))
    }

    async fn read_all(&mut self) -> Result<Vec<ContainerLine>, EngineError> {
        let containers = self.connection.containers(&self.project).await?;
        let read = containers.into_iter().map(|(service, name)| async {
            let lines = Lines::new(service);
            let said: Vec<_> = lines
                .of(&self.connection, &name, None, false)
                .collect()
                .await;
            (name, said)
        });
        let read = join_all(read).await;
        let mut all = Vec::new();
        for (name, lines) in read {
            if let Some(last) = lines.iter().rev().find_map(|line| line.timestamp) {
                self.known.insert(name, last);
            }
            all.extend(lines);
        }
        Ok(sorted(all))
    }

    /// Follows every container that is not followed yet, or not any more.
    async fn follow(&mut self) -> Result<(), EngineError> {
        self.followed.retain(|_, task| !task.is_finished());
        for (service, name) in self.connection.containers(&self.project).await? {
            if self.followed.contains_key(&name) {
                continue;
            }
            let known = self.known.get(&name).copied();
            let (connection, sender) = (self.connection.clone(), self.sender.clone());
            let container = name.clone();
            let task = tokio::spawn(async move {
                let lines = Lines::new(service);
                let mut said = std::pin::pin!(lines.of(&connection, &container, known, true));
                while let Some(line) = said.next().await {
                    if sender.send((container.clone(), line)).is_err() {
                        return;
                    }
                }
            });
            self.followed.insert(name, task.abort_handle());
        }
        Ok(())
    }
}

impl Drop for ProjectLog {
    fn drop(&mut self) {
        for task in self.followed.values() {
            task.abort();
        }
    }
}

/// By time, where that is known; what has none stays behind what it follows.
fn sorted(mut lines: Vec<ContainerLine>) -> Vec<ContainerLine> {
    lines.sort_by_key(|line| line.timestamp);
    lines
}

/// What is said in the name of a service.
struct Lines {
    service: String,
}

impl Lines {
    fn new(service: String) -> Self {
        Self { service }
    }

    /// What a container says after `known`, until it has said all or, if it is to be followed,
    /// ends. A container that cannot be read, as it is gone, says nothing.
    fn of<'l>(
        &'l self,
        connection: &'l Connection,
        container: &'l str,
        known: Option<Timestamp>,
        follow: bool,
    ) -> impl futures_util::Stream<Item = ContainerLine> + 'l {
        let mut options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .follow(follow);
        if let Some(known) = known {
            // In whole seconds: what is known of the last one comes again.
            options = options.since(i32::try_from(known.as_second()).unwrap_or(i32::MAX));
        }
        connection
            .docker
            .logs(container, Some(options.build()))
            .filter_map(move |said| async move { Some(self.line(&said.ok()?)) })
            .filter(move |line| {
                let is_new = known.is_none() || line.timestamp > known;
                async move { is_new }
            })
    }

    /// The engine puts the time before each line.
    fn line(&self, said: &LogOutput) -> ContainerLine {
        let text = said.to_string();
        let text = text.trim_end_matches(['\r', '\n']);
        let (timestamp, text) = match text.split_once(' ') {
            Some((time, rest)) => match time.parse() {
                Ok(timestamp) => (Some(timestamp), rest),
                Err(_) => (None, text),
            },
            None => match text.parse() {
                Ok(timestamp) => (Some(timestamp), ""),
                Err(_) => (None, text),
            },
        };
        ContainerLine {
            timestamp,
            service: self.service.clone(),
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_before_a_line_is_not_part_of_it() {
        let lines = Lines::new("collector".to_owned());
        let line = |text: &'static str| {
            lines.line(&LogOutput::StdErr {
                message: text.into(),
            })
        };
        let told = line("2026-01-31T09:00:00.5Z it  works \n");
        assert_eq!(told.text, "it  works ");
        assert_eq!(told.timestamp, "2026-01-31T09:00:00.5Z".parse().ok());
        assert_eq!(line("2026-01-31T09:00:00.5Z \n").text, "");
        assert_eq!(line("no time at all").text, "no time at all");
    }
}
