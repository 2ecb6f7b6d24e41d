-- Attributes are half of what telemetry takes on disk. What is there already is compressed anew
-- when it is merged.
ALTER TABLE telemetry.traces
    MODIFY COLUMN resource_attributes CODEC(ZSTD(3)),
    MODIFY COLUMN attributes CODEC(ZSTD(3));

ALTER TABLE telemetry.logs
    MODIFY COLUMN resource_attributes CODEC(ZSTD(3)),
    MODIFY COLUMN attributes CODEC(ZSTD(3));

ALTER TABLE telemetry.metrics
    MODIFY COLUMN resource_attributes CODEC(ZSTD(3)),
    MODIFY COLUMN attributes CODEC(ZSTD(3));
