//! Grafana's dashboards as they are committed.

use std::fs;

use serde_json::Value;

use super::source;

/// A dashboard.
pub struct Dashboard {
    pub name: String,
    pub json: Value,
}

/// A panel's query and where it is from.
pub struct Question<'d> {
    /// The dashboard and the panel, for messages.
    pub name: String,
    pub panel: &'d Value,
    pub sql: &'d str,
}

/// Every dashboard there is.
pub fn all() -> Vec<Dashboard> {
    let mut dashboards: Vec<_> = fs::read_dir(source::directory())
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| Dashboard {
            name: path
                .file_stem()
                .expect("it has a name")
                .to_string_lossy()
                .into_owned(),
            json: serde_json::from_str(&fs::read_to_string(&path).expect("it can be read"))
                .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        })
        .collect();
    dashboards.sort_by(|one, other| one.name.cmp(&other.name));
    dashboards
}

impl Dashboard {
    pub fn panels(&self) -> Vec<Question<'_>> {
        let panels = self.json["panels"].as_array().expect("it has panels");
        let question = |panel| {
            let targets = self::targets(panel);
            let [target] = targets else {
                panic!("a panel has one query")
            };
            Question {
                name: format!("{}, {}", self.name, panel["title"]),
                panel,
                sql: target["rawSql"].as_str().expect("it is SQL"),
            }
        };
        panels.iter().map(question).collect()
    }

    pub fn variables(&self) -> &[Value] {
        let variables = self.json["templating"]["list"].as_array();
        variables.expect("it has variables, or none")
    }
}

fn targets(panel: &Value) -> &[Value] {
    panel["targets"].as_array().expect("it has queries")
}
