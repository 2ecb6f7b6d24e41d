//! A ClickHouse for a while, on a copy of a volume, so that the volume stays as it is.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use super::{OldClickhouseError, UNCHANGED};
use crate::clickhouse::Client;
use crate::compose::{
    self, ComposeFile, Content, Dependency, FileReference, PortMapping, Protocol, VolumeMount,
};
use crate::docker::plan::{PullPolicy, converge};
use crate::docker::{Connection, Definition, ExecuteError, Execution, TEMPORARY};
use crate::error::{Error, Result};
use crate::output::{Printer, Unit};
use crate::stack::{Desired, DockerError, Project};

/// The stack's service that is run for a while.
const CLICKHOUSE: &str = "clickhouse";

/// Its volume.
const DATA: &str = "clickhouse-data";

/// The service that fills that volume.
const COPY: &str = "copy";

/// The volume that is copied, in the words of the file.
const ORIGINAL: &str = "original";

/// Where that is in the container that copies it.
const ORIGINAL_AT: &str = "/original";

/// Copies the directory `$0` to `$1`, and gives the copy to `$2`: the ClickHouse before may have
/// been another user, and none takes what is not its own.
const FILL: &str = r#"cp -a "$0/." "$1" && chown -R "$2" "$1""#;

/// What keeps rows that have expired by the old tables' own rule from going away before they are
/// read: it is the rule here that decides.
const KEEP_EXPIRED: &str = "\
<clickhouse>
    <merge_tree>
        <max_number_of_merges_with_ttl_in_pool>0</max_number_of_merges_with_ttl_in_pool>
    </merge_tree>
</clickhouse>
";

/// The file for that, read after the stack's own, and the config in the words of the file.
const KEEP_EXPIRED_AT: &str = "/etc/clickhouse-server/config.d/zz-keep-expired.xml";
const KEEP_EXPIRED_CONFIG: &str = "keep-expired";

/// Who is asked; the user exists in this ClickHouse alone.
const USER: &str = "adopt";

/// The port of ClickHouse's HTTP interface.
const HTTP_PORT: u16 = 8123;

/// How long ClickHouse may take to answer. Its end is noticed at once.
const PATIENCE: Duration = Duration::from_mins(5);

/// How long it is from one attempt to the next.
const INTERVAL: Duration = Duration::from_millis(100);

/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(5);

/// A ClickHouse on a copy of a volume. Whoever starts it removes it, with the copy.
#[derive(Debug)]
pub(super) struct Temporary<'a> {
    connection: &'a Connection,
    project: &'a Project,
    desired: &'a Desired,
    volume: &'a str,
    /// Its own project in Compose, of which there is no other.
    name: String,
    password: String,
}

impl<'a> Temporary<'a> {
    /// One on a copy of `volume` for `project`, whose stack is as `desired`; not there yet.
    pub(super) fn new(
        connection: &'a Connection,
        project: &'a Project,
        desired: &'a Desired,
        volume: &'a str,
    ) -> Self {
        Self {
            connection,
            project,
            desired,
            volume,
            name: format!("{}-adopt-{:08x}", project.name(), rand::random::<u32>()),
            password: hex::encode(rand::random::<[u8; 16]>()),
        }
    }

    /// Copies the volume and starts ClickHouse on the copy, until `interrupted` ends. The engine
    /// may have some of it when this fails.
    pub(super) async fn start(
        &self,
        docker_directory: Option<PathBuf>,
        printer: &Printer,
        interrupted: impl Future<Output = ()>,
    ) -> Result<Client> {
        let volume = self.volume;
        let definition = self.definition()?;
        let containers = definition.stack.containers.iter();
        let images = containers.map(|it| it.image.as_str()).collect();
        let observation = self.connection.observe(&self.name, &images).await;
        let observation = observation
            .map_err(|error| DockerError::Unobservable(self.connection.endpoint.clone(), error))?;
        let plan = converge(
            &observation.observed,
            &definition.stack,
            PullPolicy::Missing,
        )?;
        let message = format!("Copying volume `{volume}`, and starting ClickHouse on the copy");
        let _progress = printer.progress(&message, None, Unit::Items);
        let readiness = Box::new(|service: &str| self.readiness(service));
        let execution = Execution::new(self.connection, &definition, printer, readiness)
            .credentials(docker_directory);
        execution
            .run(&plan, interrupted)
            .await
            .map_err(|source| match source {
                ExecuteError::Interrupted => DockerError::Interrupted(UNCHANGED).into(),
                source => Error::from(OldClickhouseError::Copy {
                    volume: volume.to_owned(),
                    source,
                }),
            })?;
        let client = self.client().await;
        let client = client.map_err(|reason| self.not_ready(&reason))?;
        // Merges of other kinds leave out what has expired as well.
        client.query("SYSTEM STOP MERGES").execute().await?;
        Ok(client)
    }

