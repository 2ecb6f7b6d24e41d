//! One at a time: a lock within the database, for those who come from different machines.
//!
//! To make a table is the one thing that ClickHouse lets only the first do. The table is a lease:
//! its holder touches it every few seconds, and one that is not touched for longer was left behind
//! by a process that died.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{Applied, OverHttp, Parameters, SchemaError, upgrade};
use crate::clickhouse::{ClickHouseError, Client};

/// How a lock is held, and for how long it is respected.
struct Terms {
    /// How often a holder says that it is still there.
    touched_every: Duration,
    /// After how long without a word a holder is taken for dead, in seconds of the server's clock.
    lease_seconds: u32,
    /// How long another holder may take.
    patience: Duration,
}

const TERMS: Terms = Terms {
    touched_every: Duration::from_secs(3),
    lease_seconds: 20,
    patience: Duration::from_mins(10),
};

/// How often a lock that is held is tried again.
const TRIED_EVERY: Duration = Duration::from_millis(200);

const TAKE: &str = "\
CREATE TABLE telemetry.schema_lock (holder String) ENGINE = Memory COMMENT 'touched 0'";

/// Touching rewrites the definition, and with it the time of its modification.
const TOUCH: &str = "ALTER TABLE telemetry.schema_lock MODIFY COMMENT 'touched ";

const RELEASE: &str = "DROP TABLE IF EXISTS telemetry.schema_lock SYNC";

const LEASE: &str = "\
SELECT
    toString(uuid) AS id,
    toUInt32(greatest(0, dateDiff('second', metadata_modification_time, now()))) AS age
FROM system.tables
WHERE database = 'telemetry' AND name = 'schema_lock'";

/// Brings the database of a server to the schema, when nobody else does.
///
/// # Errors
///
/// When a statement fails, and when the database is newer than this program or none of its own.
pub async fn apply(client: &Client, parameters: &Parameters<'_>) -> Result<Applied, SchemaError> {
    let create = "CREATE DATABASE IF NOT EXISTS telemetry";
    client.query(create).database("default").execute().await?;
    take(client, &TERMS).await?;
    let mut database = OverHttp(client);
    let applied = touching(client, &TERMS, upgrade(&mut database, parameters)).await;
    // One that cannot be released now is soon seen to be left behind.
    let released = client.query(RELEASE).execute().await;
    let applied = applied?;
    released?;
    Ok(applied)
}

async fn take(client: &Client, terms: &Terms) -> Result<(), SchemaError> {
    let deadline = Instant::now() + terms.patience;
    loop {
        match client.query(TAKE).execute().await {
            Ok(_) => return Ok(()),
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error.into()),
        }
        remove_abandoned(client, terms.lease_seconds).await?;
        if Instant::now() >= deadline {
            return Err(SchemaError::Locked);
        }
        sleep(TRIED_EVERY).await;
    }
}

fn is_taken(error: &ClickHouseError) -> bool {
    let name = error.exception().and_then(|it| it.name.as_deref());
    name == Some("TABLE_ALREADY_EXISTS")
}

/// Two may find it abandoned at once, and the second must not remove the lock that the first has
/// taken by then: so it is renamed to a name of its own, which works once.
async fn remove_abandoned(client: &Client, lease_seconds: u32) -> Result<(), SchemaError> {
    #[derive(Deserialize)]
    struct Lease {
        id: String,
        age: u32,
    }
    let leases: Vec<Lease> = client.query(LEASE).rows().await?;
    let Some(Lease { id, age }) = leases.into_iter().next() else {
        return Ok(());
    };
    if age < lease_seconds {
        return Ok(());
    }
    let aside = format!("telemetry.schema_lock_{}", id.replace('-', "_"));
    let rename = format!("RENAME TABLE telemetry.schema_lock TO {aside}");
    if client.query(rename).execute().await.is_ok() {
        let drop = format!("DROP TABLE IF EXISTS {aside} SYNC");
        client.query(drop).execute().await?;
    }
    Ok(())
}

/// Keeps the lease while `work` goes on.
async fn touching<T>(client: &Client, terms: &Terms, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut ticks = interval(terms.touched_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first comes at once.
    ticks.tick().await;
    let mut touches = 0_u32;
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => {
                touches += 1;
                let touch = client.query(format!("{TOUCH}{touches}'"));
                tokio::select! {
                    done = &mut work => return done,
                    // One that fails leaves time for the next.
                    _ = touch.execute() => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clickhouse::real::RealClickHouse;

    const IMPATIENT: Terms = Terms {
        touched_every: Duration::from_millis(1),
        lease_seconds: 1000,
        patience: Duration::ZERO,
    };

    async fn server() -> Option<RealClickHouse> {
        let server = RealClickHouse::bare().await?;
        let create = "CREATE DATABASE IF NOT EXISTS telemetry";
        let client = server.client();
        let create = client.query(create).database("default");
        create.execute().await.unwrap();
        Some(server)
    }

    #[tokio::test]
    async fn one_that_is_held_is_respected_and_one_that_is_abandoned_is_taken() {
        let Some(server) = server().await else { return };
        let client = server.client();
        take(&client, &IMPATIENT).await.unwrap();
        let refused = take(&client, &IMPATIENT).await;
        assert!(matches!(refused, Err(SchemaError::Locked)), "{refused:?}");

        let terms = Terms {
            lease_seconds: 0,
            patience: TERMS.patience,
            ..IMPATIENT
        };
        take(&client, &terms).await.unwrap();
        let refused = take(&client, &IMPATIENT).await;
        assert!(matches!(refused, Err(SchemaError::Locked)), "{refused:?}");
    }

    #[tokio::test]
    async fn its_holder_touches_it_for_as_long_as_the_work_goes_on() {
        #[derive(Deserialize)]
        struct Row {
            comment: String,
        }
        let Some(server) = server().await else { return };
        let client = server.client();
        take(&client, &IMPATIENT).await.unwrap();
        let touched = touching(&client, &IMPATIENT, async {
            let deadline = Instant::now() + Duration::from_secs(30);
            let sql = "SELECT comment FROM system.tables \
                       WHERE database = 'telemetry' AND name = 'schema_lock'";
            loop {
                let row: Row = client.query(sql).row().await.unwrap();
                let touches = row.comment.strip_prefix("touched ");
                let touches = touches.and_then(|touches| touches.parse::<u32>().ok());
                if touches.is_some_and(|touches| touches >= 2) {
                    return;
                }
                assert!(Instant::now() < deadline, "{}", row.comment);
            }
        });
        touched.await;
    }
}
