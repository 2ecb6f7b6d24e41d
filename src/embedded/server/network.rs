//! What is offered over the network, from the first answer to the last.

use std::io;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::{ServerError, ServerSpec, Sockets, readiness};
use crate::embedded::chdb::Engine;
use crate::embedded::clickhouse_http::{self, Interface};
use crate::embedded::receiver::{
    EngineWriter, Limits, Listeners, LogRows, MetricRows, Receiver, ReceiverError, TraceRows,
};
use crate::embedded::web::Dashboards;

/// Serves everything until `shutdown`, calling `ready` once every endpoint answers; then stops
/// accepting, drains, and returns when what was received is stored.
///
/// # Errors
///
/// When a part of it cannot start, or ends unasked: then the others are drained as well.
pub(super) async fn serve(
    engine: &Engine,
    spec: &ServerSpec,
    sockets: Sockets,
    shutdown: CancellationToken,
    ready: impl FnOnce(),
) -> Result<(), ServerError> {
    let sockets = sockets.into_listeners().map_err(ServerError::Runtime)?;
    let receiver = receiver(engine)?;
    // The part that is lost takes the others with it.
    let stop = shutdown.child_token();
    let closed = CancellationToken::new();
    let health = Health::new(stop.clone(), receiver.metrics());

    let receiving = async {
        let listeners = Listeners {
            http: sockets.otlp_http,
            grpc: sockets.otlp_grpc,
        };
        let stored = receiver.serve(listeners, stop.clone()).await;
        let ended = part_ended("the receiver", &stop);
        stored.map_err(ServerError::from).and(ended)
    };
    let limits = clickhouse_http::Limits::default();
    let clickhouse = Interface::new(engine.clone(), &spec.credentials, limits);
    let answering = async {
        clickhouse
            .serve(sockets.clickhouse_http, stop.clone())
            .await;
        part_ended("ClickHouse's HTTP interface", &stop)
    };
    let drawing = async {
        let dashboards = Dashboards::new(clickhouse.clone(), spec.dashboard_password.as_deref());
        dashboards.serve(sockets.dashboards, stop.clone()).await;
        part_ended("the dashboards", &stop)
    };
    let querying = async {
        let served = async { tokio::join!(answering, drawing) };
        let (answered, drawn) = tokio::select! {
            served = served => served,
            never = clickhouse.look_after(stop.clone()) => match never {},
        };
        clickhouse.finish().await;
        answered.and(drawn)
    };
    let storing = async {
        let (stored, queried) = tokio::join!(receiving, querying);
        // Until all is stored, whoever asks is told that the server drains.
        closed.cancel();
        stored.and(queried)
    };
    let watching = async {
        health.serve(sockets.health, closed.clone()).await;
        // Only after the others it is done as it should be.
        if closed.is_cancelled() {
            return Ok(());
        }
        part_ended("the health endpoint", &stop)
    };
    let announcing = async {
        let answered = stop.run_until_cancelled(readiness::wait_for_all(&spec.listen));
        match answered.await {
            Some(Ok(())) => ready(),
            Some(Err(error)) => {
                stop.cancel();
                return Err(ServerError::NotReady(error));
            }
            None => {}
        }
        Ok(())
    };
    let (announced, stored, watched) = tokio::join!(announcing, storing, watching);
    stored.and(announced).and(watched)
}

/// What it means that a part has ended: an error, unless it was asked to.
fn part_ended(part: &'static str, stop: &CancellationToken) -> Result<(), ServerError> {
    if stop.is_cancelled() {
        return Ok(());
    }
    stop.cancel();
    Err(ServerError::Lost(part))
}

/// The OTLP receiver.
fn receiver(engine: &Engine) -> Result<Receiver, ReceiverError> {
    let writer = |_| EngineWriter::new(engine.clone());
    Receiver::start::<TraceRows, MetricRows, LogRows, _>(Limits::default(), writer)
}

/// The sockets as the asynchronous runtime listens on them.
struct AsyncSockets {
    otlp_http: TcpListener,
    otlp_grpc: TcpListener,
    clickhouse_http: TcpListener,
    dashboards: TcpListener,
    health: TcpListener,
}

impl Sockets {
    fn into_listeners(self) -> io::Result<AsyncSockets> {
        Ok(AsyncSockets {
            otlp_http: TcpListener::from_std(self.otlp_http)?,
            otlp_grpc: TcpListener::from_std(self.otlp_grpc)?,
            clickhouse_http: TcpListener::from_std(self.clickhouse_http)?,
            dashboards: TcpListener::from_std(self.dashboards)?,
            health: TcpListener::from_std(self.health)?,
        })
    }
}
