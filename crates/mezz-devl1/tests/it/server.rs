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
