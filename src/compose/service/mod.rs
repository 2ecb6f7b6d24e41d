//! One service of a Compose file.

mod command;
mod dependency;
mod deploy;
mod file_reference;
mod health_check;
mod logging;
pub(super) mod merge;
mod mount;
mod network;
mod port;
mod ulimit;
mod unpack;

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

pub use dependency::{Condition, Dependency};
pub use deploy::{Deploy, Resources};
pub use file_reference::FileReference;
pub use health_check::HealthCheck;
pub use logging::Logging;
pub use mount::VolumeMount;
pub use network::Attachment;
pub use port::{PortMapping, Protocol};
pub use ulimit::Ulimit;
pub use unpack::Unpack;

use super::{
    ByteSize, Problem, TimeSpan,
    field::Field,
    json::{self, Object},
};
use merge::{append, join, replace};

/// What a container of a service is like.
///
/// The keys are Compose's. Where a value is `None` or empty, the image or the engine decides.
/// Limits of processors, memory and processes are those of `deploy`: Compose refuses a service
/// that has others under the older keys.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(
    missing_docs,
    reason = "the keys are those of the Compose specification"
)]
pub struct Service {
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub command: Option<Vec<String>>,
    pub configs: Vec<FileReference>,
    pub depends_on: BTreeMap<String, Dependency>,
    pub deploy: Option<Deploy>,
    pub dns: Vec<String>,
    pub entrypoint: Option<Vec<String>>,
    /// A value is `None` if the variable was to come from outside and is not set there.
    pub environment: BTreeMap<String, Option<String>>,
    pub expose: Vec<String>,
    /// Names and their addresses.
    pub extra_hosts: BTreeMap<String, Vec<String>>,
    pub group_add: Vec<String>,
    pub hostname: Option<String>,
    pub healthcheck: Option<HealthCheck>,
    pub image: Option<String>,
    pub init: Option<bool>,
    pub labels: BTreeMap<String, String>,
    pub logging: Option<Logging>,
    pub networks: BTreeMap<String, Attachment>,
    pub platform: Option<String>,
    pub ports: Vec<PortMapping>,
    pub pull_policy: Option<PullPolicy>,
    pub restart: Option<String>,
    pub secrets: Vec<FileReference>,
    pub security_opt: Vec<String>,
    pub shm_size: Option<ByteSize>,
    pub stop_grace_period: Option<TimeSpan>,
    pub stop_signal: Option<String>,
    pub sysctls: BTreeMap<String, String>,
    pub tmpfs: Vec<String>,
    pub ulimits: BTreeMap<String, Ulimit>,
    pub user: Option<String>,
    pub volumes: Vec<VolumeMount>,
    pub working_dir: Option<String>,
    /// `x-only-without-cli`: whether the service does for `docker compose up` what this program
    /// does by itself.
    pub only_without_cli: bool,
    /// `x-unpack`: an archive the files of which go into the container.
    pub unpack: Option<Unpack>,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// At every start.
    Always,
    /// If it is not there.
    Missing,
    /// At no time.
    Never,
}

impl FromStr for PullPolicy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "always" => Ok(Self::Always),
            "missing" | "if_not_present" => Ok(Self::Missing),
            "never" => Ok(Self::Never),
            _ => Err("expected `always`, `missing` or `never`"),
        }
    }
}

