//! Subscriptions, which need no socket here.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use jsonrpsee::core::server::Subscription;
use serde_json::{Value, json, value::RawValue};

use super::{DevL1, DevL1Handle};
use crate::{
    clock::ManualClock,
    config::{DevL1Config, Mining},
    node::Reorg,
};

async fn start() -> DevL1Handle {
    let clock = Arc::new(ManualClock::new(1_700_000_000));
    let config = DevL1Config { mining: Mining::Manual, clock, ..DevL1Config::default() };
    DevL1::start(config).await.unwrap()
}

async fn subscribe(l1: &DevL1Handle, params: Value) -> Subscription {
    let params: Vec<Box<RawValue>> = serde_json::from_value(params).unwrap();
    l1.methods.subscribe_unbounded("eth_subscribe", params).await.unwrap()
}

async fn next(subscription: &mut Subscription) -> Value {
    subscription.next::<Value>().await.unwrap().unwrap().0
}

async fn send(l1: &DevL1Handle, transaction: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": [transaction] });
    l1.handle_request(request).await["result"].clone()
}

#[tokio::test]
async fn every_new_head_is_announced() {
    let l1 = start().await;
    let mut heads = subscribe(&l1, json!(["newHeads"])).await;
    let mut expected = l1.mine_many(3).await.unwrap();
    l1.reorg(Reorg::of_depth(1)).await.unwrap();
    expected.push(l1.block_hash());
    for hash in expected {
        let head = next(&mut heads).await;
        assert_eq!(head["hash"], json!(hash));
        assert!(head["stateRoot"].is_string() && head.get("transactions").is_none());
    }
}

#[tokio::test]
async fn logs_are_announced_and_taken_back() {
    let l1 = start().await;
    // log1(0, 0, 0x42)
    let deploy = json!({ "data": "0x60425f5fa1" });
    let mut all = subscribe(&l1, json!(["logs"])).await;
    let mut some =
        subscribe(&l1, json!(["logs", { "topics": [B256::with_last_byte(0x42)] }])).await;
    let filter = json!(["logs", { "address": Address::ZERO }]);
    let mut none = subscribe(&l1, filter).await;
    let mut waiting = subscribe(&l1, json!(["newPendingTransactions"])).await;
    let hash = send(&l1, deploy).await;
    assert_eq!(next(&mut waiting).await, hash);
    l1.mine().await.unwrap();
    l1.reorg(Reorg::of_depth(1)).await.unwrap();
    for subscription in [&mut all, &mut some] {
        for removed in [false, true, false] {
            let log = next(subscription).await;
            assert_eq!(log["transactionHash"], hash);
            assert_eq!(log["removed"], removed);
        }
    }
    none.close();
    assert!(none.next::<Value>().await.is_none());
}

#[tokio::test]
async fn what_cannot_be_subscribed_to_is_refused() {
    let l1 = start().await;
    let params: Vec<Box<RawValue>> = serde_json::from_value(json!(["weather"])).unwrap();
    assert!(l1.methods.subscribe_unbounded("eth_subscribe", params).await.is_err());
}
