//! Small services over HTTP/1: few connections, each for one short answer.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};

/// Connections at once; others wait.
const CONNECTIONS: usize = 16;
/// Longest that a connection lasts.
const CONNECTION_TIME: Duration = Duration::from_secs(30);
/// Longest that a client may take to send its request's head.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// Text for people.
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

/// Serves connections until it is dropped; they end with it.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    answer: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static,
) where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let answer = Arc::new(answer);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, for instance: the next one may work, after others are closed.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let answer = Arc::clone(&answer);
        connections.spawn(async move {
            let _place = place;
            let service = service_fn(|request| {
                let answered = answer(request);
                async { Ok::<_, Infallible>(answered.await) }
            });
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

/// An answer of this kind.
pub(crate) fn response(
    status: StatusCode,
    kind: &'static str,
    text: String,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
