//! `/metrics`, `/healthz` and `/readyz` over HTTP.

use std::{net::SocketAddr, sync::Arc};

use eyre::WrapErr as _;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
};
use tokio::{net::TcpListener, task::JoinSet};

use super::Probe;
use crate::http::{PLAIN, accept, response};

const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A running server; it ends when this is dropped.
pub(crate) struct MetricsServer {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// What counts for it and serves it.
    _tasks: JoinSet<()>,
}

/// Serves what the probe sees; `tasks` count for it.
pub(crate) async fn serve(
    addr: SocketAddr,
    probe: Probe,
    mut tasks: JoinSet<()>,
) -> eyre::Result<MetricsServer> {
    let listener = TcpListener::bind(addr)
        .await
        .wrap_err_with(|| format!("serving metrics at {addr}: name a free one with --metrics"))?;
    let addr = listener.local_addr()?;
    let probe = Arc::new(probe);
    tasks.spawn(accept(listener, move |request| answer(request, Arc::clone(&probe))));
    Ok(MetricsServer { addr, _tasks: tasks })
}

async fn answer(request: Request<Incoming>, probe: Arc<Probe>) -> Response<Full<Bytes>> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "ask with GET\n".into());
    }
    match request.uri().path() {
        "/metrics" => match probe.observe().await {
            Ok(text) => response(StatusCode::OK, METRICS, text),
            Err(error) => broken(&error),
        },
        "/healthz" => response(StatusCode::OK, PLAIN, "alive\n".into()),
        "/readyz" => match probe.readiness() {
            Ok(Ok(())) => response(StatusCode::OK, PLAIN, "ready\n".into()),
            Ok(Err(reason)) => {
                response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{reason}\n"))
            }
            Err(error) => broken(&error),
        },
        _ => {
            let known = "ask for /metrics, /healthz or /readyz\n";
            response(StatusCode::NOT_FOUND, PLAIN, known.into())
        }
    }
}

fn broken(error: &eyre::Report) -> Response<Full<Bytes>> {
    tracing::warn!(%error, "the node cannot be looked at");
    response(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n"))
}
