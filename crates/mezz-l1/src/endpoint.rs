//! Where L1 is: a URL, or a program in the same process that answers JSON-RPC.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use alloy::{
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::{
        client::RpcClient,
        json_rpc::{RequestPacket, ResponsePacket},
    },
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use tower::Service;
use url::Url;

use crate::L1Error;

/// Answers JSON-RPC text with JSON-RPC text. Faults are decorators over it.
pub trait JsonRpcHandler: Send + Sync + 'static {
    /// The answer to one request or batch of requests.
    fn handle(&self, request: String) -> Pin<Box<dyn Future<Output = String> + Send + '_>>;
}

/// Where L1 is.
#[derive(Clone)]
pub enum Endpoint {
    /// HTTP or HTTPS.
    Http(Url),
    /// In this process.
    InProcess(Arc<dyn JsonRpcHandler>),
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A URL may carry a key: the host is all that is shown.
            Self::Http(url) => write!(f, "Http({})", url.host_str().unwrap_or("?")),
            Self::InProcess(_) => f.write_str("InProcess"),
        }
    }
}

impl Endpoint {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`L1Error::Endpoint`] unless it is `http` or `https`.
    pub fn parse(url: &str) -> Result<Self, L1Error> {
        let refuse = |reason: String| L1Error::Endpoint { url: url.to_owned(), reason };
        let parsed = Url::parse(url).map_err(|error| refuse(error.to_string()))?;
        match parsed.scheme() {
            "http" | "https" => Ok(Self::Http(parsed)),
            other => Err(refuse(format!("scheme {other} is not spoken: use http or https"))),
        }
    }

    /// A provider that speaks to it.
    pub fn connect(&self) -> DynProvider {
        match self {
            Self::Http(url) => {
                install_tls();
                ProviderBuilder::new()
                    .disable_recommended_fillers()
                    .connect_http(url.clone())
                    .erased()
            }
            Self::InProcess(handler) => {
                let client = RpcClient::new(InProcessTransport(handler.clone()), true);
                ProviderBuilder::new().disable_recommended_fillers().connect_client(client).erased()
            }
        }
    }
}

/// Makes ring the TLS provider of this process, once.
pub(crate) fn install_tls() {
    // An error says that there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[derive(Clone)]
struct InProcessTransport(Arc<dyn JsonRpcHandler>);

impl Service<RequestPacket> for InProcessTransport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let handler = self.0.clone();
        Box::pin(async move {
            let request = packet.serialize().map_err(TransportError::ser_err)?;
            let answer = handler.handle(request.get().to_owned()).await;
            serde_json::from_str(&answer)
                .map_err(|error| TransportErrorKind::custom_str(&error.to_string()))
        })
    }
}
