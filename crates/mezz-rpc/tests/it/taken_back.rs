//! What subscribers and those who poll hear when L1 takes a deposit back, and with it blocks of the chain.

use alloy_primitives::{TxKind, U256};
use mezz_action_tests::{ETHER, TOKEN_GAS, transfer_call};
use mezz_devl1::{Dropped, Reorg};
use serde_json::{Value, json};

use crate::{
    client::Socket,
    served::{BOB, Served},
    subscriptions::next_of,
};

/// Block 4 consumes a deposit that L1 can take back.
async fn with_deposit() -> Served {
    let mut served = Served::new().await;
    let bob = served.world.account("bob");
    served.world.act_deposit(&bob.signer, bob.address(), ETHER).await;
    served.world.act_derive_all().await;
    served.world.act_l2_build().await.expect("a deposit is work");
    served
}

async fn forget_deposit(served: &mut Served) {
    let reorg = Reorg { depth: 1, blocks: None, dropped: Dropped::Forget, delay_secs: 1 };
    served.world.act_l1_reorg(reorg).await;
    served.world.act_derive_all().await;
    assert_eq!(served.world.node.head().0, 3);
}

/// A block with so many transfers, each of which leaves one log.
async fn transfers(served: &mut Served, count: u64) {
    for _ in 0..count {
        let (token, call) = (TxKind::Call(served.token), transfer_call(BOB, 1));
        let call = served.alice.sign(token, U256::ZERO, call, TOKEN_GAS);
        served.world.act_send_l2(call).await;
    }
    served.world.act_l2_build().await.expect("transactions are work");
}

async fn logs_of(socket: &mut Socket, subscription: &Value, count: usize) -> Vec<Value> {
    let mut logs = Vec::new();
    for _ in 0..count {
        logs.push(next_of(socket, subscription).await);
    }
    logs
}

/// The same, as they are told when they are gone.
fn gone(logs: &[Value]) -> Vec<Value> {
    let removed = logs.iter().rev().cloned().map(|mut log| {
        log["removed"] = json!(true);
        log
    });
    removed.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_hear_of_logs_that_went_and_of_the_new_chain() {
    let mut served = with_deposit().await;
    let addr = served.addr();
    let (mut heads, mut logs) = (Socket::open(addr).await, Socket::open(addr).await);
    let by_heads = heads.ask("eth_subscribe", json!(["newHeads"])).await["result"].clone();
    let filter = json!({ "address": served.token });
    let by_logs = logs.ask("eth_subscribe", json!(["logs", filter])).await["result"].clone();
    transfers(&mut served, 1).await;
    transfers(&mut served, 2).await;
    let first = logs_of(&mut logs, &by_logs, 3).await;
    forget_deposit(&mut served).await;
    // The newest first, in the block too.
    assert_eq!(logs_of(&mut logs, &by_logs, 3).await, gone(&first));
    served.world.act_l2_build().await.expect("what was taken back waits again");
    let again = logs_of(&mut logs, &by_logs, 3).await;
    let filter = json!([{ "address": served.token, "fromBlock": "0x4" }]);
    assert_eq!(served.ask("eth_getLogs", filter).await, Ok(json!(again)));
    assert_eq!(again[0]["transactionHash"], first[0]["transactionHash"]);
    assert_ne!(again[0]["blockHash"], first[0]["blockHash"]);
    for (number, parent) in [("0x5", None), ("0x6", None), ("0x4", Some(3))] {
        let head = next_of(&mut heads, &by_heads).await;
        assert_eq!(head["number"], number);
        if let Some(parent) = parent {
            assert_eq!(head["parentHash"], json!(served.world.node.block_hash(parent)));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_report_logs_that_went_if_they_had_reported_them() {
    let mut served = with_deposit().await;
    let filter = json!([{ "address": served.token }]);
    let [all, some, none] = [
        served.ask("eth_newFilter", filter.clone()).await.unwrap(),
        served.ask("eth_newFilter", filter.clone()).await.unwrap(),
        served.ask("eth_newFilter", filter).await.unwrap(),
    ];
    let blocks = served.ask("eth_newBlockFilter", json!([])).await.unwrap();
    let poll = async |served: &Served, filter: &Value| -> Vec<Value> {
        let changes = served.ask("eth_getFilterChanges", json!([filter])).await.unwrap();
        changes.as_array().expect("a list").clone()
    };
    transfers(&mut served, 1).await;
    let early = poll(&served, &some).await;
    transfers(&mut served, 2).await;
    let first = poll(&served, &all).await;
    assert_eq!((early.len(), first.len()), (1, 3));
    assert_eq!(poll(&served, &blocks).await.len(), 2);
    forget_deposit(&mut served).await;
    assert_eq!(poll(&served, &all).await, gone(&first));
    assert_eq!(poll(&served, &blocks).await, [json!(null); 0]);
    served.world.act_l2_build().await.expect("what was taken back waits again");
    let again = poll(&served, &all).await;
    assert_eq!((again.len(), &again[0]["removed"]), (3, &json!(false)));
    assert_eq!(again[0]["blockNumber"], "0x4");
    assert_eq!(poll(&served, &some).await, [gone(&early), again.clone()].concat());
    assert_eq!(poll(&served, &none).await, again);
    assert_eq!(poll(&served, &blocks).await, [json!(served.world.node.block_hash(4))]);
    for filter in [&all, &some, &none, &blocks] {
        assert_eq!(poll(&served, filter).await, [json!(null); 0]);
    }
}
