//! Grafana's dashboards from the YAML that people edit.
//!
//! A dashboard's file has what is particular to it; `shared.yaml` what is common to all: fragments
//! of SQL, variables, links, and how panels of a type look. What is made is plain: no panel within
//! a panel, one query for each, and every data source the same.

use std::{fs, path::PathBuf};

use serde_json::{Map, Value, json};

use crate::support::yaml;

/// The plugin of the data source, as compose/docker-compose.yml pins it.
const PLUGIN: &str = "grafana-clickhouse-datasource";
const PLUGIN_VERSION: &str = "4.20.0";

/// The version of Grafana's dashboard format that is written; Grafana migrates older ones itself.
const SCHEMA_VERSION: u32 = 41;

/// Where both the sources and what is made of them are.
pub fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "assets/grafana/dashboards"]
        .iter()
        .collect()
}

/// The dashboards by name, as they should be.
pub fn dashboards() -> Vec<(String, String)> {
    let shared = Shared(read("shared"));
    let mut names: Vec<String> = fs::read_dir(directory())
        .expect("it is there")
        .filter_map(|entry| {
            let name = entry.expect("it can be read").file_name();
            Some(name.to_str()?.strip_suffix(".yaml")?.to_owned())
        })
        .filter(|name| name != "shared")
        .collect();
    names.sort();
    let text = |name: &String| {
        let mut text = serde_json::to_string_pretty(&shared.dashboard(&read(name)))
            .expect("a value can be written");
        text.push('\n');
        text
    };
    names
        .iter()
        .map(|name| (name.clone(), text(name)))
        .collect()
}

