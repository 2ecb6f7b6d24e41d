//! Who a connection speaks for.

/// What a connection may do.
///
/// chDB signs every connection in as the user `default` and has neither logins nor `EXECUTE AS`.
/// So that user has no rights of its own, only roles, and a connection gives up all but one of
/// them. The engine itself then refuses what the role does not allow: other databases, table
/// functions that reach files or other machines, temporary tables, DDL.
///
/// Three things it does not refuse, so whoever passes statements on must:
/// - `SET ROLE`, with which a connection takes another role back.
/// - Settings, some of which name files or hold SQL. `SET readonly = 1`, as the last thing before
///   the statement, is the end of that.
/// - The scalar function `file()`, which no grant governs, and what can hide a call of it in a
///   text: table functions that take a structure (`values('a Int8, b String ALIAS file(…)', 1)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Administrator,
    /// Insert into the stack's tables and describe them.
    Ingest,
    /// Select from the stack's tables, and from what the engine shows of them in `system`.
    Reader,
}

impl Role {
    /// Every role.
    pub(super) const ALL: [Self; 3] = [Self::Administrator, Self::Ingest, Self::Reader];

    /// Its name in the engine.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Ingest => "ingest",
            Self::Reader => "reader",
        }
    }

    /// What it is granted.
    pub(super) const fn grant(self) -> &'static str {
        match self {
            Self::Administrator => "GRANT ALL ON *.* WITH GRANT OPTION",
            Self::Ingest => "GRANT INSERT, SHOW ON telemetry.*",
            Self::Reader => "GRANT SELECT, SHOW ON telemetry.*",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Role;
    use crate::embedded::chdb::{
        Connection,
        testing::{self, text},
    };

    /// A connection in `role`, set up as for a request, with something to get at.
    fn connection(role: Role) -> Option<Connection> {
        let engine = testing::engine()?;
        let mut admin = engine.connect().expect("the engine accepts a connection");
        for statement in [
            "CREATE DATABASE IF NOT EXISTS telemetry",
            "CREATE TABLE IF NOT EXISTS telemetry.role_test (n Int32) ENGINE = MergeTree ORDER BY n",
            "CREATE DATABASE IF NOT EXISTS private",
            "CREATE TABLE IF NOT EXISTS private.t (n Int32) ENGINE = MergeTree ORDER BY n",
            "CREATE NAMED COLLECTION IF NOT EXISTS secret AS password = 'pearl'",
        ] {
            text(&mut admin, statement);
        }
        let mut connection = engine.connect_as(role).expect("the role exists");
        text(&mut connection, "USE telemetry");
        if role == Role::Reader {
            text(&mut connection, "SET readonly = 1");
        }
        Some(connection)
    }

    /// What the engine refuses `statement` with; panics if it does not.
    fn refusal(connection: &mut Connection, statement: &str) -> String {
        match connection.execute(statement.as_bytes(), "TabSeparated", &[]) {
            Ok(result) => panic!(
                "{statement} gives {}",
                String::from_utf8_lossy(result.data())
            ),
            Err(exception) => exception.name.unwrap_or(exception.message),
        }
    }

    #[test]
    fn a_reader_reads_the_stacks_tables() {
        let Some(mut reader) = connection(Role::Reader) else {
            return;
        };
        for statement in [
            "SELECT count() FROM telemetry.role_test",
            "SELECT count() FROM role_test FORMAT JSON",
            "SELECT count() FROM numbers(3)",
            "DESCRIBE TABLE role_test",
            "SHOW CREATE TABLE role_test",
            "SELECT sum(rows) FROM system.parts WHERE active",
            "EXPLAIN SELECT * FROM role_test",
        ] {
            text(&mut reader, statement);
        }
        let databases = text(&mut reader, "SELECT name FROM system.databases");
        assert_eq!(databases, "telemetry");
    }

    #[test]
    fn a_reader_changes_nothing() {
        let Some(mut reader) = connection(Role::Reader) else {
            return;
        };
        for statement in [
            "INSERT INTO role_test VALUES (1)",
            "CREATE TABLE x (n Int8) ENGINE = Memory",
            "CREATE TEMPORARY TABLE x (n Int8)",
            "CREATE VIEW v AS SELECT 1",
            "CREATE FUNCTION f AS x -> x",
            "CREATE USER u",
            "GRANT administrator TO default",
            "ALTER TABLE role_test DELETE WHERE 1",
            "DROP TABLE role_test",
            "TRUNCATE TABLE role_test",
            "OPTIMIZE TABLE role_test",
            "SYSTEM STOP MERGES telemetry.role_test",
            "BACKUP DATABASE telemetry TO File('/tmp/b')",
            "SET readonly = 0",
            "SET max_threads = 1",
            "SELECT 1 SETTINGS max_memory_usage = 1",
            "SELECT 1 FORMAT Template SETTINGS format_template_row = '/etc/hostname'",
            "INSERT INTO FUNCTION file('/tmp/b.csv') SELECT 1",
        ] {
            let name = refusal(&mut reader, statement);
            assert!(
                ["ACCESS_DENIED", "READONLY"].contains(&name.as_str()),
                "{statement}: {name}"
            );
        }
    }

    #[test]
    fn a_reader_gets_at_nothing_else() {
        let Some(mut reader) = connection(Role::Reader) else {
            return;
        };
        for source in [
            "private.t",
            "merge('private', '.*')",
            "mergeTreeIndex('private', 't')",
            "default.`/etc/hostname`",
            "file('/etc/hostname', 'LineAsString')",
            "fileCluster('default', '/etc/hostname')",
            "filesystem('/etc')",
            "url('http://127.0.0.1:1/')",
            "s3('http://127.0.0.1:1/bucket/x', 'CSV')",
            "gcs('http://127.0.0.1:1/bucket/x', 'CSV')",
            "azureBlobStorage('x', 'c', 'b', 'k', 'v')",
            "hdfs('hdfs://127.0.0.1:1/a', 'TSV')",
            "remote('127.0.0.1:1', system.one)",
            "mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
            "postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
            "mongodb('mongodb://127.0.0.1:1/a', 'b', 'n Int8')",
            "redis('127.0.0.1:1', 'k', 'k String, v String')",
            "sqlite('/tmp/x.db', 't')",
            "odbc('DSN=x', 'a', 'b')",
            "jdbc('x', 'a', 'b')",
            "executable('id', 'TSV', 'a String')",
            "icebergLocal('/tmp/a')",
            "deltaLakeLocal('/tmp/a')",
            "dictionary('x')",
            "format(CSV, '1,2')",
            "view(SELECT * FROM file('/etc/hostname', 'LineAsString'))",
            "loop(file('/etc/hostname', 'LineAsString'))",
            "eval('SELECT 1')",
            "system.users",
            "system.grants",
        ] {
            let name = refusal(&mut reader, &format!("SELECT * FROM {source}"));
            assert!(
                [
                    "ACCESS_DENIED",
                    "CANNOT_EXTRACT_TABLE_STRUCTURE",
                    "CLUSTER_DOESNT_EXIST",
                    "SUPPORT_IS_DISABLED"
                ]
                .contains(&name.as_str()),
                "{source}: {name}"
            );
        }
        let secrets = "SELECT * FROM system.named_collections";
        assert!(!text(&mut reader, secrets).contains("pearl"));
    }

    #[test]
    fn an_ingester_inserts_and_cannot_look() {
        let Some(mut ingester) = connection(Role::Ingest) else {
            return;
        };
        text(&mut ingester, "DESCRIBE TABLE role_test");
        text(&mut ingester, "INSERT INTO role_test VALUES (1)");
        for statement in [
            "SELECT * FROM role_test",
            "INSERT INTO role_test SELECT * FROM role_test",
            "INSERT INTO private.t VALUES (1)",
            "INSERT INTO FUNCTION file('/tmp/b.csv') SELECT 1",
            "INSERT INTO role_test SELECT * FROM file('/etc/hostname', 'CSV', 'n Int32')",
            "ALTER TABLE role_test DELETE WHERE 1",
            "DROP TABLE role_test",
        ] {
            assert_eq!(
                refusal(&mut ingester, statement),
                "ACCESS_DENIED",
                "{statement}"
            );
        }
    }
}
