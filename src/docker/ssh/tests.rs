//! A script in the place of `ssh`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bollard::errors::Error as EngineError;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures_util::future::join_all;
use futures_util::stream::StreamExt as _;
use rustix::process::{Pid, getpgid, test_kill_process};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use super::pool::AT_ONCE;
use super::*;

/// A directory with an `ssh` that does what a script says.
struct StandIn(TempDir);

impl StandIn {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("script"), script).unwrap();
        // A file that has just been written cannot be run while a process that is about to
        // become another one has it open.
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ssh/stand-in");
        std::os::unix::fs::symlink(program, directory.path().join("ssh")).unwrap();
        Self(directory)
    }

    fn client(&self) -> Docker {
        self.patient_client(Duration::ZERO)
    }

    fn patient_client(&self, patience: Duration) -> Docker {
        let ssh = Ssh::new(self.0.path().join("ssh"), &destination("me@build:2222"));
        Ssh { patience, ..ssh }.client(600).unwrap()
    }

    /// What is in a file that the script writes: nothing if it has not yet.
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
    }
}

fn destination(text: &str) -> Destination {
    Destination::parse(text).unwrap()
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What a call that fails because of `ssh` is told.
async fn failure(docker: Docker) -> String {
    match docker.version().await {
        Err(error @ EngineError::IOError { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn calls_one_after_another_share_a_connection() {
    let ssh = StandIn::new("engine");
    let docker = ssh.client();
    for _ in 0..3 {
        let version = docker.version().await.unwrap();
        assert_eq!(version.version.as_deref(), Some("28.5.2"));
    }
    let options = "<-o><BatchMode=yes><-T><-o><ConnectTimeout=30>";
    let command = "<-l><me><-p><2222><--><build><docker system dial-stdio>";
    assert_eq!(ssh.read("log"), format!("{options}{command}\n"));
}

#[test]
fn what_a_destination_leaves_out_is_left_to_others() {
    for (text, expected, typed) in [
        (
            "build",
            &["--", "build", "docker system dial-stdio"][..],
            "ssh build docker version",
        ),
        (
            "me@[fe80::1%25eth0]:22/run/docker.sock",
            &[
                "-l",
                "me",
                "-p",
                "22",
                "--",
                "fe80::1%eth0",
                "docker --host unix:///run/docker.sock system dial-stdio",
            ],
            "ssh -l me -p 22 fe80::1%eth0 docker --host unix:///run/docker.sock version",
        ),
        (
            "build/it's%20here;id",
            &[
                "--",
                "build",
                r"docker --host 'unix:///it'\''s here;id' system dial-stdio",
            ],
            r"ssh build 'docker --host '\''unix:///it'\''\'\'''\''s here;id'\'' version'",
        ),
    ] {
        let destination = destination(text);
        let command = Ssh::new("ssh", &destination).command();
        let arguments: Vec<_> = command.as_std().get_args().skip(5).collect();
        assert_eq!(arguments, expected, "{text}");
        assert_eq!(by_hand(&destination), typed);
    }
}

#[test]
fn ports_can_be_brought_here() {
    let addresses = ["127.0.0.1:4318", "[::1]:8123"].map(|it| it.parse().unwrap());
    assert_eq!(
        forwarding(&destination("me@build:22/run/docker.sock"), addresses),
        "ssh -N -L 4318:127.0.0.1:4318 -L 8123:[::1]:8123 -l me -p 22 build"
    );
}

#[test]
fn a_shell_reads_what_was_quoted() {
    for word in [
        "plain/~1",
        "two words",
        "it's",
        "''",
        "",
        "$HOME",
        "`id`",
        "a\\nb",
        "*",
        "~",
        "#",
        "é;&|",
    ] {
        let script = format!("printf %s {}", quoted(word.to_owned()));
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output();
        assert_eq!(output.unwrap().stdout, word.as_bytes(), "{script}");
    }
}

#[tokio::test]
async fn why_ssh_ended_is_told_in_its_words() {
    for (script, told) in [
        (
            "echo 'Host key verification failed.' >&2; exit 255",
            "`ssh` ended with exit status 255: Host key verification failed",
        ),
        (
            "receive; echo 'sh: docker: not found' >&2; exit 127",
            "`ssh` ended with exit status 127: sh: docker: not found",
        ),
        ("exit 1", "`ssh` ended with exit status 1"),
        ("kill -9 $$", "`ssh` was ended by signal: 9 (SIGKILL)"),
        // The connection is lost when it has been used for a while.
        (
            "receive; send 200; receive; echo 'Broken pipe' >&2; exit 255",
            "`ssh` ended with exit status 255: Broken pipe",
        ),
        // Somebody else keeps the stream.
        (
            "echo 'No route to host' >&2; sleep 5 >&- & exit 255",
            "`ssh` ended with exit status 255: No route to host",
        ),
    ] {
        assert_eq!(failure(StandIn::new(script).client()).await, told);
    }
}

#[tokio::test]
async fn whoever_asks_on_the_way_is_told_no() {
    let script = r#"
        if [ "$SSH_ASKPASS_REQUIRE" = force ] && ! "$SSH_ASKPASS" 'Continue?'; then
            echo no >answer
        fi
        engine"#;
    let ssh = StandIn::new(script);
    ssh.client().version().await.unwrap();
    assert_eq!(ssh.read("answer"), "no\n");
}

#[tokio::test]
async fn what_is_no_engines_answer_is_shown() {
    let ssh = StandIn::new("echo Welcome to build; engine");
    let told = failure(ssh.client()).await;
    let expected = "what comes by `ssh` is not a Docker engine's answer: \"Welcome to build\"";
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_says_nothing_is_given_up() {
    let ssh = StandIn::new("exec sleep 600");
    let told = failure(ssh.client()).await;
    assert_eq!(told, "`ssh` has reached no Docker engine within 60s");
}

#[tokio::test]
async fn that_there_is_no_program_is_told_apart() {
    let docker = Ssh::new("/nowhere/ssh", &destination("build")).client(60);
    let error = docker.unwrap().version().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the program `/nowhere/ssh` cannot be run"
    );
    assert!(SshError::is_of_program(&error));
    let ended = StandIn::new("exit 1").client().version().await.unwrap_err();
    assert!(!SshError::is_of_program(&ended));
}

#[tokio::test]
async fn a_call_rather_waits_for_another_than_for_a_login() {
    let ssh = StandIn::new("engine");
    let docker = ssh.patient_client(Duration::from_hours(1));
    docker.version().await.unwrap();
    let versions = join_all((0..12).map(|_| docker.version())).await;
    assert!(versions.iter().all(Result::is_ok), "{versions:?}");
    assert_eq!(ssh.read("log").lines().count(), 1);
}

#[tokio::test]
async fn a_call_that_lasts_is_not_waited_for() {
    // The first connection serves a call that ends when another has been served.
    let script = "
        if mkdir first; then
            receive; send 200
            receive
            until [ -e served ]; do sleep 0.01; done
            send 200 '{}'
        else
            receive; send 200
            receive; send 200 '{}'; touch served
        fi";
    let ssh = StandIn::new(script);
    let docker = ssh.client();
    let (one, another) = tokio::join!(docker.version(), docker.version());
    assert!(one.is_ok() && another.is_ok(), "{one:?} {another:?}");
}

#[tokio::test]
async fn an_sshd_is_not_stormed() {
    // None answers before as many are there as may be; the log tells who was there when.
    let script = "
        echo + >>times
        while [ $(wc -l <times) -lt 4 ]; do sleep 0.01; done
        receive
        echo - >>times
        send 200
        engine";
    let ssh = StandIn::new(script);
    let docker = ssh.client();
    let versions = join_all((0..12).map(|_| docker.version())).await;
    assert!(versions.iter().all(Result::is_ok), "{versions:?}");
    let mut opening = 0_usize;
    for time in ssh.read("times").lines() {
        match time {
            "+" => opening += 1,
            _ => opening -= 1,
        }
        assert!(opening <= AT_ONCE, "{}", ssh.read("times"));
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_connection_that_is_dropped() {
    // With a program that leads to the machine, as a jump host's.
    let begin = "sleep 600 & echo $$ $! >pids;";
    for script in ["wait", "engine"] {
        let ssh = StandIn::new(&format!("{begin} {script}"));
        let docker = ssh.client();
        let call = tokio::spawn({
            let docker = docker.clone();
            async move { docker.version().await }
        });
        eventually("it begins", || ssh.read("pids").ends_with('\n')).await;
        let pids = ssh.read("pids");
        let pids: Vec<_> = pids.split_whitespace().map(pid).collect();
        assert_eq!(getpgid(Some(pids[0])), Ok(pids[0]), "Ctrl-C ends it");
        if script == "engine" {
            call.await.unwrap().unwrap();
        } else {
            call.abort();
        }
        drop(docker);
        for pid in pids {
            eventually("it ends", || !is_running(pid)).await;
        }
    }
}

fn pid(text: &str) -> Pid {
    text.parse().ok().and_then(Pid::from_raw).unwrap()
}

/// Whether a process does anything; who should be told of its end may not have been, yet.
fn is_running(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    test_kill_process(pid).is_ok() && !stat.is_ok_and(|stat| stat.contains(") Z "))
}

#[tokio::test]
async fn a_connection_can_be_taken_over_and_ended_from_one_side() {
    let script = r"
        receive
        send 200
        receive
        printf 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
        exec cat";
    let ssh = StandIn::new(script);
    let options = AttachContainerOptionsBuilder::new()
        .stdin(true)
        .stdout(true)
        .stream(true);
    let docker = ssh.client();
    let attached = docker.attach_container("a", Some(options.build()));
    let mut attached = attached.await.unwrap();
    // As an engine frames what comes by stdout.
    let frame = b"\x01\0\0\0\0\0\0\x05hello";
    attached.input.write_all(frame).await.unwrap();
    attached.input.shutdown().await.unwrap();
    let output: Vec<_> = attached
        .output
        .map(|it| it.unwrap().to_string())
        .collect()
        .await;
    assert_eq!(output, ["hello"]);
}
