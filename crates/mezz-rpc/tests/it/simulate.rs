//! `eth_simulateV1`.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, TxKind, U256};
use mezz_action_tests::{TOKEN_GAS, mint_call, transfer_call};
use serde_json::{Value, json};

use crate::served::{BOB, Served};

async fn blocks(served: &Served, calls: Value) -> Vec<Value> {
    let payload = json!({ "blockStateCalls": calls, "returnFullTransactions": true });
    let answer = served.ask("eth_simulateV1", json!([payload, "latest"])).await;
    answer.unwrap().as_array().expect("a list of blocks").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn simulated_blocks_build_on_each_other_and_leave_no_trace() {
    let served = Served::new().await;
    let (token, owner) = (served.token, served.alice.address());
    let call = |from, data| json!({ "from": from, "to": token, "data": data });
    let head = served.world.node.head();
    let made = blocks(
        &served,
        json!([
            { "calls": [call(BOB, mint_call(5)), call(BOB, transfer_call(owner, 36))] },
            {
                "blockOverrides": { "number": format!("0x{:x}", head.0 + 4), "feeRecipient": BOB },
                "stateOverrides": { (token.to_string()): { "state": {} } },
                "calls": [call(BOB, mint_call(3)), call(BOB, transfer_call(owner, 3)), call(BOB, transfer_call(owner, 1))],
            },
        ]),
    )
    .await;
    // Two blocks fill the gap.
    assert_eq!(made.len(), 4);
    for (block, next) in made.iter().zip(&made[1..]) {
        assert_eq!(block["hash"], next["parentHash"]);
        assert!(block["timestamp"].as_str() < next["timestamp"].as_str());
    }
    assert_eq!(made[0]["parentHash"], json!(head.1));
    let status = |block: &Value| -> Vec<Value> {
        block["calls"].as_array().unwrap().iter().map(|call| call["status"].clone()).collect()
    };
    // 30 + 5 are not 36.
    assert_eq!(status(&made[0]), ["0x1", "0x0"]);
    assert_eq!(made[0]["calls"][1]["error"]["code"], 3);
    assert_eq!(status(&made[3]), ["0x1", "0x1", "0x0"]);
    assert_eq!(made[3]["miner"], json!(BOB));
    // All slots of an account are forgotten, and nobody can list them.
    assert_eq!(made[3]["stateRoot"], json!(B256::ZERO));
    assert_ne!(made[2]["stateRoot"], json!(B256::ZERO));
    let log = &made[3]["calls"][1]["logs"][0];
    assert_eq!((&log["address"], &log["blockHash"]), (&json!(token), &made[3]["hash"]));
    assert_eq!(log["transactionHash"], made[3]["transactions"][1]["hash"]);
    assert_eq!(made[3]["transactions"][0]["from"], json!(BOB));
    assert_eq!(served.world.node.head(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_simulated_has_a_code_of_its_own() {
    let served = Served::new().await;
    let owner = served.alice.address();
    let block =
        |overrides: Value, calls: Value| json!({ "blockOverrides": overrides, "calls": calls });
    let call = json!({ "from": owner, "to": BOB });
    let rich = json!({ "from": BOB, "to": owner, "value": "0xffffffffffffffffffff" });
    let cheap = json!({ "from": owner, "to": BOB, "maxFeePerGas": "0x1" });
    let old = json!({ "from": owner, "to": BOB, "nonce": "0x0", "maxFeePerGas": "0x174876e800" });
    let early =
        json!({ "from": owner, "to": BOB, "nonce": "0x99", "maxFeePerGas": "0x174876e800" });
    let large = json!({ "from": owner, "to": BOB, "gas": "0xffffffff" });
    let empty = json!({});
    for (validation, blocks, code) in [
        (false, json!([block(json!({ "number": "0x1" }), json!([]))]), -38020),
        (false, json!([block(json!({ "time": "0x1" }), json!([]))]), -38021),
        (false, json!([block(json!({ "number": "0xffff" }), json!([]))]), -38026),
        (false, json!([block(empty.clone(), json!([rich]))]), -38014),
        (false, json!([block(empty.clone(), json!([large]))]), -38015),
        (true, json!([block(empty.clone(), json!([call]))]), -38012),
        (true, json!([block(empty.clone(), json!([cheap]))]), -38012),
        (true, json!([block(empty.clone(), json!([old]))]), -38010),
        (true, json!([block(empty.clone(), json!([early]))]), -38011),
        (false, json!([]), -32602),
    ] {
        let payload = json!({ "blockStateCalls": blocks, "validation": validation });
        let (got, text) = served.refused("eth_simulateV1", json!([payload, "latest"])).await;
        assert_eq!(got, code, "{payload}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_root_is_that_of_the_block_that_is_built_then() {
    let mut served = Served::new().await;
    let from = served.alice.address();
    let to = TxKind::Call(served.token);
    let sent = served.alice.sign(to, U256::ZERO, transfer_call(BOB, 1), TOKEN_GAS);
    let call = json!({
        "from": from,
        "to": served.token,
        "data": transfer_call(BOB, 1),
        "nonce": U256::from(sent.nonce()),
        "gas": U256::from(sent.gas_limit()),
        "maxFeePerGas": U256::from(sent.max_fee_per_gas()),
        "maxPriorityFeePerGas": U256::from(sent.max_priority_fee_per_gas().unwrap()),
    });
    let blocks = json!([{ "calls": [call] }, { "calls": [] }]);
    let payload = json!({ "blockStateCalls": blocks, "validation": true });
    let simulate = |base: &'static str| served.ask("eth_simulateV1", json!([payload, base]));
    let made = simulate("latest").await.unwrap();
    // No trie is at a block between the final one and the head.
    let past = served.ask("eth_getBlockByNumber", json!(["0x1", false])).await.unwrap();
    let empty = json!({ "blockStateCalls": [{}] });
    let at = |id: Value| served.ask("eth_simulateV1", json!([empty, id]));
    assert_eq!(at(past["number"].clone()).await.unwrap()[0]["stateRoot"], json!(B256::ZERO));
    let on_final = at(json!("finalized")).await.unwrap();
    assert_eq!(on_final[0]["number"], "0x1");
    assert_ne!(on_final[0]["stateRoot"], json!(B256::ZERO));
    served.world.act_send_l2(sent).await;
    served.world.act_l2_build().await.expect("a transaction is work");
    let built = served.ask("eth_getBlockByNumber", json!(["latest", false])).await.unwrap();
    assert_eq!(made[0]["gasUsed"], built["gasUsed"]);
    assert_eq!(made[0]["stateRoot"], built["stateRoot"]);
    // The one after it holds its hash.
    assert_ne!(made[1]["stateRoot"], made[0]["stateRoot"]);
    assert_ne!(made[1]["stateRoot"], json!(B256::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_of_ether_are_logs_where_they_are_asked_for() {
    let served = Served::new().await;
    let (payer, failing, outer) =
        (Address::repeat_byte(1), Address::repeat_byte(2), Address::repeat_byte(3));
    // Calls `to` with 1 wei; then logs nothing at all, or reverts, or stops.
    let pays = |to: Address, then: &str| {
        let to = alloy_primitives::hex::encode(to);
        json!({ "code": format!("0x6000600060006000600173{to}5af150{then}") })
    };
    let code = json!({
        (payer.to_string()): pays(BOB, "60006000a000"),
        (failing.to_string()): pays(BOB, "60006000fd"),
        (outer.to_string()): pays(failing, "00"),
    });
    let from = served.alice.address();
    let call = |to: Address| json!({ "from": from, "to": to, "value": "0x5" });
    // Its code is empty, and its address the next one of the sender.
    let creation = json!({ "from": from, "data": "0x", "value": "0x7" });
    let calls = json!([call(payer), call(failing), call(outer), creation]);
    let simulate = |traced: bool| {
        let block = json!({ "stateOverrides": code, "calls": calls });
        let payload = json!({ "blockStateCalls": [block], "traceTransfers": traced });
        served.ask("eth_simulateV1", json!([payload, "latest"]))
    };
    let (traced, plain) = (simulate(true).await.unwrap(), simulate(false).await.unwrap());
    // They are shown, and not in the block.
    assert_eq!(traced[0]["hash"], plain[0]["hash"]);
    let logs =
        |answer: &Value, call: usize| answer[0]["calls"][call]["logs"].as_array().unwrap().clone();
    assert_eq!(logs(&plain, 0).len(), 1);
    let moved = |from: Address, to: Address, wei: u64| {
        let transfer = alloy_primitives::keccak256("Transfer(address,address,uint256)");
        let topics = json!([transfer, from.into_word(), to.into_word()]);
        (
            json!("0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"),
            topics,
            json!(B256::from(U256::from(wei))),
        )
    };
    let seen = |call: usize| -> Vec<(Value, Value, Value)> {
        let logs = logs(&traced, call);
        logs.iter()
            .map(|log| (log["address"].clone(), log["topics"].clone(), log["data"].clone()))
            .collect()
    };
    let logged = (json!(payer), json!([]), json!("0x"));
    assert_eq!(seen(0), [moved(from, payer, 5), moved(payer, BOB, 1), logged]);
    // What is taken back was no transfer.
    assert_eq!(seen(1), []);
    assert_eq!(seen(2), [moved(from, outer, 5)]);
    let created = from.create(served.alice.nonce + 3);
    assert_eq!(seen(3), [moved(from, created, 7)]);
    let indexes: Vec<Value> =
        (0..4).flat_map(|call| logs(&traced, call)).map(|log| log["logIndex"].clone()).collect();
    assert_eq!(indexes, ["0x0", "0x1", "0x2", "0x3", "0x4"]);
}
