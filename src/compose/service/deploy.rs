use crate::compose::{ByteSize, Problem, field::Field, json::Object};

/// What a service may use, and what is kept for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deploy {
    /// What it may use at the most.
    pub limits: Option<Resources>,
    /// What it shall have in any case.
    pub reservations: Option<Resources>,
}

/// Amounts of what a machine has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// Processors; 0 is no limit.
    pub cpus: Option<f32>,
    /// Memory.
    pub memory: Option<ByteSize>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

impl Deploy {
    pub(super) fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut fields = field.fields()?;
        let deploy = fields.map_or_default("resources", |field| {
            let mut fields = field.fields()?;
            let deploy = Self {
                limits: fields.map("limits", Resources::read)?,
                reservations: fields.map("reservations", Resources::read)?,
            };
            fields.finish()?;
            Ok(deploy)
        })?;
        fields.finish()?;
        Ok(deploy)
    }

    pub(super) fn merge(&mut self, over: Self) {
        merge(&mut self.limits, over.limits);
        merge(&mut self.reservations, over.reservations);
    }

    /// Compose has two objects in it that it never leaves out.
    pub(super) fn json(&self) -> String {
        let mut resources = Object::new();
        resources.optional("limits", self.limits.as_ref().map(Resources::json));
        resources.optional(
            "reservations",
            self.reservations.as_ref().map(Resources::json),
        );
        let mut object = Object::new();
        object.field("resources", &resources.finish());
        object.field("placement", "{}");
        object.finish()
    }
}

fn merge(resources: &mut Option<Resources>, over: Option<Resources>) {
    let Some(over) = over else { return };
    let resources = resources.get_or_insert_default();
    resources.cpus = over.cpus.or(resources.cpus);
    resources.memory = over.memory.or(resources.memory);
    resources.pids = over.pids.or(resources.pids);
}

impl Resources {
    fn read(field: &Field<'_>) -> Result<Self, Problem> {
        let mut fields = field.fields()?;
        let resources = Self {
            cpus: fields.map("cpus", cpus)?,
            memory: fields.map("memory", Field::parse)?,
            pids: fields.map("pids", Field::parse)?,
        };
        fields.finish()?;
        Ok(resources)
    }

    fn json(&self) -> String {
        let mut object = Object::new();
        object.optional("cpus", cpus_json(self.cpus));
        object.optional("memory", bytes_json(self.memory));
        object.optional(
            "pids",
            self.pids
                .filter(|pids| *pids != 0)
                .map(|pids| pids.to_string()),
        );
        object.finish()
    }
}

/// A number of processors.
fn cpus(field: &Field<'_>) -> Result<f32, Problem> {
    let cpus: f32 = field.parse()?;
    // More would be written with an exponent, and is no machine's.
    if (0.0..100_000.0).contains(&cpus) && (cpus == 0.0 || cpus >= 0.001) {
        Ok(cpus)
    } else {
        Err(field.problem(format!("`{cpus}`: expected a number of processors")))
    }
}

fn cpus_json(cpus: Option<f32>) -> Option<String> {
    cpus.filter(|cpus| *cpus != 0.0)
        .map(|cpus| cpus.to_string())
}

/// Compose writes bytes as text.
pub(super) fn bytes_json(size: Option<ByteSize>) -> Option<String> {
    size.filter(|size| size.bytes() != 0)
        .map(|size| format!("\"{size}\""))
}
