//! A panel's SQL as ClickHouse gets it: with variables filled in as Grafana's page does it, and
//! macros as the plugin does it (its `CHDatasource.ts` and `macros.go`, version 4.20.0).

use std::collections::BTreeMap;

/// What is chosen on a dashboard.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The time range, in Unix seconds.
    pub from: i64,
    pub to: i64,
    /// Seconds between two points of a graph.
    pub interval: u64,
    pub variables: BTreeMap<String, Choice>,
}

/// The value of a variable.
#[derive(Clone, Debug)]
pub enum Choice {
    /// "All" of a choice of several: Grafana fills in every one there is.
    All(Vec<String>),
    /// Some of a choice of several.
    Some(Vec<String>),
    /// The value of any other variable.
    One(String),
}

impl Scope {
    /// The SQL that is sent. Panics on what neither Grafana nor the plugin would know.
    pub fn expand(&self, sql: &str) -> String {
        let sql = self.conditions(sql);
        let sql = self.filled(&sql);
        let sql = self.macros(&sql);
        assert!(!sql.contains('$'), "something is left: {sql}");
        sql
    }

    /// `$__conditionalAll(condition, $variable)`: the condition, unless everything is chosen.
    fn conditions(&self, sql: &str) -> String {
        const MACRO: &str = "$__conditionalAll";
        let mut sql = sql.to_owned();
        while let Some(at) = sql.rfind(MACRO) {
            let (arguments, end) = arguments(&sql[at + MACRO.len()..]);
            let [condition, variable] = arguments[..] else {
                panic!("`{MACRO}` takes two arguments: {sql}");
            };
            let name = variable.trim().trim_matches(['$', '{', '}']);
            let everything = match self.choice(name) {
                Choice::All(_) => true,
                Choice::Some(values) => values.concat().is_empty(),
                Choice::One(value) => value.is_empty(),
            };
            let kept = if everything { "1=1" } else { condition };
            sql = format!("{}{kept}{}", &sql[..at], &sql[at + MACRO.len() + end..]);
        }
        sql
    }

    /// `$name`, `${name}` and `${name:format}`.
    fn filled(&self, sql: &str) -> String {
        let mut filled = String::new();
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once('$') {
            filled.push_str(before);
            if let Some(braced) = after.strip_prefix('{') {
                let (reference, after) = braced.split_once('}').expect("a brace is closed");
                let (name, format) = reference.split_once(':').unwrap_or((reference, ""));
                filled.push_str(&self.choice(name).formatted(format));
                rest = after;
            } else {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let (name, after) = after.split_at(end.unwrap_or(after.len()));
                match name.strip_prefix("__") {
                    Some(_) => filled.extend(["$", name]),
                    None => filled.push_str(&self.choice(name).formatted("")),
                }
                rest = after;
            }
        }
        filled + rest
    }

    fn choice(&self, name: &str) -> &Choice {
        let choice = self.variables.get(name);
        choice.unwrap_or_else(|| panic!("there is no variable `{name}`"))
    }

    fn macros(&self, sql: &str) -> String {
        let time = |seconds: i64| format!("toDateTime({seconds})");
        let mut expanded = String::new();
        let mut rest = sql;
        while let Some((before, after)) = rest.split_once("$__") {
            expanded.push_str(before);
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, after) = after.split_at(end.unwrap_or(after.len()));
            let (of, end) = match after.strip_prefix('(') {
                Some(_) => arguments(after),
                None => (Vec::new(), 0),
            };
            rest = &after[end..];
            let meant = match (name, &of[..]) {
                ("fromTime", []) => time(self.from),
                ("toTime", []) => time(self.to),
                ("interval_s", []) => self.interval.to_string(),
                ("timeFilter", [column]) => format!(
                    "{column} >= {} AND {column} <= {}",
                    time(self.from),
                    time(self.to)
                ),
                ("timeInterval", [column]) => format!(
                    "toStartOfInterval(toDateTime({column}), INTERVAL {} second)",
                    self.interval
                ),
                _ => panic!(
                    "`$__{name}` with {} arguments is not known: {sql}",
                    of.len()
                ),
            };
            expanded.push_str(&meant);
        }
        expanded + rest
    }
}

impl Choice {
    fn formatted(&self, format: &str) -> String {
        let values = match self {
            Self::All(values) | Self::Some(values) => &values[..],
            Self::One(value) => std::slice::from_ref(value),
        };
        let quoted = |escape: &str| {
            let quote = |value: &String| format!("'{}'", value.replace('\'', escape));
            values.iter().map(quote).collect::<Vec<_>>().join(",")
        };
        match (format, self) {
            ("singlequote", _) => quoted("\\'"),
            ("sqlstring", _) => quoted("''"),
            ("", Self::One(value)) => value.clone(),
            _ => panic!("a choice of several needs a format"),
        }
    }
}

/// What stands between the parentheses that a text begins with, by its commas, and where it ends.
fn arguments(text: &str) -> (Vec<&str>, usize) {
    let (mut depth, mut start, mut found) = (0, 1, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 1 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            assert!(at > 0, "there are no arguments: {text}");
            found.push(&text[start..at]);
            return (found, at + 1);
        }
    }
    panic!("a parenthesis is not closed: {text}");
}

/// The same question as a query's, asked of the spans themselves; `None` if that is what it does.
pub fn of_spans(sql: &str) -> Option<String> {
    let branched = sql
        .replace(" > 86400", " > 1000000000")
        .replace(" <= 86400", " <= 1000000000");
    let hours = "(project_name, toStartOfHour(timestamp)) IN (";
    let searched = branched.replace(hours, &format!("1 OR {hours}"));
    (searched != sql).then_some(searched)
}
