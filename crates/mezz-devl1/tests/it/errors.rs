//! Errors have the shape that clients know.

use alloy::consensus::TxLegacy;
use alloy_primitives::{Address, B256, TxKind, U256};
use serde_json::json;

use crate::world::{World, sign, signer, transaction};

const TO: Address = Address::repeat_byte(0x70);

#[tokio::test]
async fn a_transaction_that_can_never_be_executed_is_refused_with_the_reason() {
    let world = World::new().await;
    world.succeed(sign(transaction(0, TO, []), &signer(0))).await;
    let valid = || transaction(1, TO, []);
    let poor = poor_signer();
    let mut cases = Vec::new();
    cases.push((transaction(0, TO, [1]), "nonce too low: next nonce 1, tx nonce 0"));
    let mut foreign = valid();
    foreign.chain_id = 1;
    cases.push((foreign, "invalid chain id for signer: have 1 want 900"));
    let mut starved = valid();
    starved.gas_limit = 20_999;
    cases.push((starved, "intrinsic gas too low: gas 20999, minimum needed 21000"));
    let mut greedy = valid();
    greedy.gas_limit = 60_000_001;
    cases.push((greedy, "exceeds block gas limit"));
    let mut capped = valid();
    capped.gas_limit = (1 << 24) + 1;
    cases.push((capped, "transaction gas limit too high (cap: 16777216, tx: 16777217)"));
    let mut tipping = valid();
    tipping.max_priority_fee_per_gas = tipping.max_fee_per_gas + 1;
    cases.push((tipping, "max priority fee per gas higher than max fee per gas"));
    let mut rich = valid();
    rich.value = U256::from(10).pow(U256::from(23));
    cases.push((rich, "insufficient funds for gas * price + value: balance "));
    let mut large = transaction(1, TxKind::Create, vec![0; 49_153]);
    large.gas_limit = 10_000_000;
    cases.push((large, "max initcode size exceeded: code size 49153, limit 49152"));
    let mut huge = transaction(1, TO, vec![0; 131_072]);
    huge.gas_limit = 10_000_000;
    cases.push((huge, "oversized data: transaction size "));
    cases.push((transaction(u64::MAX, TO, []), "nonce has max value"));
    for (transaction, reason) in cases {
        let raw = sign(transaction, &signer(0));
        let (code, message, _) = world.refused("eth_sendRawTransaction", json!([raw])).await;
        assert!(code == -32000 && message.starts_with(reason), "{reason}: {message}");
    }
    let raw = sign(transaction(0, TO, []), &poor);
    let (_, message, _) = world.refused("eth_sendRawTransaction", json!([raw])).await;
    assert!(message.contains("insufficient funds"), "{message}");
    let raw = sign(valid(), &signer(0));
    world.send(raw.clone()).await;
    let (_, message, _) = world.refused("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(message, "already known");
    world.l1.mine().await.unwrap();
    let (_, message, _) = world.refused("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(message, "already known");
}

/// Somebody without money.
fn poor_signer() -> alloy::signers::local::PrivateKeySigner {
    alloy::signers::local::PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).unwrap()
}

#[tokio::test]
async fn bytes_that_are_no_transaction_are_refused() {
    let world = World::new().await;
    let whole = sign(transaction(0, TO, []), &signer(0));
    let mut longer = whole.to_vec();
    longer.push(0);
    let cut = whole[..whole.len() - 1].to_vec();
    for bytes in [vec![], vec![0x02], vec![0x7f, 1, 2], longer, cut] {
        let raw = alloy_primitives::Bytes::from(bytes);
        let (code, message, _) = world.refused("eth_sendRawTransaction", json!([raw])).await;
        assert!(code == -32000 && message.starts_with("rlp: "), "{raw}: {message}");
    }
    // The signature's other form, which EIP-2 forbids.
    let legacy = TxLegacy { gas_limit: 21_000, to: TxKind::Call(TO), ..TxLegacy::default() };
    let raw = with_high_s(legacy);
    let (_, message, _) = world.refused("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(message, "invalid sender");
}

fn with_high_s(legacy: TxLegacy) -> alloy_primitives::Bytes {
    use alloy::{
        consensus::{SignableTransaction, TxEnvelope},
        eips::Encodable2718,
        signers::SignerSync,
    };
    let order = alloy_primitives::uint!(
        0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256
    );
    let low = signer(0).sign_hash_sync(&legacy.signature_hash()).unwrap();
    let high = alloy_primitives::Signature::new(low.r(), order - low.s(), !low.v());
    TxEnvelope::from(legacy.into_signed(high)).encoded_2718().into()
}

#[tokio::test]
async fn a_request_that_makes_no_sense_gets_json_rpcs_codes() {
    let world = World::new().await;
    assert_eq!(world.refused("eth_nothing", json!([])).await.0, -32601);
    assert_eq!(world.refused("eth_getBalance", json!([])).await.0, -32602);
    assert_eq!(world.refused("eth_getBalance", json!(["0x12", "latest"])).await.0, -32602);
    assert_eq!(world.refused("eth_getBlockByNumber", json!(["newest", false])).await.0, -32602);
    let answer = world.l1.handle_request(json!({ "no": "request" })).await;
    assert_eq!(answer["error"]["code"], -32600);
    let answer = world.l1.handle_request(json!([])).await;
    assert_eq!(answer["error"]["code"], -32600);
    let one = |id| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_blockNumber" });
    let answers = world.l1.handle_request(json!([one(1), 5, one(2)])).await;
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 1, "result": "0x0" }));
    assert_eq!(answers[1]["error"]["code"], -32600);
    assert_eq!(answers[2]["id"], 2);
}

