//! HTTP and WebSocket by hand, so that a test can say anything, malformed things too.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Posts `body` and returns status and body of the answer.
pub(crate) async fn post(addr: SocketAddr, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).await.expect("the server listens");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    // A server that refuses a request need not read all of it.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("the server answers and closes");
    let answer = String::from_utf8(answer).expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, unchunked(head, body))
}

fn unchunked(head: &str, body: &str) -> String {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut rest, mut whole) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        whole.push_str(&after[..size]);
        rest = &after[(size + 2).min(after.len())..];
    }
    whole
}

/// A request's result, or its error.
pub(crate) async fn ask(addr: SocketAddr, method: &str, params: Value) -> Result<Value, Value> {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (_, body) = post(addr, request.to_string().as_bytes()).await;
    let mut answer: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}"));
    match answer.get_mut("error") {
        Some(error) => Err(error.take()),
        None => Ok(answer["result"].take()),
    }
}

/// A WebSocket connection.
pub(crate) struct Socket(TcpStream);

impl Socket {
    pub(crate) async fn open(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).await.expect("the server listens")).await
    }

    pub(crate) async fn over(mut stream: TcpStream) -> Self {
        let addr = stream.peer_addr().expect("it is connected");
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.expect("the server answers"));
        }
        assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
        Self(stream)
    }

    /// Sends one text frame; its mask is zero.
    pub(crate) async fn send(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("tests send little");
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.expect("the server reads");
    }

    /// The next text.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            let kind = self.0.read_u8().await.expect("the server sends") & 0x0f;
            let length = match self.0.read_u8().await.expect("a length") & 0x7f {
                126 => usize::from(self.0.read_u16().await.expect("a length")),
                127 => usize::try_from(self.0.read_u64().await.expect("a length")).expect("short"),
                length => usize::from(length),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.expect("a payload");
            if kind == 1 {
                return serde_json::from_slice(&payload).expect("the payload is JSON");
            }
        }
    }

    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        self.send(&request.to_string()).await;
        self.next().await
    }
}
