use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use tempfile::TempDir;

use super::{
    Digest, FetchError, Found, LibraryError, Platform, Source,
    archive::{self, Unpacked},
    installer::Installer,
    pin::{self, Pins},
    receipt::Receipt,
    search::Search,
    store::{Kept, Store},
};
use crate::error::{Code, Error, Failure as _};
use crate::output::{ColorChoice, Format, Printer, Verbosity};

const LIBRARY: &[u8] = b"\x7fELF and so on";

/// A place to install to, and what is fetched to it: a server with releases, and an `npm`.
struct Scene {
    directory: TempDir,
    installer: Installer,
    printer: Arc<Printer>,
}

fn gzipped_tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        // `set_path` would refuse the names that an attacker would choose.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn package() -> Vec<u8> {
    gzipped_tar(&[
        ("package/package.json", b"{}"),
        ("package/libchdb.so", LIBRARY),
    ])
}

fn sha512(bytes: &[u8]) -> Digest {
    Digest::Sha512("".into()).of_same_kind(bytes).unwrap()
}

fn sha256(bytes: &[u8]) -> Digest {
    Digest::Sha256("".into()).of_same_kind(bytes).unwrap()
}

impl Scene {
    /// Nothing can be fetched: there is no `npm`, and nobody listens where releases are.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().join("cache"), Platform::LinuxX64);
        let mut installer = Installer::new(store);
        installer.npm.program = directory.path().join("npm").into();
        installer.release.base_url = format!("http://127.0.0.1:{}", unused_port());
        installer.pins = Pins {
            npm: Some(sha512(&package())),
            release: sha256(&package()),
        };
        let printer = Printer::new(None, Format::Human, Verbosity::Quiet, ColorChoice::Never);
        Self {
            directory,
            installer,
            printer: Arc::new(printer),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// An `npm` that is this script; `$DIR` is where it has to put the archive.
    fn with_npm(self, script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path("npm");
        let script = format!(
            "#!/bin/sh\n\
             while [ $# -gt 0 ]; do [ \"$1\" = --pack-destination ] && DIR=$2; shift; done\n\
             {script}\n"
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// An `npm` that finds this archive in its registry.
    fn with_npm_package(self, archive: &[u8]) -> Self {
        let path = self.path("registry.tgz");
        fs::write(&path, archive).unwrap();
        let count = self.path("npm-runs");
        let script = format!(
            "echo run >> '{}'\ncp '{}' \"$DIR/chdb-lib.tgz\"",
            count.display(),
            path.display()
        );
        self.with_npm(&script)
    }

    /// How often npm ran.
    fn npm_runs(&self) -> usize {
        fs::read_to_string(self.path("npm-runs")).map_or(0, |text| text.lines().count())
    }

    /// A server that has this archive among its releases, behind a redirection as GitHub's.
    async fn with_release(mut self, archive: Vec<u8>) -> Self {
        let redirect = || async { axum::response::Redirect::temporary("/elsewhere") };
        let router = Router::new()
            .route("/v26.7.3/linux-x86_64-libchdb.tar.gz", get(redirect))
            .route("/elsewhere", get(|| async move { archive }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.installer.release.base_url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        self
    }

    async fn install(&self) -> Result<Found, LibraryError> {
        self.installer.install(&self.printer).await
    }

    async fn check(&self) -> Result<Found, LibraryError> {
        self.installer
            .clone()
            .checking()
            .install(&self.printer)
            .await
    }

    /// What lies in the cache beside the library's directory and the lock.
    fn leftovers(&self) -> Vec<String> {
        let entries = self.path("cache").read_dir().unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name != ".lock" && !name.ends_with("-linux-x64-gnu"))
            .collect()
    }

    fn search(&self) -> Search {
        Search {
            setting: None,
            store: Some(self.installer.store.clone()),
            system: vec![self.path("system")],
            fits: |path| fs::read(path).is_ok_and(|bytes| bytes == LIBRARY),
        }
    }
}

fn unused_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The causes of a failure to fetch, one a line.
fn causes(error: LibraryError) -> String {
    assert_eq!(error.code(), Code::EngineDownload, "{error:?}");
    Error::from(error).causes().join("\n")
}

#[tokio::test]
async fn the_library_is_fetched_once_from_npm() {
    let scene = Scene::new().with_npm_package(&package());
    let found = scene.install().await.unwrap();
    assert_eq!(fs::read(&found.path).unwrap(), LIBRARY);
    assert_eq!(found.source, Source::Npm);
    assert_eq!(found.bytes, LIBRARY.len() as u64);

    assert_eq!(scene.install().await.unwrap(), found);
    assert_eq!(scene.npm_runs(), 1);
    assert!(scene.leftovers().is_empty());
}

#[tokio::test]
async fn without_npm_the_library_is_fetched_from_a_release() {
    let release = gzipped_tar(&[("chdb.h", b"int"), ("./libchdb.so", LIBRARY)]);
    let mut scene = Scene::new().with_release(release.clone()).await;
    scene.installer.pins.release = sha256(&release);
    let found = scene.install().await.unwrap();
    assert_eq!(fs::read(&found.path).unwrap(), LIBRARY);
    assert_eq!(found.source, Source::Github);
    assert!(scene.leftovers().is_empty());
}

#[tokio::test]
async fn a_source_that_is_pinned_comes_before_one_that_is_not() {
    let mut scene = Scene::new()
        .with_npm_package(&package())
        .with_release(package())
        .await;
    scene.installer.pins.npm = None;
    assert_eq!(scene.install().await.unwrap().source, Source::Github);
    assert_eq!(scene.npm_runs(), 0);
}

#[tokio::test]
async fn two_at_once_fetch_once() {
    let scene = Scene::new().with_npm_package(&package());
    let (one, two) = tokio::join!(scene.install(), scene.install());
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(scene.npm_runs(), 1);
}

#[tokio::test]
async fn what_cannot_be_fetched_is_reported_with_every_attempt_and_the_way_out() {
    let scene = Scene::new().with_npm("echo 'npm error code E404' >&2; exit 3");
    let error = scene.install().await.unwrap_err();
    let hint = error.hint().unwrap();
    for part in [
        "npm pack @chdb/lib-linux-x64-gnu@26.7.3-stable.1",
        "package/libchdb.so",
        "cache/26.7.3-stable.1-linux-x64-gnu",
        "TELEMETRY_ENGINE_LIBRARY",
    ] {
        assert!(hint.contains(part), "{part}: {hint}");
    }
    let causes = causes(error);
    assert!(
        causes.contains("npm: `npm pack` ended with exit status: 3\n    npm error code E404"),
        "{causes}"
    );
    assert!(causes.contains("GitHub: http://127.0.0.1"), "{causes}");
    assert!(scene.leftovers().is_empty());
}

#[tokio::test]
async fn an_archive_that_is_not_the_pinned_one_is_refused() {
    let other = gzipped_tar(&[("package/libchdb.so", b"malware")]);
    let scene = Scene::new()
        .with_npm_package(&other)
        .with_release(other)
        .await;
    let causes = causes(scene.install().await.unwrap_err());
    assert_eq!(
        causes.matches("not the one expected").count(),
        2,
        "{causes}"
    );
    assert_eq!(scene.installer.store.kept().unwrap(), Kept::Nothing);
}

#[tokio::test]
async fn a_release_that_is_not_there_is_reported_with_its_address() {
    let mut scene = Scene::new().with_release(package()).await;
    scene.installer.release.base_url += "/nowhere";
    let causes = causes(scene.install().await.unwrap_err());
    let expected = "/nowhere/v26.7.3/linux-x86_64-libchdb.tar.gz: HTTP status 404 Not Found";
    assert!(causes.contains(expected), "{causes}");
}

#[tokio::test]
async fn a_download_that_is_given_up_leaves_neither_files_nor_processes() {
    let scene = Scene::new().with_npm("echo $$ > \"$DIR/../../../pid\"; sleep 600 & wait");
    let pid_file = scene.path("pid");
    let begun = async {
        loop {
            match fs::read_to_string(&pid_file).map(|pid| pid.trim().parse::<i32>()) {
                Ok(Ok(pid)) => return pid,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let pid = tokio::select! {
        installed = scene.install() => panic!("{installed:?}"),
        pid = begun => pid,
        () = tokio::time::sleep(Duration::from_secs(20)) => panic!("npm never ran"),
    };
    assert!(scene.leftovers().is_empty());

    // A process that was killed is in its group until it is reaped.
    let group = rustix::process::Pid::from_raw(pid).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while rustix::process::test_kill_process_group(group).is_ok() {
        assert!(Instant::now() < deadline, "npm still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_release_that_never_ends_can_be_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut scene = Scene::new();
    scene.installer.release.base_url = format!("http://{}", listener.local_addr().unwrap());
    // Sends until the other end hangs up.
    let server = async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 900000000\r\n\r\n";
        stream.write_all(head).await.unwrap();
        while stream.write_all(&[0; 1024]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let server = tokio::spawn(server);
    let archive = |scene: &Scene| {
        let work = format!("cache/.fetch-{}", std::process::id());
        let archive = Platform::LinuxX64.release_asset();
        scene.path(&work).join(archive).exists()
    };
    let begun = async {
        while !archive(&scene) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        installed = scene.install() => panic!("{installed:?}"),
        () = begun => {}
    }
    assert!(scene.leftovers().is_empty());
    let hung_up = tokio::time::timeout(Duration::from_secs(20), server);
    hung_up.await.expect("the download ends").unwrap();
}

#[tokio::test]
async fn what_a_killed_install_left_is_removed_and_never_taken_for_good() {
    let scene = Scene::new().with_npm_package(&package());
    let stale = scene.path("cache/.fetch-1");
    fs::create_dir_all(&stale).unwrap();
    fs::write(stale.join("libchdb.so"), "half of it").unwrap();

    assert_eq!(scene.installer.store.kept().unwrap(), Kept::Nothing);
    let found = scene.install().await.unwrap();
    assert_eq!(fs::read(found.path).unwrap(), LIBRARY);
    assert!(scene.leftovers().is_empty());
}

#[tokio::test]
async fn a_library_that_has_changed_is_fetched_again() {
    let scene = Scene::new().with_npm_package(&package());
    let found = scene.install().await.unwrap();
    fs::write(&found.path, "truncated").unwrap();
    let error = scene.search().find().await.unwrap_err();
    assert!(matches!(error, LibraryError::Damaged(_)), "{error:?}");

    scene.install().await.unwrap();
    assert_eq!(fs::read(&found.path).unwrap(), LIBRARY);
    assert_eq!(scene.npm_runs(), 2);
}

#[tokio::test]
async fn damage_that_does_not_show_is_found_when_the_library_is_checked() {
    let scene = Scene::new().with_npm_package(&package());
    let found = scene.install().await.unwrap();
    let modified = found.path.metadata().unwrap().modified().unwrap();
    fs::write(&found.path, vec![0; LIBRARY.len()]).unwrap();
    let file = File::options().write(true).open(&found.path).unwrap();
    file.set_modified(modified).unwrap();

    scene.install().await.unwrap();
    assert_eq!(scene.npm_runs(), 1, "only a check reads all of it");
    scene.check().await.unwrap();
    assert_eq!(fs::read(&found.path).unwrap(), LIBRARY);
    assert_eq!(scene.npm_runs(), 2);
}

#[tokio::test]
async fn a_copy_of_the_cache_is_read_whole_once_and_then_trusted() {
    let scene = Scene::new().with_npm_package(&package());
    let found = scene.install().await.unwrap();
    let file = File::options().write(true).open(&found.path).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let kept = || scene.installer.store.kept().unwrap();
    assert!(matches!(kept(), Kept::Changed(..)));

    assert_eq!(scene.install().await.unwrap(), found);
    assert_eq!(scene.npm_runs(), 1);
    assert!(matches!(kept(), Kept::Fetched(..)));
}

#[tokio::test]
async fn a_cache_that_cannot_be_used_is_named() {
    let scene = Scene::new().with_npm_package(&package());
    fs::write(scene.path("cache"), "a file").unwrap();
    let error = scene.install().await.unwrap_err();
    let LibraryError::Io { path, .. } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*path, scene.path("cache"));
}

#[test]
fn a_full_disk_ends_the_attempt_and_says_what_helps() {
    let error =
        FetchError::local(Path::new("/cache/libchdb.so"))(io::ErrorKind::StorageFull.into());
    let error = error.or_fatal().unwrap_err();
    assert_eq!(error.code(), Code::Io);
    assert_eq!(error.to_string(), "cannot use `/cache/libchdb.so`");
    assert!(error.hint().unwrap().contains("free 1 GB"));
}

#[tokio::test]
async fn only_what_was_fetched_is_removed() {
    let scene = Scene::new().with_npm_package(&package());
    let found = scene.install().await.unwrap();
    let by_hand = scene.path("cache/26.9.0-stable.1-linux-x64-gnu/libchdb.so");
    fs::create_dir_all(by_hand.parent().unwrap()).unwrap();
    fs::write(&by_hand, LIBRARY).unwrap();

    let store = &scene.installer.store;
    let lock = store.lock(|| {}).await.unwrap();
    let removed = store.remove(&lock).unwrap();
    assert_eq!(removed.directories, [found.path.parent().unwrap()]);
    assert!(!found.path.parent().unwrap().exists());
    assert!(by_hand.exists());
    assert_eq!(store.remove(&lock).unwrap().directories.len(), 0);
}

#[tokio::test]
async fn the_setting_comes_first_then_the_cache_then_the_system() {
    let scene = Scene::new().with_npm_package(&package());
    let mut search = scene.search();
    let error = search.find().await.unwrap_err();
    assert!(matches!(error, LibraryError::NotInstalled), "{error:?}");

    fs::create_dir(scene.path("system")).unwrap();
    fs::write(scene.path("system/libchdb.so"), LIBRARY).unwrap();
    assert_eq!(search.find().await.unwrap().source, Source::System);

    scene.install().await.unwrap();
    assert_eq!(search.find().await.unwrap().source, Source::Npm);

    search.setting = Some(scene.path("system"));
    let found = search.find().await.unwrap();
    assert_eq!(found.source, Source::Setting);
    assert_eq!(found.path, scene.path("system/libchdb.so"));

    search.setting = Some(scene.path("nowhere"));
    let error = search.find().await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidSetting);
}

#[tokio::test]
async fn a_library_put_there_by_hand_is_taken_if_it_is_the_right_version() {
    let scene = Scene::new();
    let directory = scene.installer.store.directory();
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("libchdb.so"), "chDB 3.0").unwrap();
    let error = scene.search().find().await.unwrap_err();
    assert!(matches!(error, LibraryError::NotInstalled), "{error:?}");

    fs::write(directory.join("libchdb.so"), LIBRARY).unwrap();
    let found = scene.search().find().await.unwrap();
    assert_eq!(found.source, Source::PlacedByHand);
}

/// Unpacks an archive, and tells what lies in the directory then.
fn unpack(archive: &[u8]) -> (Result<Unpacked, FetchError>, Vec<PathBuf>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("archive.tgz");
    fs::write(&path, archive).unwrap();
    let inner = directory.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let printer = Printer::new(None, Format::Human, Verbosity::Quiet, ColorChoice::Never);
    let progress = printer.progress("", None, crate::output::Unit::Bytes);
    let unpacked = archive::unpack(&path, &inner.join("libchdb.so"), &progress);
    fs::remove_file(path).unwrap();
    let entries = [directory.path(), &inner]
        .into_iter()
        .flat_map(|directory| {
            let entries = directory.read_dir().unwrap();
            entries
                .map(|entry| entry.unwrap().path())
                .collect::<Vec<_>>()
        });
    let files = entries.filter(|path| path.is_file()).collect();
    (unpacked, files)
}

#[test]
fn nothing_but_the_library_is_unpacked_whatever_the_names_in_an_archive() {
    let names = [
        "../libchdb.so",
        "/libchdb.so",
        "package/../libchdb.so",
        "package/../../libchdb.so",
        "package/lib/libchdb.so",
        "package/chdb_node.node",
    ];
    for name in names {
        let (unpacked, files) = unpack(&gzipped_tar(&[(name, b"evil")]));
        assert!(matches!(unpacked, Err(FetchError::NoLibrary)), "{name}");
        assert!(files.is_empty(), "{name}: {files:?}");
    }
    let (unpacked, files) = unpack(&gzipped_tar(&[
        ("../evil", b"evil"),
        ("libchdb.so", LIBRARY),
    ]));
    let sha256 = pin::sha256(LIBRARY).unwrap();
    let bytes = LIBRARY.len() as u64;
    assert_eq!(unpacked.unwrap(), Unpacked { bytes, sha256 });
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn a_link_is_not_a_library() {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "package/libchdb.so", "/etc/passwd")
        .unwrap();
    let archive = tar.into_inner().unwrap().finish().unwrap();
    assert!(matches!(unpack(&archive).0, Err(FetchError::NoLibrary)));
}

#[test]
fn an_archive_that_is_cut_off_or_no_archive_is_refused() {
    let noise: Vec<u8> = (0..100_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let whole = gzipped_tar(&[("libchdb.so", &noise)]);
    for archive in [&whole[..whole.len() / 2], b"<html>proxy login</html>", b""] {
        let (unpacked, _) = unpack(archive);
        let refused = matches!(
            unpacked,
            Err(FetchError::Archive(_) | FetchError::NoLibrary)
        );
        assert!(refused, "{unpacked:?}");
    }
}

#[test]
fn a_receipt_that_cannot_be_understood_is_none() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(Receipt::read(directory.path()).unwrap(), None);
    fs::write(Receipt::path(directory.path()), "{").unwrap();
    assert_eq!(Receipt::read(directory.path()).unwrap(), None);
}