    fn readiness(&self, service: &str) -> Option<BoxFuture<'_, Result<(), Error>>> {
        (service == CLICKHOUSE).then(|| -> BoxFuture<'_, _> { Box::pin(self.until_answering()) })
    }

    async fn until_answering(&self) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        while let Err(reason) = self.attempt().await {
            if Instant::now() >= deadline {
                return Err(self.not_ready(&reason).into());
            }
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    }

    async fn attempt(&self) -> Result<(), String> {
        let client = self.client().await?;
        let query = client.query("SELECT 1").database("default");
        let done = query.timeout(ATTEMPT).execute().await;
        done.map(drop).map_err(|error| error.to_string())
    }

    /// A client of it, on the port that the engine chose.
    async fn client(&self) -> Result<Client, String> {
        let reports = self.connection.reports(&self.name).await;
        let reports = reports.map_err(|error| error.to_string())?;
        let mut reports = reports.iter().filter(|it| it.service == CLICKHOUSE);
        let address = reports.find_map(|it| it.published_at(HTTP_PORT));
        let address = address.ok_or("its port is not published")?;
        let http = reqwest::Client::builder().no_proxy().build();
        let http = http.expect("without TLS, nothing has to be loaded");
        let url = format!("http://{address}");
        Ok(Client::new(http, url, USER, &self.password))
    }

    fn not_ready(&self, reason: &str) -> DockerError {
        DockerError::NotReady {
            patience: PATIENCE,
            reason: format!("{reason} ({})", self.connection.endpoint),
        }
    }

    /// The stack's own ClickHouse, alone, on a volume that another container fills before. What a
    /// user's file changes of the stack is not meant for it, such as the names of volumes.
    fn definition(&self) -> Result<Definition> {
        let environment = |name: &str| match name {
            "TELEMETRY_PROJECT" => Some(self.name.clone()),
            "CLICKHOUSE_USER" => Some(USER.to_owned()),
            "CLICKHOUSE_PASSWORD" => Some(self.password.clone()),
            _ => self.desired.variables.get(name).cloned(),
        };
        let file = ComposeFile::built_in(&environment)?;
        let stack = compose::Project::resolve(file, &environment)?;
        let owner = self.project.root().display().to_string();
        let stack = on_a_copy(stack, self.volume, &owner, self.connection.is_podman);
        Ok(Definition::new(&stack, self.project.root())?)
    }
}

