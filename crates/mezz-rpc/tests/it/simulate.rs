//! `eth_simulateV1`.

use mezz_action_tests::{mint_call, transfer_call};
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
    assert_eq!(made[3]["stateRoot"], json!(alloy_primitives::B256::ZERO));
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
