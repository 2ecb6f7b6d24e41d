//! The steps from each version of the schema to the next.

use super::statements;

/// A step from one version of the schema to the next.
///
/// It alters tables only: views are made anew by [`super::INIT_DB`]. Whoever breaks off in the
/// middle of it runs all of it again, so each of its statements changes nothing the second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The version that it leads to.
    pub version: u32,
    /// What it is about.
    pub name: &'static str,
    sql: &'static str,
}

impl Migration {
    /// Its statements, with nothing to be filled in.
    pub fn statements(&self) -> Vec<&'static str> {
        statements(self.sql)
    }
}

/// All of them, in order. Version 1 is what the first release made.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 2,
        name: "log_source",
        sql: include_str!("../../../assets/clickhouse/migrations/0002_log_source.sql"),
    },
    Migration {
        version: 3,
        name: "attribute_codecs",
        sql: include_str!("../../../assets/clickhouse/migrations/0003_attribute_codecs.sql"),
    },
    Migration {
        version: 4,
        name: "export_id",
        sql: include_str!("../../../assets/clickhouse/migrations/0004_export_id.sql"),
    },
    Migration {
        version: 5,
        name: "hourly_by_name",
        sql: include_str!("../../../assets/clickhouse/migrations/0005_hourly_by_name.sql"),
    },
    Migration {
        version: 6,
        name: "received_at",
        sql: include_str!("../../../assets/clickhouse/migrations/0006_received_at.sql"),
    },
];

/// The version of the schema that this program makes.
pub const VERSION: u32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::clickhouse::schema::INIT_DB;
    use crate::compose::bundle::COMPOSE_FILE;

    #[test]
    fn versions_count_up_from_the_first() {
        let versions: Vec<_> = MIGRATIONS.iter().map(|it| it.version).collect();
        assert_eq!(versions, (2..=VERSION).collect::<Vec<_>>());
    }

    #[test]
    fn every_file_is_a_migration() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/clickhouse/migrations");
        let files: BTreeSet<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let listed = MIGRATIONS
            .iter()
            .map(|it| format!("{:04}_{}.sql", it.version, it.name));
        assert_eq!(files, listed.collect());
        // `docker compose up` migrates with the same files.
        for file in files {
            let mounted = format!("target: /schema/migrations/{file}");
            assert!(COMPOSE_FILE.contains(&mounted), "{mounted}");
        }
    }

    #[test]
    fn a_new_database_is_recorded_as_the_last_migration_leaves_one() {
        let last = MIGRATIONS.last().unwrap();
        let record = format!("SELECT {}, '{}' WHERE", last.version, last.name);
        assert!(INIT_DB.contains(&record), "{record}");
    }

    #[test]
    fn a_migration_has_statements_and_nothing_to_fill_in() {
        for migration in MIGRATIONS {
            assert!(!migration.statements().is_empty(), "{migration:?}");
            assert!(!migration.sql.contains('{'), "{migration:?}");
        }
    }
}
