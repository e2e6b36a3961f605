//! Subscriptions over a WebSocket, and filters that are polled.

use alloy_primitives::U256;
use mezz_action_tests::{TOKEN_GAS, transfer_call};
use serde_json::{Value, json};

use crate::{
    client::Socket,
    served::{BOB, Served},
};

pub(crate) async fn next_of(socket: &mut Socket, subscription: &Value) -> Value {
    let news = socket.next().await;
    assert_eq!(news["method"], "eth_subscription");
    assert_eq!(&news["params"]["subscription"], subscription);
    news["params"]["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn news_come_to_those_who_asked_for_them() {
    let mut served = Served::new().await;
    let addr = served.addr();
    let (mut heads, mut logs) = (Socket::open(addr).await, Socket::open(addr).await);
    let (mut hashes, mut whole) = (Socket::open(addr).await, Socket::open(addr).await);
    let by_heads = heads.ask("eth_subscribe", json!(["newHeads"])).await["result"].clone();
    let filter = json!({ "address": served.token });
    let by_logs = logs.ask("eth_subscribe", json!(["logs", filter])).await["result"].clone();
    let kind = "newPendingTransactions";
    let by_hash = hashes.ask("eth_subscribe", json!([kind])).await["result"].clone();
    let by_whole = whole.ask("eth_subscribe", json!([kind, true])).await["result"].clone();
    let polled = served.ask("eth_newFilter", json!([filter])).await.unwrap();
    let blocks = served.ask("eth_newBlockFilter", json!([])).await.unwrap();
    let token = alloy_primitives::TxKind::Call(served.token);
    let call = served.alice.sign(token, U256::ZERO, transfer_call(BOB, 1), TOKEN_GAS);
    let sent = served.world.act_send_l2(call).await;
    assert_eq!(next_of(&mut hashes, &by_hash).await, json!(sent));
    let pending = next_of(&mut whole, &by_whole).await;
    assert_eq!(
        (&pending["hash"], &pending["from"]),
        (&json!(sent), &json!(served.alice.address()))
    );
    assert_eq!(pending["blockHash"], Value::Null);
    let content = served.ask("txpool_contentFrom", json!([served.alice.address()])).await.unwrap();
    let nonce = (served.alice.nonce - 1).to_string();
    assert_eq!(content["pending"][&nonce]["hash"], json!(sent));
    assert_eq!(served.ask("txpool_status", json!([])).await.unwrap()["pending"], "0x1");
    served.world.act_l2_build().await.expect("a transaction is work");
    let head = next_of(&mut heads, &by_heads).await;
    assert_eq!(head["number"], "0x4");
    let log = next_of(&mut logs, &by_logs).await;
    assert_eq!(log["transactionHash"], json!(sent));
    assert_eq!(served.ask("eth_getFilterChanges", json!([polled])).await, Ok(json!([log])));
    assert_eq!(served.ask("eth_getFilterChanges", json!([polled])).await, Ok(json!([])));
    assert_eq!(
        served.ask("eth_getFilterChanges", json!([blocks])).await,
        Ok(json!([head["hash"]]))
    );
    assert_eq!(served.ask("eth_uninstallFilter", json!([blocks])).await, Ok(json!(true)));
    let gone = served.refused("eth_getFilterChanges", json!([blocks])).await;
    assert_eq!(gone, (-32000, "filter not found".into()));
    let ended = heads.ask("eth_unsubscribe", json!([by_heads])).await;
    assert_eq!(ended["result"], true);
    let refused = heads.ask("eth_subscribe", json!(["weather"])).await;
    assert_eq!(refused["error"]["code"], -32602);
}
