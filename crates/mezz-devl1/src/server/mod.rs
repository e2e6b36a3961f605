//! One port: JSON-RPC over HTTP and WebSocket, and the beacon API.

pub(crate) mod beacon;

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll},
};

use http::{Method, StatusCode, header::CONTENT_TYPE};
use jsonrpsee::{
    RpcModule,
    core::traits::IdProvider,
    server::{
        BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, ServerBuilder, ServerConfig,
        ServerHandle,
    },
    types::SubscriptionId,
};
use tower::{Layer, Service, ServiceBuilder};

use crate::{error::DevL1Error, node::Mailbox, rpc::Rpc};

/// Longest request, bytes: a transaction with six blobs takes 1.7 MiB in hexadecimal.
const MAX_REQUEST_BYTES: u32 = 16 * 1024 * 1024;
/// Longest answer, bytes.
const MAX_RESPONSE_BYTES: u32 = 128 * 1024 * 1024;
/// Most requests of one batch.
const MAX_BATCH: u32 = 1_000;
/// Most connections.
const MAX_CONNECTIONS: u32 = 512;
/// Most subscriptions of one connection.
const MAX_SUBSCRIPTIONS: u32 = 256;

/// A server that answers.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) handle: ServerHandle,
}

/// Listens on `address`; port 0 is any free one.
pub(crate) async fn listen(
    address: SocketAddr,
    module: RpcModule<Rpc>,
    node: Mailbox,
) -> Result<Listening, DevL1Error> {
    let fail = |source| DevL1Error::Listen { address, source };
    let config = ServerConfig::builder()
        .max_request_body_size(MAX_REQUEST_BYTES)
        .max_response_body_size(MAX_RESPONSE_BYTES)
        .max_connections(MAX_CONNECTIONS)
        .max_subscriptions_per_connection(MAX_SUBSCRIPTIONS)
        .set_batch_request_config(BatchRequestConfig::Limit(MAX_BATCH))
        .set_id_provider(HexIds::default())
        .build();
    let server = ServerBuilder::with_config(config)
        .set_http_middleware(ServiceBuilder::new().layer(BeaconLayer { node }))
        .build(address)
        .await
        .map_err(fail)?;
    let address = server.local_addr().map_err(fail)?;
    Ok(Listening { address, handle: server.start(module) })
}

/// Names subscriptions as Ethereum does, by hexadecimal text: clients drop events under an id that is a JSON number.
#[derive(Debug, Default)]
struct HexIds {
    last: AtomicU64,
}

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        let id = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        SubscriptionId::Str(format!("{id:#x}").into())
    }
}

/// Answers the beacon API, and passes everything else on.
#[derive(Clone, Debug)]
struct BeaconLayer {
    node: Mailbox,
}

impl<S> Layer<S> for BeaconLayer {
    type Service = Beacon<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Beacon { inner, node: self.node.clone() }
    }
}

#[derive(Clone, Debug)]
struct Beacon<S> {
    inner: S,
    node: Mailbox,
}

type Answering<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl<S, B> Service<HttpRequest<B>> for Beacon<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse>,
    S::Future: Send + 'static,
{
    type Response = HttpResponse;
    type Error = S::Error;
    type Future = Answering<HttpResponse, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        if request.method() == Method::GET && request.uri().path().starts_with("/eth/") {
            let version = self.node.version();
            let uri = request.uri().clone();
            return Box::pin(async move {
                let answering = move || beacon::answer(version.view(), uri.path(), uri.query());
                // Blobs in hexadecimal are megabytes.
                let answer = tokio::task::spawn_blocking(answering).await;
                Ok(response(answer.ok().flatten()))
            });
        }
        Box::pin(self.inner.call(request))
    }
}

fn response(answer: Option<beacon::Answer>) -> HttpResponse {
    let (status, body) = answer.unwrap_or((StatusCode::INTERNAL_SERVER_ERROR, None));
    let mut response = HttpResponse::new(match body {
        Some(body) => HttpBody::from(body.to_string()),
        None => HttpBody::empty(),
    });
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
