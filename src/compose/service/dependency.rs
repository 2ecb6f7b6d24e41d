use std::{collections::BTreeMap, str::FromStr};

use crate::compose::{Problem, field::Field};

/// What a service waits for in another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The state to wait for.
    pub condition: Condition,
    /// Whether the service is restarted when the other one is.
    pub restart: bool,
    /// Whether the service cannot do without the other one.
    pub required: bool,
}

/// A state of a service that another one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It was started.
    Started,
    /// Its health check succeeds.
    Healthy,
    /// It did its work and ended.
    CompletedSuccessfully,
}

impl Condition {
    const ALL: [Self; 3] = [Self::Started, Self::Healthy, Self::CompletedSuccessfully];

    /// As Compose writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::CompletedSuccessfully => "service_completed_successfully",
        }
    }
}

impl FromStr for Condition {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.as_str() == text)
            .ok_or(
                "expected `service_started`, `service_healthy` or `service_completed_successfully`",
            )
    }
}

/// A list of services, or a mapping of services to conditions.
pub(super) fn read(field: &Field<'_>) -> Result<BTreeMap<String, Dependency>, Problem> {
    let started = Dependency {
        condition: Condition::Started,
        restart: false,
        required: true,
    };
    if field.is_sequence() {
        let names = field.texts()?.into_iter();
        return Ok(names.map(|name| (name, started.clone())).collect());
    }
    let entries = field.entries()?.into_iter().map(|(name, entry)| {
        let mut fields = entry.fields()?;
        let dependency = Dependency {
            condition: fields.require("condition")?.parse()?,
            restart: fields.map_or_default("restart", Field::boolean)?,
            required: fields.map("required", Field::boolean)?.unwrap_or(true),
        };
        fields.finish()?;
        Ok((name, dependency))
    });
    entries.collect()
}
