-- The export request that brought a row, by which the receiver knows, also after a crash, one that
-- is sent again.
ALTER TABLE telemetry.traces
    ADD COLUMN IF NOT EXISTS export_id UInt64 DEFAULT 0 CODEC(ZSTD(1)) AFTER `links.attributes`;

ALTER TABLE telemetry.logs
    ADD COLUMN IF NOT EXISTS export_id UInt64 DEFAULT 0 CODEC(ZSTD(1)) AFTER source_function;

ALTER TABLE telemetry.metrics
    ADD COLUMN IF NOT EXISTS export_id UInt64 DEFAULT 0 CODEC(ZSTD(1)) AFTER attributes;
