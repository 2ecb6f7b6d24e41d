//! The one engine that a test process can have, shared by its tests.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::{Connection, Engine, EngineOptions, Library};

/// The memory limit of the tests' engines.
pub(super) const MEMORY_LIMIT: u64 = 1 << 30;

/// The tests' engine; `None`, with the reason printed, where there is no library.
pub(crate) fn engine() -> Option<&'static Engine> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| {
        let path = library()?;
        // Not removed at the end: the engine's threads outlive the tests.
        let dir = tempfile::tempdir()
            .expect("a temporary directory can be made")
            .keep();
        Some(boot(&path, &dir))
    });
    engine.as_ref()
}

/// Boots an engine with everything in `dir`.
pub(super) fn boot(library: &Path, dir: &Path) -> Engine {
    let options = EngineOptions {
        data_dir: dir.join("data"),
        config_dir: dir.join("config"),
        memory_limit: MEMORY_LIMIT,
    };
    let library = Library::load(library).expect("the library loads");
    Engine::boot(library, &options).expect("the engine boots")
}

/// The library that tests use; in CI there must be one.
pub(super) fn library() -> Option<PathBuf> {
    let path = std::env::var_os("TELEMETRY_ENGINE_LIBRARY").map(PathBuf::from);
    if path.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must set TELEMETRY_ENGINE_LIBRARY"
        );
        eprintln!("ignored: TELEMETRY_ENGINE_LIBRARY is not set");
    }
    path
}

/// A connection to the tests' engine.
pub(crate) fn connection() -> Option<Connection> {
    engine().map(|engine| engine.connect().expect("the engine accepts a connection"))
}

/// The answer of a statement that must succeed, without the last line's end.
pub(crate) fn text(connection: &mut Connection, sql: &str) -> String {
    let result = connection
        .execute(sql.as_bytes(), "TabSeparated", &[])
        .unwrap_or_else(|exception| panic!("{sql}: {exception}"));
    let text = String::from_utf8(result.data().to_vec()).expect("TabSeparated of text is UTF-8");
    text.strip_suffix('\n').map_or(text.clone(), str::to_owned)
}
