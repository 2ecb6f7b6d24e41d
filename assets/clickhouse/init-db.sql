-- The complete current schema. Idempotent: applied at every start, it changes nothing that is
-- already there. `{retention_days}` and `{environment}` are filled in by whoever applies it; a
-- later change of them is an ALTER (src/clickhouse/schema/). A later change of a table is an ALTER
-- too: a migration (migrations/), which brings an older database to what is written here.
--
-- Two writers share each table. The OpenTelemetry ClickHouse exporter, and the embedded receiver
-- that speaks like it, give the PascalCase columns; these are EPHEMERAL, so they are never stored
-- and live only in the DEFAULT expressions of the stored columns. SDKs that insert straight into
-- ClickHouse give the snake_case columns themselves.
--
-- A writer of many days at once (a client with a broken clock) needs
-- `max_partitions_per_insert_block = 0`, which is a setting of the insert, not of a table.
--
-- Retention goes by the telemetry's own time. A time before 2000 or past 2100 is that of a broken
-- clock and says nothing of age, so what bears it is kept; and since hours and days of ClickHouse
-- end in 2106 and 2149, `least` keeps such a time from wrapping round into the past.

CREATE DATABASE IF NOT EXISTS telemetry;

CREATE TABLE IF NOT EXISTS telemetry.traces
(
    -- As the exporter gives them.
    Timestamp DateTime64(9, 'UTC') EPHEMERAL,
    TraceId String EPHEMERAL,
    SpanId String EPHEMERAL,
    ParentSpanId String EPHEMERAL,
    TraceState String EPHEMERAL,
    SpanName LowCardinality(String) EPHEMERAL,
    SpanKind LowCardinality(String) EPHEMERAL,
    ServiceName LowCardinality(String) EPHEMERAL,
    ResourceAttributes Map(LowCardinality(String), String) EPHEMERAL,
    ScopeName LowCardinality(String) EPHEMERAL,
    ScopeVersion LowCardinality(String) EPHEMERAL,
    SpanAttributes Map(LowCardinality(String), String) EPHEMERAL,
    Duration UInt64 EPHEMERAL,
    StatusCode LowCardinality(String) EPHEMERAL,
    StatusMessage String EPHEMERAL,
    `Events.Timestamp` Array(DateTime64(9, 'UTC')) EPHEMERAL,
    `Events.Name` Array(LowCardinality(String)) EPHEMERAL,
    `Events.Attributes` Array(Map(LowCardinality(String), String)) EPHEMERAL,
    `Links.TraceId` Array(String) EPHEMERAL,
    `Links.SpanId` Array(String) EPHEMERAL,
    `Links.TraceState` Array(String) EPHEMERAL,
    `Links.Attributes` Array(Map(LowCardinality(String), String)) EPHEMERAL,

    -- As they are stored.
    trace_id String DEFAULT TraceId CODEC(ZSTD(1)),
    span_id String DEFAULT SpanId CODEC(ZSTD(1)),
    parent_span_id String DEFAULT ParentSpanId CODEC(ZSTD(1)),
    trace_state String DEFAULT TraceState CODEC(ZSTD(1)),
    -- The start, or the end of a span that has no start. The automagik SDKs cut it to the second and put the exact time in `timestamp_ns`.
    timestamp DateTime64(9, 'UTC') DEFAULT if(toUnixTimestamp64Nano(Timestamp) = 0 AND Duration < 9223372036854775808, fromUnixTimestamp64Nano(toInt64(Duration), 'UTC'), Timestamp) CODEC(Delta(8), ZSTD(1)),
    -- Unix time in nanoseconds as a direct insert gave it; 0 says that `timestamp` is exact.
    timestamp_ns Int64 DEFAULT 0 CODEC(Delta(8), ZSTD(1)),
    -- The exporter subtracts unsigned: an end before the start arrives as 2^63 or more. Without a
    -- start there is no duration, only the time since 1970.
    duration_ms UInt32 DEFAULT if(Duration >= 9223372036854775808 OR toUnixTimestamp64Nano(Timestamp) = 0, 0, least(intDiv(Duration, 1000000), 4294967295)) CODEC(T64, ZSTD(1)),
    duration_ns UInt64 DEFAULT multiIf(Duration = 0, duration_ms * 1000000, Duration >= 9223372036854775808 OR toUnixTimestamp64Nano(Timestamp) = 0, 0, Duration) CODEC(T64, ZSTD(1)),
    span_name LowCardinality(String) DEFAULT SpanName CODEC(ZSTD(1)),
    span_kind LowCardinality(String) DEFAULT if(SpanKind IN ('', 'Unspecified'), 'INTERNAL', upper(replaceOne(SpanKind, 'SPAN_KIND_', ''))) CODEC(ZSTD(1)),
    status_code LowCardinality(String) DEFAULT if(StatusCode = 'Error', 'ERROR', 'OK') CODEC(ZSTD(1)),
    status_message String DEFAULT StatusMessage CODEC(ZSTD(1)),
    service_name LowCardinality(String) DEFAULT if(ServiceName = '', 'unknown', ServiceName) CODEC(ZSTD(1)),
    project_name LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['project.name'], ''), service_name) CODEC(ZSTD(1)),
    project_version LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['project.version'], ''), ResourceAttributes['service.version']) CODEC(ZSTD(1)),
    environment LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['deployment.environment.name'], ''), nullIf(ResourceAttributes['deployment.environment'], ''), {environment}) CODEC(ZSTD(1)),
    service_namespace LowCardinality(String) DEFAULT ResourceAttributes['service.namespace'] CODEC(ZSTD(1)),
    service_instance_id LowCardinality(String) DEFAULT ResourceAttributes['service.instance.id'] CODEC(ZSTD(1)),
    hostname LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    os_type LowCardinality(String) DEFAULT ResourceAttributes['os.type'] CODEC(ZSTD(1)),
    os_version LowCardinality(String) DEFAULT ResourceAttributes['os.version'] CODEC(ZSTD(1)),
    runtime_name LowCardinality(String) DEFAULT ResourceAttributes['process.runtime.name'] CODEC(ZSTD(1)),
    runtime_version LowCardinality(String) DEFAULT ResourceAttributes['process.runtime.version'] CODEC(ZSTD(1)),
    cloud_provider LowCardinality(String) DEFAULT ResourceAttributes['cloud.provider'] CODEC(ZSTD(1)),
    cloud_region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    cloud_availability_zone LowCardinality(String) DEFAULT ResourceAttributes['cloud.availability_zone'] CODEC(ZSTD(1)),
    user_id String DEFAULT coalesce(nullIf(SpanAttributes['user.id'], ''), ResourceAttributes['user.id']) CODEC(ZSTD(1)),
    session_id String DEFAULT coalesce(nullIf(SpanAttributes['session.id'], ''), ResourceAttributes['session.id']) CODEC(ZSTD(1)),
    instrumentation_library_name LowCardinality(String) DEFAULT ScopeName CODEC(ZSTD(1)),
    instrumentation_library_version LowCardinality(String) DEFAULT ScopeVersion CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) DEFAULT ResourceAttributes CODEC(ZSTD(3)),
    attributes Map(LowCardinality(String), String) DEFAULT SpanAttributes CODEC(ZSTD(3)),
    `events.timestamp` Array(DateTime64(9, 'UTC')) DEFAULT `Events.Timestamp` CODEC(ZSTD(1)),
    `events.name` Array(LowCardinality(String)) DEFAULT `Events.Name` CODEC(ZSTD(1)),
    `events.attributes` Array(Map(LowCardinality(String), String)) DEFAULT `Events.Attributes` CODEC(ZSTD(1)),
    `links.trace_id` Array(String) DEFAULT `Links.TraceId` CODEC(ZSTD(1)),
    `links.span_id` Array(String) DEFAULT `Links.SpanId` CODEC(ZSTD(1)),
    `links.trace_state` Array(String) DEFAULT `Links.TraceState` CODEC(ZSTD(1)),
    `links.attributes` Array(Map(LowCardinality(String), String)) DEFAULT `Links.Attributes` CODEC(ZSTD(1)),
    -- The export request that brought the row, 0 for other inserts: the receiver knows by it, also
    -- after a crash, a request that is sent again.
    export_id UInt64 DEFAULT 0 CODEC(ZSTD(1)),
    -- When it came, 1970 for other inserts.
    received_at DateTime('UTC') DEFAULT 0 CODEC(Delta(4), ZSTD(1)),

    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1,

    -- The hourly roll-up lives in the parts of the spans: it cannot drift from them, and a retried
    -- insert, retention, reset and restore treat both alike. Nanoseconds, because a sketch with a
    -- relative error says nothing about whole milliseconds near 0.
    PROJECTION hourly
    (
        SELECT
            toStartOfHour(least(timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC'))),
            project_name,
            service_name,
            environment,
            count(),
            countIf(status_code = 'ERROR'),
            quantilesDD(0.005, 0.5, 0.95, 0.99)(duration_ns)
        GROUP BY toStartOfHour(least(timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC'))), project_name, service_name, environment
    ),

    -- The same for each span name, but the sketch: there may be very many names, and with it this
    -- would take a tenth of the room that the spans take.
    PROJECTION hourly_by_name
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
    )
)
ENGINE = MergeTree
PARTITION BY toDate(least(greatest(timestamp, toDateTime64('2000-01-01 00:00:00', 9, 'UTC')), toDateTime64('2100-01-01 00:00:00', 9, 'UTC')))
ORDER BY (project_name, timestamp)
TTL toDate(if(timestamp < toDateTime64('2000-01-01 00:00:00', 9, 'UTC'), toDateTime64('2100-01-01 00:00:00', 9, 'UTC'), least(timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC')))) + toIntervalDay({retention_days})
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE TABLE IF NOT EXISTS telemetry.logs
(
    -- As the exporter gives them.
    Timestamp DateTime64(9, 'UTC') EPHEMERAL,
    TraceId String EPHEMERAL,
    SpanId String EPHEMERAL,
    TraceFlags UInt8 EPHEMERAL,
    SeverityText LowCardinality(String) EPHEMERAL,
    SeverityNumber UInt8 EPHEMERAL,
    ServiceName LowCardinality(String) EPHEMERAL,
    Body String EPHEMERAL,
    ResourceSchemaUrl LowCardinality(String) EPHEMERAL,
    ResourceAttributes Map(LowCardinality(String), String) EPHEMERAL,
    ScopeSchemaUrl LowCardinality(String) EPHEMERAL,
    ScopeName LowCardinality(String) EPHEMERAL,
    ScopeVersion LowCardinality(String) EPHEMERAL,
    ScopeAttributes Map(LowCardinality(String), String) EPHEMERAL,
    LogAttributes Map(LowCardinality(String), String) EPHEMERAL,
    EventName LowCardinality(String) EPHEMERAL,

    -- As they are stored.
    log_id String CODEC(ZSTD(1)),
    timestamp DateTime64(9, 'UTC') DEFAULT Timestamp CODEC(Delta(8), ZSTD(1)),
    -- Unix time in nanoseconds as a direct insert gave it; 0 says that `timestamp` is exact.
    timestamp_ns Int64 DEFAULT 0 CODEC(Delta(8), ZSTD(1)),
    observed_timestamp DateTime64(9, 'UTC') DEFAULT timestamp CODEC(Delta(8), ZSTD(1)),
    observed_timestamp_ns Int64 DEFAULT 0 CODEC(Delta(8), ZSTD(1)),
    trace_id String DEFAULT TraceId CODEC(ZSTD(1)),
    span_id String DEFAULT SpanId CODEC(ZSTD(1)),
    trace_flags UInt8 DEFAULT TraceFlags CODEC(ZSTD(1)),
    severity_text LowCardinality(String) DEFAULT SeverityText CODEC(ZSTD(1)),
    severity_number UInt8 DEFAULT SeverityNumber CODEC(ZSTD(1)),
    event_name LowCardinality(String) DEFAULT EventName CODEC(ZSTD(1)),
    body String DEFAULT Body CODEC(ZSTD(1)),
    body_type LowCardinality(String) DEFAULT 'STRING' CODEC(ZSTD(1)),
    service_name LowCardinality(String) DEFAULT if(ServiceName = '', 'unknown', ServiceName) CODEC(ZSTD(1)),
    project_name LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['project.name'], ''), service_name) CODEC(ZSTD(1)),
    project_version LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['project.version'], ''), ResourceAttributes['service.version']) CODEC(ZSTD(1)),
    environment LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['deployment.environment.name'], ''), nullIf(ResourceAttributes['deployment.environment'], ''), {environment}) CODEC(ZSTD(1)),
    service_namespace LowCardinality(String) DEFAULT ResourceAttributes['service.namespace'] CODEC(ZSTD(1)),
    service_instance_id LowCardinality(String) DEFAULT ResourceAttributes['service.instance.id'] CODEC(ZSTD(1)),
    hostname LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    os_type LowCardinality(String) DEFAULT ResourceAttributes['os.type'] CODEC(ZSTD(1)),
    os_version LowCardinality(String) DEFAULT ResourceAttributes['os.version'] CODEC(ZSTD(1)),
    runtime_name LowCardinality(String) DEFAULT ResourceAttributes['process.runtime.name'] CODEC(ZSTD(1)),
    runtime_version LowCardinality(String) DEFAULT ResourceAttributes['process.runtime.version'] CODEC(ZSTD(1)),
    cloud_provider LowCardinality(String) DEFAULT ResourceAttributes['cloud.provider'] CODEC(ZSTD(1)),
    cloud_region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    cloud_availability_zone LowCardinality(String) DEFAULT ResourceAttributes['cloud.availability_zone'] CODEC(ZSTD(1)),
    user_id String DEFAULT coalesce(nullIf(LogAttributes['user.id'], ''), ResourceAttributes['user.id']) CODEC(ZSTD(1)),
    session_id String DEFAULT coalesce(nullIf(LogAttributes['session.id'], ''), ResourceAttributes['session.id']) CODEC(ZSTD(1)),
    instrumentation_library_name LowCardinality(String) DEFAULT ScopeName CODEC(ZSTD(1)),
    instrumentation_library_version LowCardinality(String) DEFAULT ScopeVersion CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) DEFAULT ResourceAttributes CODEC(ZSTD(3)),
    resource_schema_url LowCardinality(String) DEFAULT ResourceSchemaUrl CODEC(ZSTD(1)),
    schema_url LowCardinality(String) DEFAULT ScopeSchemaUrl CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) DEFAULT ScopeAttributes CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) DEFAULT LogAttributes CODEC(ZSTD(3)),
    exception_type LowCardinality(String) DEFAULT LogAttributes['exception.type'] CODEC(ZSTD(1)),
    exception_message String DEFAULT LogAttributes['exception.message'] CODEC(ZSTD(1)),
    exception_stacktrace String DEFAULT LogAttributes['exception.stacktrace'] CODEC(ZSTD(1)),
    is_exception UInt8 DEFAULT exception_type != '' CODEC(ZSTD(1)),
    source_file LowCardinality(String) DEFAULT coalesce(nullIf(attributes['code.file.path'], ''), attributes['code.filepath']) CODEC(ZSTD(1)),
    source_line UInt32 DEFAULT toUInt32OrZero(coalesce(nullIf(attributes['code.line.number'], ''), attributes['code.lineno'])) CODEC(ZSTD(1)),
    source_function LowCardinality(String) DEFAULT coalesce(nullIf(attributes['code.function.name'], ''), attributes['code.function']) CODEC(ZSTD(1)),
    -- The export request that brought the row, 0 for other inserts: the receiver knows by it, also
    -- after a crash, a request that is sent again.
    export_id UInt64 DEFAULT 0 CODEC(ZSTD(1)),
    -- When it came, 1970 for other inserts.
    received_at DateTime('UTC') DEFAULT 0 CODEC(Delta(4), ZSTD(1)),

    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(least(greatest(timestamp, toDateTime64('2000-01-01 00:00:00', 9, 'UTC')), toDateTime64('2100-01-01 00:00:00', 9, 'UTC')))
