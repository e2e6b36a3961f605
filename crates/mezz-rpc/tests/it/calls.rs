//! Calls, estimates, access lists, and what may be overridden.

use std::time::Duration;

use alloy_primitives::{Address, U256, hex};
use mezz_action_tests::{ETHER, mint_call, transfer_call};
use mezz_rpc::Limits;
use serde_json::{Value, json};

use crate::served::{BOB, Served};

/// Code that returns what one opcode pushes: `op`, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
fn returning(opcode: u8) -> String {
    hex::encode_prefixed([opcode, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3])
}

fn word(value: u64) -> Value {
    json!(format!("0x{value:064x}"))
}

async fn overridden(served: &Served) {
    let target = Address::repeat_byte(0x77);
    let call = json!({ "to": target, "gas": "0xf4240" });
    let code = |opcode| json!({ (target.to_string()): { "code": returning(opcode) } });
    let block = json!({
        "number": "0x4d", "time": "0x5", "gasLimit": "0xf4240", "baseFeePerGas": "0x3",
        "feeRecipient": BOB, "blobBaseFee": "0xb", "blockHash": { "76": word(9) },
    });
    for (opcode, expected) in [
        (0x43, word(0x4d)),
        (0x42, word(5)),
        (0x48, word(3)),
        (0x4a, word(11)),
        (0x41, json!(BOB.into_word())),
    ] {
        let answer = served.ask("eth_call", json!([call, "latest", code(opcode), block])).await;
        assert_eq!(answer, Ok(expected), "{opcode:x}");
    }
    // SLOAD of slot 0 through each way to say what is there; PUSH0 first.
    let load = "0x5f545f5260205ff3";
    for (state, expected) in [
        (json!({ "code": load, "stateDiff": { (word(0).as_str().unwrap()): word(8) } }), word(8)),
        (json!({ "code": load, "state": { (word(0).as_str().unwrap()): word(9) } }), word(9)),
        (json!({ "code": load, "state": {} }), word(0)),
    ] {
        let state = json!({ (target.to_string()): state });
        assert_eq!(served.ask("eth_call", json!([call, "latest", state])).await, Ok(expected));
    }
    // The token without its balances, and with one nobody gave.
    let owner = served.alice.address();
    let slot = owner.into_word();
    let transfer = json!({ "from": owner, "to": served.token, "data": transfer_call(BOB, 40) });
    for (state, works) in [
        (json!({}), true),
        (json!({ (served.token.to_string()): { "state": {} } }), false),
        (
            json!({ (served.token.to_string()): { "stateDiff": { (slot.to_string()): word(39) } } }),
            false,
        ),
        (
            json!({ (served.token.to_string()): { "stateDiff": { (slot.to_string()): word(40) } } }),
            true,
        ),
    ] {
        let answer = served.ask("eth_call", json!([transfer, "latest", state])).await;
        assert_eq!(answer.is_ok(), works, "{state}: {answer:?}");
        let answer = served.ask("eth_estimateGas", json!([transfer, "latest", state])).await;
        assert_eq!(answer.is_ok(), works, "{state}: {answer:?}");
    }
    let twice = json!({ (served.token.to_string()): { "state": {}, "stateDiff": {} } });
    let (code, text) = served.refused("eth_call", json!([transfer, "latest", twice])).await;
    assert_eq!(code, -32602);
    assert!(text.contains("both 'state' and 'stateDiff'"), "{text}");
    let moved = json!({ (served.token.to_string()): { "movePrecompileToAddress": BOB } });
    assert_eq!(served.refused("eth_call", json!([transfer, "latest", moved])).await.0, -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_answer_and_refuse_as_the_execution_apis_say() {
    let served = Served::new().await;
    let owner = served.alice.address();
    let mint = json!({ "from": owner, "to": served.token, "data": mint_call(5) });
    assert_eq!(served.ask("eth_call", json!([mint])).await, Ok(json!("0x")));
    let broken = json!({ "from": owner, "to": served.token, "data": transfer_call(BOB, 1_000) });
    let error = served.ask("eth_call", json!([broken, "latest"])).await.unwrap_err();
    assert_eq!((&error["code"], &error["data"]), (&json!(3), &json!("0x")));
    assert_eq!(error["message"], "execution reverted");
    let (code, _) = served.refused("eth_estimateGas", json!([broken])).await;
    assert_eq!(code, 3);
    let (code, text) = served.refused("eth_call", json!([])).await;
    assert_eq!(
        (code, text.as_str()),
        (-32602, "invalid params: missing value for required argument 0")
    );
    let many = json!([mint, "latest", {}, {}, 1]);
    let (code, text) = served.refused("eth_call", many).await;
    assert_eq!(code, -32602);
    assert!(text.contains("too many arguments, want at most 4"), "{text}");
    assert_eq!(
        served.refused("eth_call", json!([mint, "0xffffff"])).await,
        (-32000, "header not found".into())
    );
    assert_eq!(served.refused("eth_nothing", json!([])).await.0, -32601);
    // A block before the token is there.
    let answer = served.ask("eth_call", json!([broken, "0x1"])).await;
    assert_eq!(answer, Ok(json!("0x")));
    let listed = served.ask("eth_createAccessList", json!([mint])).await.unwrap();
    let slot = json!(owner.into_word());
    assert_eq!(listed["accessList"], json!([{ "address": served.token, "storageKeys": [slot] }]));
    // Everything that the account has, as a wallet asks before it takes the fee off.
    let all = served.world.node.balance(owner);
    let max = json!({ "from": owner, "to": BOB, "value": format!("0x{all:x}") });
    assert_eq!(served.ask("eth_estimateGas", json!([max])).await, Ok(json!("0x5208")));
    let more = all + U256::ONE;
    let more = json!({ "from": owner, "to": BOB, "value": format!("0x{more:x}") });
    let (code, text) = served.refused("eth_estimateGas", json!([more])).await;
    assert_eq!(code, -32000);
    assert!(text.starts_with("insufficient funds"), "{text}");
    let rich = json!({ (owner.to_string()): { "balance": format!("0x{:x}", all + ETHER) } });
    let answer = served.ask("eth_estimateGas", json!([more, "latest", rich])).await;
    assert_eq!(answer, Ok(json!("0x5208")));
    overridden(&served).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_longer_than_the_node_gives_it() {
    let (call_gas, short) = (20_000_000_000, Duration::from_micros(100));
    let limits = Limits { call_gas, call_time: short, trace_time: short, ..Limits::default() };
    let served = Served::with(limits).await;
    let target = Address::repeat_byte(0x77);
    // JUMPDEST, PUSH0, JUMP
    let state = json!({ (target.to_string()): { "code": "0x5b5f56" } });
    let call = json!({ "to": target });
    for method in ["eth_call", "eth_estimateGas", "eth_createAccessList"] {
        let (code, text) = served.refused(method, json!([call, "latest", state])).await;
        assert_eq!(code, -32005, "{method}: {text}");
        assert!(text.starts_with("execution aborted"), "{method}: {text}");
    }
    let block = json!({
        "stateOverrides": state, "blockOverrides": { "gasLimit": "0x4a817c800" }, "calls": [call],
    });
    let params = json!([{ "blockStateCalls": [block] }, "latest"]);
    let (code, text) = served.refused("eth_simulateV1", params).await;
    assert_eq!(code, -32005, "{text}");
    assert!(text.starts_with("execution aborted"), "{text}");
}
