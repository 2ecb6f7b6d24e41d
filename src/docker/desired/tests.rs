//! What the Compose file comes to in the words of the Docker API.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use super::*;
use crate::compose::{ComposeFile, Project};

fn definition(variables: &[(&str, &str)]) -> Definition {
    let environment = |name: &str| {
        variables
            .iter()
            .find(|(variable, _)| *variable == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let file = ComposeFile::built_in(&environment).unwrap();
    let project = Project::resolve(file, &environment).unwrap().run_by_cli();
    Definition::new(&project, Path::new("/data/telemetry")).unwrap()
}

fn fingerprint(definition: &Definition, service: &str) -> String {
    let containers = &definition.stack.containers;
    let container = containers.iter().find(|it| it.service == service).unwrap();
    container.fingerprint.clone()
}

#[test]
fn the_stack_is_named_as_compose_names_it() {
    let stack = definition(&[]).stack;
    let names: Vec<_> = stack.containers.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "telemetry-clickhouse-1",
            "telemetry-collector-1",
            "telemetry-grafana-1"
        ]
    );
    assert_eq!(stack.networks[0].name, "telemetry_default");
    assert_eq!(stack.volumes[0].name, "telemetry_clickhouse-data");
    let collector = &stack.containers[1];
    assert_eq!(
        collector.depends_on.get("clickhouse"),
        Some(&Condition::Healthy)
    );
}

#[test]
fn no_password_is_in_what_inspect_shows() {
    let definition = definition(&[
        ("CLICKHOUSE_PASSWORD", "s3cret"),
        ("CLICKHOUSE_INGEST_PASSWORD", "s3cret"),
        ("GF_SECURITY_ADMIN_PASSWORD", "s3cret"),
    ]);
    for container in definition.containers.values() {
        let shown = serde_json::to_string(&container.create).unwrap();
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(!format!("{container:?}").contains("s3cret"));
    }
}

#[test]
fn a_changed_secret_or_setting_changes_the_containers_that_have_it_and_no_other() {
    let before = definition(&[]);
    let after = definition(&[("CLICKHOUSE_GRAFANA_PASSWORD", "another")]);
    let changed = |service| fingerprint(&before, service) != fingerprint(&after, service);
    assert!(changed("clickhouse") && changed("grafana") && !changed("collector"));

    let after = definition(&[("TELEMETRY_OTLP_HTTP_PORT", "14318")]);
    let changed = |service| fingerprint(&before, service) != fingerprint(&after, service);
    assert!(changed("collector") && !changed("clickhouse") && !changed("grafana"));
}

#[test]
fn services_are_confined_and_published_on_this_machine_alone() {
    let definition = definition(&[]);
    for container in definition.containers.values() {
        let host = container.create.host_config.as_ref().unwrap();
        assert_eq!(host.cap_drop.as_deref(), Some(&["ALL".to_owned()][..]));
        assert!(host.memory.unwrap() > 0);
        let bindings = host.port_bindings.as_ref().unwrap().values().flatten();
        for binding in bindings.flatten() {
            assert_eq!(binding.host_ip.as_deref(), Some("127.0.0.1"));
        }
    }
}

#[test]
fn an_archive_has_the_files_owners_and_the_missing_directories() {
    let definition = definition(&[]);
    let files = &definition.containers["clickhouse"].files;
    let bytes = archive(files, &BTreeSet::from(["/run/secrets"])).unwrap();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut listed = Vec::new();
    let mut password = String::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let header = entry.header().clone();
        if path == "run/secrets/clickhouse-password" {
            entry.read_to_string(&mut password).unwrap();
        }
        listed.push(format!(
            "{path} {}:{} {:o}",
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mode().unwrap()
        ));
    }
    assert_eq!(
        listed,
        [
            "run/secrets/ 0:0 755",
            "etc/clickhouse-server/config.d/telemetry.xml 0:0 444",
            "etc/clickhouse-server/users.d/telemetry.xml 0:0 444",
            "etc/clickhouse-server/users.d/telemetry-passwords.xml 0:0 444",
            "run/secrets/clickhouse-password 0:0 444",
        ]
    );
    assert_eq!(password, "telemetry_password");
}
