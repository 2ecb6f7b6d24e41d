//! `telemetry engine`, with the real binary.

mod support;

use std::{fs, path::PathBuf, time::SystemTime};

use insta::assert_snapshot;
use support::sandbox::{Run, Sandbox};
use telemetry::embedded::library::{Platform, VERSION};

/// A proxy at which nobody listens, so that no test reaches a server.
const NO_NETWORK: &str = "http://127.0.0.1:1";

fn platform() -> Platform {
    Platform::current().expect("tests run on a platform that chDB is published for")
}

/// Where the library is kept in a sandbox, from its home directory.
fn kept(file: &str) -> String {
    format!(
        ".cache/telemetry/engine/{VERSION}-{}/{file}",
        platform().name()
    )
}

/// Puts something that looks fetched into the cache.
fn keep(sandbox: &Sandbox) -> PathBuf {
    let file = platform().library_file();
    sandbox.write(&kept(file), "a library");
    let path = sandbox.home().join(kept(file));
    let library = fs::File::options()
        .write(true)
        .open(&path)
        .expect("it was just written");
    library
        .set_modified(SystemTime::UNIX_EPOCH)
        .expect("it is ours");
    let receipt = serde_json::json!({
        "version": VERSION,
        "source": "npm",
        "file": file,
        "bytes": 9,
        "sha256": "31f109ab38348582abdc9e1c9942f74505c719e98c6d0ab6fbcfdccfd8c9935b",
        "modified": [0, 0],
    });
    sandbox.write(&kept("receipt.json"), &receipt.to_string());
    path
}

/// Writes an `npm` that is this script.
fn npm(sandbox: &Sandbox, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    sandbox.write("bin/npm", &format!("#!/bin/sh\n{script}\n"));
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(sandbox.home().join("bin/npm"), executable).expect("it is ours");
}

/// Without a network, and with no `npm` but the sandbox's.
fn cut_off<'s>(sandbox: &'s Sandbox, run: Run<'s>) -> Run<'s> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_telemetry"));
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        sandbox.home().join("bin").display(),
        program.parent().expect("it is in a directory").display()
    );
    run.env("PATH", &path)
        .env(
            "XDG_CACHE_HOME",
            &sandbox.home().join(".cache").to_string_lossy(),
        )
        .env("HTTPS_PROXY", NO_NETWORK)
}

fn engine(sandbox: &Sandbox, arguments: &str) -> String {
    let run = sandbox.telemetry(&format!("engine {arguments}"));
    stable(&cut_off(sandbox, run).snapshot())
}

