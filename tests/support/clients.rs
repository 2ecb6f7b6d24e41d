//! Real clients of a stack: the published SDKs and drivers, as `.ci/run` installs them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The directory of the clients' programs and of the lists of what they need.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

/// Where the clients are installed.
pub struct Clients {
    directory: PathBuf,
}

impl Clients {
    /// `None`, with the reason printed, where there are none; in CI there must be.
    pub fn installed() -> Option<Self> {
        let directory = std::env::var_os("TELEMETRY_TEST_CLIENTS").map(PathBuf::from);
        if directory.is_none() {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI must set TELEMETRY_TEST_CLIENTS"
            );
            eprintln!("ignored: TELEMETRY_TEST_CLIENTS is not set");
        }
        directory.map(|directory| Self { directory })
    }

    /// Python, with the packages of `requirements.txt`.
    pub fn python(&self) -> Command {
        Command::new(self.directory.join("python/bin/python"))
    }

    /// Node, with the packages of `package.json`.
    pub fn node(&self) -> Command {
        let mut command = Command::new("node");
        command.env("NODE_PATH", self.node_modules());
        command
    }

    /// Those packages.
    pub fn node_modules(&self) -> PathBuf {
        self.directory.join("node/node_modules")
    }

    /// A program of the Go module, which is built first, in the environment of the tests.
    pub fn go(&self, package: &str) -> Command {
        let program = self.directory.join("go").join(package);
        let built = Command::new("go")
            .current_dir(Path::new(PROGRAMS).join("go"))
            .args(["build", "-o"])
            .arg(&program)
            .arg(format!("./{package}"))
            .status();
        assert!(built.expect("Go is there").success(), "it builds");
        Command::new(program)
    }
}

/// The path of a program.
pub fn program(name: &str) -> PathBuf {
    Path::new(PROGRAMS).join(name)
}

/// Runs a client with nothing but `variables` and a home in its environment, and returns what
/// it printed. The home is where SDKs look for who they are and whether they may send.
pub fn run(mut client: Command, home: &Path, variables: &BTreeMap<String, String>) -> String {
    let kept: Vec<_> = client
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    let output = client
        .env_clear()
        .envs(kept)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .envs(variables)
        .stdin(Stdio::null())
        .output()
        .expect("the client is installed");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{client:?}:\n{stderr}");
    String::from_utf8(output.stdout).expect("the client prints text")
}
