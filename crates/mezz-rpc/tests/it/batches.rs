//! Batches, malformed requests, and limits.

use alloy::eips::Encodable2718 as _;
use alloy_primitives::{Bytes, TxKind, U64, U256};
use mezz_rpc::Limits;
use serde_json::{Value, json};

use crate::{
    client::post,
    served::{BOB, Served},
};

async fn answer(served: &Served, body: &str) -> Value {
    let (_, text) = post(served.addr(), body.as_bytes()).await;
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_and_malformed_requests_are_answered_as_json_rpc_says() {
    let limits = Limits { batch: 3, request_bytes: 2_000, log_blocks: 2, ..Limits::default() };
    let served = Served::with(limits).await;
    let one = |id: u64, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": [] });
    let batch = json!([one(1, "eth_blockNumber"), one(2, "eth_nothing"), one(3, "eth_chainId")]);
    let answers = answer(&served, &batch.to_string()).await;
    let answers = answers.as_array().unwrap();
    let by_id = |id: u64| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(by_id(1)["result"], "0x3");
    assert_eq!(by_id(2)["error"]["code"], -32601);
    assert!(by_id(3)["result"].is_string());
    let batch = json!([
        one(1, "eth_chainId"),
        one(2, "eth_chainId"),
        one(3, "eth_chainId"),
        one(4, "eth_chainId")
    ]);
    assert_eq!(answer(&served, &batch.to_string()).await["error"]["code"], -32010);
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("[]", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1}", -32600),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBalance\",\"params\":[\"0x12\"]}",
            -32602,
        ),
        (
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_getBalance\",\"params\":{\"a\":1}}",
            -32602,
        ),
    ] {
        assert_eq!(answer(&served, body).await["error"]["code"], code, "{body}");
    }
    let (status, _) = post(served.addr(), " ".repeat(3_000).as_bytes()).await;
    assert_eq!(status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_a_batch_enter_in_order_and_before_what_follows_them() {
    let mut served = Served::new().await;
    let alice = served.alice.address();
    let first = served.alice.nonce;
    let mut send = |id: u64| {
        let raw = served.alice.sign(TxKind::Call(BOB), U256::from(id), Bytes::new(), 21_000);
        let raw = json!(Bytes::from(raw.encoded_2718()));
        json!({ "jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": [raw] })
    };
    let (mut sent, last) = ((0..40).map(&mut send).collect::<Vec<_>>(), send(43));
    let count = json!({
        "jsonrpc": "2.0", "id": 40, "method": "eth_getTransactionCount",
        "params": [alice, "pending"]
    });
    let broken = json!({
        "jsonrpc": "2.0", "id": 41, "method": "eth_sendRawTransaction", "params": ["0x02"]
    });
    sent.extend([count, broken, json!(42), last]);
    let answers = answer(&served, &json!(sent).to_string()).await;
    let answers = answers.as_array().unwrap();
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64()).collect();
    let expected: Vec<_> = (0..42).map(Some).chain([None, Some(43)]).collect();
    assert_eq!(ids, expected);
    assert!(answers[..40].iter().all(|answer| answer["result"].is_string()), "{answers:?}");
    assert_eq!(answers[40]["result"], json!(U64::from(first + 40)));
    assert_eq!(answers[41]["error"]["code"], -32000);
    assert_eq!(answers[42]["error"]["code"], -32600);
    assert!(answers[43]["result"].is_string());
    let status = served.ask("txpool_status", json!([])).await.unwrap();
    assert_eq!(status, json!({ "pending": "0x29", "queued": "0x0" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_for_logs_are_bounded_and_name_what_would_work() {
    let limits = Limits { log_blocks: 3, ..Limits::default() };
    let mut served = Served::with(limits).await;
    let logs = |from: &str, to: &str| json!([{ "address": served.token, "fromBlock": from, "toBlock": to }]);
    let found = served.ask("eth_getLogs", logs("0x1", "0x3")).await.unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["transactionHash"], json!(served.moved));
    // Beyond the head nothing is there yet.
    assert_eq!(served.ask("eth_getLogs", logs("0x1", "0xffff")).await, Ok(found));
    let (code, text) = served.refused("eth_getLogs", logs("0x0", "0x3")).await;
    assert_eq!(code, -32005);
    assert!(text.ends_with("this range would work: [0x0, 0x2]"), "{text}");
    assert_eq!(served.refused("eth_getLogs", logs("0x3", "0x2")).await.0, -32602);
    served.restart(Limits { log_results: 0, ..Limits::default() }).await;
    let logs = |from: &str| json!([{ "fromBlock": from, "toBlock": "latest" }]);
    let (code, text) = served.refused("eth_getLogs", logs("0x2")).await;
    assert_eq!(code, -32005);
    assert!(text.ends_with("this range would work: [0x2, 0x2]"), "{text}");
    let (_, text) = served.refused("eth_getLogs", logs("0x3")).await;
    assert!(text.ends_with("name addresses or topics"), "{text}");
}