/// Of a stack its ClickHouse alone, reached by this machine alone, with a copy of a volume in the
/// place of its own.
fn on_a_copy(
    stack: compose::Project,
    volume: &str,
    owner: &str,
    is_podman: bool,
) -> compose::Project {
    let mut stack = stack.only(CLICKHOUSE);
    let label = || (TEMPORARY.to_owned(), owner.to_owned());
    let clickhouse = stack.services.get_mut(CLICKHOUSE);
    let clickhouse = clickhouse.expect("the stack has a ClickHouse");
    clickhouse.restart = Some("no".to_owned());
    clickhouse.healthcheck = None;
    clickhouse.labels.extend([label()]);
    clickhouse.ports = vec![PortMapping {
        host_ip: Some(Ipv4Addr::LOCALHOST.into()),
        published: None,
        target: HTTP_PORT,
        protocol: Protocol::Tcp,
    }];
    clickhouse.configs.push(FileReference {
        source: KEEP_EXPIRED_CONFIG.to_owned(),
        target: Some(KEEP_EXPIRED_AT.to_owned()),
        uid: None,
        gid: None,
        mode: None,
    });
    let content = Content::Inline(KEEP_EXPIRED.to_owned());
    stack
        .configs
        .insert(KEEP_EXPIRED_CONFIG.to_owned(), content);
    clickhouse.volumes.retain(|mount| mount.source == DATA);
    clickhouse.depends_on = [(
        COPY.to_owned(),
        Dependency {
            condition: compose::Condition::CompletedSuccessfully,
            restart: false,
            required: true,
        },
    )]
    .into();

    let mut copy = clickhouse.clone();
    let data = &clickhouse.volumes[0].target;
    let user = clickhouse.user.as_deref().unwrap_or("0:0");
    let words = ["sh", "-c", FILL, ORIGINAL_AT, data, user];
    copy.entrypoint = Some(words.map(str::to_owned).into());
    copy.command = None;
    // Who copies files of any owner for him must be able to read them and to give them away.
    copy.user = Some("0:0".to_owned());
    copy.cap_add = ["CHOWN", "DAC_OVERRIDE", "FOWNER"]
        .map(str::to_owned)
        .into();
    copy.configs.clear();
    copy.secrets.clear();
    copy.environment.clear();
    copy.depends_on.clear();
    copy.ports.clear();
    copy.volumes.push(VolumeMount {
        source: ORIGINAL.to_owned(),
        target: ORIGINAL_AT.to_owned(),
        read_only: true,
        no_copy: true,
    });
    stack.services.insert(COPY.to_owned(), copy);

    for copied in stack.volumes.values_mut() {
        copied.labels.extend([label()]);
    }
    let original = compose::Volume {
        name: Some(volume.to_owned()),
        external: true,
        ..compose::Volume::default()
    };
    stack.volumes.insert(ORIGINAL.to_owned(), original);
    for network in stack.networks.values_mut() {
        network.labels.extend([label()]);
        // In a network that is `internal`, no port is published.
        if !is_podman {
            let masquerade = "com.docker.network.bridge.enable_ip_masquerade";
            network
                .driver_opts
                .extend([(masquerade.to_owned(), "false".to_owned())]);
        }
    }
    stack
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_copy_of(volume: &str) -> compose::Project {
        let environment = |name: &str| match name {
            "TELEMETRY_PROJECT" => Some("mine-adopt-1".to_owned()),
            "TELEMETRY_HOST" => Some("0.0.0.0".to_owned()),
            _ => None,
        };
        let file = ComposeFile::built_in(&environment).unwrap();
        let stack = compose::Project::resolve(file, &environment).unwrap();
        on_a_copy(stack, volume, "/home/me/mine", false)
    }

    #[test]
    fn the_volume_is_read_and_nothing_else_that_is_there_is_used() {
        let stack = on_a_copy_of("infra_clickhouse-data");
        let original = &stack.volumes[ORIGINAL];
        assert_eq!(original.name.as_deref(), Some("infra_clickhouse-data"));
        assert!(original.external);
        for service in stack.services.values() {
            let mut mounts = service.volumes.iter().filter(|it| it.source == ORIGINAL);
            assert!(mounts.all(|mount| mount.read_only));
        }
        let own = stack.volumes.values().filter(|it| !it.external);
        let names = own.map(|volume| volume.name.as_deref());
        assert_eq!(
            names.collect::<Vec<_>>(),
            [Some("mine-adopt-1_clickhouse-data")]
        );
        let names = stack.networks.values().map(|it| it.name.as_deref());
        assert_eq!(names.collect::<Vec<_>>(), [Some("mine-adopt-1_default")]);
    }

    #[test]
    fn all_that_is_made_is_labelled() {
        let stack = on_a_copy_of("x");
        let services = stack.services.values().map(|it| &it.labels);
        let volumes = stack.volumes.values().filter(|it| !it.external);
        let volumes = volumes.map(|it| &it.labels);
        let networks = stack.networks.values().map(|it| &it.labels);
        for labels in services.chain(volumes).chain(networks) {
            assert_eq!(labels[TEMPORARY], "/home/me/mine");
        }
    }

    #[test]
    fn it_is_reached_by_this_machine_alone_wherever_the_stack_is_published() {
        let stack = on_a_copy_of("x");
        let services: Vec<_> = stack.services.keys().collect();
        assert_eq!(services, [CLICKHOUSE, COPY]);
        let ports: Vec<_> = stack.services.values().flat_map(|it| &it.ports).collect();
        assert_eq!(ports.len(), 1);
        assert_eq!(ports[0].host_ip, Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(ports[0].published, None);
    }

    #[test]
    fn who_copies_knows_no_password() {
        let stack = on_a_copy_of("x");
        let copy = &stack.services[COPY];
        assert!(copy.configs.is_empty() && copy.secrets.is_empty());
        assert!(copy.environment.is_empty());
    }
}
