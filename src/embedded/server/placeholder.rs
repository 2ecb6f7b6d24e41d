//! Stands in for ClickHouse's HTTP interface until it is here; nothing else refers to it but one
//! function in `network.rs`.

use std::io;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::Credentials;
use crate::embedded::chdb::{Effect, Engine};

pub(super) async fn clickhouse(
    engine: Engine,
    credentials: Credentials,
    listener: TcpListener,
    shutdown: CancellationToken,
) {
    let routes = axum::Router::new()
        .fallback(statement)
        .with_state((engine, credentials));
    let stop = shutdown.clone();
    let serving =
        axum::serve(listener, routes).with_graceful_shutdown(async move { stop.cancelled().await });
    tokio::select! {
        _ = serving => {}
        () = shutdown.cancelled() => {}
    }
}

async fn statement(
    State((engine, credentials)): State<(Engine, Credentials)>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let is = |name: &str, value: &str| head.headers.get(name).is_some_and(|text| text == value);
    if !is("x-clickhouse-user", &credentials.user) || !is("x-clickhouse-key", &credentials.password)
    {
        let refusal = "Code: 516. DB::Exception: wrong password. (AUTHENTICATION_FAILED)";
        return (StatusCode::FORBIDDEN, refusal).into_response();
    }
    let options = head.uri.query().unwrap_or_default().replace('+', " ");
    let (pieces, mut answer) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = run(&engine, &options, body, &pieces) {
            // The client may be gone.
            let _ = pieces.blocking_send(Err(io::Error::other(error)));
        }
    });
    match answer.recv().await {
        Some(Err(error)) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        first => {
            let pieces = stream::iter(first).chain(ReceiverStream::new(answer));
            Body::from_stream(pieces).into_response()
        }
    }
}

fn run(
    engine: &Engine,
    options: &str,
    body: Body,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), String> {
    let text = |error: &dyn ToString| error.to_string();
    let mut connection = engine.connect().map_err(|error| text(&error))?;
    let (mut format, mut insert, mut parameters) = ("TabSeparated".to_owned(), None, Vec::new());
    for (name, value) in options
        .split('&')
        .filter_map(|option| option.split_once('='))
    {
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        let setting = match (name, name.strip_prefix("param_")) {
            (_, Some(name)) => {
                parameters.push((name.to_owned(), value.into_bytes()));
                continue;
            }
            ("default_format", _) => {
                format = value;
                continue;
            }
            ("query", _) => {
                insert = Some(value);
                continue;
            }
            ("database", _) => format!("USE {value}"),
            _ => format!("SET {name} = '{value}'"),
        };
        let done = connection.execute(setting.as_bytes(), "Null", &[]);
        done.map_err(|error| text(&error))?;
    }
    let runtime = Handle::current();
    if let Some((into, format)) = insert.as_deref().and_then(|sql| sql.split_once(" FORMAT ")) {
        let inserting = connection.insert(into.as_bytes(), format, &parameters);
        let mut inserting = inserting.map_err(|error| text(&error))?;
        let mut data = body.into_data_stream();
        while let Some(piece) = runtime.block_on(data.next()) {
            let piece = piece.map_err(|error| text(&error))?;
            inserting.append(&piece).map_err(|error| text(&error))?;
        }
        return inserting.finish().map(drop).map_err(|error| text(&error));
    }
    let sql = runtime
        .block_on(to_bytes(body, usize::MAX))
        .map_err(|error| text(&error))?;
    let send = |data: &[u8]| pieces.blocking_send(Ok(Bytes::copy_from_slice(data)));
    // `SHOW` and its like read too, and have no streams.
    let is_select = connection.analyse(&sql).effect == Effect::Read && sql.starts_with(b"SELECT");
    if !is_select {
        let answer = connection.execute(&sql, &format, &parameters);
        let answer = answer.map_err(|error| text(&error))?;
        let _ = send(answer.data());
        return Ok(());
    }
    let answer = connection.stream(&sql, &format, &parameters);
    let mut answer = answer.map_err(|error| text(&error))?;
    while let Some(piece) = answer.next_chunk().map_err(|error| text(&error))? {
        if send(piece.data()).is_err() {
            break;
        }
    }
    Ok(())
}