impl Service {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut fields = field.fields()?;
        let service = Self {
            cap_add: fields.map_or_default("cap_add", Field::texts)?,
            cap_drop: fields.map_or_default("cap_drop", Field::texts)?,
            command: fields.map("command", command::read)?,
            configs: fields.map_or_default("configs", each(FileReference::read_config))?,
            depends_on: fields.map_or_default("depends_on", dependency::read)?,
            deploy: fields.map("deploy", Deploy::read)?,
            dns: fields.map_or_default("dns", Field::text_or_texts)?,
            entrypoint: fields.map("entrypoint", command::read)?,
            environment: fields.map_or_default("environment", Field::pairs)?,
            expose: fields.map_or_default("expose", Field::texts)?,
            extra_hosts: fields.map_or_default("extra_hosts", extra_hosts)?,
            group_add: fields.map_or_default("group_add", Field::texts)?,
            hostname: fields.map("hostname", Field::name)?,
            healthcheck: fields.map("healthcheck", HealthCheck::read)?,
            image: fields.map("image", Field::name)?,
            init: fields.map("init", Field::boolean)?,
            labels: fields.map_or_default("labels", Field::labels)?,
            logging: fields.map("logging", Logging::read)?,
            networks: fields.map_or_default("networks", network::read)?,
            platform: fields.map("platform", Field::name)?,
            ports: fields.map_or_default("ports", each(PortMapping::read))?,
            pull_policy: fields.map("pull_policy", Field::parse)?,
            restart: fields.map("restart", restart)?,
            secrets: fields.map_or_default("secrets", each(FileReference::read_secret))?,
            security_opt: fields.map_or_default("security_opt", Field::texts)?,
            shm_size: fields.map("shm_size", Field::parse)?,
            stop_grace_period: fields.map("stop_grace_period", Field::parse)?,
            stop_signal: fields.map("stop_signal", Field::name)?,
            sysctls: fields.map_or_default("sysctls", Field::labels)?,
            tmpfs: fields.map_or_default("tmpfs", Field::text_or_texts)?,
            ulimits: fields.map_or_default("ulimits", |field| {
                let entries = field.entries()?.into_iter();
                entries
                    .map(|(name, entry)| Ok((name, Ulimit::read(&entry)?)))
                    .collect()
            })?,
            user: fields.map("user", Field::name)?,
            volumes: fields.map_or_default("volumes", each(VolumeMount::read))?,
            working_dir: fields.map("working_dir", Field::name)?,
            only_without_cli: fields.map_or_default("x-only-without-cli", Field::boolean)?,
            unpack: fields.map("x-unpack", Unpack::read)?.flatten(),
        };
        fields.finish()?;
        Ok(service)
    }

    /// Takes in an override, by Compose's rules: single values are replaced, mappings joined,
    /// lists appended; of what there can be only one of in a list, the later one stays.
    pub(super) fn merge(&mut self, over: Self) {
        let equal = |a: &String, b: &String| a == b;
        let same_key = |a: &String, b: &String| a.split('=').next() == b.split('=').next();
        let same_file = |a: &FileReference, b: &FileReference| a.path() == b.path();
        append(&mut self.cap_add, over.cap_add, equal);
        append(&mut self.cap_drop, over.cap_drop, equal);
        replace(&mut self.command, over.command);
        append(&mut self.configs, over.configs, same_file);
        self.depends_on.extend(over.depends_on);
        join(&mut self.deploy, over.deploy, Deploy::merge);
        append(&mut self.dns, over.dns, equal);
        replace(&mut self.entrypoint, over.entrypoint);
        self.environment.extend(over.environment);
        append(&mut self.expose, over.expose, equal);
        for (name, addresses) in over.extra_hosts {
            append(self.extra_hosts.entry(name).or_default(), addresses, equal);
        }
        append(&mut self.group_add, over.group_add, equal);
        replace(&mut self.hostname, over.hostname);
        join(&mut self.healthcheck, over.healthcheck, HealthCheck::merge);
        replace(&mut self.image, over.image);
        replace(&mut self.init, over.init);
        self.labels.extend(over.labels);
        join(&mut self.logging, over.logging, Logging::merge);
        for (name, attachment) in over.networks {
            self.networks.entry(name).or_default().merge(attachment);
        }
        replace(&mut self.platform, over.platform);
        append(&mut self.ports, over.ports, PortMapping::eq);
        replace(&mut self.pull_policy, over.pull_policy);
        replace(&mut self.restart, over.restart);
        append(&mut self.secrets, over.secrets, same_file);
        append(&mut self.security_opt, over.security_opt, equal);
        replace(&mut self.shm_size, over.shm_size);
        replace(&mut self.stop_grace_period, over.stop_grace_period);
        replace(&mut self.stop_signal, over.stop_signal);
        self.sysctls.extend(over.sysctls);
        append(&mut self.tmpfs, over.tmpfs, same_key);
        self.ulimits.extend(over.ulimits);
        replace(&mut self.user, over.user);
        append(&mut self.volumes, over.volumes, |a, b| a.target == b.target);
        replace(&mut self.working_dir, over.working_dir);
        self.only_without_cli |= over.only_without_cli;
        replace(&mut self.unpack, over.unpack);
    }

    /// The service as Compose hashes it: without what does not make another container, in the
    /// order of Compose's own structure.
    pub(super) fn json(&self) -> String {
        let words = |words: Option<&Vec<String>>| {
            words.map_or_else(|| "null".to_owned(), |words| json::list(words, json::text))
        };
        let mut object = Object::new();
        object.list("cap_add", &self.cap_add, json::text);
        object.list("cap_drop", &self.cap_drop, json::text);
        object.field("command", &words(self.command.as_ref()));
        object.list("configs", &self.configs, FileReference::json);
        object.optional("deploy", self.deploy.as_ref().map(Deploy::json));
        object.list("dns", &self.dns, json::text);
        object.field("entrypoint", &words(self.entrypoint.as_ref()));
        object.map("environment", &self.environment, |value| {
            value.as_ref().map_or_else(|| "null".to_owned(), json::text)
        });
        object.list("expose", &self.expose, json::text);
        object.list("extra_hosts", &self.hosts(), json::text);
        object.list("group_add", &self.group_add, json::text);
        object.text("hostname", self.hostname.as_ref());
        object.optional(
            "healthcheck",
            self.healthcheck.as_ref().map(HealthCheck::json),
        );
        object.text("image", self.image.as_ref());
        object.optional("init", self.init.map(|init| init.to_string()));
        object.map("labels", &self.labels, json::text);
        object.optional("logging", self.logging.as_ref().map(Logging::json));
        object.map("networks", &self.networks, Attachment::json);
        object.text("platform", self.platform.as_ref());
        object.list("ports", &self.ports, PortMapping::json);
        object.text("restart", self.restart.as_ref());
        object.list("secrets", &self.secrets, FileReference::json);
        object.list("security_opt", &self.security_opt, json::text);
        object.optional("shm_size", deploy::bytes_json(self.shm_size));
        let span = |span: TimeSpan| json::string(&span.to_string());
        object.optional("stop_grace_period", self.stop_grace_period.map(span));
        object.text("stop_signal", self.stop_signal.as_ref());
        object.map("sysctls", &self.sysctls, json::text);
        object.list("tmpfs", &self.tmpfs, json::text);
        object.map("ulimits", &self.ulimits, Ulimit::json);
        object.text("user", self.user.as_ref());
        object.list("volumes", &self.volumes, VolumeMount::json);
        object.text("working_dir", self.working_dir.as_ref());
        object.finish()
    }

    /// `NAME=ADDRESS` of each extra host.
    pub fn hosts(&self) -> Vec<String> {
        let hosts = self.extra_hosts.iter();
        let mut hosts: Vec<_> = hosts
            .flat_map(|(name, addresses)| addresses.iter().map(move |to| format!("{name}={to}")))
            .collect();
        hosts.sort();
        hosts
    }
}