#[tokio::test]
async fn what_is_not_there_is_null_or_not_found() {
    let world = World::new().await;
    let nothing = B256::repeat_byte(1);
    for method in [
        "eth_getTransactionByHash",
        "eth_getTransactionReceipt",
        "eth_getBlockByHash",
        "eth_getRawTransactionByHash",
    ] {
        assert_eq!(world.ask(method, json!([nothing])).await, json!(null), "{method}");
    }
    assert_eq!(world.block("0x5").await, json!(null));
    assert_eq!(world.ask("eth_getBlockReceipts", json!(["0x5"])).await, json!(null));
    let (code, message, _) = world.refused("eth_getBalance", json!([TO, "0x5"])).await;
    assert!(code == -32000 && message.starts_with("header not found"), "{message}");
    let call = json!([{ "to": TO }, { "blockHash": nothing }]);
    assert!(world.refused("eth_call", call).await.1.starts_with("header not found"));
}

#[tokio::test]
async fn a_state_that_is_too_old_is_not_made_up() {
    let world = World::with(|config| config.state_history = 3).await;
    world.l1.mine_many(5).await.unwrap();
    world.ask("eth_getBalance", json!([TO, "0x3"])).await;
    let (_, message, _) = world.refused("eth_getBalance", json!([TO, "0x2"])).await;
    assert!(message.contains("block 2 is not available") && message.contains("block 3 on"));
    let (_, message, _) = world.refused("mezzdev_reorg", json!([{ "depth": 4 }])).await;
    assert!(message.contains("not kept"), "{message}");
}

#[tokio::test]
async fn a_call_that_runs_out_of_gas_says_so() {
    let world = World::new().await;
    let keeper = world.deploy_keeper(0).await;
    let call = json!([{ "to": keeper, "data": B256::ZERO, "gas": "0x5500" }, "latest"]);
    assert_eq!(world.refused("eth_call", call.clone()).await.1, "out of gas");
    let (_, message, _) = world.refused("eth_estimateGas", call).await;
    assert_eq!(message, "gas required exceeds allowance (21760)");
    let unpaid = json!([{ "from": TO, "to": keeper, "value": "0x1" }, "latest"]);
    assert!(world.refused("eth_call", unpaid).await.1.starts_with("insufficient funds"));
    let both = json!([{ "to": keeper, "gasPrice": "0x1", "maxFeePerGas": "0x1" }, "latest"]);
    assert!(world.refused("eth_call", both).await.1.starts_with("both gasPrice and"));
}
