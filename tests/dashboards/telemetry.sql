-- Three days of telemetry of everything that dashboards tell apart. A trace has five spans.
INSERT INTO traces (trace_id, span_id, parent_span_id, timestamp, duration_ns, duration_ms, span_name, span_kind,
    status_code, status_message, service_name, project_name, environment, attributes, resource_attributes,
    `events.timestamp`, `events.name`, `events.attributes`, `links.trace_id`, `links.span_id`, `links.trace_state`, `links.attributes`)
SELECT
    leftPad(lower(hex(intDiv(number, 5))), 32, '0'),
    leftPad(lower(hex(number + 1)), 16, '0') AS id,
    if(number % 5 = 0, '', leftPad(lower(hex(number - number % 5 + 1)), 16, '0')),
    fromUnixTimestamp64Nano(toInt64({begin} * 1000000000 + number * intDiv(3 * 86400000000000, {spans})), 'UTC') AS begin,
    1000000 + cityHash64(number) % 1000000000 AS duration,
    intDiv(duration, 1000000),
    'operation-' || toString(cityHash64(number, 1) % 9),
    if(number % 5 = 0, 'SERVER', 'CLIENT'),
    if(cityHash64(number, 2) % 20 = 0, 'ERROR', 'OK') AS status,
    if(status = 'ERROR', 'it went wrong', ''),
    'service-' || toString(number % 5),
    'project-' || toString(intDiv(number, 5) % 3),
    if(intDiv(number, 5) % 2 = 0, 'production', 'it''s staging'),
    map('http.request.method', 'GET'),
    map('service.version', '1.2.3'),
    [begin],
    ['exception'],
    [map('exception.type', 'Error')],
    ['0123456789abcdef0123456789abcdef'],
    ['0123456789abcdef'],
    [''],
    [map('why', 'batch')]
FROM numbers({spans});

INSERT INTO logs (timestamp, trace_id, span_id, severity_number, severity_text, body, service_name, project_name, environment, attributes)
SELECT
    fromUnixTimestamp64Nano(toInt64({begin} * 1000000000 + number * intDiv(3 * 86400000000000, 30000)), 'UTC'),
    leftPad(lower(hex(intDiv(number * 10, 5))), 32, '0'),
    leftPad(lower(hex(number * 10 + 1)), 16, '0'),
    [0, 1, 5, 9, 13, 17, 21, 0][number % 8 + 1],
    ['', 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'Error'][number % 8 + 1],
    'request ' || toString(number) || ' is done',
    'service-' || toString(number % 5),
    'project-' || toString(intDiv(number, 5) % 3),
    if(intDiv(number, 5) % 2 = 0, 'production', 'it''s staging'),
    map('http.route', '/')
FROM numbers(30000);

INSERT INTO metrics (timestamp, metric_name, metric_type, metric_unit, value, aggregation_temporality, is_monotonic,
    histogram_count, histogram_sum, summary_count, summary_sum, service_name, project_name, environment, attributes)
SELECT
    toDateTime64({begin} + number * 10, 9, 'UTC'),
    ['memory', 'requests', 'requests.delta', 'duration', 'duration.summary'][kind + 1],
    ['GAUGE', 'SUM', 'SUM', 'HISTOGRAM', 'SUMMARY'][kind + 1],
    '1',
    if(kind < 3, number, 0),
    ['UNSPECIFIED', 'CUMULATIVE', 'DELTA', 'CUMULATIVE', 'CUMULATIVE'][kind + 1],
    kind IN (1, 2),
    if(kind = 3, number, 0),
    if(kind = 3, number * 0.5, 0),
    if(kind = 4, number, 0),
    if(kind = 4, number * 0.5, 0),
    'service-' || toString(number % 5),
    'project-' || toString(number % 3),
    if(number % 2 = 0, 'production', 'it''s staging'),
    map('route', '/' || toString(number % 4))
FROM numbers(25920)
ARRAY JOIN range(5) AS kind;

INSERT INTO metrics (timestamp, metric_name, metric_type, metric_unit, value, service_name, project_name, environment, attributes)
SELECT
    toDateTime64({begin} + number * 30, 9, 'UTC'),
    'otelcol_exporter_queue_size',
    'GAUGE',
    'By',
    number * 1000000,
    'telemetry-collector',
    'telemetry-collector',
    'development',
    map('exporter', 'clickhouse', 'data_type', signal)
FROM numbers(8640)
ARRAY JOIN ['traces', 'logs', 'metrics'] AS signal;
