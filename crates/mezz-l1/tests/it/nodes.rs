//! L1 nodes that are slow, dead, busy, behind or endless, alone and among others.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{providers::Provider as _, rpc::types::BlockNumberOrTag};
use mezz_l1::{Endpoint, JsonRpcHandler, L1Error, SystemTimer, Timer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const MIB: usize = 1024 * 1024;

/// Time that stands until it is moved; nobody waits for it.
#[derive(Default)]
struct Standing(AtomicU64);

impl Timer for Standing {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn pause(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

/// Gives each request the same result, and counts them by method.
struct Fixed {
    result: Result<Value, Value>,
    asked: Mutex<Vec<String>>,
}

impl Fixed {
    fn new(result: Value) -> Arc<Self> {
        Arc::new(Self { result: Ok(result), asked: Mutex::default() })
    }

    fn failing(code: i64) -> Arc<Self> {
        let error = json!({ "code": code, "message": "no" });
        Arc::new(Self { result: Err(error), asked: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl JsonRpcHandler for Fixed {
    fn handle(&self, request: String) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        let request: Value = serde_json::from_str(&request).unwrap();
        self.asked.lock().unwrap().push(request["method"].as_str().unwrap().to_owned());
        let answer = match &self.result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }),
            Err(error) => json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }),
        };
        Box::pin(std::future::ready(answer.to_string()))
    }
}

/// Listens, and answers each request with this text; how often, and where.
async fn server(answer: &'static str) -> (Endpoint, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            read_request(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (Endpoint::parse(&url).unwrap(), asked)
}

/// Reads as much as a small request has.
async fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(count) => request.extend_from_slice(&part[..count]),
        }
    }
}

fn several(nodes: Vec<Endpoint>, quorum: Option<usize>) -> Endpoint {
    Endpoint::several(nodes, quorum, Arc::new(Standing::default())).unwrap()
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let flood = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut chunk = format!("{MIB:x}\r\n").into_bytes();
        chunk.resize(chunk.len() + MIB, b' ');
        chunk.extend(b"\r\n");
        let mut sent = 0;
        while stream.write_all(&chunk).await.is_ok() {
            sent += MIB;
        }
        sent
    });
    let provider = Endpoint::parse(&url).unwrap().connect();
    let error = provider.get_block_number().await.unwrap_err();
    assert!(error.to_string().contains("exceeds 67108864 bytes"), "{error}");
    drop(provider);
    let sent = flood.await.unwrap();
    assert!((64 * MIB..96 * MIB).contains(&sent), "{sent}");
}

#[tokio::test]
async fn an_answer_that_announces_too_much_is_not_read() {
    let (endpoint, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await;
    let error = endpoint.connect().get_block_number().await.unwrap_err();
    assert!(error.to_string().contains("exceeds"), "{error}");
}

#[tokio::test]
async fn no_error_shows_the_key_in_a_url() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v3/secret", listener.local_addr().unwrap());
    drop(listener);
    let endpoint = Endpoint::parse(&url).unwrap();
    let error = endpoint.connect().get_block_number().await.unwrap_err();
    assert!(!format!("{error} {error:?} {endpoint:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn who_is_busy_is_left_alone_for_as_long_as_it_asks() {
    let busy = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 120\r\ncontent-length: 4\r\nconnection: close\r\n\r\nslow";
    let (first, asked) = server(busy).await;
    let second = Fixed::new(json!("0x7"));
    let timer = Arc::new(Standing::default());
    let nodes = vec![first, Endpoint::in_process(second.clone())];
    let provider = Endpoint::several(nodes, None, timer.clone()).unwrap().connect();
    for (now, expected) in [(0, 1), (0, 1), (119, 1), (121, 2), (122, 2)] {
        timer.0.store(now, Ordering::SeqCst);
        assert_eq!(provider.get_block_number().await.unwrap(), 7);
        assert_eq!(asked.load(Ordering::SeqCst), expected, "after {now} s");
    }
}

#[tokio::test]
async fn who_is_dead_or_has_nothing_is_passed_over() {
    let (dead, _) =
        server("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    for first in [
        dead,
        Endpoint::in_process(Fixed::failing(-32601)),
        Endpoint::in_process(Fixed::new(Value::Null)),
    ] {
        let nodes = vec![first, Endpoint::in_process(Fixed::new(json!("0x7")))];
        let chain_id = several(nodes, None).connect().get_chain_id().await;
        assert_eq!(chain_id.unwrap(), 7);
    }
}

#[tokio::test]
async fn a_call_that_reverts_is_an_answer() {
    let (first, second) = (Fixed::failing(3), Fixed::new(json!("0x")));
    let nodes = vec![Endpoint::in_process(first.clone()), Endpoint::in_process(second.clone())];
    let answer = several(nodes, None).connect().call(Default::default()).await;
    assert!(answer.unwrap_err().is_error_resp());
    assert_eq!((first.asked(), second.asked()), (1, 0));
}

#[tokio::test]
async fn a_transaction_goes_to_every_node_and_one_that_takes_it_is_enough() {
    let hash = alloy_primitives::B256::repeat_byte(7);
    let nodes = [Fixed::failing(-32000), Fixed::new(json!(hash)), Fixed::failing(-32603)];
    let endpoints = nodes.iter().map(|node| Endpoint::in_process(node.clone())).collect();
    let provider = several(endpoints, None).connect();
    let pending = provider.send_raw_transaction(&[1]).await.unwrap();
    assert_eq!(*pending.tx_hash(), hash);
    assert_eq!(nodes.map(|node| node.asked()), [1, 1, 1]);
}

#[tokio::test]
async fn a_quorum_is_of_those_that_say_the_same() {
    let null = || Endpoint::in_process(Fixed::new(Value::Null));
    let broken = || Endpoint::in_process(Fixed::failing(-32603));
    let ask = async |nodes, quorum| {
        let endpoint = several(nodes, quorum);
        endpoint.connect().get_block(BlockNumberOrTag::Number(5).into()).await
    };
    assert_eq!(ask(vec![null(), null(), broken()], None).await.unwrap(), None);
    let error = ask(vec![null(), broken(), broken()], None).await.unwrap_err();
    assert!(error.to_string().contains("2 of 3 must say the same"), "{error}");
    let error = ask(vec![null(), null(), broken()], Some(3)).await.unwrap_err();
    assert!(error.to_string().contains("3 of 3 must say the same"), "{error}");
    for (quorum, nodes) in [(0, 2), (3, 2), (1, 0)] {
        let endpoints = (0..nodes).map(|_| null()).collect();
        let refused = Endpoint::several(endpoints, Some(quorum), Arc::new(SystemTimer));
        assert!(matches!(refused, Err(L1Error::Quorum { .. })), "{quorum} of {nodes}");
    }
}
