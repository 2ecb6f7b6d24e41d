//! The real engine behind just enough of ClickHouse's HTTP interface, for tests of SQL.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Client, schema};
use crate::embedded::chdb::{Connection, Exception, testing};

/// A server with a database of its own, which clients take for `telemetry`.
pub struct RealClickHouse {
    database: String,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl RealClickHouse {
    /// A database with the schema and no rows; `None` where there is no engine.
    pub async fn start() -> Option<Self> {
        let server = Self::bare().await?;
        let parameters = schema::Parameters {
            // What tests insert is to stay.
            retention_days: schema::MAX_RETENTION_DAYS,
            environment: "test",
        };
        schema::apply(&server.client(), &parameters).await.unwrap();
        Some(server)
    }

    /// No database yet; `None` where there is no engine.
    pub async fn bare() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let database = format!("real_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        testing::engine()?;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(database.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Some(Self {
            database,
            address,
            server,
        })
    }

    /// Its URL, with the name that its database has in truth.
    pub fn url(&self) -> String {
        format!("http://{}/{}", self.address, self.database)
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Client::new(http, format!("http://{}", self.address), "telemetry", "")
    }
}

impl Drop for RealClickHouse {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn renamed(sql: &str, database: &str) -> String {
    sql.replace("telemetry.", &format!("{database}."))
        .replace("'telemetry'", &format!("'{database}'"))
        .replace("EXISTS telemetry", &format!("EXISTS {database}"))
}

async fn answer(State(database): State<String>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let url = reqwest::Url::parse(&format!("http://x{}", head.uri)).unwrap();
    let options: Vec<_> = url.query_pairs().into_owned().collect();
    let body = to_bytes(body, usize::MAX).await;
    let (database, asked) = (database.clone(), options.clone());
    let ran = tokio::task::spawn_blocking(move || {
        let body = body.map_err(|_| broken_off())?;
        run(&database, &asked, &body)
    });
    let format =
        |(name, value): &(String, String)| (name == "default_format").then(|| value.clone());
    match ran.await.unwrap() {
        Ok((data, written)) => {
            let mut response = Response::builder().header(
                "X-ClickHouse-Summary",
                format!(r#"{{"written_rows":"{written}"}}"#),
            );
            if let Some(format) = options.iter().find_map(format) {
                response = response.header("X-ClickHouse-Format", format);
            }
            response.body(Body::from(data)).unwrap()
        }
        Err(exception) => Response::builder()
            .status(500)
            .header("X-ClickHouse-Exception-Code", exception.code)
            .body(Body::from(exception.message))
            .unwrap(),
    }
}

fn broken_off() -> Exception {
    Exception::parse("Code: 210. DB::Exception: The data broke off. (NETWORK_ERROR)")
}

fn run(
    database: &str,
    options: &[(String, String)],
    body: &[u8],
) -> Result<(Vec<u8>, u64), Exception> {
    let mut connection = testing::connection().unwrap();
    let (mut format, mut insert, mut parameters) = ("Null", None, Vec::new());
    for (name, value) in options {
        match name.as_str() {
            "database" if value == "telemetry" => use_database(&mut connection, database)?,
            "database" => use_database(&mut connection, value)?,
            "default_format" => format = value,
            "query" => insert = Some(renamed(value, database)),
            name => {
                if let Some(name) = name.strip_prefix("param_") {
                    parameters.push((name.to_owned(), value.clone().into_bytes()));
                } else {
                    let sql = format!("SET {name} = '{value}'");
                    connection.execute(sql.as_bytes(), "Null", &[])?;
                }
            }
        }
    }
    if let Some(insert) = insert {
        let (head, format) = insert.split_once(" FORMAT ").unwrap();
        let mut stream = connection.insert(head.as_bytes(), format, &parameters)?;
        stream.append(body)?;
        return Ok((Vec::new(), stream.finish()?.rows));
    }
    let sql = renamed(std::str::from_utf8(body).unwrap(), database);
    let result = connection.execute(sql.as_bytes(), format, &parameters)?;
    Ok((result.data().to_vec(), result.statistics().written.rows))
}

fn use_database(connection: &mut Connection, database: &str) -> Result<(), Exception> {
    let sql = format!("USE {database}");
    connection.execute(sql.as_bytes(), "Null", &[]).map(drop)
}