ORDER BY (project_name, timestamp)
TTL toDate(if(timestamp < toDateTime64('2000-01-01 00:00:00', 9, 'UTC'), toDateTime64('2100-01-01 00:00:00', 9, 'UTC'), least(timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC')))) + toIntervalDay({retention_days})
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- The exporter has an insert of its own for each metric type and none says which it is. Each type
-- gives a column that no other gives; the default of that column is a value that no data has.
CREATE TABLE IF NOT EXISTS telemetry.metrics
(
    -- As the exporter gives them; `MetricType` is the embedded receiver's.
    ResourceAttributes Map(LowCardinality(String), String) EPHEMERAL,
    ResourceSchemaUrl LowCardinality(String) EPHEMERAL,
    ScopeName LowCardinality(String) EPHEMERAL,
    ScopeVersion LowCardinality(String) EPHEMERAL,
    ScopeAttributes Map(LowCardinality(String), String) EPHEMERAL,
    ScopeDroppedAttrCount UInt32 EPHEMERAL,
    ScopeSchemaUrl LowCardinality(String) EPHEMERAL,
    ServiceName LowCardinality(String) EPHEMERAL,
    MetricName LowCardinality(String) EPHEMERAL,
    MetricDescription LowCardinality(String) EPHEMERAL,
    MetricUnit LowCardinality(String) EPHEMERAL,
    Attributes Map(LowCardinality(String), String) EPHEMERAL,
    StartTimeUnix DateTime64(9, 'UTC') EPHEMERAL,
    TimeUnix DateTime64(9, 'UTC') EPHEMERAL,
    Flags UInt32 EPHEMERAL,
    Value Float64 EPHEMERAL,
    AggregationTemporality Int32 EPHEMERAL -1,
    IsMonotonic Bool EPHEMERAL,
    Count UInt64 EPHEMERAL,
    Sum Float64 EPHEMERAL,
    Min Float64 EPHEMERAL,
    Max Float64 EPHEMERAL,
    BucketCounts Array(UInt64) EPHEMERAL [18446744073709551615],
    ExplicitBounds Array(Float64) EPHEMERAL,
    Scale Int32 EPHEMERAL -2147483648,
    ZeroCount UInt64 EPHEMERAL,
    PositiveOffset Int32 EPHEMERAL,
    PositiveBucketCounts Array(UInt64) EPHEMERAL,
    NegativeOffset Int32 EPHEMERAL,
    NegativeBucketCounts Array(UInt64) EPHEMERAL,
    `ValueAtQuantiles.Quantile` Array(Float64) EPHEMERAL [-1],
    `ValueAtQuantiles.Value` Array(Float64) EPHEMERAL [-1],
    `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) EPHEMERAL,
    `Exemplars.TimeUnix` Array(DateTime64(9, 'UTC')) EPHEMERAL,
    `Exemplars.Value` Array(Float64) EPHEMERAL,
    `Exemplars.SpanId` Array(String) EPHEMERAL,
    `Exemplars.TraceId` Array(String) EPHEMERAL,
    MetricType LowCardinality(String) EPHEMERAL multiIf(Scale != -2147483648, 'EXPONENTIAL_HISTOGRAM', BucketCounts != [18446744073709551615], 'HISTOGRAM', `ValueAtQuantiles.Quantile` != [-1], 'SUMMARY', AggregationTemporality != -1, 'SUM', 'GAUGE'),

    -- As they are stored.
    metric_id String CODEC(ZSTD(1)),
    metric_name LowCardinality(String) DEFAULT MetricName CODEC(ZSTD(1)),
    metric_type LowCardinality(String) DEFAULT MetricType CODEC(ZSTD(1)),
    -- As the automagik TypeScript SDK names `metric_unit`; an INSERT without a list of columns
    -- leaves EPHEMERAL ones out, so this is stored.
    unit LowCardinality(String) CODEC(ZSTD(1)),
    metric_unit LowCardinality(String) DEFAULT if(MetricUnit = '', unit, MetricUnit) CODEC(ZSTD(1)),
    metric_description LowCardinality(String) DEFAULT MetricDescription CODEC(ZSTD(1)),
    timestamp DateTime64(9, 'UTC') DEFAULT TimeUnix CODEC(Delta(8), ZSTD(1)),
    -- Unix time in nanoseconds as a direct insert gave it; 0 says that `timestamp` is exact.
    timestamp_ns Int64 DEFAULT 0 CODEC(Delta(8), ZSTD(1)),
    time_window_start DateTime64(9, 'UTC') DEFAULT StartTimeUnix CODEC(Delta(8), ZSTD(1)),
    time_window_end DateTime64(9, 'UTC') DEFAULT timestamp CODEC(Delta(8), ZSTD(1)),
    flags UInt32 DEFAULT Flags CODEC(ZSTD(1)),
    -- The value of a gauge or a sum, whichever of the columns after it a writer gave.
    value Float64 DEFAULT if(value_int != 0, toFloat64(value_int), value_double) CODEC(ZSTD(1)),
    value_int Int64 CODEC(ZSTD(1)),
    value_double Float64 DEFAULT Value CODEC(ZSTD(1)),
    is_monotonic UInt8 DEFAULT IsMonotonic CODEC(ZSTD(1)),
    aggregation_temporality LowCardinality(String) DEFAULT multiIf(AggregationTemporality = 1, 'DELTA', AggregationTemporality = 2, 'CUMULATIVE', 'UNSPECIFIED') CODEC(ZSTD(1)),
    histogram_count UInt64 DEFAULT if(metric_type = 'SUMMARY', 0, Count) CODEC(ZSTD(1)),
    histogram_sum Float64 DEFAULT if(metric_type = 'SUMMARY', 0, Sum) CODEC(ZSTD(1)),
    histogram_min Float64 DEFAULT Min CODEC(ZSTD(1)),
    histogram_max Float64 DEFAULT Max CODEC(ZSTD(1)),
    histogram_bucket_counts Array(UInt64) DEFAULT if(metric_type = 'HISTOGRAM', BucketCounts, []) CODEC(ZSTD(1)),
    histogram_explicit_bounds Array(Float64) DEFAULT ExplicitBounds CODEC(ZSTD(1)),
    exponential_scale Int32 DEFAULT if(metric_type = 'EXPONENTIAL_HISTOGRAM', Scale, 0) CODEC(ZSTD(1)),
    exponential_zero_count UInt64 DEFAULT ZeroCount CODEC(ZSTD(1)),
    exponential_positive_offset Int32 DEFAULT PositiveOffset CODEC(ZSTD(1)),
    exponential_positive_bucket_counts Array(UInt64) DEFAULT PositiveBucketCounts CODEC(ZSTD(1)),
    exponential_negative_offset Int32 DEFAULT NegativeOffset CODEC(ZSTD(1)),
    exponential_negative_bucket_counts Array(UInt64) DEFAULT NegativeBucketCounts CODEC(ZSTD(1)),
    summary_count UInt64 DEFAULT if(metric_type = 'SUMMARY', Count, 0) CODEC(ZSTD(1)),
    summary_sum Float64 DEFAULT if(metric_type = 'SUMMARY', Sum, 0) CODEC(ZSTD(1)),
    quantile_values Map(Float64, Float64) DEFAULT if(metric_type = 'SUMMARY', mapFromArrays(`ValueAtQuantiles.Quantile`, `ValueAtQuantiles.Value`), map()) CODEC(ZSTD(1)),
    `exemplars.attributes` Array(Map(LowCardinality(String), String)) DEFAULT `Exemplars.FilteredAttributes` CODEC(ZSTD(1)),
    `exemplars.timestamp` Array(DateTime64(9, 'UTC')) DEFAULT `Exemplars.TimeUnix` CODEC(ZSTD(1)),
    `exemplars.value` Array(Float64) DEFAULT `Exemplars.Value` CODEC(ZSTD(1)),
    -- The exporter writes an id that is not there in zeros, here alone.
    `exemplars.span_id` Array(String) DEFAULT arrayMap(id -> if(id = '0000000000000000', '', id), `Exemplars.SpanId`) CODEC(ZSTD(1)),
    `exemplars.trace_id` Array(String) DEFAULT arrayMap(id -> if(id = '00000000000000000000000000000000', '', id), `Exemplars.TraceId`) CODEC(ZSTD(1)),
    service_name LowCardinality(String) DEFAULT if(ServiceName = '', 'unknown', ServiceName) CODEC(ZSTD(1)),
    project_name LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['project.name'], ''), service_name) CODEC(ZSTD(1)),
    project_version LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['project.version'], ''), ResourceAttributes['service.version']) CODEC(ZSTD(1)),
    environment LowCardinality(String) DEFAULT coalesce(nullIf(ResourceAttributes['deployment.environment.name'], ''), nullIf(ResourceAttributes['deployment.environment'], ''), {environment}) CODEC(ZSTD(1)),
    service_namespace LowCardinality(String) DEFAULT ResourceAttributes['service.namespace'] CODEC(ZSTD(1)),
    service_instance_id LowCardinality(String) DEFAULT ResourceAttributes['service.instance.id'] CODEC(ZSTD(1)),
    hostname LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    os_type LowCardinality(String) DEFAULT ResourceAttributes['os.type'] CODEC(ZSTD(1)),
    os_version LowCardinality(String) DEFAULT ResourceAttributes['os.version'] CODEC(ZSTD(1)),
    runtime_name LowCardinality(String) DEFAULT ResourceAttributes['process.runtime.name'] CODEC(ZSTD(1)),
    runtime_version LowCardinality(String) DEFAULT ResourceAttributes['process.runtime.version'] CODEC(ZSTD(1)),
    cloud_provider LowCardinality(String) DEFAULT ResourceAttributes['cloud.provider'] CODEC(ZSTD(1)),
    cloud_region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    cloud_availability_zone LowCardinality(String) DEFAULT ResourceAttributes['cloud.availability_zone'] CODEC(ZSTD(1)),
    user_id String DEFAULT coalesce(nullIf(Attributes['user.id'], ''), ResourceAttributes['user.id']) CODEC(ZSTD(1)),
    session_id String DEFAULT coalesce(nullIf(Attributes['session.id'], ''), ResourceAttributes['session.id']) CODEC(ZSTD(1)),
    instrumentation_library_name LowCardinality(String) DEFAULT ScopeName CODEC(ZSTD(1)),
    instrumentation_library_version LowCardinality(String) DEFAULT ScopeVersion CODEC(ZSTD(1)),
    resource_attributes Map(LowCardinality(String), String) DEFAULT ResourceAttributes CODEC(ZSTD(3)),
    resource_schema_url LowCardinality(String) DEFAULT ResourceSchemaUrl CODEC(ZSTD(1)),
    schema_url LowCardinality(String) DEFAULT ScopeSchemaUrl CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) DEFAULT ScopeAttributes CODEC(ZSTD(1)),
    scope_dropped_attributes UInt32 DEFAULT ScopeDroppedAttrCount CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) DEFAULT Attributes CODEC(ZSTD(3)),
    -- The export request that brought the row, 0 for other inserts: the receiver knows by it, also
    -- after a crash, a request that is sent again.
    export_id UInt64 DEFAULT 0 CODEC(ZSTD(1)),
    -- When it came, 1970 for other inserts.
    received_at DateTime('UTC') DEFAULT 0 CODEC(Delta(4), ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(least(greatest(timestamp, toDateTime64('2000-01-01 00:00:00', 9, 'UTC')), toDateTime64('2100-01-01 00:00:00', 9, 'UTC')))
ORDER BY (project_name, metric_name, cityHash64(mapKeys(attributes), mapValues(attributes)), timestamp)
TTL toDate(if(timestamp < toDateTime64('2000-01-01 00:00:00', 9, 'UTC'), toDateTime64('2100-01-01 00:00:00', 9, 'UTC'), least(timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC')))) + toIntervalDay({retention_days})
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

-- The expressions are those of the projection, which is what answers.
CREATE OR REPLACE VIEW telemetry.metrics_hourly AS
SELECT
    toStartOfHour(least(traces.timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC'))) AS timestamp,
    project_name,
    count() AS total_count,
    countIf(status_code = 'ERROR') AS error_count,
    quantilesDD(0.005, 0.5, 0.95, 0.99)(duration_ns)[1] / 1000000 AS p50_duration_ms,
    quantilesDD(0.005, 0.5, 0.95, 0.99)(duration_ns)[2] / 1000000 AS p95_duration_ms,
    quantilesDD(0.005, 0.5, 0.95, 0.99)(duration_ns)[3] / 1000000 AS p99_duration_ms
FROM telemetry.traces
GROUP BY toStartOfHour(least(traces.timestamp, toDateTime64('2100-01-01 00:00:00', 9, 'UTC'))), project_name;

-- The tables under the exporter's column names and types, for tools made for its schema. Whether a
-- span that did not fail was 'Ok' or 'Unset' is not kept.
CREATE OR REPLACE VIEW telemetry.otel_traces AS
SELECT
    if(timestamp_ns = 0, timestamp, fromUnixTimestamp64Nano(timestamp_ns, 'UTC')) AS Timestamp,
    trace_id AS TraceId,
    span_id AS SpanId,
    parent_span_id AS ParentSpanId,
    trace_state AS TraceState,
    span_name AS SpanName,
    initcap(replaceOne(span_kind, 'SPAN_KIND_', '')) AS SpanKind,
    service_name AS ServiceName,
    resource_attributes AS ResourceAttributes,
    instrumentation_library_name AS ScopeName,
    instrumentation_library_version AS ScopeVersion,
    attributes AS SpanAttributes,
    duration_ns AS Duration,
    toLowCardinality(if(status_code = 'ERROR', 'Error', 'Ok')) AS StatusCode,
    status_message AS StatusMessage,
    events.timestamp AS `Events.Timestamp`,
    events.name AS `Events.Name`,
    events.attributes AS `Events.Attributes`,
    links.trace_id AS `Links.TraceId`,
    links.span_id AS `Links.SpanId`,
    links.trace_state AS `Links.TraceState`,
    links.attributes AS `Links.Attributes`
FROM telemetry.traces;

CREATE OR REPLACE VIEW telemetry.otel_logs AS
SELECT
    if(timestamp_ns = 0, timestamp, fromUnixTimestamp64Nano(timestamp_ns, 'UTC')) AS Timestamp,
    trace_id AS TraceId,
    span_id AS SpanId,
    trace_flags AS TraceFlags,
    severity_text AS SeverityText,
    severity_number AS SeverityNumber,
    service_name AS ServiceName,
    body AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource_attributes AS ResourceAttributes,
    schema_url AS ScopeSchemaUrl,
    instrumentation_library_name AS ScopeName,
    instrumentation_library_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    attributes AS LogAttributes,
    event_name AS EventName
FROM telemetry.logs;

CREATE OR REPLACE VIEW telemetry.otel_metrics_gauge AS
SELECT
    resource_attributes AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    instrumentation_library_name AS ScopeName,
    instrumentation_library_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    schema_url AS ScopeSchemaUrl,
    service_name AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attributes AS Attributes,
    time_window_start AS StartTimeUnix,
    if(timestamp_ns = 0, timestamp, fromUnixTimestamp64Nano(timestamp_ns, 'UTC')) AS TimeUnix,
    value AS Value,
    flags AS Flags,
    exemplars.attributes AS `Exemplars.FilteredAttributes`,
    exemplars.timestamp AS `Exemplars.TimeUnix`,
    exemplars.value AS `Exemplars.Value`,
    exemplars.span_id AS `Exemplars.SpanId`,
    exemplars.trace_id AS `Exemplars.TraceId`
FROM telemetry.metrics
WHERE metric_type = 'GAUGE';

CREATE OR REPLACE VIEW telemetry.otel_metrics_sum AS
SELECT
    resource_attributes AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    instrumentation_library_name AS ScopeName,
    instrumentation_library_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    schema_url AS ScopeSchemaUrl,
    service_name AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attributes AS Attributes,
    time_window_start AS StartTimeUnix,
    if(timestamp_ns = 0, timestamp, fromUnixTimestamp64Nano(timestamp_ns, 'UTC')) AS TimeUnix,
    value AS Value,
    flags AS Flags,
    exemplars.attributes AS `Exemplars.FilteredAttributes`,
    exemplars.timestamp AS `Exemplars.TimeUnix`,
    exemplars.value AS `Exemplars.Value`,
    exemplars.span_id AS `Exemplars.SpanId`,
    exemplars.trace_id AS `Exemplars.TraceId`,
    toInt32(multiIf(aggregation_temporality = 'DELTA', 1, aggregation_temporality = 'CUMULATIVE', 2, 0)) AS AggregationTemporality,
    toBool(is_monotonic) AS IsMonotonic
FROM telemetry.metrics
WHERE metric_type = 'SUM';

CREATE OR REPLACE VIEW telemetry.otel_metrics_histogram AS
SELECT
    resource_attributes AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    instrumentation_library_name AS ScopeName,
    instrumentation_library_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    schema_url AS ScopeSchemaUrl,
    service_name AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attributes AS Attributes,
    time_window_start AS StartTimeUnix,
    if(timestamp_ns = 0, timestamp, fromUnixTimestamp64Nano(timestamp_ns, 'UTC')) AS TimeUnix,
    histogram_count AS Count,
    histogram_sum AS Sum,
    histogram_bucket_counts AS BucketCounts,
    histogram_explicit_bounds AS ExplicitBounds,
    exemplars.attributes AS `Exemplars.FilteredAttributes`,
    exemplars.timestamp AS `Exemplars.TimeUnix`,
    exemplars.value AS `Exemplars.Value`,
    exemplars.span_id AS `Exemplars.SpanId`,
    exemplars.trace_id AS `Exemplars.TraceId`,
    flags AS Flags,
    histogram_min AS Min,
    histogram_max AS Max,
    toInt32(multiIf(aggregation_temporality = 'DELTA', 1, aggregation_temporality = 'CUMULATIVE', 2, 0)) AS AggregationTemporality
FROM telemetry.metrics
WHERE metric_type = 'HISTOGRAM';

CREATE OR REPLACE VIEW telemetry.otel_metrics_exponential_histogram AS
SELECT
    resource_attributes AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    instrumentation_library_name AS ScopeName,
    instrumentation_library_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    schema_url AS ScopeSchemaUrl,
    service_name AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attributes AS Attributes,
    time_window_start AS StartTimeUnix,
    if(timestamp_ns = 0, timestamp, fromUnixTimestamp64Nano(timestamp_ns, 'UTC')) AS TimeUnix,
    histogram_count AS Count,
    histogram_sum AS Sum,
    exponential_scale AS Scale,
    exponential_zero_count AS ZeroCount,
    exponential_positive_offset AS PositiveOffset,
    exponential_positive_bucket_counts AS PositiveBucketCounts,
    exponential_negative_offset AS NegativeOffset,
    exponential_negative_bucket_counts AS NegativeBucketCounts,
    exemplars.attributes AS `Exemplars.FilteredAttributes`,
    exemplars.timestamp AS `Exemplars.TimeUnix`,
    exemplars.value AS `Exemplars.Value`,
    exemplars.span_id AS `Exemplars.SpanId`,
    exemplars.trace_id AS `Exemplars.TraceId`,
    flags AS Flags,
    histogram_min AS Min,
    histogram_max AS Max,
    toInt32(multiIf(aggregation_temporality = 'DELTA', 1, aggregation_temporality = 'CUMULATIVE', 2, 0)) AS AggregationTemporality
FROM telemetry.metrics
WHERE metric_type = 'EXPONENTIAL_HISTOGRAM';

CREATE OR REPLACE VIEW telemetry.otel_metrics_summary AS
SELECT
    resource_attributes AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    instrumentation_library_name AS ScopeName,
    instrumentation_library_version AS ScopeVersion,
    scope_attributes AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    schema_url AS ScopeSchemaUrl,
    service_name AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attributes AS Attributes,
    time_window_start AS StartTimeUnix,
    if(timestamp_ns = 0, timestamp, fromUnixTimestamp64Nano(timestamp_ns, 'UTC')) AS TimeUnix,
    summary_count AS Count,
    summary_sum AS Sum,
    mapKeys(quantile_values) AS `ValueAtQuantiles.Quantile`,
    mapValues(quantile_values) AS `ValueAtQuantiles.Value`,
    flags AS Flags
FROM telemetry.metrics
WHERE metric_type = 'SUMMARY';

CREATE TABLE IF NOT EXISTS telemetry.schema_migrations
(
    version UInt32,
    name String,
    applied_at DateTime('UTC') DEFAULT now()
)
ENGINE = ReplacingMergeTree
ORDER BY version;

-- A new database is as the last migration leaves one.
INSERT INTO telemetry.schema_migrations (version, name)
SELECT 6, 'received_at' WHERE (SELECT count() FROM telemetry.schema_migrations) = 0;
