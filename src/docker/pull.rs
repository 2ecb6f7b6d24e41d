//! Pulling images: with progress, and again when the network or the registry fails for a moment.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;

use super::observe::status;
use super::{Connection, credentials};
use crate::error::{Code, Failure};
use crate::output::{Printer, Progress, Unit};

/// How long a pull may say nothing. A layer that is unpacked is silent for a while.
const IDLE: Duration = Duration::from_secs(90);

/// How often a pull is tried.
const ATTEMPTS: u32 = 5;

/// How long it is from the first attempt to the second; each further wait is twice as long.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Why an image was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The registry or the engine says why.
    #[error("cannot pull `{image}`")]
    Refused {
        /// The image.
        image: String,
        /// What it says.
        source: bollard::errors::Error,
    },
    /// Nothing came any more.
    #[error("cannot pull `{image}`: nothing came for {} s", IDLE.as_secs())]
    Stalled {
        /// The image.
        image: String,
    },
}

impl PullError {
    /// Whether another attempt may end otherwise. What registries say is text, and each says it
    /// in other words.
    fn is_passing(&self) -> bool {
        let Self::Refused { source, .. } = self else {
            return true;
        };
        if matches!(status(source), Some(400..=428 | 430..=499)) {
            return false;
        }
        let text = source.to_string().to_ascii_lowercase();
        let lasting = [
            "manifest unknown",
            "not found",
            "denied",
            "unauthorized",
            "no basic auth",
            "invalid reference",
            "no space left",
            "no matching manifest",
            "no such host",
            "connection refused",
            "http response to https",
        ];
        !lasting.iter().any(|sign| text.contains(sign))
    }

    /// The last of its causes, which says the most.
    fn innermost(&self) -> Option<&dyn std::error::Error> {
        let first = std::error::Error::source(self)?;
        std::iter::successors(Some(first), |cause| cause.source()).last()
    }

    fn says(&self, sign: &str) -> bool {
        let Self::Refused { source, .. } = self else {
            return false;
        };
        source.to_string().to_ascii_lowercase().contains(sign)
    }
}

impl Failure for PullError {
    fn code(&self) -> Code {
        Code::EngineDownload
    }

    fn hint(&self) -> Option<String> {
        let hint = if self.says("no space left") {
            "make room where the engine keeps its images: `docker system df` shows what takes it"
        } else if self.says("toomanyrequests") || self.says("rate limit") {
            "`docker login` raises the limit; `TELEMETRY_IMAGE_REGISTRY` names a mirror"
        } else if self.says("denied") || self.says("unauthorized") {
            "`docker login` to the registry, or correct `TELEMETRY_IMAGE_REGISTRY`"
        } else {
            "`TELEMETRY_IMAGE_REGISTRY` names a mirror; `docker load` brings images without a network; `--engine embedded` needs none"
        };
        Some(hint.to_owned())
    }
}

impl Connection {
    /// Pulls an image, with the credentials in Docker's `directory`.
    ///
    /// # Errors
    ///
    /// When it cannot be had, for good or in several attempts.
    pub async fn pull(
        &self,
        image: &str,
        directory: Option<&Path>,
        printer: &Printer,
    ) -> Result<(), PullError> {
        let credentials = credentials::of_image(image, directory).await;
        let progress = printer.progress(&format!("Pulling {image}"), None, Unit::Bytes);
        let mut wait = BACK_OFF;
        for attempt in 1.. {
            let Err(error) = self.pull_once(image, credentials.clone(), &progress).await else {
                break;
            };
            if attempt == ATTEMPTS || !error.is_passing() {
                return Err(error);
            }
            let cause = error.innermost().map(|cause| format!(" ({cause})"));
            printer.warn(format!(
                "{error}{}; trying again",
                cause.unwrap_or_default()
            ));
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        Ok(())
    }

    async fn pull_once(
        &self,
        image: &str,
        credentials: Option<bollard::auth::DockerCredentials>,
        progress: &Progress,
    ) -> Result<(), PullError> {
        // Without a tag, the engine would pull them all.
        let has_tag = image
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains([':', '@']));
        let tagged = if has_tag {
            image.to_owned()
        } else {
            format!("{image}:latest")
        };
        let options = CreateImageOptionsBuilder::new().from_image(&tagged).build();
        let mut said = std::pin::pin!(self.docker.create_image(Some(options), None, credentials));
        let mut layers = Layers::default();
        loop {
            match tokio::time::timeout(IDLE, said.next()).await {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(line))) => {
                    if let Some((done, total)) = layers.take_in(&line) {
                        progress.set_total(total, Unit::Bytes);
                        progress.set(done);
                    }
                }
                Ok(Some(Err(source))) => {
                    let image = image.to_owned();
                    return Err(PullError::Refused { image, source });
                }
                Err(_) => {
                    let image = image.to_owned();
                    return Err(PullError::Stalled { image });
                }
            }
        }
    }
}

