-- The hourly roll-up of each span name: which events there are most of, and where the slowest are.
ALTER TABLE telemetry.traces ADD PROJECTION IF NOT EXISTS hourly_by_name
(
    SELECT
        toStartOfHour(least(timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC'))),
        project_name,
        service_name,
        environment,
        span_name,
        count(),
        countIf(status_code = 'ERROR'),
        sum(duration_ns),
        max(duration_ns)
    GROUP BY toStartOfHour(least(timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC'))), project_name, service_name, environment, span_name
);

-- For the spans that are there; in the background.
ALTER TABLE telemetry.traces MATERIALIZE PROJECTION hourly_by_name;
