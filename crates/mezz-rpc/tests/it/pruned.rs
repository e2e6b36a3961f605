//! A node that forgets old blocks says so, instead of saying that there was nothing.

use alloy_primitives::{TxKind, U256};
use mezz_action_tests::{FINALIZED_DEPTH, TOKEN_GAS, transfer_call};
use mezz_rpc::Limits;
use serde_json::{Value, json};

use crate::served::{BOB, Served};

/// Everything up to the head is final, and only the head is kept whole.
async fn forgetful() -> Served {
    let mut served = Served::new().await;
    served.rpc.clone().stop().await;
    let data = transfer_call(BOB, 1);
    let moving = served.alice.sign(TxKind::Call(served.token), U256::ZERO, data, TOKEN_GAS);
    let world = &mut served.world;
    world.act_send_l2(moving).await;
    world.act_l2_build().await.expect("a transaction is work");
    world.act_batch_all().await;
    world.act_propose().await.expect("there is something to claim");
    world.act_derive_all().await;
    world.act_time_travel(world.chain.window_secs).await;
    world.act_derive_all().await;
    world.act_propose().await.expect("the window is over");
    world.act_l1_mine(FINALIZED_DEPTH + 1).await;
    world.act_derive_all().await;
    assert_eq!((world.node.finalized(), world.node.head().0), (4, 4));
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_forgotten_blocks_are_told_so() {
    let mut served = forgetful().await;
    served.world.node.config.store.history_blocks = Some(1);
    served.world.act_restart_node();
    let hash = served.world.node.block_hash(2).expect("it is there");
    let pruner = &mut served.world.node.parts_mut().history_pruner;
    while pruner.step().expect("the disk writes") {}
    served.restart(Limits::default()).await;
    let asked: [(&str, Value); 13] = [
        ("eth_getBlockByNumber", json!(["0x2", false])),
        ("eth_getBlockByNumber", json!(["0x1", true])),
        ("eth_getBlockByHash", json!([hash, false])),
        ("eth_getBlockReceipts", json!(["0x2"])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x2"])),
        ("eth_getBlockTransactionCountByHash", json!([hash])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x2", "0x0"])),
        ("eth_getTransactionByBlockHashAndIndex", json!([hash, "0x9"])),
        ("eth_getLogs", json!([{ "blockHash": hash }])),
        ("eth_getLogs", json!([{ "fromBlock": "0x3", "toBlock": "latest" }])),
        ("eth_getLogs", json!([{ "fromBlock": "earliest", "address": served.token }])),
        ("debug_traceBlockByNumber", json!(["0x2"])),
        ("eth_feeHistory", json!(["0x4", "latest", [50]])),
    ];
    for (method, params) in asked {
        let (code, message) = served.refused(method, params.clone()).await;
        assert_eq!(code, 4444, "{method} {params}: {message}");
        assert!(message.starts_with("pruned history unavailable"), "{method}: {message}");
    }
    // What is kept is as it was: headers, the last block, and what is only a hash.
    let header = served.ask("eth_getHeaderByNumber", json!(["0x2"])).await.expect("it is kept");
    assert_eq!(header["hash"], json!(hash));
    let last =
        served.ask("eth_getBlockByNumber", json!(["latest", true])).await.expect("it is kept");
    assert_eq!(last["transactions"].as_array().map(Vec::len), Some(1));
    let logs =
        served.ask("eth_getLogs", json!([{ "fromBlock": "0x4" }])).await.expect("it is kept");
    assert_eq!(logs.as_array().map(Vec::len), Some(1));
    let genesis = served.ask("eth_getBlockByNumber", json!(["0x0", false])).await;
    assert_eq!(genesis.expect("it is kept")["transactions"], json!([]));
    let moved = served.ask("eth_getTransactionReceipt", json!([served.moved])).await;
    assert_eq!(moved, Ok(Value::Null));
}
