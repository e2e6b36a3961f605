//! The same over a socket.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
};

use serde_json::{Value, json};

use crate::world::World;

async fn listening() -> World {
    World::with(|config| config.listen = Some((Ipv4Addr::LOCALHOST, 0).into())).await
}

/// Sends one HTTP request; status and body.
async fn http(address: SocketAddr, head: String, body: String) -> (u16, String) {
    let length = body.len();
    http_claiming(address, head, body, length).await
}

/// Sends one HTTP request that claims to be of some length; status and body.
async fn http_claiming(
    address: SocketAddr,
    head: String,
    body: String,
    length: usize,
) -> (u16, String) {
    let talk = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{head}\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, body.to_owned())
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

async fn post(address: SocketAddr, body: &Value) -> Value {
    let head = "POST / HTTP/1.1\r\ncontent-type: application/json".to_owned();
    let (status, body) = http(address, head, body.to_string()).await;
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn json_rpc_and_the_beacon_api_share_a_port() {
    let world = listening().await;
    let address = world.l1.address().unwrap();
    world.l1.mine().await.unwrap();
    let one = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_blockNumber", "params": [] });
    let answer = |id| json!({ "jsonrpc": "2.0", "id": id, "result": "0x1" });
    assert_eq!(post(address, &one(1)).await, answer(1));
    assert_eq!(post(address, &json!([one(1), one(2)])).await, json!([answer(1), answer(2)]));
    let get = |path: &str| http(address, format!("GET {path} HTTP/1.1"), String::new());
    let (status, body) = get("/eth/v1/beacon/blobs/1").await;
    assert_eq!(status, 200);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, world.l1.handle_beacon_request("/eth/v1/beacon/blobs/1").1);
    assert_eq!(get("/eth/v1/config/spec").await, (404, String::new()));
    let head = "POST / HTTP/1.1\r\ncontent-type: application/json".to_owned();
    let too_long = 17 * 1024 * 1024;
    assert_eq!(http_claiming(address, head, String::new(), too_long).await.0, 413);
    world.l1.shutdown().await;
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error() {
    let world = listening().await;
    let mut config = crate::world::config(world.clock.clone());
    config.listen = world.l1.address();
    let error = mezz_devl1::DevL1::start(config).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:"), "{error}");
    assert_eq!(world.l1.http_url(), world.l1.address().map(|address| format!("http://{address}")));
}

/// A WebSocket by hand: a text frame each way.
struct WebSocket(TcpStream);

impl WebSocket {
    fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        write!(
            stream,
            "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    fn send(&mut self, request: &Value) {
        let text = request.to_string();
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 126);
        // A client masks what it sends; zeros are a mask too.
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend(text.bytes());
        self.0.write_all(&frame).unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 0x81, "one whole text frame");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length).unwrap();
                usize::from(u16::from_be_bytes(length))
            }
            short => usize::from(short),
        };
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_under_the_text_that_names_the_subscription() {
    let world = listening().await;
    let address = world.l1.address().unwrap();
    let subscribe =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"] });
    let opened = tokio::task::spawn_blocking(move || {
        let mut socket = WebSocket::open(address);
        socket.send(&subscribe);
        let first = socket.receive();
        socket.send(&subscribe);
        let second = socket.receive();
        (socket, first["result"].clone(), second["result"].clone())
    });
    let (mut socket, first, second) = opened.await.unwrap();
    for id in [&first, &second] {
        let text = id.as_str().unwrap_or_else(|| panic!("not text: {id}"));
        assert!(text.starts_with("0x"), "{text}");
    }
    assert_ne!(first, second);
    let head = world.l1.mine().await.unwrap();
    let events = tokio::task::spawn_blocking(move || [socket.receive(), socket.receive()]);
    let mut told = Vec::new();
    for event in events.await.unwrap() {
        assert_eq!(event["method"], "eth_subscription");
        assert_eq!(event["params"]["result"]["hash"], json!(head));
        told.push(event["params"]["subscription"].clone());
    }
    told.sort_by_key(Value::to_string);
    assert_eq!(told, [first, second]);
}
