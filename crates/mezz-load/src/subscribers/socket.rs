//! JSON-RPC over a WebSocket, as one subscriber needs it.

use serde_json::{Value, json};
use soketto::{
    Receiver, Sender,
    handshake::{Client, ServerResponse},
};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};
use url::Url;

use crate::LoadError;

/// One connection.
pub(super) struct Socket {
    sender: Sender<Compat<TcpStream>>,
    receiver: Receiver<Compat<TcpStream>>,
    buffer: Vec<u8>,
}

fn failed(error: impl std::fmt::Display) -> LoadError {
    LoadError::Socket { reason: error.to_string() }
}

impl Socket {
    pub(super) async fn open(url: &Url) -> Result<Self, LoadError> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        if !matches!(url.scheme(), "http" | "ws") {
            return Err(failed("subscribers take http:// or ws:// and no other URL"));
        }
        let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let name = format!("{host}:{port}");
        let mut client = Client::new(stream.compat(), &name, url.path());
        match client.handshake().await.map_err(failed)? {
            ServerResponse::Accepted { .. } => {}
            ServerResponse::Redirect { status_code, .. }
            | ServerResponse::Rejected { status_code } => {
                return Err(failed(format!(
                    "the node takes no more connections (HTTP {status_code}): start it with a \
                     higher --rpc-connections"
                )));
            }
        }
        let (sender, receiver) = client.into_builder().finish();
        Ok(Self { sender, receiver, buffer: Vec::new() })
    }

    /// Subscribes, and waits until that is confirmed.
    pub(super) async fn subscribe(&mut self, params: Value) -> Result<(), LoadError> {
        let method = "eth_subscribe";
        let ask = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        self.sender.send_text(ask.to_string()).await.map_err(failed)?;
        self.sender.flush().await.map_err(failed)?;
        let answer = self.next().await?;
        match answer.get("result") {
            Some(Value::String(_)) => Ok(()),
            _ => Err(LoadError::Answer { method, got: answer.to_string() }),
        }
    }

    /// The next message.
    pub(super) async fn next(&mut self) -> Result<Value, LoadError> {
        self.buffer.clear();
        self.receiver.receive_data(&mut self.buffer).await.map_err(failed)?;
        serde_json::from_slice(&self.buffer).map_err(failed)
    }
}
