//! Reorganisations on demand.

use alloy_primitives::{Address, B256, U256};
use mezz_devl1::{Dropped, Reorg};
use serde_json::{Value, json};

use crate::world::{START, World, quantity, sign, signer, transaction};

const TO: Address = Address::repeat_byte(0x70);

/// Five blocks, each with a call of the keeper by account 1; the keeper.
async fn five_blocks(world: &World) -> (Address, Vec<B256>) {
    let keeper = world.deploy_keeper(0).await;
    let mut hashes = Vec::new();
    for nonce in 0..4 {
        let word = B256::repeat_byte(nonce + 1);
        let raw = sign(transaction(nonce.into(), keeper, word), &signer(1));
        let receipt = world.succeed(raw).await;
        hashes.push(serde_json::from_value(receipt["transactionHash"].clone()).unwrap());
    }
    (keeper, hashes)
}

async fn block_hashes(world: &World) -> Vec<Value> {
    let mut hashes = Vec::new();
    for number in 0..=world.l1.block_number() {
        hashes.push(world.block(format!("{number:#x}")).await["hash"].clone());
    }
    hashes
}

#[tokio::test]
async fn a_reorg_changes_hashes_and_takes_the_transactions_in_again() {
    let world = World::new().await;
    let (keeper, transactions) = five_blocks(&world).await;
    let before = block_hashes(&world).await;
    let old = world.block("latest").await;
    let logs = world.ask("eth_newFilter", json!([{ "address": keeper }])).await;
    let head = world.l1.reorg(Reorg::of_depth(3)).await.unwrap();
    let after = block_hashes(&world).await;
    assert_eq!(after.len(), before.len());
    assert_eq!(after[..3], before[..3]);
    for number in 3..6 {
        assert_ne!(after[number], before[number]);
    }
    assert_eq!(world.l1.block_hash(), head);
    assert_eq!(world.block("latest").await["timestamp"], old["timestamp"]);
    assert_eq!(world.ask("eth_getBlockByHash", json!([old["hash"], false])).await, json!(null));
    for hash in &transactions[1..] {
        let receipt = world.receipt(*hash).await;
        assert_eq!(quantity(&receipt["blockNumber"]), 3, "all are in the first new block");
        assert_eq!(receipt["blockHash"], after[3]);
    }
    let slot = world.ask("eth_getStorageAt", json!([keeper, "0x0", "latest"])).await;
    assert_eq!(slot, json!(B256::repeat_byte(4)));

    let changes = world.ask("eth_getFilterChanges", json!([logs])).await;
    let told: Vec<_> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["removed"].as_bool().unwrap(), log["blockHash"].clone()))
        .collect();
    let [b3, b4, b5, a3] = [&before[3], &before[4], &before[5], &after[3]];
    let expected = [(true, b5), (true, b4), (true, b3), (false, a3), (false, a3), (false, a3)];
    assert_eq!(told, expected.map(|(removed, hash)| (removed, hash.clone())));
}

#[tokio::test]
async fn the_same_reorg_twice_gives_other_blocks_twice() {
    let world = World::new().await;
    five_blocks(&world).await;
    let first = world.l1.reorg(Reorg::of_depth(2)).await.unwrap();
    let second = world.l1.reorg(Reorg::of_depth(2)).await.unwrap();
    assert_ne!(first, second);
}

#[tokio::test]
async fn transactions_can_come_later_or_never() {
    let world = World::new().await;
    let (_, transactions) = five_blocks(&world).await;
    let later = Reorg { dropped: Dropped::Return, blocks: Some(3), ..Reorg::of_depth(1) };
    world.l1.reorg(later).await.unwrap();
    assert_eq!(world.l1.block_number(), 7);
    assert_eq!(world.receipt(transactions[3]).await, json!(null));
    world.l1.mine().await.unwrap();
    assert_eq!(quantity(&world.receipt(transactions[3]).await["blockNumber"]), 8);

    let never = Reorg { dropped: Dropped::Forget, ..Reorg::of_depth(1) };
    world.l1.reorg(never).await.unwrap();
    world.l1.mine().await.unwrap();
    let waiting = world.ask("eth_getTransactionByHash", json!([transactions[3]])).await;
    assert_eq!(waiting, json!(null));
}

