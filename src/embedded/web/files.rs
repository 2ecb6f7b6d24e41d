//! The files of the page, and the dashboards.

use std::{borrow::Cow, sync::OnceLock};

use bytes::Bytes;
use rust_embed::{Embed, EmbeddedFile};
use serde::{Deserialize, Serialize};

/// The dashboards in the order of the menu, by the names of their files.
const MENU: [&str; 6] = ["overview", "services", "traces", "logs", "metrics", "stack"];

#[derive(Embed)]
#[folder = "assets/web/"]
struct Page;

#[derive(Embed)]
#[folder = "assets/grafana/dashboards/"]
#[include = "*.json"]
struct DashboardFiles;

/// A file as it is sent.
pub struct File {
    pub content: Bytes,
    pub media_type: &'static str,
    /// What tells it from any other content, as an entity tag.
    pub tag: String,
}

/// What the menu says of a dashboard.
#[derive(Deserialize, Serialize)]
struct Entry {
    uid: String,
    title: String,
    description: String,
}

/// A file of the page.
pub fn of_page(name: &str) -> Option<File> {
    Some(File::new(Page::get(name)?, media_type(name)))
}

/// The dashboard of this identifier, in Grafana's JSON.
pub fn dashboard(uid: &str) -> Option<File> {
    let mut files = MENU.into_iter().map(content);
    let file = files.find(|file| entry(file).uid == uid)?;
    Some(File::new(file, "application/json"))
}

/// What dashboards there are, in JSON.
pub fn menu() -> &'static str {
    static MENU_JSON: OnceLock<String> = OnceLock::new();
    MENU_JSON.get_or_init(|| {
        let entries = MENU.map(|name| entry(&content(name)));
        serde_json::to_string(&entries).expect("texts serialise")
    })
}

fn content(name: &str) -> EmbeddedFile {
    DashboardFiles::get(&format!("{name}.json")).expect("what is on the menu is there")
}

fn entry(file: &EmbeddedFile) -> Entry {
    serde_json::from_slice(&file.data).expect("a dashboard has an identifier and titles")
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

impl File {
    fn new(file: EmbeddedFile, media_type: &'static str) -> Self {
        Self {
            content: match file.data {
                Cow::Borrowed(content) => Bytes::from_static(content),
                Cow::Owned(content) => content.into(),
            },
            media_type,
            tag: format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dashboard_is_on_the_menu() {
        let mut files: Vec<_> = DashboardFiles::iter().collect();
        files.sort_unstable();
        let mut menu = MENU.map(|name| format!("{name}.json"));
        menu.sort_unstable();
        assert_eq!(files, menu);
    }

    #[test]
    fn a_dashboard_is_found_by_its_identifier() {
        let overview = dashboard("telemetry-overview").unwrap();
        assert_eq!(overview.media_type, "application/json");
        assert!(dashboard("overview").is_none());
        assert!(menu().contains(r#""uid":"telemetry-overview","title":"Automagik"#));
    }

    #[test]
    fn files_are_found_within_the_page_only() {
        assert_eq!(
            of_page("index.html").unwrap().media_type,
            "text/html; charset=utf-8"
        );
        for name in ["", "../Cargo.toml", "../../Cargo.toml", "/index.html"] {
            assert!(of_page(name).is_none(), "{name}");
        }
    }
}
