//! An engine that is reached by `ssh`: the binary, the real `ssh`, an `sshd` that is run for the
//! test on the loopback interface, and the Docker engine of this machine.

#![allow(
    clippy::print_stderr,
    reason = "what a test that fails or is not run has to say"
)]

mod support;

use std::{
    env, fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use support::{
    docker::{DockerStack, free_ports},
    eventually,
    sandbox::{Run, Sandbox},
};

/// An `sshd` that lets in whoever has the key that it comes with. It ends when dropped.
struct Sshd {
    directory: tempfile::TempDir,
    port: u16,
    child: Child,
}

/// The programs that are needed.
struct Programs {
    sshd: PathBuf,
    ssh: PathBuf,
}

impl Programs {
    /// `None`, with the reason printed, where one is missing; in CI there must be both.
    fn installed() -> Option<Self> {
        let sshd = find("sshd").map(|sshd| (sshd, find("ssh")));
        if let Some((sshd, Some(ssh))) = sshd {
            return Some(Self { sshd, ssh });
        }
        let missing = "OpenSSH's server and client are not both installed";
        assert!(env::var_os("CI").is_none(), "{missing}");
        eprintln!("ignored: {missing}");
        None
    }
}

/// A program in `PATH`, or where programs for administrators are.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

impl Sshd {
    fn start(program: &Path, further: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let path = |name| directory.path().join(name).display().to_string();
        for key in ["host_key", "user_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)])
                .status();
            assert!(made.expect("it comes with `ssh`").success());
        }
        // Docker's client needs to be found, and to find the engine that tests use.
        let variables = ["PATH", "DOCKER_HOST"].into_iter();
        let environment: Vec<_> = variables
            .filter_map(|name| Some(format!("\"{name}={}\"", env::var(name).ok()?)))
            .collect();
        let [(_, port), ..] = free_ports();
        let config = format!(
            "ListenAddress 127.0.0.1\n\
             Port {port}\n\
             HostKey {}\n\
             AuthorizedKeysFile {}\n\
             PidFile none\n\
             StrictModes no\n\
             UsePAM no\n\
             PasswordAuthentication no\n\
             KbdInteractiveAuthentication no\n\
             {further}\n\
             SetEnv {}\n",
            path("host_key"),
            path("user_key.pub"),
            environment.join(" "),
        );
        fs::write(path("sshd_config"), config).expect("the file can be written");
        // Where the program is run by root it wants this one, which its service makes.
        let _ = fs::create_dir("/run/sshd");
        let child = Command::new(program)
            .args(["-D", "-f", &path("sshd_config"), "-E", &path("log")])
            .stdin(Stdio::null())
            .spawn()
            .expect("the program is there");
        let mut sshd = Self {
            directory,
            port,
            child,
        };
        eventually("sshd listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        assert!(sshd.child.try_wait().is_ok_and(|it| it.is_none()));
        sshd
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Gives a home a configuration with which this is reached.
    fn configure(&self, home: &Sandbox) {
        let config = format!(
            "IdentityFile {}\nIdentitiesOnly yes\nUserKnownHostsFile {}\nGlobalKnownHostsFile none\n",
            self.path("user_key"),
            home.home().join(".ssh/known_hosts").display(),
        );
        home.write(".ssh/config", &config);
    }

    /// What is said when a stack cannot be started by this.
    fn refused(&self, home: &Sandbox, programs: &Programs) -> String {
        let run = home.telemetry("start --engine docker --dry-run");
        let host = format!("ssh://127.0.0.1:{}", self.port);
        let ended = by_ssh(run, programs, &host).output();
        assert_eq!(ended.status, Some(5), "{}", ended.stderr);
        ended.stderr.replace(&self.port.to_string(), "[PORT]")
    }

    /// Makes the key that this shows known in a home.
    fn introduce(&self, home: &Sandbox) {
        let key = fs::read_to_string(self.path("host_key.pub")).expect("it is written");
        let known = format!("[127.0.0.1]:{} {key}", self.port);
        home.write(".ssh/known_hosts", &known);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.path("log"));
            eprintln!("--- sshd ---\n{}", log.unwrap_or_default());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same run, with an engine at this address, and with an `ssh` that knows its home.
fn by_ssh<'s>(run: Run<'s>, programs: &Programs, host: &str) -> Run<'s> {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ssh/with-config");
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([fixture].into_iter().chain(env::split_paths(&path)));
    let path = path.expect("no directory has a colon in its name");
    run.env("PATH", &path.to_string_lossy())
        .env("REAL_SSH", &programs.ssh.to_string_lossy())
        .env("DOCKER_HOST", host)
}

/// Whether an `ssh` that was run in a home is still there.
fn is_any_left(home: &Sandbox) -> bool {
    let pids = fs::read_to_string(home.home().join("ssh.pids")).unwrap_or_default();
    assert!(!pids.is_empty(), "none was run");
    pids.lines().any(|pid| {
        let ps = Command::new("ps").args(["-o", "comm=", "-p", pid]).output();
        let shown = ps.expect("`ps` is there").stdout;
        String::from_utf8_lossy(&shown).contains("ssh")
    })
}

#[test]
fn a_stack_is_started_and_stopped_by_ssh() {
    let (Some(programs), Some(stack)) = (Programs::installed(), DockerStack::prepare("ssh")) else {
        return;
    };
    // Ten strangers at once are too many: those of a command, and of the one before it.
    let sshd = Sshd::start(&programs.sshd, "MaxStartups 9");
    let host = format!("ssh://127.0.0.1:{}", sshd.port);
    sshd.configure(&stack.sandbox);
    sshd.introduce(&stack.sandbox);
    let far = |arguments| by_ssh(stack.telemetry(arguments), &programs, &host);

    let plan = far("start --engine docker --dry-run").output();
    assert_eq!(plan.status, Some(0), "{}", plan.stderr);
    let near = stack.telemetry("start --engine docker --dry-run").output();
    assert_eq!(plan.stdout, near.stdout);

    let started = far("start --engine docker").output();
    assert_eq!(started.status, Some(0), "{}", started.stderr);
    let port = stack.port("TELEMETRY_OTLP_HTTP_PORT");
    let forwarded = format!("`ssh -N -L {port}:127.0.0.1:{port} ");
    assert!(started.stderr.contains(&forwarded), "{}", started.stderr);
    let status = far("status --format json").json();
    assert_eq!(status["data"]["state"], "running", "{status}");
    let log = far("logs collector").output();
    assert!(log.stdout.contains("Everything is ready"), "{}", log.stdout);
    // For which a command is run in a container, by a connection that is taken over.
    let changed = far("restart").env("GF_SECURITY_ADMIN_PASSWORD", "another");
    let changed = changed.output();
    assert_eq!(changed.status, Some(0), "{}", changed.stderr);
    let stopped = far("stop").output();
    assert_eq!(stopped.status, Some(0), "{}", stopped.stderr);
    assert_eq!(stack.has("ps --all"), [""; 0]);
    eventually("every `ssh` ends", || !is_any_left(&stack.sandbox));
}

#[test]
fn the_socket_that_an_address_names_is_used() {
    let (Some(programs), Some(stack)) = (Programs::installed(), DockerStack::prepare("ssh-socket"))
    else {
        return;
    };
    let sshd = Sshd::start(&programs.sshd, "");
    sshd.configure(&stack.sandbox);
    sshd.introduce(&stack.sandbox);
    let docker_host = env::var("DOCKER_HOST").unwrap_or_default();
    let socket = docker_host.strip_prefix("unix://");
    let socket = socket.unwrap_or("/var/run/docker.sock");
    let plan = |socket: &str| {
        let host = format!("ssh://127.0.0.1:{}{socket}", sshd.port);
        let run = stack.telemetry("start --engine docker --dry-run");
        by_ssh(run, &programs, &host).output()
    };
    let found = plan(socket);
    assert_eq!(found.status, Some(0), "{}", found.stderr);
    let missed = plan("/nowhere/docker.sock");
    assert_eq!(missed.status, Some(5));
    let said = "dial unix /nowhere/docker.sock: connect: no such file or directory";
    assert!(missed.stderr.contains(said), "{}", missed.stderr);
}

#[test]
fn a_host_that_is_not_known_is_refused_in_the_words_of_ssh() {
    let Some(programs) = Programs::installed() else {
        return;
    };
    let sshd = Sshd::start(&programs.sshd, "");
    let sandbox = Sandbox::new();
    sshd.configure(&sandbox);
    let refused = sshd.refused(&sandbox, &programs);
    insta::assert_snapshot!(refused, @r"
    error[no_engine]: the Docker engine at `ssh://127.0.0.1:[PORT]` (as `DOCKER_HOST` says) does not answer
      caused by: `ssh` ended with exit status 255: Host key verification failed

    hint: `ssh -p [PORT] 127.0.0.1 docker version` shows whether it works, and asks what `ssh` has to ask
    ");
    assert!(!sandbox.home().join(".ssh/known_hosts").exists());
    assert!(!is_any_left(&sandbox));
}

#[test]
fn what_the_other_machine_says_is_told() {
    let Some(programs) = Programs::installed() else {
        return;
    };
    // As a shell does where there is no Docker.
    let command = "ForceCommand echo \"sh: $SSH_ORIGINAL_COMMAND: not found\" >&2; exit 127";
    let sshd = Sshd::start(&programs.sshd, command);
    let sandbox = Sandbox::new();
    sshd.configure(&sandbox);
    sshd.introduce(&sandbox);
    let refused = sshd.refused(&sandbox, &programs);
    let cause = "`ssh` ended with exit status 127: ";
    let said = "sh: docker system dial-stdio: not found\n";
    assert!(
        refused.contains(cause) && refused.contains(said),
        "{refused}"
    );
}

#[test]
fn that_there_is_no_ssh_is_told() {
    let sandbox = Sandbox::new();
    let refused = sandbox
        .telemetry("start --engine docker --dry-run")
        .env("PATH", "/nowhere")
        .env("DOCKER_HOST", "ssh://build");
    insta::assert_snapshot!(refused.snapshot(), @r"
    exit status: 5
    --- stderr ---
    error[no_engine]: the Docker engine at `ssh://build` (as `DOCKER_HOST` says) does not answer
      caused by: the program `ssh` cannot be run
      caused by: No such file or directory (os error 2)

    hint: install OpenSSH's client, and have it in `PATH`
    ");
}
