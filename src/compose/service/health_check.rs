use crate::compose::{
    Problem, TimeSpan,
    field::Field,
    json::{self, Object},
};

/// How the engine finds out whether a service works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthCheck {
    /// `CMD` and a command, `CMD-SHELL` and a line for a shell, or `NONE`.
    pub test: Vec<String>,
    /// How long an answer may take.
    pub timeout: Option<TimeSpan>,
    /// How long it is from one test to the next.
    pub interval: Option<TimeSpan>,
    /// How many failures in a row make it unhealthy.
    pub retries: Option<u32>,
    /// How long failures do not count after the start.
    pub start_period: Option<TimeSpan>,
    /// The interval in that time; needs a Docker Engine of version 25 or newer.
    pub start_interval: Option<TimeSpan>,
    /// Whether the image's own check is switched off.
    pub disable: bool,
}

impl HealthCheck {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut fields = field.fields()?;
        let check = Self {
            test: fields.map_or_default("test", test)?,
            timeout: fields.map("timeout", Field::parse)?,
            interval: fields.map("interval", Field::parse)?,
            retries: fields.map("retries", Field::parse)?,
            start_period: fields.map("start_period", Field::parse)?,
            start_interval: fields.map("start_interval", Field::parse)?,
            disable: fields.map_or_default("disable", Field::boolean)?,
        };
        fields.finish()?;
        Ok(check)
    }

    pub(super) fn merge(&mut self, over: Self) {
        if !over.test.is_empty() {
            self.test = over.test;
        }
        self.timeout = over.timeout.or(self.timeout);
        self.interval = over.interval.or(self.interval);
        self.retries = over.retries.or(self.retries);
        self.start_period = over.start_period.or(self.start_period);
        self.start_interval = over.start_interval.or(self.start_interval);
        self.disable |= over.disable;
    }

    pub(super) fn json(&self) -> String {
        let span = |span: Option<TimeSpan>| span.map(|span| json::string(&span.to_string()));
        let mut object = Object::new();
        object.list("test", &self.test, json::text);
        object.optional("timeout", span(self.timeout));
        object.optional("interval", span(self.interval));
        object.optional("retries", self.retries.map(|retries| retries.to_string()));
        object.optional("start_period", span(self.start_period));
        object.optional("start_interval", span(self.start_interval));
        object.optional("disable", self.disable.then(|| "true".to_owned()));
        object.finish()
    }
}

fn test(field: &Field<'_>) -> Result<Vec<String>, Problem> {
    if field.is_scalar() {
        return Ok(vec!["CMD-SHELL".to_owned(), field.name()?]);
    }
    let words = field.texts()?;
    match words.first().map(String::as_str) {
        Some("NONE" | "CMD" | "CMD-SHELL") => Ok(words),
        _ => Err(field.problem("a list begins with `CMD`, `CMD-SHELL` or `NONE`")),
    }
}
