#!/bin/sh
# Makes the schema where it is not `telemetry start` that does: run once by `docker compose up`.
#
# Needs CLICKHOUSE_HOST, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD_FILE, ENVIRONMENT and
# TELEMETRY_RETENTION_DAYS.
set -eu

case $TELEMETRY_RETENTION_DAYS in
'' | *[!0-9]*)
    echo "TELEMETRY_RETENTION_DAYS is '$TELEMETRY_RETENTION_DAYS': expected a number of days" >&2
    exit 1
    ;;
esac

# As a string of ClickHouse has it, and then as the right side of a `s` of sed has it.
environment=$(printf %s "$ENVIRONMENT" | sed -e 's/[\\'\'']/\\&/g' -e 's/[\\&|]/\\&/g')

# The client takes a password from its environment; on its command line, others could read it.
CLICKHOUSE_PASSWORD=$(cat "$CLICKHOUSE_PASSWORD_FILE")
export CLICKHOUSE_PASSWORD

sed -e "s|{retention_days}|$TELEMETRY_RETENTION_DAYS|" -e "s|{environment}|'$environment'|" \
    "$(dirname "$0")/init-db.sql" |
    clickhouse-client --host "$CLICKHOUSE_HOST" --user "$CLICKHOUSE_USER"
