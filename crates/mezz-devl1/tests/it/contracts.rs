//! Contracts: deploying, calling, logs, filters.

use alloy_primitives::{Address, B256, TxKind, U256, hex};
use serde_json::{Value, json};

use crate::world::{World, init_code, quantity, sign, signer, transaction};

fn word(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

async fn keep(world: &World, keeper: Address, account: u32, nonce: u64, byte: u8) -> Value {
    world.succeed(sign(transaction(nonce, keeper, word(byte)), &signer(account))).await
}

#[tokio::test]
async fn a_contract_keeps_what_it_is_told_and_says_so() {
    let world = World::new().await;
    let keeper = world.deploy_keeper(0).await;
    assert_eq!(keeper, signer(0).address().create(0));
    let receipt = keep(&world, keeper, 1, 0, 0xab).await;
    let log = &receipt["logs"][0];
    assert_eq!(log["address"], json!(keeper));
    assert_eq!(log["topics"], json!([word(0xab), signer(1).address().into_word()]));
    assert_eq!(log["logIndex"], "0x0");
    assert_eq!(log["blockHash"], receipt["blockHash"]);
    let slot = world.ask("eth_getStorageAt", json!([keeper, "0x0", "latest"])).await;
    assert_eq!(slot, json!(word(0xab)));
    let before = world.ask("eth_getStorageAt", json!([keeper, "0x0", "0x1"])).await;
    assert_eq!(before, json!(B256::ZERO));
}

#[tokio::test]
async fn a_revert_gives_its_reason_and_its_data() {
    let world = World::new().await;
    let keeper = world.deploy_keeper(0).await;
    let call = json!([{ "to": keeper }, "latest"]);
    for method in ["eth_call", "eth_estimateGas"] {
        let (code, message, data) = world.refused(method, call.clone()).await;
        assert_eq!((code, message.as_str()), (3, "execution reverted: nope"));
        assert!(data.as_str().unwrap().starts_with("0x08c379a0"), "{data}");
    }
    let hash = world.send(sign(transaction(1, keeper, []), &signer(0))).await;
    world.l1.mine().await.unwrap();
    let receipt = world.receipt(hash).await;
    assert_eq!(receipt["status"], "0x0");
    assert_eq!(receipt["logs"], json!([]));
}

#[tokio::test]
async fn an_estimate_is_enough_and_hardly_more() {
    let world = World::new().await;
    let keeper = world.deploy_keeper(0).await;
    let request = json!([{ "from": signer(0).address(), "to": keeper, "data": word(1) }]);
    let estimate = quantity(&world.ask("eth_estimateGas", request).await);
    let receipt = keep(&world, keeper, 0, 1, 1).await;
    let used = quantity(&receipt["gasUsed"]);
    assert!(used <= estimate && estimate <= used + used / 20, "{used} {estimate}");
    let mut exact = transaction(2, keeper, word(2));
    exact.gas_limit = estimate;
    world.succeed(sign(exact, &signer(0))).await;
    let transfer = json!([{ "from": signer(0).address(), "to": signer(1).address() }]);
    assert_eq!(world.ask("eth_estimateGas", transfer).await, "0x5208");
}

#[tokio::test]
async fn logs_are_found_by_address_topic_range_and_block() {
    let world = World::new().await;
    let (first, second) = (world.deploy_keeper(0).await, world.deploy_keeper(1).await);
    keep(&world, first, 1, 0, 0x11).await;
    let receipt = keep(&world, second, 2, 0, 0x22).await;
    keep(&world, first, 2, 1, 0x22).await;
    let find = async |filter: Value| {
        let logs = world.ask("eth_getLogs", json!([filter])).await;
        let numbers = logs.as_array().unwrap().iter().map(|log| quantity(&log["blockNumber"]));
        numbers.collect::<Vec<_>>()
    };
    let caller = |account| signer(account).address().into_word();
    assert_eq!(find(json!({ "fromBlock": "0x0" })).await, [3, 4, 5]);
    assert_eq!(find(json!({})).await, [5]);
    assert_eq!(find(json!({ "fromBlock": "earliest", "toBlock": "0x4" })).await, [3, 4]);
    assert_eq!(find(json!({ "fromBlock": "0x0", "address": first })).await, [3, 5]);
    assert_eq!(find(json!({ "fromBlock": "0x0", "address": [first, second] })).await, [3, 4, 5]);
    assert_eq!(find(json!({ "fromBlock": "0x0", "topics": [word(0x22)] })).await, [4, 5]);
    assert_eq!(find(json!({ "fromBlock": "0x0", "topics": [null, caller(1)] })).await, [3]);
    assert_eq!(
        find(json!({ "fromBlock": "0x0", "topics": [[word(0x11), word(0x22)], caller(2)] })).await,
        [4, 5]
    );
    assert_eq!(find(json!({ "fromBlock": "0x0", "topics": [caller(1)] })).await, Vec::<u64>::new());
    assert_eq!(find(json!({ "blockHash": receipt["blockHash"] })).await, [4]);
    assert_eq!(find(json!({ "fromBlock": "0x99" })).await, Vec::<u64>::new());
    let inverted = json!([{ "fromBlock": "0x4", "toBlock": "0x2" }]);
    assert_eq!(world.refused("eth_getLogs", inverted).await.1, "invalid block range params");
    let unknown = json!([{ "blockHash": word(9) }]);
    assert!(world.refused("eth_getLogs", unknown).await.1.contains("not found"));
}

#[tokio::test]
async fn a_filter_tells_each_thing_once() {
    let world = World::new().await;
    let keeper = world.deploy_keeper(0).await;
    let logs = world.ask("eth_newFilter", json!([{ "address": keeper }])).await;
    let blocks = world.ask("eth_newBlockFilter", json!([])).await;
    let waiting = world.ask("eth_newPendingTransactionFilter", json!([])).await;
    let changes = async |filter: &Value| world.ask("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(changes(&logs).await, json!([]));
    let receipt = keep(&world, keeper, 0, 1, 5).await;
    let found = changes(&logs).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["transactionHash"], receipt["transactionHash"]);
    assert_eq!(changes(&blocks).await, json!([receipt["blockHash"]]));
    assert_eq!(changes(&waiting).await, json!([receipt["transactionHash"]]));
    for filter in [&logs, &blocks, &waiting] {
        assert_eq!(changes(filter).await, json!([]));
    }
    // The range of a filter is the head unless it says more.
    let all = world.ask("eth_getFilterLogs", json!([logs])).await;
    assert_eq!(all, found);
    assert_eq!(world.ask("eth_uninstallFilter", json!([logs])).await, true);
    assert_eq!(world.refused("eth_getFilterChanges", json!([logs])).await.1, "filter not found");
    world.clock.advance(301);
    world.ask("eth_newBlockFilter", json!([])).await;
    assert_eq!(world.refused("eth_getFilterChanges", json!([blocks])).await.1, "filter not found");
}

#[tokio::test]
async fn a_call_sees_the_state_and_block_that_it_names() {
    let world = World::new().await;
    // number() ‖ timestamp() ‖ sload(0)
    let code = hex!("435f52" "42602052" "5f54604052" "60605ff3");
    let deploy = transaction(0, TxKind::Create, init_code(&code));
    let receipt = world.succeed(sign(deploy, &signer(0))).await;
    let contract = receipt["contractAddress"].clone();
    world.l1.mine().await.unwrap();
    let call = async |block: Value, overrides: Value| {
        let answer = world.ask("eth_call", json!([{ "to": contract }, block, overrides])).await;
        let bytes = hex::decode(answer.as_str().unwrap()).unwrap();
        bytes.chunks(32).map(|word| U256::from_be_slice(word).to::<u64>()).collect::<Vec<_>>()
    };
    let time = world.l1.block_timestamp();
    assert_eq!(call(json!("latest"), json!({})).await, [2, time, 0]);
    assert_eq!(call(json!("0x1"), json!({})).await, [1, time - 1, 0]);
    assert_eq!(call(json!("pending"), json!({})).await, [3, time + 1, 0]);
    assert_eq!(call(json!({ "blockHash": receipt["blockHash"] }), json!({})).await[0], 1);
    let key = B256::ZERO;
    let overrides =
        json!({ contract.as_str().unwrap(): { "stateDiff": { key.to_string(): word(0) } } });
    assert_eq!(call(json!("latest"), overrides).await[2], 0);
    let value = B256::with_last_byte(77);
    let overrides =
        json!({ contract.as_str().unwrap(): { "stateDiff": { key.to_string(): value } } });
    assert_eq!(call(json!("latest"), overrides).await[2], 77);
    let overrides = json!({ contract.as_str().unwrap(): { "code": "0x60aa5f5260205ff3" } });
    assert_eq!(call(json!("latest"), overrides).await, [0xaa]);
}
