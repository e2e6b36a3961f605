//! `mezz_signedBlocks`, through the client that replicas use.

use std::time::Duration;

use alloy_primitives::U256;
use mezz_action_tests::{TOKEN_GAS, key, transfer_call};
use mezz_l1::Endpoint;
use mezz_node::{BlockFeed as _, RpcFeed};
use mezz_types::BlockNumber;
use serde_json::json;

use crate::served::{BOB, Served};

#[tokio::test(flavor = "multi_thread")]
async fn signed_blocks_are_handed_out_and_waited_for() {
    let mut served = Served::new().await;
    let url = format!("http://{}", served.addr());
    let feed = RpcFeed::new(&Endpoint::parse(&url).unwrap());
    let (config_hash, sequencer) = (served.world.chain.config.hash(), key("operator").address());
    let numbers = |blocks: Vec<mezz_node::SignedBlock>| -> Vec<u64> {
        let header = |block: mezz_node::SignedBlock| block.verify(config_hash, sequencer).unwrap();
        blocks.into_iter().map(|block| header(block).number).collect()
    };
    let all = feed.blocks(BlockNumber::new(1), Duration::ZERO).await.unwrap();
    // The deposit of block 1 comes from L1, not from the feed.
    let counts: Vec<usize> = all.iter().map(|block| block.transactions.len()).collect();
    assert_eq!(counts, [0, 1, 3]);
    assert_eq!(numbers(all), [1, 2, 3]);
    assert_eq!(feed.blocks(BlockNumber::new(4), Duration::ZERO).await.unwrap(), []);
    // Who is ahead of the chain sees its last block.
    assert_eq!(numbers(feed.blocks(BlockNumber::new(9), Duration::ZERO).await.unwrap()), [3]);
    let waiting = {
        let feed = feed.clone();
        tokio::spawn(async move { feed.blocks(BlockNumber::new(4), Duration::from_secs(15)).await })
    };
    let call = served.alice.sign(
        alloy_primitives::TxKind::Call(served.token),
        U256::ZERO,
        transfer_call(BOB, 1),
        TOKEN_GAS,
    );
    served.world.act_send_l2(call).await;
    served.world.act_l2_build().await.expect("a transaction is work");
    assert_eq!(numbers(waiting.await.unwrap().unwrap()), [4]);
    let text = served.refused("mezz_signedBlocks", json!([])).await;
    assert_eq!(text.0, -32602);
}
