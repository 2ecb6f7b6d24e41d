//! Pulling an image: what the engine says meanwhile.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::{
    Call, Shared,
    answer::{Answer, stream},
};

/// What is said of a pull.
#[derive(Clone, Debug)]
pub enum Said {
    /// How far a layer is: `Downloading`, so many of so many bytes.
    Layer(&'static str, u64, u64),
    /// That a layer is there.
    Done(&'static str),
    /// The registry's refusal, in the midst of it all.
    Error(&'static str),
    /// Nothing, for so long.
    Silence(Duration),
    /// The connection ends, and the pull fails.
    Cut,
}

impl Said {
    fn line(&self) -> Option<Value> {
        Some(match self {
            Self::Layer(id, current, total) => json!({
                "status": "Downloading",
                "progressDetail": {"current": current, "total": total},
                "progress": format!("[=>  ] {current}B/{total}B"),
                "id": id,
            }),
            Self::Done(id) => json!({"status": "Pull complete", "progressDetail": {}, "id": id}),
            Self::Error(message) => json!({"errorDetail": {"message": message}, "error": message}),
            Self::Silence(_) | Self::Cut => return None,
        })
    }
}

/// What a pull says that goes well.
fn usual() -> Vec<Said> {
    vec![
        Said::Layer("a1b2c3d4e5f6", 512, 2048),
        Said::Layer("0f1e2d3c4b5a", 1024, 1024),
        Said::Layer("a1b2c3d4e5f6", 2048, 2048),
        Said::Done("0f1e2d3c4b5a"),
        Said::Done("a1b2c3d4e5f6"),
    ]
}

/// Pulls the image that the call names, saying `said`. It is there at the end, unless something
/// is said that keeps it from that.
pub fn pull(shared: Arc<Shared>, call: &Call, said: Option<Vec<Said>>) -> Answer {
    let image = call.option("fromImage").unwrap_or_default().to_owned();
    let tag = call.option("tag").filter(|tag| !tag.is_empty());
    let image = tag.map_or(image.clone(), |tag| format!("{image}:{tag}"));
    let said = said.unwrap_or_else(usual);
    let fails = said
        .iter()
        .any(|said| matches!(said, Said::Error(_) | Said::Cut));
    let beginning = json!({"status": format!("Pulling from {image}"), "id": "latest"});
    let lines = futures_util::stream::iter(said).then(|said| async move {
        if let Said::Silence(long) = said {
            tokio::time::sleep(long).await;
        }
        match said {
            Said::Cut => Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))),
            said => said.line().map(Ok),
        }
    });
    let end = futures_util::stream::once(async move {
        if fails {
            return None;
        }
        let mut state = shared.state();
        let is_new = !state.images.contains_key(&image);
        state.add_image(&image);
        drop(state);
        shared.change();
        let outcome = if is_new {
            "Downloaded newer image"
        } else {
            "Image is up to date"
        };
        let told = format!("Status: {outcome} for {image}");
        Some(Ok(json!({ "status": told })))
    });
    let lines = futures_util::stream::once(async { Some(Ok(beginning)) })
        .chain(lines)
        .chain(end)
        .filter_map(|line| async { line })
        .map(|line| line.map(|line| Bytes::from(format!("{line}\r\n"))));
    stream("application/json", lines)
}
