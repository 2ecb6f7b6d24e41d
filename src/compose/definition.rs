//! What a Compose file defines beside its services: volumes, networks, configs and secrets.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Problem, bundle, field::Field, service::merge::replace};

/// A volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its name in the engine.
    pub name: Option<String>,
    /// What keeps it; the engine's own driver if there is none.
    pub driver: Option<String>,
    /// The driver's options.
    pub driver_opts: BTreeMap<String, String>,
    /// Whether somebody else makes it.
    pub external: bool,
    /// Labels beside those of Compose.
    pub labels: BTreeMap<String, String>,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Its name in the engine.
    pub name: Option<String>,
    /// What makes it; the engine's own choice if there is none.
    pub driver: Option<String>,
    /// The driver's options.
    pub driver_opts: BTreeMap<String, String>,
    /// Whether somebody else makes it.
    pub external: bool,
    /// Whether nothing in it reaches the outside.
    pub internal: bool,
    /// Whether it has IPv6 addresses.
    pub enable_ipv6: Option<bool>,
    /// Its ranges of addresses, in CIDR notation; the engine's choice if there are none.
    pub subnets: Vec<String>,
    /// Labels beside those of Compose.
    pub labels: BTreeMap<String, String>,
}

/// The content of a config or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file that is compiled into this program.
    Embedded(&'static str),
    /// A file of the user's.
    File(PathBuf),
    /// What the Compose file says itself.
    Inline(String),
    /// What an environment variable holds.
    Variable(String),
}

/// Where the files are that a Compose file names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Files<'p> {
    /// Compiled into this program.
    Embedded,
    /// Below a directory.
    Below(&'p Path),
}

impl Volume {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        if field.is_null() {
            return Ok(Self::default());
        }
        let mut fields = field.fields()?;
        let volume = Self {
            name: fields.map("name", Field::name)?,
            driver: fields.map("driver", Field::name)?,
            driver_opts: fields.map_or_default("driver_opts", Field::labels)?,
            external: fields.map_or_default("external", Field::boolean)?,
            labels: fields.map_or_default("labels", Field::labels)?,
        };
        fields.finish()?;
        Ok(volume)
    }

    pub(super) fn merge(&mut self, over: Self) {
        replace(&mut self.name, over.name);
        replace(&mut self.driver, over.driver);
        self.driver_opts.extend(over.driver_opts);
        self.external |= over.external;
        self.labels.extend(over.labels);
    }
}

impl Network {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        if field.is_null() {
            return Ok(Self::default());
        }
        let mut fields = field.fields()?;
        let network = Self {
            name: fields.map("name", Field::name)?,
            driver: fields.map("driver", Field::name)?,
            driver_opts: fields.map_or_default("driver_opts", Field::labels)?,
            external: fields.map_or_default("external", Field::boolean)?,
            internal: fields.map_or_default("internal", Field::boolean)?,
            enable_ipv6: fields.map("enable_ipv6", Field::boolean)?,
            subnets: fields.map_or_default("ipam", subnets)?,
            labels: fields.map_or_default("labels", Field::labels)?,
        };
        fields.finish()?;
        Ok(network)
    }

    pub(super) fn merge(&mut self, over: Self) {
        replace(&mut self.name, over.name);
        replace(&mut self.driver, over.driver);
        self.driver_opts.extend(over.driver_opts);
        self.external |= over.external;
        self.internal |= over.internal;
        replace(&mut self.enable_ipv6, over.enable_ipv6);
        for subnet in over.subnets {
            if !self.subnets.contains(&subnet) {
                self.subnets.push(subnet);
            }
        }
        self.labels.extend(over.labels);
    }
}

/// The ranges of `ipam: {config: [{subnet: …}]}`.
fn subnets(field: &Field<'_>) -> Result<Vec<String>, Problem> {
    let mut fields = field.fields()?;
    let subnets = fields.map_or_default("config", |field| {
        let items = field.items()?.into_iter();
        items
            .map(|item| {
                let mut fields = item.fields()?;
                let subnet = fields.require("subnet")?.name()?;
                fields.finish()?;
                Ok(subnet)
            })
            .collect()
    })?;
    fields.finish()?;
    Ok(subnets)
}

impl Content {
    /// `file`, `content` or `environment`: exactly one of them.
    pub(super) fn read(field: &Field<'_>, files: Files<'_>) -> Result<Self, Problem> {
        let mut fields = field.fields()?;
        let given = [
            fields.map("file", |field| file(field, files))?,
            fields.map("content", |field| Ok(Self::Inline(field.text()?)))?,
            fields.map("environment", |field| Ok(Self::Variable(field.name()?)))?,
        ];
        fields.finish()?;
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(content), None) => Ok(content),
            _ => Err(field.problem("expected one of `file`, `content` and `environment`")),
        }
    }
}

fn file(field: &Field<'_>, files: Files<'_>) -> Result<Content, Problem> {
    let path = field.name()?;
    match files {
        Files::Below(directory) => Ok(Content::File(directory.join(path))),
        Files::Embedded => bundle::file(&path)
            .map(Content::Embedded)
            .ok_or_else(|| field.problem(format!("`{path}` is not part of this program"))),
    }
}
