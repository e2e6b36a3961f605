//! Where L1 is: a URL, a program in the same process that answers JSON-RPC, or several of them.

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

use crate::{
    L1Error, Timer,
    http::{MAX_ANSWER_BYTES, excerpt, http_client, post},
    sources::Sources,
};

/// Answers JSON-RPC text with JSON-RPC text. Faults are decorators over it.
pub trait JsonRpcHandler: Send + Sync + 'static {
    /// The answer to one request or batch of requests.
    fn handle(&self, request: String) -> Pin<Box<dyn Future<Output = String> + Send + '_>>;
}

/// Where L1 is.
#[derive(Clone)]
pub struct Endpoint(Inner);

#[derive(Clone)]
enum Inner {
    One(Link),
    Several(Arc<Sources>),
}

/// One place that answers.
#[derive(Clone)]
pub(crate) enum Link {
    /// HTTP or HTTPS.
    Http { http: reqwest::Client, url: Url },
    /// In this process.
    InProcess(Arc<dyn JsonRpcHandler>),
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            // A URL may carry a key: the host is all that is shown.
            Inner::One(Link::Http { url, .. }) => {
                write!(f, "Http({})", url.host_str().unwrap_or("?"))
            }
            Inner::One(Link::InProcess(_)) => f.write_str("InProcess"),
            Inner::Several(sources) => {
                write!(f, "Several({}, quorum {})", sources.len(), sources.quorum())
            }
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
            "http" | "https" => {
                Ok(Self(Inner::One(Link::Http { http: http_client(), url: parsed })))
            }
            other => Err(refuse(format!("scheme {other} is not spoken: use http or https"))),
        }
    }

    /// Something in this process that answers.
    pub fn in_process(handler: Arc<dyn JsonRpcHandler>) -> Self {
        Self(Inner::One(Link::InProcess(handler)))
    }

    /// Several nodes as one. Which block stands where is what `quorum` of them agree on: more than half
    /// of three or more, unless another number is given; of two, the first one that answers.
    ///
    /// # Errors
    /// [`L1Error::Quorum`] unless the quorum is from 1 to the number of nodes.
    pub fn several(
        nodes: Vec<Self>,
        quorum: Option<usize>,
        timer: Arc<dyn Timer>,
    ) -> Result<Self, L1Error> {
        let links: Vec<Link> = nodes.into_iter().flat_map(Self::links).collect();
        let usual = if links.len() < 3 { 1 } else { links.len() / 2 + 1 };
        let (got, nodes) = (quorum.unwrap_or(usual), links.len());
        if got == 0 || got > nodes {
            return Err(L1Error::Quorum { got, nodes });
        }
        if let [link] = &links[..] {
            return Ok(Self(Inner::One(link.clone())));
        }
        Ok(Self(Inner::Several(Arc::new(Sources::new(links, got, timer)))))
    }

    fn links(self) -> Vec<Link> {
        match self.0 {
            Inner::One(link) => vec![link],
            Inner::Several(sources) => sources.links().to_vec(),
        }
    }

    /// Something that was answered is not so: with several nodes, another one is asked from now on.
    pub(crate) fn pass_over(&self) {
        if let Inner::Several(sources) = &self.0 {
            sources.pass_over();
        }
    }

    /// A provider that speaks to it.
    pub fn connect(&self) -> DynProvider {
        let client = RpcClient::new(Transport(self.0.clone()), true);
        ProviderBuilder::new().disable_recommended_fillers().connect_client(client).erased()
    }
}

impl Link {
    pub(crate) async fn ask(self, packet: RequestPacket) -> Result<ResponsePacket, TransportError> {
        match self {
            Self::Http { http, url } => post(&http, &url, packet).await,
            Self::InProcess(handler) => {
                let request = packet.serialize().map_err(TransportError::ser_err)?;
                let answer = handler.handle(request.get().to_owned()).await;
                if answer.len() > MAX_ANSWER_BYTES {
                    let reason = format!("the answer exceeds {MAX_ANSWER_BYTES} bytes");
                    return Err(TransportErrorKind::custom_str(&reason));
                }
                serde_json::from_str(&answer)
                    .map_err(|error| TransportError::deser_err(error, excerpt(answer.as_bytes())))
            }
        }
    }
}

#[derive(Clone)]
struct Transport(Inner);

impl Service<RequestPacket> for Transport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        match &self.0 {
            Inner::One(link) => Box::pin(link.clone().ask(packet)),
            Inner::Several(sources) => Box::pin(Arc::clone(sources).ask(packet)),
        }
    }
}