/// The text without what differs between platforms and versions of the HTTP client.
fn stable(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let (line, _) = line.split_once(": io: ").unwrap_or((line, ""));
        line.replace(platform().library_file(), "[LIBRARY]")
            .replace(platform().name(), "[PLATFORM]")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_library_that_is_not_there_has_no_path() {
    assert_snapshot!(engine(&Sandbox::new(), "path"), @"
    exit status: 5
    --- stderr ---
    error[no_engine]: the engine library is not installed

    hint: `telemetry engine install` fetches it
    ");
}

#[test]
fn a_library_that_was_fetched_is_found_kept_and_removed() {
    let sandbox = Sandbox::new();
    let path = keep(&sandbox);
    assert_snapshot!(engine(&sandbox, "path"), @"
    exit status: 0
    --- stdout ---
    [HOME]/.cache/telemetry/engine/26.7.3-stable.1-[PLATFORM]/[LIBRARY]
    ");
    assert_snapshot!(engine(&sandbox, "install"), @"
    exit status: 0
    --- stdout ---
    Engine library 26.7.3-stable.1 at [HOME]/.cache/telemetry/engine/26.7.3-stable.1-[PLATFORM]/[LIBRARY] (9 B)
    --- stderr ---
    Checking the engine library
    ");
    assert_snapshot!(engine(&sandbox, "install --format json"), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"engine","status":"ok","data":{"path":"[HOME]/.cache/telemetry/engine/26.7.3-stable.1-[PLATFORM]/[LIBRARY]","version":"26.7.3-stable.1","source":"npm","bytes":9},"warnings":[],"error":null}
    --- stderr ---
    Checking the engine library
    "#);
    assert_snapshot!(engine(&sandbox, "remove --format json"), @r#"
    exit status: 0
    --- stdout ---
    {"schema_version":1,"command":"engine","status":"ok","data":{"removed":["[HOME]/.cache/telemetry/engine/26.7.3-stable.1-[PLATFORM]"],"bytes":9},"warnings":[],"error":null}
    "#);
    assert!(!path.exists());
    assert_snapshot!(engine(&sandbox, "remove"), @"
    exit status: 0
    --- stdout ---
    No engine library was fetched; nothing to remove
    ");
}

#[test]
fn a_library_that_was_damaged_is_not_used() {
    let sandbox = Sandbox::new();
    fs::write(keep(&sandbox), "half").unwrap();
    assert_snapshot!(engine(&sandbox, "path"), @"
    exit status: 1
    --- stderr ---
    error[engine_invalid]: the engine library `[HOME]/.cache/telemetry/engine/26.7.3-stable.1-[PLATFORM]/[LIBRARY]` is damaged

    hint: `telemetry engine install` fetches it again
    ");
}

/// Elsewhere the sources are tried in another order.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn where_nothing_can_be_fetched_the_way_out_is_told() {
    let sandbox = Sandbox::new();
    npm(&sandbox, "echo 'npm error code ENOTFOUND' >&2; exit 1");
    assert_snapshot!(engine(&sandbox, "install"), @"
    exit status: 5
    --- stderr ---
    Downloading the engine library from npm (`@chdb/lib-[PLATFORM]@26.7.3-stable.1`, 178 MB)
    Downloading the engine library (https://github.com/chdb-io/chdb-core/releases/download/v26.7.3/linux-x86_64-libchdb.tar.gz)
    error[engine_download]: cannot fetch the engine library
      caused by: npm: `npm pack` ended with exit status: 1
        npm error code ENOTFOUND
      caused by: GitHub: https://github.com/chdb-io/chdb-core/releases/download/v26.7.3/linux-x86_64-libchdb.tar.gz

    hint: where the network allows it, run `npm pack @chdb/lib-[PLATFORM]@26.7.3-stable.1`; take `package/[LIBRARY]` out of the archive and put it into `[HOME]/.cache/telemetry/engine/26.7.3-stable.1-[PLATFORM]` here, or anywhere and set `TELEMETRY_ENGINE_LIBRARY` to its path
    ");
}

#[test]
fn a_setting_that_leads_nowhere_is_an_error() {
    let sandbox = Sandbox::new();
    let run = |arguments| {
        let run = sandbox
            .telemetry(arguments)
            .env("TELEMETRY_ENGINE_LIBRARY", "nowhere");
        cut_off(&sandbox, run).snapshot()
    };
    assert_snapshot!(run("engine path"), @"
    exit status: 2
    --- stderr ---
    error[invalid_setting]: `TELEMETRY_ENGINE_LIBRARY` is `[HOME]/here/nowhere`, and there is no engine library

    hint: set `TELEMETRY_ENGINE_LIBRARY` to chDB 26.7.3's library or the directory that holds it, or unset it and run `telemetry engine install`
    ");
}

#[test]
fn a_setting_that_names_something_else_is_found_out_by_install() {
    let sandbox = Sandbox::new();
    sandbox.write("here/libchdb.so", "not a library");
    let run = sandbox
        .telemetry("engine install")
        .env("TELEMETRY_ENGINE_LIBRARY", ".");
    let output = cut_off(&sandbox, run).output();
    assert_eq!(output.status, Some(1), "{}", output.stderr);
    let expected = "error[engine_invalid]: `TELEMETRY_ENGINE_LIBRARY` is \
                    `[HOME]/here/./libchdb.so`, which is not an engine library that works here";
    assert!(output.stderr.starts_with(expected), "{}", output.stderr);
}

#[test]
fn a_second_install_waits_and_takes_over_when_the_first_is_interrupted() {
    let sandbox = Sandbox::new();
    // The first to run hangs, the second fails at once.
    npm(
        &sandbox,
        "if mkdir \"$HOME/npm-began\" 2>/dev/null; then sleep 600 & wait; fi\n\
         echo 'npm error the second' >&2; exit 1",
    );
    let script = "
        until_true() { for i in $(seq 2000); do eval \"$1\" && return; sleep 0.01; done; exit 99; }
        telemetry engine install 2>~/first & first=$!
        until_true 'test -d ~/npm-began'
        telemetry engine install 2>~/second & second=$!
        until_true 'grep -q waiting ~/second'
        kill -TERM $first
        wait $first; echo \"first: $?\"
        wait $second; echo \"second: $?\"
        tail -n 1 ~/first
        head -n 1 ~/second
        ls -A ~/.cache/telemetry/engine
    ";
    let run = cut_off(&sandbox, sandbox.shell(script));
    assert_snapshot!(stable(&run.snapshot()), @"
    exit status: 0
    --- stdout ---
    first: 130
    second: 5
    error[interrupted]: interrupted
    Another `telemetry` process is at work on the engine library; waiting for it
    .lock
    ");
}

/// Runs in CI, or by `cargo test --test engine -- --ignored`.
#[test]
#[ignore = "downloads 178 MB"]
fn the_real_library_is_downloaded_checked_and_removed() {
    let sandbox = Sandbox::new();
    let run = |arguments: &str| {
        let mut run = sandbox.telemetry(arguments);
        // The network is reached as whoever runs the tests reaches it.
        for (name, value) in std::env::vars() {
            let lower = name.to_lowercase();
            if lower.starts_with("npm_config_") || lower.ends_with("_proxy") {
                run = run.env(&name, &value);
            }
        }
        if let Some(home) = std::env::home_dir() {
            let npmrc = home.join(".npmrc");
            run = run.env("NPM_CONFIG_USERCONFIG", &npmrc.to_string_lossy());
        }
        run
    };
    let installed = run("engine install --format json").json();
    assert_eq!(installed["error"], serde_json::Value::Null, "{installed}");
    let path = PathBuf::from(
        installed["data"]["path"]
            .as_str()
            .unwrap()
            .replace("[HOME]", &sandbox.home().to_string_lossy()),
    );
    assert_eq!(path.metadata().unwrap().len(), installed["data"]["bytes"]);

    let again = run("engine install --format json").json();
    assert_eq!(again["data"], installed["data"]);
    assert_eq!(run("engine remove").output().status, Some(0));
    assert!(!path.exists());
}