/// How far the layers of an image are: each is told of by itself.
#[derive(Debug, Default)]
struct Layers {
    /// What has come of each, and how much it is.
    by_id: HashMap<String, (u64, u64)>,
}

impl Layers {
    /// Takes in what the engine says; gives what has come of all and how much that is, in bytes,
    /// if it changed.
    fn take_in(&mut self, line: &CreateImageInfo) -> Option<(u64, u64)> {
        let id = line.id.as_ref()?;
        match line.status.as_deref()? {
            "Downloading" => {
                let detail = line.progress_detail.as_ref()?;
                let amount = |bytes: Option<i64>| bytes.and_then(|it| u64::try_from(it).ok());
                let (current, total) = (amount(detail.current)?, amount(detail.total)?);
                self.by_id.insert(id.clone(), (current, total));
            }
            "Verifying Checksum" | "Download complete" | "Extracting" | "Pull complete" => {
                let (current, total) = self.by_id.get_mut(id)?;
                *current = *total;
            }
            _ => return None,
        }
        let sum = |(a, b): (u64, u64), (c, d): &(u64, u64)| (a + c, b + d);
        Some(self.by_id.values().fold((0, 0), sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::ApiVersion;
    use crate::docker::endpoint::{Address, Endpoint, Reason};
    use crate::output::{ColorChoice, Format, Verbosity};

    fn line(text: &str) -> CreateImageInfo {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn layers_are_summed() {
        let mut layers = Layers::default();
        let mut say = |text: &str| layers.take_in(&line(text));
        assert_eq!(say(r#"{"status":"Pulling from a/b","id":"1"}"#), None);
        let downloading = |id: &str, current: u32| {
            format!(
                r#"{{"status":"Downloading","id":"{id}","progressDetail":{{"current":{current},"total":100}}}}"#
            )
        };
        assert_eq!(say(&downloading("a", 10)), Some((10, 100)));
        assert_eq!(say(&downloading("b", 50)), Some((60, 200)));
        assert_eq!(
            say(r#"{"status":"Download complete","id":"a"}"#),
            Some((150, 200))
        );
        assert_eq!(say(r#"{"status":"Already exists","id":"c"}"#), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pull_during_which_nothing_comes_is_broken_off_and_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let silent = tokio::spawn(async move {
            let mut connections = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.push(connection);
            }
        });
        let path = socket.display().to_string();
        // Longer than the patience with a pull, which is what is looked at.
        let timeout = 10 * IDLE.as_secs();
        let docker =
            bollard::Docker::connect_with_unix(&path, timeout, bollard::API_DEFAULT_VERSION);
        let connection = Connection {
            is_podman: false,
            docker: docker.unwrap(),
            endpoint: Endpoint {
                address: Address::Unix(socket),
                reason: Reason::DockerHost,
            },
            engine_version: String::new(),
            api: ApiVersion(1, 41),
        };
        let printer = Printer::new(None, Format::Human, Verbosity::Quiet, ColorChoice::Never);
        let began = tokio::time::Instant::now();
        let refused = connection.pull("a:1", None, &printer).await;
        assert!(
            matches!(refused, Err(PullError::Stalled { .. })),
            "{refused:?}"
        );
        assert!(began.elapsed() >= IDLE * ATTEMPTS);
        silent.abort();
    }

    #[test]
    fn what_time_does_not_mend_is_not_tried_again() {
        let refused = |text: &str| PullError::Refused {
            image: "a".to_owned(),
            source: bollard::errors::Error::DockerStreamError {
                error: text.to_owned(),
            },
        };
        assert!(refused("toomanyrequests: You have reached your pull rate limit").is_passing());
        assert!(refused("unexpected EOF").is_passing());
        assert!(refused("received unexpected HTTP status: 503").is_passing());
        assert!(!refused("manifest unknown: manifest unknown").is_passing());
        assert!(!refused("write /var/lib: no space left on device").is_passing());
        let hint = refused("no space left on device").hint().unwrap();
        assert!(hint.contains("docker system df"));
    }
}
