//! ClickHouse's official clients, unmodified, against a real stack over HTTP, with and without
//! compression. Each does the same and must print the same.

mod support;

use std::{collections::BTreeMap, fmt::Write as _, process::Command};

use clickhouse::{Client, Compression, Row, error::Error};
use serde::{Deserialize, Serialize};
use support::{
    clients::{self, Clients},
    stack::Stack,
};

/// What every client finds: its 20,000 rows, by bound parameters two of them with typed values, a
/// result of two million rows, exceptions by their codes also in the midst of a result, and a
/// setting.
const FOUND: &str = "\
written 20000
2|pear's 2|1.0|a,ü|2026-01-02T03:04:05.678|ripe|2
3|pear's 3|1.5|a,ü|2026-01-02T03:04:05.678|null|3
sum 199990000 20000
streamed 2000000
missing table 60
syntax 62
setting 1
half-way 395
";

/// Asserts that a client's program finds it.
fn assert_found(client: impl Fn(&Clients) -> Command, compression: &str) {
    let (Some(clients), Some(stack)) = (Clients::installed(), Stack::start()) else {
        return;
    };
    let mut client = client(&clients);
    client.arg(compression);
    let variables = BTreeMap::from(
        [
            ("CLICKHOUSE_URL", stack.clickhouse_url("")),
            ("CLICKHOUSE_USER", "telemetry".to_owned()),
            ("CLICKHOUSE_PASSWORD", "telemetry_password".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let found = clients::run(client, stack.sandbox().home(), &variables);
    assert_eq!(found, FOUND);
}

fn python(clients: &Clients) -> Command {
    let mut python = clients.python();
    python.arg(clients::program("clickhouse.py"));
    python
}

fn node(clients: &Clients) -> Command {
    let mut node = clients.node();
    node.arg(clients::program("clickhouse.js"));
    node
}

fn go(clients: &Clients) -> Command {
    clients.go("clickhouse")
}

#[test]
fn clickhouse_connect_works() {
    assert_found(python, "plain");
}

#[test]
fn clickhouse_connect_works_with_compression() {
    assert_found(python, "compressed");
}

#[test]
fn the_client_for_node_works() {
    assert_found(node, "plain");
}

#[test]
fn the_client_for_node_works_with_compression() {
    assert_found(node, "compressed");
}

#[test]
fn clickhouse_go_works() {
    assert_found(go, "plain");
}

#[test]
fn clickhouse_go_works_with_compression() {
    assert_found(go, "compressed");
}

#[test]
fn the_crate_works() {
    assert_crate(Compression::None);
}

#[test]
fn the_crate_works_with_compression() {
    assert_crate(Compression::Lz4);
}

fn assert_crate(compression: Compression) {
    let Some(stack) = Stack::start() else {
        return;
    };
    let client = Client::default()
        .with_url(stack.clickhouse_url(""))
        .with_user("telemetry")
        .with_password("telemetry_password")
        .with_database("telemetry")
        .with_compression(compression);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let found = runtime.block_on(find(&client));
    assert_eq!(found.expect("the client gets what it asks for"), FOUND);
}

/// A row of `fruit`.
#[derive(Row, Serialize, Deserialize)]
struct Fruit {
    id: u32,
    name: String,
    price: f64,
    tags: Vec<String>,
    /// Milliseconds.
    picked: i64,
    note: Option<String>,
    attributes: Vec<(String, String)>,
}

async fn find(client: &Client) -> Result<String, Error> {
    let mut found = String::new();
    let mut say = |line: String| writeln!(found, "{line}").expect("a text takes everything");
    let table = "CREATE TABLE fruit (id UInt32, name String, price Float64, tags Array(String),
            picked DateTime64(3, 'UTC'), note Nullable(String), attributes Map(String, String))
        ENGINE = MergeTree ORDER BY id";
    client.query(table).execute().await?;

    let mut insert = client.insert::<Fruit>("fruit").await?;
    for id in 0..20_000_u32 {
        let row = Fruit {
            id,
            name: format!("pear's {id}"),
            price: f64::from(id) / 2.0,
            tags: vec!["a".into(), "ü".into()],
            picked: 1_767_323_045_678,
            note: (id % 2 == 0).then(|| "ripe".into()),
            attributes: vec![("k".into(), id.to_string())],
        };
        insert.write(&row).await?;
    }
    insert.end().await?;
    let written: u64 = client
        .query("SELECT count() FROM fruit")
        .fetch_one()
        .await?;
    say(format!("written {written}"));

    let wanted = "SELECT ?fields FROM fruit
        WHERE id >= {low:UInt32} AND name <= {name:String} ORDER BY id LIMIT 2";
    let rows: Vec<Fruit> = client
        .query(wanted)
        .param("low", 2)
        .param("name", "pear's 3")
        .fetch_all()
        .await?;
    for row in rows {
        assert_eq!(row.picked, 1_767_323_045_678);
        say(format!(
            "{}|{}|{:.1}|{}|2026-01-02T03:04:05.678|{}|{}",
            row.id,
            row.name,
            row.price,
            row.tags.join(","),
            row.note.as_deref().unwrap_or("null"),
            row.attributes[0].1
        ));
    }
    let totals = client.query("SELECT sum(id), count() FROM fruit");
    let (sum, count): (u64, u64) = totals.fetch_one().await?;
    say(format!("sum {sum} {count}"));

    let rows = stream(client, "SELECT number FROM numbers(2000000)").await?;
    say(format!("streamed {rows}"));
    let nowhere = stream(client, "SELECT number FROM nowhere").await;
    say(format!("missing table {}", code(&nowhere)));
    say(format!(
        "syntax {}",
        code(&stream(client, "SELECT (1").await)
    ));
    let single = client.clone().with_setting("max_threads", "1");
    let threads = single.query("SELECT toString(getSetting('max_threads'))");
    let threads: String = threads.fetch_one().await?;
    say(format!("setting {threads}"));
    let small = client.clone().with_setting("max_block_size", "10000");
    let halfway = "SELECT number + throwIf(number = 1500000) FROM numbers(2000000)";
    say(format!("half-way {}", code(&stream(&small, halfway).await)));
    Ok(found)
}

/// How many rows a query has.
async fn stream(client: &Client, sql: &str) -> Result<u64, Error> {
    let mut cursor = client.query(sql).fetch::<u64>()?;
    let mut rows = 0;
    while cursor.next().await?.is_some() {
        rows += 1;
    }
    Ok(rows)
}

/// The code of the exception that something ends in.
fn code(result: &Result<u64, Error>) -> String {
    let Err(error) = result else {
        return "none".into();
    };
    let text = error.to_string();
    let code = text
        .split_once("Code: ")
        .and_then(|(_, rest)| rest.split_once('.'));
    code.map_or_else(|| text.clone(), |(code, _)| code.to_owned())
}
