-- Where in the source a log record was written, as SDKs that insert straight into ClickHouse give
-- it, and as OpenTelemetry names it.
ALTER TABLE telemetry.logs
    ADD COLUMN IF NOT EXISTS source_file LowCardinality(String) DEFAULT coalesce(nullIf(attributes['code.file.path'], ''), attributes['code.filepath']) CODEC(ZSTD(1)) AFTER is_exception,
    ADD COLUMN IF NOT EXISTS source_line UInt32 DEFAULT toUInt32OrZero(coalesce(nullIf(attributes['code.line.number'], ''), attributes['code.lineno'])) CODEC(ZSTD(1)) AFTER source_file,
    ADD COLUMN IF NOT EXISTS source_function LowCardinality(String) DEFAULT coalesce(nullIf(attributes['code.function.name'], ''), attributes['code.function']) CODEC(ZSTD(1)) AFTER source_line;
