//! `/metrics`, `/healthz` and `/readyz` over HTTP.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use eyre::WrapErr as _;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

use super::Probe;

/// Connections at once; others wait.
const CONNECTIONS: usize = 16;
/// Longest that a connection lasts.
const CONNECTION_TIME: Duration = Duration::from_secs(30);
/// Longest that a client may take to send its request's head.
const HEAD_TIME: Duration = Duration::from_secs(5);
const PLAIN: &str = "text/plain; charset=utf-8";
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
    tasks.spawn(accept(listener, Arc::new(probe)));
    Ok(MetricsServer { addr, _tasks: tasks })
}

async fn accept(listener: TcpListener, probe: Arc<Probe>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Ends with the server: its connections are aborted.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, for instance: the next one may work, after others are closed.
                tracing::warn!(%error, "a connection for metrics was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let probe = Arc::clone(&probe);
        connections.spawn(async move {
            let _place = place;
            let service = service_fn(|request| answer(request, Arc::clone(&probe)));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .max_buf_size(16 << 10)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away or is too slow loses its answer, and nothing else.
            let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    probe: Arc<Probe>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "ask with GET\n".into()));
    }
    Ok(match request.uri().path() {
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
    })
}

fn broken(error: &eyre::Report) -> Response<Full<Bytes>> {
    tracing::warn!(%error, "the node cannot be looked at");
    response(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, format!("{error}\n"))
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
