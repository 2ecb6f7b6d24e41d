INSERT INTO traces (trace_id, span_id, parent_span_id, timestamp, duration_ns, duration_ms, span_name, span_kind,
    status_code, service_name, project_name, environment, attributes, resource_attributes)
SELECT
    leftPad(lower(hex(cityHash64(trace))), 16, '0') || leftPad(lower(hex(cityHash64(trace, 1))), 16, '0'),
    leftPad(lower(hex(cityHash64(n, 2))), 16, '0'),
    if(n % 5 = 0, '', leftPad(lower(hex(cityHash64(n - n % 5, 2))), 16, '0')),
    fromUnixTimestamp64Nano(toInt64({begin} * 1000000000 + n * {step}), 'UTC'),
    -- About 9 ms in the middle, and a long tail.
    toUInt64(exp(13 + 2 * (cityHash64(n, 3) % 1000000 + cityHash64(n, 4) % 1000000 + cityHash64(n, 5) % 1000000) / 1000000)) AS duration,
    intDiv(duration, 1000000),
    'operation-' || toString(cityHash64(n, 6) % 40),
    if(n % 5 = 0, 'SERVER', 'CLIENT'),
    if(cityHash64(n, 7) % 50 = 0, 'ERROR', 'OK'),
    'service-' || toString(project) || '-' || toString(cityHash64(n, 8) % 3),
    'project-' || toString(project),
    if(project % 3 = 0, 'staging', 'production'),
    map('http.request.method', 'GET', 'http.response.status_code', '200', 'url.path', '/api/' || toString(n % 1000)),
    map('service.version', '1.2.3', 'host.name', 'host-' || toString(n % 20))
FROM (
    SELECT number + {first} AS n, intDiv(n, 5) AS trace, cityHash64(trace, 9) % 12 AS project
    FROM numbers({count})
)
