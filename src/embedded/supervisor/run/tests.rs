//! The supervisor over shell scripts that behave like good and bad servers.

use std::path::Path;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::embedded::supervisor::log::read_all;
use crate::embedded::supervisor::server_process::ServerCommand;
use crate::error::Code;

const READY: &str = r#"echo 'telemetry-server: {"event":"ready","clickhouse_version":"26.7.3.1"}'"#;

/// A supervisor over `script`, running in a directory of its own.
struct Running {
    directory: Directory,
    stop: mpsc::Sender<()>,
    ended: JoinHandle<Result<Ended, SupervisorError>>,
    _temporary: tempfile::TempDir,
}

impl Running {
    fn new(script: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::new(temporary.path());
        let (stop, stops) = mpsc::channel(4);
        let supervisor = Supervisor {
            directory: directory.clone(),
            server: ServerCommand {
                program: Path::new("/bin/sh").to_owned(),
                arguments: vec!["-c".into(), script.into()],
                input: b"the input\n".to_vec(),
                directory: temporary.path().to_owned(),
            },
            backoff: Backoff::default(),
            limits: Limits::default(),
            foreground: None,
        };
        let ended = tokio::spawn(supervisor.run(StopRequests::from_channel(stops)));
        Self {
            directory,
            stop,
            ended,
            _temporary: temporary,
        }
    }

    /// Waits for an account that fulfils `condition`.
    async fn state(&self, condition: impl Fn(&State) -> bool) -> State {
        loop {
            if let Some(state) = State::read(&self.directory.state()).unwrap()
                && condition(&state)
            {
                return state;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits for a line of log that contains `text`.
    async fn logged(&self, text: &str) {
        while !read_all(&self.directory.log())
            .unwrap()
            .iter()
            .any(|line| line.message.contains(text))
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn ended(self) -> Ended {
        self.ended.await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_ready_server_runs_until_it_is_asked_to_stop() {
    let running = Running::new(&format!("{READY}; exec sleep 600"));
    let state = running.state(|state| state.phase == Phase::Running).await;
    let server = state.server.unwrap();
    assert_eq!(server.clickhouse_version.as_deref(), Some("26.7.3.1"));

    running.stop.send(()).await.unwrap();
    running.state(|state| state.phase == Phase::Stopped).await;
    assert!(matches!(
        running.ended().await,
        Ended::Stopped(Some(Exit::Signal(15)))
    ));
}

#[tokio::test]
async fn a_server_that_dies_before_it_is_ready_is_reported_with_its_last_words() {
    let running = Running::new("echo 'the disk is full' >&2; exit 3");
    running.state(|state| state.phase == Phase::Failed).await;
    let Ended::NeverReady(exit) = running.ended().await else {
        panic!("it was not asked to stop");
    };
    assert_eq!(exit.status, Exit::Status(3));
    assert_eq!(exit.last_lines, ["the disk is full"]);
    assert_eq!(exit.failure, None);
}

#[tokio::test]
async fn a_server_that_gives_up_says_why() {
    let running = Running::new(
        r#"echo 'telemetry-server: {"event":"failed","code":"port_in_use","message":"taken","hint":null}'; exit 1"#,
    );
    let Ended::NeverReady(exit) = running.ended().await else {
        panic!("it was not asked to stop");
    };
    assert_eq!(exit.failure.unwrap().code, Code::PortInUse);
}

#[tokio::test]
async fn a_server_that_crashes_is_started_again() {
    let running = Running::new(&format!(
        "{READY}; if [ -e crashed ]; then exec sleep 600; fi; touch crashed; kill -SEGV $$"
    ));
    let again = |state: &State| state.phase == Phase::Running && state.restarts == 1;
    let state = running.state(again).await;
    assert_eq!(state.last_exit.unwrap().status, Exit::Signal(11));

    running.stop.send(()).await.unwrap();
    running.ended().await;
}

#[tokio::test]
async fn a_stop_while_no_server_runs_ends_the_wait() {
    let running = Running::new(&format!(
        "if [ -e crashed ]; then exit 1; fi; touch crashed; {READY}; exit 1"
    ));
    running.state(|state| state.restarts >= 2).await;
    running.stop.send(()).await.unwrap();
    running.ended().await;
}

#[tokio::test]
async fn a_second_request_kills_a_server_that_does_not_drain() {
    let running = Running::new(&format!(
        "trap 'echo draining >&2' TERM; {READY}; while true; do sleep 0.01; done"
    ));
    running.state(|state| state.phase == Phase::Running).await;
    running.stop.send(()).await.unwrap();
    running.logged("draining").await;
    running.stop.send(()).await.unwrap();
    assert!(matches!(
        running.ended().await,
        Ended::Stopped(Some(Exit::Signal(9)))
    ));
}

#[tokio::test]
async fn the_server_reads_its_input_and_then_waits_at_its_end() {
    let running = Running::new(&format!("read line; echo \"got $line\" >&2; {READY}; cat"));
    running.logged("got the input").await;
    running.state(|state| state.phase == Phase::Running).await;
    running.stop.send(()).await.unwrap();
    running.ended().await;
}
