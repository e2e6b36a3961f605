//! HTTP, with a bound on everything that the other side decides: how long an answer takes, and how large it is.

use std::time::Duration;

use alloy::{
    rpc::json_rpc::{RequestPacket, ResponsePacket},
    transports::{TransportError, TransportErrorKind},
};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use url::Url;

/// Largest answer to a JSON-RPC request, bytes: several times what one L1 block can hold.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for a whole answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time that a server can ask to be left alone for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// How much of an answer is shown in an error, characters.
const EXCERPT: usize = 200;

/// Makes ring the TLS provider of this process, once, and a client that does not wait for ever.
pub(crate) fn http_client() -> reqwest::Client {
    // An error says that there is one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .build()
        .expect("timeouts alone do not make a client fail")
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The connection broke, or took too long.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// It is too large; the rest was not read.
    #[error("the answer exceeds {max} bytes")]
    TooLarge {
        /// What is taken.
        max: usize,
    },
}

/// Reads a body, and no more than `max` bytes of it.
pub(crate) async fn read_body(
    mut answer: reqwest::Response,
    max: usize,
) -> Result<Vec<u8>, BodyError> {
    let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > max) {
        return Err(BodyError::TooLarge { max });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if bytes.len().saturating_add(chunk.len()) > max {
            return Err(BodyError::TooLarge { max });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Posts a JSON-RPC request. A URL may carry a key: no error shows it.
pub(crate) async fn post(
    http: &reqwest::Client,
    url: &Url,
    packet: RequestPacket,
) -> Result<ResponsePacket, TransportError> {
    let body = packet.serialize().map_err(TransportError::ser_err)?;
    let request = http.post(url.clone()).header(CONTENT_TYPE, "application/json");
    let answer = request.body(body.get().to_owned()).send().await;
    let answer = answer.map_err(|error| TransportErrorKind::custom(error.without_url()))?;
    let status = answer.status();
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(|secs| Duration::from_secs(secs).min(MAX_RETRY_AFTER));
    let bytes = read_body(answer, MAX_ANSWER_BYTES).await.map_err(TransportErrorKind::custom)?;
    // Some servers put JSON-RPC errors under a status of failure.
    match serde_json::from_slice::<ResponsePacket>(&bytes) {
        Ok(packet) if status.is_success() || packet.is_error() => Ok(packet),
        parsed => {
            if status.is_success() {
                return parse(&bytes, parsed);
            }
            let (code, shown) = (status.as_u16(), excerpt(&bytes));
            Err(TransportErrorKind::http_error_with_retry_after(code, shown, retry_after))
        }
    }
}

fn parse(
    bytes: &[u8],
    parsed: Result<ResponsePacket, serde_json::Error>,
) -> Result<ResponsePacket, TransportError> {
    parsed.map_err(|error| TransportError::deser_err(error, excerpt(bytes)))
}

/// The beginning of what is no answer.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let start = bytes.get(..bytes.len().min(EXCERPT * 4)).unwrap_or_default();
    String::from_utf8_lossy(start).chars().take(EXCERPT).collect()
}