/// A reader of a list whose items `read` reads.
fn each<'n, T>(
    read: impl Fn(&Field<'n>) -> Result<T, Problem>,
) -> impl FnOnce(&Field<'n>) -> Result<Vec<T>, Problem> {
    move |field| field.items()?.iter().map(read).collect()
}

fn restart(field: &Field<'_>) -> Result<String, Problem> {
    let text = field.text()?;
    let (policy, retries) = text.split_once(':').unwrap_or((&text, "0"));
    match policy {
        "no" | "always" | "unless-stopped" if policy == text => Ok(text),
        "on-failure" if retries.parse::<u32>().is_ok() => Ok(text),
        _ => Err(field.problem(format!(
            "`{text}`: expected `no`, `always`, `unless-stopped` or `on-failure`"
        ))),
    }
}

/// A mapping of names to addresses, or a list of `NAME=ADDRESS` or `NAME:ADDRESS`.
fn extra_hosts(field: &Field<'_>) -> Result<BTreeMap<String, Vec<String>>, Problem> {
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if !field.is_sequence() {
        for (name, entry) in field.entries()? {
            hosts.insert(
                name,
                entry.text_or_texts()?.iter().map(|to| bare(to)).collect(),
            );
        }
        return Ok(hosts);
    }
    for item in field.items()? {
        let text = item.text()?;
        let (name, to) = text
            .split_once('=')
            .or_else(|| text.split_once(':'))
            .ok_or_else(|| item.problem(format!("`{text}`: expected `NAME=ADDRESS`")))?;
        hosts
            .entry(name.to_owned())
            .or_default()
            .extend(to.split(',').map(bare));
    }
    Ok(hosts)
}

/// An address without the brackets it may be in. `host-gateway` is one, too.
fn bare(address: &str) -> String {
    let inside = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
    match inside {
        Some(inside) if inside.parse::<IpAddr>().is_ok() => inside.to_owned(),
        _ => address.to_owned(),
    }
}