fn read(name: &str) -> Value {
    let path = directory().join(name).with_extension("yaml");
    let text = fs::read_to_string(&path);
    yaml::parse(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// What dashboards share.
struct Shared(Value);

impl Shared {
    fn dashboard(&self, source: &Value) -> Value {
        let panels = list(&source["panels"]).iter().enumerate();
        let variables = list(&source["variables"]).iter();
        json!({
            "uid": source["uid"],
            "title": source["title"],
            "description": source["description"],
            "tags": ["telemetry"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": true,
            "graphTooltip": 1,
            "refresh": source.get("refresh").unwrap_or(&json!("30s")),
            "time": { "from": source.get("from").unwrap_or(&json!("now-24h")), "to": "now" },
            "links": [{
                "title": "Telemetry", "type": "dashboards", "tags": ["telemetry"], "asDropdown": true,
                "keepTime": true, "includeVars": false, "targetBlank": false, "icon": "", "tooltip": "",
            }],
            "templating": { "list": variables.map(|name| self.variable(text(name))).collect::<Vec<_>>() },
            "panels": panels.map(|(index, panel)| self.panel(index + 1, panel)).collect::<Vec<_>>(),
        })
    }

    fn variable(&self, name: &str) -> Value {
        let source = &self.0["variables"][name];
        assert!(source.is_object(), "there is no variable `{name}`");
        let mut variable = json!({ "name": name, "label": source["label"] });
        let rest = if let Some(sql) = source.get("sql") {
            json!({
                "type": "query",
                "datasource": data_source(),
                "query": { "editorType": "sql", "rawSql": self.filled(text(sql), &Map::new()) },
                // When the time range changes, too.
                "refresh": 2,
                "sort": 0,
            })
        } else if let Some(Value::Object(values)) = source.get("values") {
            let options: Vec<_> = values
                .iter()
                .enumerate()
                .map(|(index, (text, value))| json!({ "text": text, "value": value, "selected": index == 0 }))
                .collect();
            let listed: Vec<_> = values
                .iter()
                .map(|(name, value)| format!("{name} : {}", text(value)))
                .collect();
            let (first, value) = values.iter().next().expect("there is a choice");
            json!({
                "type": "custom",
                "query": listed.join(","),
                "options": options,
                "current": { "text": first, "value": value },
            })
        } else {
            let value = &source["text"];
            json!({
                "type": "textbox",
                "query": value,
                "current": { "text": value, "value": value },
            })
        };
        merge(&mut variable, &rest);
        if source.get("several").is_some() {
            variable["multi"] = json!(true);
            variable["includeAll"] = json!(true);
            variable["current"] = json!({ "text": ["All"], "value": ["$__all"] });
        } else if source.get("all").is_some() {
            variable["includeAll"] = json!(true);
            variable["current"] = json!({ "text": "All", "value": "$__all" });
        }
        variable
    }

    fn panel(&self, id: usize, source: &Value) -> Value {
        let kind = text(&source["type"]);
        let shared = &self.0["panels"][kind];
        assert!(shared.is_object(), "there is no type `{kind}`");
        let mut options = shared["options"].clone();
        merge(&mut options, source.get("options").unwrap_or(&Value::Null));
        let mut defaults = shared.get("field").cloned().unwrap_or_else(|| json!({}));
        merge(&mut defaults, source.get("field").unwrap_or(&Value::Null));
        let mut panel = json!({
            "id": id,
            "title": source["title"],
            "type": kind,
            "gridPos": source["place"],
            "datasource": data_source(),
            "targets": [{
                "refId": "A",
                "datasource": data_source(),
                "editorType": "sql",
                "format": shared["format"],
                "rawSql": self.query(source),
                "pluginVersion": PLUGIN_VERSION,
            }],
            "options": options,
            "fieldConfig": { "defaults": defaults, "overrides": self.overrides(source) },
        });
        if let Some(description) = source.get("description") {
            panel["description"] = description.clone();
        }
        panel
    }

    /// What differs from column to column.
    fn overrides(&self, panel: &Value) -> Vec<Value> {
        let Some(Value::Object(columns)) = panel.get("columns") else {
            return Vec::new();
        };
        let property = |(name, value): (&String, &Value)| match name.as_str() {
            "unit" => json!({ "id": "unit", "value": value }),
            "width" => json!({ "id": "custom.width", "value": value }),
            "color" => json!({ "id": "color", "value": { "mode": "fixed", "fixedColor": value } }),
            "link" => {
                let link = &self.0["links"][text(value)];
                assert!(link.is_object(), "there is no link {value}");
                json!({ "id": "links", "value": [link] })
            }
            _ => panic!("`{name}` is nothing that a column has"),
        };
        columns
            .iter()
            .map(|(name, properties)| {
                let properties = properties.as_object().expect("a column has properties");
                json!({
                    "matcher": { "id": "byName", "options": name },
                    "properties": properties.iter().map(property).collect::<Vec<_>>(),
                })
            })
            .collect()
    }

    fn query(&self, panel: &Value) -> String {
        let sql = text(&panel["sql"]);
        let ways = self.0["ways"].as_object().expect("there are ways to ask");
        let Some(then) = panel.get("then") else {
            return self.filled(sql, &Map::new());
        };
        let asked: Vec<_> = ways
            .values()
            .map(|way| self.filled(sql, way.as_object().expect("a way has its fragments")))
            .collect();
        let answer = format!("(\n{}\n)", indented(&asked.join("\nUNION ALL\n")));
        let own = Map::from_iter([("answer".to_owned(), Value::String(answer))]);
        self.filled(text(then), &own)
    }

    /// SQL with its fragments in place, as far in as the lines they are on.
    fn filled(&self, sql: &str, own: &Map<String, Value>) -> String {
        let mut filled = sql.to_owned();
        while let Some((before, rest)) = filled.split_once("{{") {
            let (name, after) = rest.split_once("}}").expect("a fragment's name ends");
            let fragment = own.get(name).unwrap_or(&self.0["fragments"][name]);
            assert!(fragment.is_string(), "there is no fragment `{name}`: {sql}");
            let line = before.rsplit('\n').next().unwrap_or(before);
            let indent = &line[..line.len() - line.trim_start().len()];
            let fragment = text(fragment).replace('\n', &format!("\n{indent}"));
            filled = format!("{before}{fragment}{after}");
        }
        filled
    }
}

fn data_source() -> Value {
    json!({ "type": PLUGIN, "uid": "telemetry" })
}

fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

/// Puts `over` over `value`: what both have as objects is merged, nothing removes what is there, and
/// anything else replaces it.
fn merge(value: &mut Value, over: &Value) {
    match (value, over) {
        (Value::Object(value), Value::Object(over)) => {
            for (key, over) in over {
                if over.is_null() {
                    value.remove(key);
                } else {
                    merge(value.entry(key).or_insert(Value::Null), over);
                }
            }
        }
        (_, Value::Null) => {}
        (value, over) => *value = over.clone(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}
