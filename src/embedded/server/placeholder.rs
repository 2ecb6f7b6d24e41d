//! Stands in for ClickHouse's HTTP interface until it is here; nothing else refers to it but one
//! function in `network.rs`.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Credentials;
use crate::embedded::chdb::Engine;

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
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|text| text == value);
    if !is("x-clickhouse-user", &credentials.user) || !is("x-clickhouse-key", &credentials.password)
    {
        let refusal = "Code: 516. DB::Exception: wrong password. (AUTHENTICATION_FAILED)";
        return (StatusCode::FORBIDDEN, refusal.to_owned());
    }
    let done = tokio::task::spawn_blocking(move || {
        let mut connection = engine.connect().map_err(|error| error.to_string())?;
        let (mut format, mut parameters) = ("TabSeparated".to_owned(), Vec::new());
        let query = uri.query().unwrap_or_default().replace('+', " ");
        for (name, value) in query.split('&').filter_map(|option| option.split_once('=')) {
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            match (name, name.strip_prefix("param_")) {
                (_, Some(name)) => parameters.push((name.to_owned(), value.into_bytes())),
                ("default_format", _) => format = value,
                ("database", _) => {
                    let sql = format!("USE {value}");
                    let done = connection.execute(sql.as_bytes(), "Null", &[]);
                    done.map_err(|error| error.to_string())?;
                }
                _ => {}
            }
        }
        let answer = connection.execute(body.as_bytes(), &format, &parameters);
        let answer = answer.map_err(|error| error.to_string())?;
        Ok::<_, String>(String::from_utf8_lossy(answer.data()).into_owned())
    });
    match done.await {
        Ok(Ok(answer)) => (StatusCode::OK, answer),
        Ok(Err(error)) => (StatusCode::BAD_REQUEST, error),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    }
}
