//! A chain that stops and goes on.

use std::{fs, path::Path, sync::Arc};

use alloy_primitives::{Address, U256};
use mezz_devl1::{DevL1, DevL1Error, LogError, ManualClock, Reorg};
use serde_json::{Value, json};

use crate::world::{START, World, config, quantity, sign, signer, transaction};

const TO: Address = Address::repeat_byte(0x70);

async fn start_error(directory: &Path, chain_id: u64) -> DevL1Error {
    let mut config = config(Arc::new(ManualClock::new(START + 1_000)));
    config.data_dir = Some(directory.to_owned());
    config.chain_id = chain_id;
    DevL1::start(config).await.unwrap_err()
}

/// Everything that a client can ask of a chain.
async fn description(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for number in 0..=world.l1.block_number() {
        let tag = format!("{number:#x}");
        all.push(world.ask("eth_getBlockByNumber", json!([tag, true])).await);
        all.push(world.ask("eth_getBlockReceipts", json!([tag])).await);
        all.push(world.ask("eth_getBalance", json!([TO, tag])).await);
        all.push(world.ask("eth_getProof", json!([TO, ["0x0"], tag])).await);
        all.push(world.l1.handle_beacon_request(&format!("/eth/v1/beacon/blobs/{number}")).1);
    }
    all.push(world.ask("eth_getLogs", json!([{ "fromBlock": "0x0" }])).await);
    all.push(world.ask("eth_getBalance", json!([TO, "latest"])).await);
    all
}

/// A chain with a bit of everything.
async fn live(world: &World) {
    let keeper = world.deploy_keeper(0).await;
    for nonce in 0..3 {
        let mut call = transaction(nonce, keeper, [nonce as u8 + 1; 32]);
        call.max_priority_fee_per_gas = 7;
        world.succeed(sign(call, &signer(1))).await;
    }
    world.ask("anvil_setBalance", json!([TO, "0x64"])).await;
    world
        .ask("anvil_setStorageAt", json!([TO, "0x0", U256::from(3).to_be_bytes::<32>().map(|b| b)]))
        .await;
    world.l1.mine().await.unwrap();
    world.l1.reorg(Reorg::of_depth(2)).await.unwrap();
    let snapshot = world.ask("evm_snapshot", json!([])).await;
    world.l1.mine_many(2).await.unwrap();
    world.ask("evm_revert", json!([snapshot])).await;
    let blob = json!([{
        "from": signer(3).address(), "to": TO, "value": "0x5",
    }]);
    world.ask("eth_sendTransaction", blob).await;
    world.l1.mine().await.unwrap();
    world.ask("anvil_setBalance", json!([TO, "0x3039"])).await;
}

#[tokio::test]
async fn a_chain_goes_on_as_the_same_chain() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::in_directory(directory.path()).await;
    live(&world).await;
    let (before, head) = (description(&world).await, world.l1.block_hash());
    world.l1.shutdown().await;

    let world = World::in_directory(directory.path()).await;
    assert_eq!(world.l1.block_hash(), head);
    assert_eq!(description(&world).await, before);
    assert_eq!(world.balance(TO).await, U256::from(12_345));
    let next = world.l1.mine().await.unwrap();
    assert_eq!(world.balance(TO).await, U256::from(12_345));
    world.l1.shutdown().await;

    let world = World::in_directory(directory.path()).await;
    assert_eq!(world.l1.block_hash(), next);
    world.l1.reorg(Reorg::of_depth(3)).await.unwrap();
}

#[tokio::test]
async fn a_chain_that_is_dropped_without_a_word_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::in_directory(directory.path()).await;
    let head = world.l1.mine().await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    let log = |directory: &Path| directory.join("l1-blocks.log");
    fs::copy(log(directory.path()), log(copy.path())).unwrap();
    let other = World::in_directory(copy.path()).await;
    assert_eq!(other.l1.block_hash(), head);
    drop(world);
}

#[tokio::test]
async fn what_was_being_written_when_the_power_went_is_cut_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("l1-blocks.log");
    let world = World::in_directory(directory.path()).await;
    let first = world.l1.mine().await.unwrap();
    let whole = fs::metadata(&path).unwrap().len() as usize;
    let second = world.l1.mine().await.unwrap();
    world.l1.shutdown().await;
    let bytes = fs::read(&path).unwrap();
    for (end, head) in
        [(whole, first), (whole + 1, first), (bytes.len() - 1, first), (bytes.len(), second)]
    {
        fs::write(&path, &bytes[..end]).unwrap();
        let world = World::in_directory(directory.path()).await;
        assert_eq!(world.l1.block_hash(), head, "{end}");
        world.l1.shutdown().await;
        // What was cut away is gone from the file too, so that what comes next is not behind it.
        let expected = if head == first { whole } else { bytes.len() };
        assert_eq!(fs::metadata(&path).unwrap().len() as usize, expected);
    }
    let mut zeros = bytes[..whole].to_vec();
    zeros.resize(whole + 5_000, 0);
    fs::write(&path, &zeros).unwrap();
    let world = World::in_directory(directory.path()).await;
    assert_eq!(world.l1.block_hash(), first);
}

