//! A whole Compose file.

use std::{collections::BTreeMap, path::Path};

use super::{
    ComposeError, Problem,
    bundle::COMPOSE_FILE,
    definition::{Content, Files, Network, Volume},
    field::Field,
    interpolate::{Environment, Interpolation},
    service::Service,
    yaml,
};

/// One Compose file, or several that were merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComposeFile {
    pub(super) name: Option<String>,
    pub(super) services: BTreeMap<String, Service>,
    pub(super) volumes: BTreeMap<String, Volume>,
    pub(super) networks: BTreeMap<String, Network>,
    pub(super) configs: BTreeMap<String, Content>,
    pub(super) secrets: BTreeMap<String, Content>,
    /// Variables that it uses, that are not set, and that have no default.
    pub(super) unset: Vec<String>,
    /// Where each service was mentioned last, for what can only be found out about the whole.
    pub(super) places: BTreeMap<String, Place>,
}

/// A line of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub file: String,
    pub line: usize,
}

impl ComposeFile {
    /// The stack as this program defines it.
    ///
    /// # Errors
    ///
    /// When a variable holds what its place cannot take.
    pub fn built_in(environment: &dyn Environment) -> Result<Self, ComposeError> {
        const NAME: &str = "compose/docker-compose.yml";
        Self::parse(COMPOSE_FILE, NAME, Files::Embedded, environment)
    }

    /// A file of the user's. Paths in it are relative to where it is.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or says something that is not understood.
    pub fn read(path: &Path, environment: &dyn Environment) -> Result<Self, ComposeError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ComposeError::Unreadable(path.to_owned(), error))?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let name = path.display().to_string();
        Self::parse(&text, &name, Files::Below(directory), environment)
    }

    pub(super) fn parse(
        text: &str,
        name: &str,
        files: Files<'_>,
        environment: &dyn Environment,
    ) -> Result<Self, ComposeError> {
        let parse = || {
            let mut root = yaml::parse(text)?;
            let mut interpolation = Interpolation::new(environment);
            interpolation.tree(&mut root)?;
            let mut file = Self::from_field(&Field::root(&root), name, files)?;
            file.unset = interpolation.unset.into_iter().collect();
            Ok(file)
        };
        parse().map_err(|problem: Problem| problem.of(name))
    }

    fn from_field(field: &Field<'_>, name: &str, files: Files<'_>) -> Result<Self, Problem> {
        if field.is_null() {
            return Ok(Self::default());
        }
        let mut fields = field.fields()?;
        let mut places = BTreeMap::new();
        let content = |field: &Field<'_>| Content::read(field, files);
        let file = Self {
            name: fields.map("name", Field::name)?,
            services: fields.map_or_default("services", |field| {
                for (service, entry) in field.entries()? {
                    let line = entry.line;
                    let file = name.to_owned();
                    places.insert(service, Place { file, line });
                }
                named(field, Service::read)
            })?,
            volumes: fields.map_or_default("volumes", |field| named(field, Volume::read))?,
            networks: fields.map_or_default("networks", |field| named(field, Network::read))?,
            configs: fields.map_or_default("configs", |field| named(field, content))?,
            secrets: fields.map_or_default("secrets", |field| named(field, content))?,
            unset: Vec::new(),
            places,
        };
        fields.finish()?;
        Ok(file)
    }

    /// Takes in an override, by Compose's rules.
    #[must_use]
    pub fn merge(mut self, over: Self) -> Self {
        if over.name.is_some() {
            self.name = over.name;
        }
        join(&mut self.services, over.services, Service::merge);
        join(&mut self.volumes, over.volumes, Volume::merge);
        join(&mut self.networks, over.networks, Network::merge);
        self.configs.extend(over.configs);
        self.secrets.extend(over.secrets);
        self.unset.extend(over.unset);
        self.places.extend(over.places);
        self
    }
}

fn named<'n, T>(
    field: &Field<'n>,
    read: impl Fn(&Field<'n>) -> Result<T, Problem>,
) -> Result<BTreeMap<String, T>, Problem> {
    let entries = field.entries()?.into_iter();
    entries
        .map(|(name, entry)| {
            let usual = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            if name.is_empty() || !name.chars().all(usual) {
                return Err(entry.problem("expected a name of letters, digits, `.`, `_` and `-`"));
            }
            Ok((name, read(&entry)?))
        })
        .collect()
}

fn join<T>(there: &mut BTreeMap<String, T>, over: BTreeMap<String, T>, merge: impl Fn(&mut T, T)) {
    for (name, value) in over {
        match there.get_mut(&name) {
            Some(there) => merge(there, value),
            None => {
                there.insert(name, value);
            }
        }
    }
}
