//! A service of the Compose file in the words of the Docker API.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig,
    HostConfigLogConfig, Mount, MountType, MountVolumeOptions, NetworkingConfig, PortBinding,
    PortMap, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use crate::compose::{Attachment, HealthCheck, PortMapping, Resources, Service, TimeSpan};

/// How a container of the service is created. `volumes` are the engine's names of what it mounts,
/// in the order of its mounts.
pub(super) fn create_body(
    service: &Service,
    volumes: &[String],
    network: Option<(String, EndpointSettings)>,
) -> ContainerCreateBody {
    let published = service.ports.iter().map(container_port);
    let exposed = service.expose.iter().map(|port| {
        if port.contains('/') {
            port.clone()
        } else {
            format!("{port}/tcp")
        }
    });
    let mut host_config = host_config(service, volumes);
    host_config.network_mode = network.as_ref().map(|(name, _)| name.clone());
    ContainerCreateBody {
        hostname: service.hostname.clone(),
        user: service.user.clone(),
        exposed_ports: Some(published.chain(exposed).collect()),
        env: Some(environment(service)),
        cmd: service.command.clone(),
        entrypoint: service.entrypoint.clone(),
        healthcheck: service.healthcheck.as_ref().map(health),
        image: service.image.clone(),
        working_dir: service.working_dir.clone(),
        stop_signal: service.stop_signal.clone(),
        stop_timeout: service
            .stop_grace_period
            .map(|span| i64::try_from(span.duration().as_secs()).unwrap_or(i64::MAX)),
        host_config: Some(host_config),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(network.into_iter().collect()),
        }),
        ..ContainerCreateBody::default()
    }
}

/// How the container is known in a network.
pub(super) fn endpoint(
    attachment: &Attachment,
    service: &str,
    container: &str,
) -> EndpointSettings {
    let own = [container.to_owned(), service.to_owned()];
    EndpointSettings {
        aliases: Some(own.into_iter().chain(attachment.aliases.clone()).collect()),
        ipam_config: attachment
            .ipv4_address
            .clone()
            .map(|address| EndpointIpamConfig {
                ipv4_address: Some(address),
                ..EndpointIpamConfig::default()
            }),
        ..EndpointSettings::default()
    }
}

fn host_config(service: &Service, volumes: &[String]) -> HostConfig {
    let deploy = service.deploy.as_ref();
    let limits = deploy.and_then(|deploy| deploy.limits.as_ref());
    let reserved = deploy.and_then(|deploy| deploy.reservations.as_ref());
    let list = |items: &[String]| (!items.is_empty()).then(|| items.to_vec());
    HostConfig {
        memory: limits.and_then(memory),
        memory_reservation: reserved.and_then(memory),
        nano_cpus: limits.and_then(|limits| limits.cpus).map(nano_cpus),
        pids_limit: limits.and_then(|limits| limits.pids).map(i64::from),
        init: service.init,
        ulimits: Some(
            service
                .ulimits
                .iter()
                .map(|(name, limit)| ResourcesUlimits {
                    name: Some(name.clone()),
                    soft: Some(limit.soft),
                    hard: Some(limit.hard),
                })
                .collect(),
        ),
        log_config: service.logging.as_ref().map(|logging| HostConfigLogConfig {
            typ: logging.driver.clone(),
            config: Some(logging.options.clone().into_iter().collect()),
        }),
        port_bindings: Some(port_bindings(&service.ports)),
        restart_policy: service.restart.as_deref().map(restart_policy),
        mounts: Some(mounts(service, volumes)),
        cap_add: list(&service.cap_add),
        cap_drop: list(&service.cap_drop),
        dns: list(&service.dns),
        extra_hosts: list(
            &service
                .hosts()
                .iter()
                .map(|host| host.replacen('=', ":", 1))
                .collect::<Vec<_>>(),
        ),
        group_add: list(&service.group_add),
        security_opt: list(&service.security_opt),
        tmpfs: Some(
            service
                .tmpfs
                .iter()
                .map(|tmpfs| match tmpfs.split_once(':') {
                    Some((path, options)) => (path.to_owned(), options.to_owned()),
                    None => (tmpfs.clone(), String::new()),
                })
                .collect(),
        ),
        shm_size: service.shm_size.map(|size| bytes(size.bytes())),
        sysctls: Some(service.sysctls.clone().into_iter().collect()),
        ..HostConfig::default()
    }
}

/// A variable that was to come from outside and is not there is left out, as Compose does.
fn environment(service: &Service) -> Vec<String> {
    let set = service.environment.iter();
    set.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
        .collect()
}

fn container_port(port: &PortMapping) -> String {
    format!("{}/{}", port.target, port.protocol)
}

fn port_bindings(ports: &[PortMapping]) -> PortMap {
    let mut bindings: HashMap<String, Vec<PortBinding>> = HashMap::new();
    for port in ports {
        let binding = PortBinding {
            host_ip: port.host_ip.map(|address| address.to_string()),
            // None is a port of the engine's choice.
            host_port: Some(
                port.published
                    .map(|port| port.to_string())
                    .unwrap_or_default(),
            ),
        };
        bindings
            .entry(container_port(port))
            .or_default()
            .push(binding);
    }
    bindings
        .into_iter()
        .map(|(port, bindings)| (port, Some(bindings)))
        .collect()
}

fn mounts(service: &Service, volumes: &[String]) -> Vec<Mount> {
    let mounts = service.volumes.iter().zip(volumes);
    mounts
        .map(|(mount, volume)| Mount {
            typ: Some(MountType::VOLUME),
            source: Some(volume.clone()),
            target: Some(mount.target.clone()),
            read_only: Some(mount.read_only),
            volume_options: mount.no_copy.then(|| MountVolumeOptions {
                no_copy: Some(true),
                ..MountVolumeOptions::default()
            }),
            ..Mount::default()
        })
        .collect()
}

fn restart_policy(text: &str) -> RestartPolicy {
    let (name, retries) = text.split_once(':').unwrap_or((text, ""));
    RestartPolicy {
        name: Some(match name {
            "always" => RestartPolicyNameEnum::ALWAYS,
            "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
            "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
            _ => RestartPolicyNameEnum::NO,
        }),
        maximum_retry_count: retries.parse().ok(),
    }
}

fn health(check: &HealthCheck) -> HealthConfig {
    let nanoseconds =
        |span: TimeSpan| bytes(u64::try_from(span.duration().as_nanos()).unwrap_or(u64::MAX));
    let test = if check.disable {
        vec!["NONE".to_owned()]
    } else {
        check.test.clone()
    };
    HealthConfig {
        test: (!test.is_empty()).then_some(test),
        interval: check.interval.map(nanoseconds),
        timeout: check.timeout.map(nanoseconds),
        retries: check.retries.map(i64::from),
        start_period: check.start_period.map(nanoseconds),
        start_interval: check.start_interval.map(nanoseconds),
    }
}

fn memory(resources: &Resources) -> Option<i64> {
    resources.memory.map(|memory| bytes(memory.bytes()))
}

/// The API counts with a sign.
fn bytes(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "no machine has so many processors"
)]
fn nano_cpus(cpus: f32) -> i64 {
    (f64::from(cpus) * 1e9).round() as i64
}
