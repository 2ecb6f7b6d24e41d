//! `compose/docker-compose.yml` and the files it names, compiled into the program.

/// The definition of the stack.
pub const COMPOSE_FILE: &str = include_str!("../../compose/docker-compose.yml");

/// The files that [`COMPOSE_FILE`] names, by the path it names them with.
const FILES: [(&str, &str); 19] = [
    (
        "../assets/clickhouse/config.d/telemetry.xml",
        include_str!("../../assets/clickhouse/config.d/telemetry.xml"),
    ),
    (
        "../assets/clickhouse/users.d/telemetry.xml",
        include_str!("../../assets/clickhouse/users.d/telemetry.xml"),
    ),
    (
        "../assets/clickhouse/init-db.sql",
        include_str!("../../assets/clickhouse/init-db.sql"),
    ),
    (
        "../assets/clickhouse/apply-schema.sh",
        include_str!("../../assets/clickhouse/apply-schema.sh"),
    ),
    (
        "../assets/clickhouse/migrations/0002_log_source.sql",
        include_str!("../../assets/clickhouse/migrations/0002_log_source.sql"),
    ),
    (
        "../assets/clickhouse/migrations/0003_attribute_codecs.sql",
        include_str!("../../assets/clickhouse/migrations/0003_attribute_codecs.sql"),
    ),
    (
        "../assets/clickhouse/migrations/0004_export_id.sql",
        include_str!("../../assets/clickhouse/migrations/0004_export_id.sql"),
    ),
    (
        "../assets/clickhouse/migrations/0005_hourly_by_name.sql",
        include_str!("../../assets/clickhouse/migrations/0005_hourly_by_name.sql"),
    ),
    (
        "../assets/clickhouse/migrations/0006_received_at.sql",
        include_str!("../../assets/clickhouse/migrations/0006_received_at.sql"),
    ),
    (
        "../assets/collector/otel-collector-config.yaml",
        include_str!("../../assets/collector/otel-collector-config.yaml"),
    ),
    (
        "../assets/grafana/provisioning/datasources/telemetry.yaml",
        include_str!("../../assets/grafana/provisioning/datasources/telemetry.yaml"),
    ),
    (
        "../assets/grafana/provisioning/dashboards/telemetry.yaml",
        include_str!("../../assets/grafana/provisioning/dashboards/telemetry.yaml"),
    ),
    (
        "../assets/grafana/provisioning/alerting/telemetry.yaml",
        include_str!("../../assets/grafana/provisioning/alerting/telemetry.yaml"),
    ),
    (
        "../assets/grafana/dashboards/logs.json",
        include_str!("../../assets/grafana/dashboards/logs.json"),
    ),
    (
        "../assets/grafana/dashboards/metrics.json",
        include_str!("../../assets/grafana/dashboards/metrics.json"),
    ),
    (
        "../assets/grafana/dashboards/overview.json",
        include_str!("../../assets/grafana/dashboards/overview.json"),
    ),
    (
        "../assets/grafana/dashboards/services.json",
        include_str!("../../assets/grafana/dashboards/services.json"),
    ),
    (
        "../assets/grafana/dashboards/stack.json",
        include_str!("../../assets/grafana/dashboards/stack.json"),
    ),
    (
        "../assets/grafana/dashboards/traces.json",
        include_str!("../../assets/grafana/dashboards/traces.json"),
    ),
];

/// The text of a file that [`COMPOSE_FILE`] names.
pub(super) fn file(path: &str) -> Option<&'static str> {
    FILES
        .into_iter()
        .find_map(|(name, text)| (name == path).then_some(text))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_compiled_in_is_what_the_compose_file_names() {
        for (path, text) in FILES {
            assert!(
                COMPOSE_FILE.contains(&format!("{{file: {path}}}")),
                "{path}"
            );
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose");
            let there = std::fs::read_to_string(directory.join(path)).expect(path);
            assert_eq!(there, text, "{path}");
        }
        let named = COMPOSE_FILE.matches("{file: ").count();
        assert_eq!(
            named,
            FILES.len(),
            "a file is named that is not compiled in"
        );
    }
}