#[tokio::test]
async fn the_new_blocks_can_be_later() {
    let world = World::new().await;
    five_blocks(&world).await;
    let options = json!([{ "depth": "0x2", "delaySecs": 12 }]);
    let head = world.ask("mezzdev_reorg", options).await;
    assert_eq!(head, json!(world.l1.block_hash()));
    assert_eq!(world.l1.block_timestamp(), START + 5 + 12);
}

#[tokio::test]
async fn what_is_finalized_stays() {
    let world = World::with(|config| config.finalized_depth = 3).await;
    five_blocks(&world).await;
    let head = world.l1.block_hash();
    for depth in [0, 4, 99] {
        let refused = world.refused("mezzdev_reorg", json!([{ "depth": depth }])).await;
        assert!(refused.1.contains("must be from 1 to 3"), "{}", refused.1);
        world.refused("anvil_reorg", json!([depth, []])).await;
        world.refused("anvil_rollback", json!([depth])).await;
    }
    assert_eq!(world.l1.block_hash(), head);
    world.ask("mezzdev_reorg", json!([{ "depth": 3 }])).await;
    world.refused("mezzdev_reorg", json!([{ "depth": 1, "unknown": 1 }])).await;
}

#[tokio::test]
async fn anvils_reorg_puts_given_transactions_into_given_blocks() {
    let world = World::new().await;
    let (_, transactions) = five_blocks(&world).await;
    let mut first = transaction(0, TO, []);
    first.value = U256::from(1);
    let mut second = transaction(1, TO, []);
    second.value = U256::from(2);
    let (first, second) = (sign(first, &signer(5)), sign(second, &signer(5)));
    world.ask("anvil_reorg", json!([3, [[first, 0], [second, 2]]])).await;
    assert_eq!(world.l1.block_number(), 5);
    let counts =
        async |number: &str| world.block(number).await["transactions"].as_array().unwrap().len();
    assert_eq!((counts("0x3").await, counts("0x4").await, counts("0x5").await), (1, 0, 1));
    assert_eq!(world.balance(TO).await, U256::from(3));
    assert_eq!(world.receipt(transactions[3]).await, json!(null));
    // One that is not valid leaves the chain as it was.
    let head = world.l1.block_hash();
    world.refused("anvil_reorg", json!([{ "depth": 1, "txBlockPairs": [[first, 0]] }])).await;
    assert_eq!(world.l1.block_hash(), head);
}

#[tokio::test]
async fn a_rollback_leaves_a_shorter_chain() {
    let world = World::new().await;
    five_blocks(&world).await;
    let before = block_hashes(&world).await;
    world.ask("anvil_rollback", json!([2])).await;
    assert_eq!(block_hashes(&world).await, before[..4]);
    world.l1.mine().await.unwrap();
    assert_ne!(block_hashes(&world).await[4], before[4]);
}

#[tokio::test]
async fn a_reorg_changes_what_opcodes_see() {
    let world = World::new().await;
    world.l1.mine_many(3).await.unwrap();
    // What is at BLOCKHASH(number - 1) is kept by EIP-2935 as well; both follow the new chain.
    world.l1.reorg(Reorg::of_depth(2)).await.unwrap();
    world.l1.mine().await.unwrap();
    let parent = world.block("0x3").await["hash"].clone();
    assert_eq!(world.block("0x4").await["parentHash"], parent);
    let history = "0x0000f90827f1c53a10cb7a02335b175320002935";
    let call = json!([{ "to": history, "data": B256::with_last_byte(3) }, "latest"]);
    assert_eq!(world.ask("eth_call", call).await, parent);
    // blockhash(number() - 1) at block 4
    let code = json!({ TO.to_string(): { "code": "0x60014303405f5260205ff3" } });
    let call = json!([{ "to": TO }, "latest", code]);
    assert_eq!(world.ask("eth_call", call).await, parent);
}
