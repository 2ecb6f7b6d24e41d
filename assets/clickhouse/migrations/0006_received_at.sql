-- When the export request came that brought a row: after a crash, the requests to know again are
-- those that came last.
ALTER TABLE telemetry.traces
    ADD COLUMN IF NOT EXISTS received_at DateTime('UTC') DEFAULT 0 CODEC(Delta(4), ZSTD(1)) AFTER export_id;

ALTER TABLE telemetry.logs
    ADD COLUMN IF NOT EXISTS received_at DateTime('UTC') DEFAULT 0 CODEC(Delta(4), ZSTD(1)) AFTER export_id;

ALTER TABLE telemetry.metrics
    ADD COLUMN IF NOT EXISTS received_at DateTime('UTC') DEFAULT 0 CODEC(Delta(4), ZSTD(1)) AFTER export_id;
