//! Time travel, mining on demand, snapshots, hands in the state.

use alloy_primitives::{Address, B256, U256};
use serde_json::json;

use crate::world::{START, World, quantity, sign, signer, transaction};

const TO: Address = Address::repeat_byte(0x70);

#[tokio::test]
async fn a_block_is_as_late_as_the_clock_and_later_than_its_parent() {
    let world = World::new().await;
    assert_eq!(world.l1.block_timestamp(), START);
    world.l1.mine().await.unwrap();
    assert_eq!(world.l1.block_timestamp(), START + 1);
    world.clock.advance(30);
    world.l1.mine().await.unwrap();
    assert_eq!(world.l1.block_timestamp(), START + 30);
}

#[tokio::test]
async fn time_travels() {
    let world = World::new().await;
    assert_eq!(world.ask("evm_increaseTime", json!([1_000])).await, 1_000);
    assert_eq!(world.ask("evm_increaseTime", json!(["0x10"])).await, 1_016);
    world.l1.mine().await.unwrap();
    assert_eq!(world.l1.block_timestamp(), START + 1_016);
    world.clock.advance(5);
    world.l1.mine().await.unwrap();
    assert_eq!(world.l1.block_timestamp(), START + 1_021);

    world.ask("evm_setNextBlockTimestamp", json!([START + 9_000])).await;
    world.l1.mine().await.unwrap();
    assert_eq!(world.l1.block_timestamp(), START + 9_000);
    world.clock.advance(7);
    world.l1.mine().await.unwrap();
    assert_eq!(world.l1.block_timestamp(), START + 9_007);

    let past = json!([START + 9_007]);
    let (_, message, _) = world.refused("evm_setNextBlockTimestamp", past).await;
    assert!(message.contains("lower than or equal"), "{message}");
    world.refused("evm_increaseTime", json!([u64::MAX])).await;
    world.ask("evm_setTime", json!([START + 20_000])).await;
    world.ask("evm_mine", json!([])).await;
    assert_eq!(world.l1.block_timestamp(), START + 20_000);
}

#[tokio::test]
async fn blocks_are_made_on_demand() {
    let world = World::new().await;
    world.ask("anvil_mine", json!(["0x3", "0xa"])).await;
    assert_eq!((world.l1.block_number(), world.l1.block_timestamp()), (3, START + 21));
    world.ask("hardhat_mine", json!([2])).await;
    assert_eq!(world.l1.block_number(), 5);
    world.ask("evm_mine", json!([START + 500])).await;
    assert_eq!((world.l1.block_number(), world.l1.block_timestamp()), (6, START + 500));
    world.ask("evm_mine", json!([{ "timestamp": START + 600, "blocks": 2 }])).await;
    assert_eq!((world.l1.block_number(), world.l1.block_timestamp()), (8, START + 601));
    world.refused("anvil_mine", json!([100_001])).await;
}

#[tokio::test]
async fn a_snapshot_brings_everything_back_once() {
    let world = World::new().await;
    world.l1.mine().await.unwrap();
    let waiting = world.send(sign(transaction(0, TO, []), &signer(1))).await;
    let head = world.l1.block_hash();
    let snapshot = world.ask("evm_snapshot", json!([])).await;
    let blocks = world.ask("eth_newBlockFilter", json!([])).await;
    world.ask("anvil_setBalance", json!([TO, "0x64"])).await;
    let mut transfer = transaction(0, TO, []);
    transfer.value = U256::from(5);
    let receipt = world.succeed(sign(transfer, &signer(0))).await;
    assert_eq!(world.balance(TO).await, U256::from(105));

    assert_eq!(world.ask("evm_revert", json!([snapshot])).await, true);
    assert_eq!(world.l1.block_hash(), head);
    assert_eq!(world.balance(TO).await, U256::ZERO);
    let hash = receipt["transactionHash"].clone();
    assert_eq!(world.ask("eth_getTransactionReceipt", json!([hash])).await, json!(null));
    assert_eq!(world.ask("evm_revert", json!([snapshot])).await, false);
    world.l1.mine().await.unwrap();
    assert_eq!(world.block("latest").await["transactions"], json!([waiting]));
    let seen = world.ask("eth_getFilterChanges", json!([blocks])).await;
    assert_eq!(seen, json!([receipt["blockHash"], world.l1.block_hash()]));
}

#[tokio::test]
async fn a_hand_in_the_state_is_felt_at_once_and_stays() {
    let world = World::new().await;
    let root = world.block("latest").await["stateRoot"].clone();
    world.ask("anvil_setBalance", json!([TO, "0x64"])).await;
    world.ask("hardhat_setNonce", json!([TO, "0x7"])).await;
    world.ask("anvil_setCode", json!([TO, "0x60aa5f5260205ff3"])).await;
    let slot = json!([TO, "0x1", B256::with_last_byte(9)]);
    assert_eq!(world.ask("anvil_setStorageAt", slot).await, true);
    for _ in 0..2 {
        assert_eq!(world.balance(TO).await, U256::from(100));
        let nonce = world.ask("eth_getTransactionCount", json!([TO, "latest"])).await;
        assert_eq!(nonce, "0x7");
        let result = world.ask("eth_call", json!([{ "to": TO }, "latest"])).await;
        assert_eq!(result, json!(B256::with_last_byte(0xaa)));
        let slot = world.ask("eth_getStorageAt", json!([TO, "0x1", "latest"])).await;
        assert_eq!(slot, json!(B256::with_last_byte(9)));
        world.l1.mine().await.unwrap();
    }
    let before = world.ask("eth_getBalance", json!([TO, "0x1"])).await;
    assert_eq!(before, "0x64", "the block after it has it");
    assert_ne!(world.block("0x1").await["stateRoot"], root);
}

#[tokio::test]
async fn the_next_base_fee_can_be_set_once() {
    let world = World::new().await;
    world.ask("anvil_setNextBlockBaseFeePerGas", json!(["0x64"])).await;
    world.l1.mine().await.unwrap();
    assert_eq!(quantity(&world.block("latest").await["baseFeePerGas"]), 100);
    world.l1.mine().await.unwrap();
    assert_eq!(quantity(&world.block("latest").await["baseFeePerGas"]), 88);
}

#[tokio::test]
async fn a_waiting_transaction_can_be_dropped() {
    let world = World::new().await;
    let first = world.send(sign(transaction(0, TO, []), &signer(0))).await;
    let second = world.send(sign(transaction(0, TO, []), &signer(1))).await;
    assert_eq!(world.ask("anvil_dropTransaction", json!([first])).await, json!(first));
    assert_eq!(world.ask("anvil_dropTransaction", json!([first])).await, json!(null));
    assert_eq!(world.ask("eth_getTransactionByHash", json!([first])).await, json!(null));
    world.ask("anvil_dropAllTransactions", json!([])).await;
    world.l1.mine().await.unwrap();
    assert_eq!(world.receipt(second).await, json!(null));
}

#[tokio::test]
async fn labels_follow_the_head() {
    let world = World::with(|config| {
        config.safe_depth = 2;
        config.finalized_depth = 5;
    })
    .await;
    assert_eq!(quantity(&world.block("finalized").await["number"]), 0);
    world.l1.mine_many(9).await.unwrap();
    assert_eq!(quantity(&world.block("safe").await["number"]), 7);
    assert_eq!(quantity(&world.block("finalized").await["number"]), 4);
    assert_eq!(quantity(&world.block("earliest").await["number"]), 0);
}
