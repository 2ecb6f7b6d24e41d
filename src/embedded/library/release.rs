//! The releases of chDB on GitHub as a source.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::StreamExt as _;
use tokio::{fs::File, io::AsyncWriteExt as _};

use super::{ENGINE_VERSION, FetchError, Platform};
use crate::output::{Printer, Unit};

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
        let failed = |source| FetchError::Http {
            url: url.clone(),
            source,
        };
        // The error repeats the URL otherwise, after redirections a very long one.
        let failed = |error: reqwest::Error| failed(error.without_url());
        let client = reqwest::Client::builder()
            .user_agent(concat!("telemetry/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_PATIENCE)
            .read_timeout(SILENCE_PATIENCE)
            .build()
            .map_err(failed)?;

        let message = format!("Downloading the engine library ({url})");
        let progress = printer.progress(&message, None, Unit::Bytes);
        let response = client.get(&url).send().await.map_err(failed)?;
        let status = response.status();
        if !status.is_success() {
            return Err(FetchError::Status { url, status });
        }
        if let Some(total) = response.content_length() {
            progress.set_total(total, Unit::Bytes);
        }

        let path = directory.join(asset);
        let local = |error| FetchError::local(&path)(error);
        let mut file = File::create(&path).await.map_err(local)?;
        let mut body = response.bytes_stream();
        let mut written = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(failed)?;
            written += chunk.len() as u64;
            if written > MAX_BYTES {
                let limit = MAX_BYTES;
                return Err(FetchError::TooLarge { url, limit });
            }
            file.write_all(&chunk).await.map_err(local)?;
            progress.set(written);
        }
        file.flush().await.map_err(local)?;
        Ok(path)
    }
}
