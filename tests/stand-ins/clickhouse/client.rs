//! `clickhouse-client`, as far as scripts use it: statements in, tab-separated rows out.

use std::io::{Read as _, Write as _};

use clap::Parser;
use telemetry::clickhouse::{Client, schema::statements};

use crate::Outcome;

/// A stand-in for `clickhouse-client`, which speaks HTTP.
#[derive(Parser)]
struct Arguments {
    /// Where the server is.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port of its HTTP interface.
    #[arg(long, default_value_t = crate::image::HTTP_PORT)]
    http_port: u16,
    /// Who asks.
    #[arg(short, long, default_value = "default")]
    user: String,
    /// The password; otherwise that of `CLICKHOUSE_PASSWORD`.
    #[arg(long)]
    password: Option<String>,
    /// The database that is meant where none is named.
    #[arg(short, long, default_value = "default")]
    database: String,
    /// Statements; otherwise those on standard input.
    #[arg(short, long)]
    query: Option<String>,
    /// Taken for granted.
    #[arg(short = 'n', long)]
    multiquery: bool,
}

/// Runs the statements one by one, up to the first that fails.
pub fn run() -> Outcome {
    let arguments = Arguments::parse();
    let password = arguments
        .password
        .or_else(|| std::env::var("CLICKHOUSE_PASSWORD").ok())
        .unwrap_or_default();
    let sql = if let Some(sql) = arguments.query {
        sql
    } else {
        let mut sql = String::new();
        std::io::stdin().read_to_string(&mut sql)?;
        sql
    };
    let url = format!("http://{}:{}", arguments.host, arguments.http_port);
    let http = reqwest::Client::builder().no_proxy().build()?;
    let client = Client::new(http, url, arguments.user, &password);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        for statement in statements(&sql) {
            let query = client.query(statement).database(&arguments.database);
            let mut answer = query.answer("TabSeparated").await?;
            while let Some(rows) = answer.chunk().await? {
                std::io::stdout().write_all(&rows)?;
            }
        }
        Ok(())
    })
}
