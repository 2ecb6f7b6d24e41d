//! The releases of chDB on GitHub as a source.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ureq::tls::{RootCerts, TlsConfig};

use super::{ENGINE_VERSION, FetchError, Platform, search::blocking};
use crate::output::{Printer, Progress, Unit};

/// Where releases are.
pub(super) const BASE_URL: &str = "https://github.com/chdb-io/chdb-core/releases/download";

/// More than any archive of a release has.
const MAX_BYTES: u64 = 1 << 30;

/// How long a connection may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);

/// How long a server may be silent. The whole download may take as long as it takes.
const SILENCE_PATIENCE: Duration = Duration::from_secs(30);

/// The releases of chDB.
#[derive(Clone, Debug)]
pub(super) struct Release {
    pub base_url: String,
}

/// Ends a download when it is dropped: nobody waits for it any more.
#[derive(Default)]
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Release {
    /// Downloads the archive into `directory`, and tells where it is.
    pub(super) async fn fetch(
        &self,
        platform: Platform,
        directory: &Path,
        printer: &Printer,
    ) -> Result<PathBuf, FetchError> {
        let asset = platform.release_asset();
        let url = format!("{}/v{ENGINE_VERSION}/{asset}", self.base_url);
        let path = directory.join(asset);
        let message = format!("Downloading the engine library ({url})");
        let progress = printer.progress(&message, None, Unit::Bytes);
        let given_up = GivenUp::default();
        let flag = Arc::clone(&given_up.0);
        blocking(move || download(&url, &path, &progress, &flag).map(|()| path)).await
    }
}

/// A client that speaks TLS. The one for ClickHouse does not, so that it starts without reading
/// the system's certificates and works where there are none.
fn client() -> ureq::Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    ureq::Agent::config_builder()
        .user_agent(concat!("telemetry/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_PATIENCE))
        .timeout_per_read(Some(SILENCE_PATIENCE))
        .build()
        .into()
}

/// Follows redirections and heeds the variables that name a proxy.
fn download(
    url: &str,
    path: &Path,
    progress: &Progress,
    given_up: &AtomicBool,
) -> Result<(), FetchError> {
    let failed = |source| FetchError::Http {
        url: url.to_owned(),
        source,
    };
    let response = client().get(url).call().map_err(failed)?;
    if !response.status().is_success() {
        return Err(FetchError::Status {
            url: url.to_owned(),
            status: response.status(),
        });
    }
    if let Some(total) = response.body().content_length() {
        progress.set_total(total, Unit::Bytes);
    }
    let mut file = File::create(path).map_err(FetchError::local(path))?;
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    let mut written = 0;
    while !given_up.load(Ordering::Relaxed) {
        let read = body
            .read(&mut buffer)
            .map_err(|error| failed(error.into()))?;
        if read == 0 {
            break;
        }
        written += read as u64;
        if written > MAX_BYTES {
            return Err(FetchError::TooLarge {
                url: url.to_owned(),
                limit: MAX_BYTES,
            });
        }
        file.write_all(&buffer[..read])
            .map_err(FetchError::local(path))?;
        progress.set(written);
    }
    Ok(())
}
