#!/bin/sh
# Makes the schema, or brings an older one up to date, where it is not `telemetry start` that does:
# run once by `docker compose up`. A changed retention is for `telemetry migrate` to apply.
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

client() {
    clickhouse-client --host "$CLICKHOUSE_HOST" --user "$CLICKHOUSE_USER" "$@"
}

schema=$(dirname "$0")

# The version of the schema that is there; 0 if there is none, or only a beginning of one.
version=0
if [ "$(client --query 'EXISTS TABLE telemetry.schema_migrations')" = 1 ]; then
    version=$(client --query 'SELECT max(version) FROM telemetry.schema_migrations')
fi

latest=1
for migration in "$schema"/migrations/*.sql; do
    name=$(basename "$migration" .sql)
    # Not by the shell, to which a number that begins with 0 is octal.
    latest=$(expr "${name%%_*}" + 0)
    if [ "$version" -gt 0 ] && [ "$version" -lt "$latest" ]; then
        client <"$migration"
        client --query "INSERT INTO telemetry.schema_migrations (version, name) SELECT $latest, '${name#*_}'"
    fi
done
if [ "$version" -gt "$latest" ]; then
    echo "the database has version $version of the schema, and this makes version $latest" >&2
    exit 1
fi

sed -e "s|{retention_days}|$TELEMETRY_RETENTION_DAYS|" -e "s|{environment}|'$environment'|" \
    "$schema/init-db.sql" | client
