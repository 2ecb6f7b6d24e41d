//! The real binary in a home of its own.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

/// A temporary home directory, with nothing in it of whoever runs the tests.
pub struct Sandbox {
    home: TempDir,
}

/// One run of the binary that is about to happen.
pub struct Run<'s> {
    sandbox: &'s Sandbox,
    command: Command,
    stdin: Option<String>,
}

/// How a run ended.
pub struct Ended {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let home = TempDir::new().expect("a temporary directory can be made");
        fs::create_dir(home.path().join("here")).expect("it is empty");
        Self { home }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The directory that commands are given in.
    pub fn current_dir(&self) -> PathBuf {
        self.home().join("here")
    }

    /// Writes a file, by its path from the home directory.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.home().join(path);
        let directory = path.parent().expect("it is in the home directory");
        fs::create_dir_all(directory).expect("directories can be made");
        fs::write(path, text).expect("the file can be written");
    }

    /// A run of `telemetry` with these arguments, which are separated by blanks.
    pub fn telemetry(&self, arguments: &str) -> Run<'_> {
        let program = env!("CARGO_BIN_EXE_telemetry");
        self.run(program, arguments.split_whitespace())
    }

    /// A run of a shell script, in which `telemetry` is the real binary.
    pub fn shell(&self, script: &str) -> Run<'_> {
        self.run("bash", ["-c", script])
    }

    fn run<'a>(&self, program: &str, arguments: impl IntoIterator<Item = &'a str>) -> Run<'_> {
        let binary = Path::new(env!("CARGO_BIN_EXE_telemetry"));
        let directory = binary.parent().expect("the binary is in a directory");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path)),
        );
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.current_dir())
            .env_clear()
            .env("PATH", path.expect("no directory has a colon in its name"))
            .env("HOME", self.home())
            // What runs on the machine of whoever runs the tests is none of their business.
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
        Run {
            sandbox: self,
            command,
            stdin: None,
        }
    }
}

impl Run<'_> {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    pub fn output(mut self) -> Ended {
        self.command
            .stdin(match self.stdin {
                Some(_) => Stdio::piped(),
                None => Stdio::null(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the program is there");
        if let (Some(text), Some(mut stdin)) = (self.stdin, child.stdin.take()) {
            // It may end without reading all of it.
            let _ = stdin.write_all(text.as_bytes());
        }
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().expect("the program ends");
        let home = self.sandbox.home().to_string_lossy().into_owned();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("the program writes UTF-8");
            text.replace(&home, "[HOME]")
        };
        Ended {
            status: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }

    /// The process, with stdout and stderr to be read, while it runs.
    pub fn spawn(mut self) -> Child {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is there")
    }

    /// Exit status, stdout and stderr as one text, for a snapshot.
    pub fn snapshot(self) -> String {
        let Ended {
            status,
            stdout,
            stderr,
        } = self.output();
        let mut text = match status {
            Some(status) => format!("exit status: {status}\n"),
            None => "ended by a signal\n".to_owned(),
        };
        for (name, written) in [("stdout", stdout), ("stderr", stderr)] {
            if !written.is_empty() {
                let _ = write!(text, "--- {name} ---\n{written}");
            }
        }
        text
    }

    /// The JSON that was printed.
    pub fn json(self) -> serde_json::Value {
        let stdout = self.output().stdout;
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
    }
}