#[tokio::test]
async fn a_damaged_file_is_not_taken_for_a_chain() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("l1-blocks.log");
    let world = World::in_directory(directory.path()).await;
    let first = fs::metadata(&path).unwrap().len() as usize;
    world.l1.mine_many(2).await.unwrap();
    world.l1.shutdown().await;
    let bytes = fs::read(&path).unwrap();
    for at in [4, 20, first + 5, first + 100] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let error = start_error(directory.path(), 900).await;
        assert!(matches!(error, DevL1Error::Log(LogError::Damaged { .. })), "{at}: {error}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "nothing is changed");
    }
}

#[tokio::test]
async fn the_directory_of_another_chain_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    World::in_directory(directory.path()).await.l1.shutdown().await;
    let error = start_error(directory.path(), 901).await;
    assert!(
        error
            .to_string()
            .contains("holds another chain: the chain id is 900, this configuration has 901"),
        "{error}"
    );
    let world = World::in_directory(directory.path()).await;
    let error = start_error(directory.path(), 900).await;
    assert!(matches!(error, DevL1Error::Log(LogError::InUse { .. })), "{error}");
    world.l1.shutdown().await;
}

#[tokio::test]
async fn time_goes_on_from_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::in_directory(directory.path()).await;
    world.ask("evm_increaseTime", json!([5_000])).await;
    world.l1.mine().await.unwrap();
    world.l1.shutdown().await;
    let world = World::in_directory(directory.path()).await;
    world.clock.advance(10);
    world.l1.mine().await.unwrap();
    let block = world.block("latest").await;
    assert_eq!(quantity(&block["timestamp"]), START + 5_010);
}

/// What clients ask by hash, and what they are told of a chain that moved.
async fn found_by_hash(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for number in 0..=world.l1.block_number() {
        let block = world.block(format!("{number:#x}")).await;
        let count = json!([block["hash"]]);
        all.push(world.ask("eth_getBlockByHash", json!([block["hash"], true])).await);
        all.push(world.ask("eth_getBlockTransactionCountByHash", count).await);
        for hash in block["transactions"].as_array().unwrap() {
            for method in [
                "eth_getTransactionByHash",
                "eth_getTransactionReceipt",
                "eth_getRawTransactionByHash",
            ] {
                all.push(world.ask(method, json!([hash])).await);
            }
        }
    }
    all.push(world.ask("eth_feeHistory", json!(["0x400", "latest", [50.0]])).await);
    all.push(world.ask("eth_gasPrice", json!([])).await);
    all
}

#[tokio::test]
async fn a_chain_that_holds_no_block_in_memory_answers_as_one_that_holds_all() {
    let whole = World::new().await;
    live(&whole).await;
    let directory = tempfile::tempdir().unwrap();
    let start = || async {
        World::with(|config| {
            config.data_dir = Some(directory.path().to_owned());
            config.memory_mib = 0;
        })
        .await
    };
    let world = start().await;
    live(&world).await;
    assert_eq!(world.l1.block_hash(), whole.l1.block_hash());
    assert_eq!(description(&world).await, description(&whole).await);
    assert_eq!(found_by_hash(&world).await, found_by_hash(&whole).await);
    world.l1.shutdown().await;

    let world = start().await;
    assert_eq!(description(&world).await, description(&whole).await);
    for world in [&world, &whole] {
        world.l1.reorg(Reorg::of_depth(3)).await.unwrap();
    }
    assert_eq!(description(&world).await, description(&whole).await);
    assert_eq!(found_by_hash(&world).await, found_by_hash(&whole).await);
}

#[tokio::test]
async fn a_block_that_is_damaged_on_disk_is_an_error_and_not_another_block() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::with(|config| {
        config.data_dir = Some(directory.path().to_owned());
        config.memory_mib = 0;
    })
    .await;
    let path = directory.path().join("l1-blocks.log");
    let first = fs::metadata(&path).unwrap().len();
    world.l1.mine_many(2).await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 8], first + 100).unwrap();
    let (code, message, _) = world.refused("eth_getBlockByNumber", json!(["0x1", false])).await;
    assert_eq!(code, -32603);
    assert!(message.contains("the checksum does not match"), "{message}");
    assert_eq!(world.l1.handle_beacon_request("/eth/v1/beacon/blobs/1").0, 500);
    assert_eq!(quantity(&world.block("0x2").await["number"]), 2);
}
