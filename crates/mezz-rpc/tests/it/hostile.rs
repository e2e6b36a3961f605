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
