//! Questions that nobody means well.

use alloy_primitives::U256;
use serde_json::json;

use crate::{client::Socket, served::Served};

#[tokio::test(flavor = "multi_thread")]
async fn a_price_beyond_all_numbers_is_an_error_and_no_crash() {
    let served = Served::new().await;
    let request = json!({
        "from": served.alice.address(),
        "to": served.token,
        "gas": "0x5208",
        "maxPriorityFeePerGas": U256::from(u128::MAX),
    });
    let (code, message) = served.refused("eth_sendTransaction", json!([request])).await;
    assert_eq!(code, -32000);
    assert!(message.starts_with("insufficient funds"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribing_over_http_is_refused_with_advice() {
    let served = Served::new().await;
    for (method, params) in
        [("eth_subscribe", json!(["newHeads"])), ("eth_unsubscribe", json!(["0x1"]))]
    {
        let (code, message) = served.refused(method, params).await;
        assert_eq!(code, -32601, "{message}");
        assert!(message.contains("WebSocket"), "{message}");
    }
    let mut socket = Socket::open(served.addr()).await;
    let name = socket.ask("eth_subscribe", json!(["newHeads"])).await["result"].clone();
    assert_eq!(socket.ask("eth_unsubscribe", json!([name])).await["result"], true);
}

/// The answer to `eth_subscribe` names what `eth_unsubscribe` ends, however soon it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_subscription_is_ended_by_who_was_just_told_its_name() {
    let served = Served::new().await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let addr = served.addr();
        clients.spawn(async move {
            let mut socket = Socket::open(addr).await;
            for round in 0..400 {
                let name = socket.ask("eth_subscribe", json!(["newHeads"])).await["result"].clone();
                let ended = socket.ask("eth_unsubscribe", json!([name])).await;
                assert_eq!(ended["result"], true, "{round}: {ended}");
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.expect("every subscription was ended");
    }
    let mut socket = Socket::open(served.addr()).await;
    assert_eq!(socket.ask("eth_unsubscribe", json!(["0x1"])).await["result"], false);
}
