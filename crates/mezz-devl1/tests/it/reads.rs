//! What can be read of a chain agrees with itself and with independent code.

use alloy::{
    consensus::{Header, TxEnvelope},
    eips::Decodable2718,
    rpc::types::{Block, EIP1186AccountProofResponse, Transaction, TransactionReceipt},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use serde_json::{Value, json};

use crate::world::{World, quantity, sign, signer, transaction};

const TO: Address = Address::repeat_byte(0x70);

#[tokio::test]
async fn headers_hash_to_what_they_are_called() {
    let world = World::new().await;
    let keeper = world.deploy_keeper(0).await;
    world.succeed(sign(transaction(1, keeper, [7; 32]), &signer(0))).await;
    for number in 0..3 {
        let json = world.block(number_tag(number)).await;
        let block: Block = serde_json::from_value(json.clone()).unwrap();
        let header: Header = block.header.inner.clone();
        assert_eq!(header.hash_slow(), block.header.hash);
        assert_eq!(json["withdrawals"], json!([]));
        if number > 0 {
            let parent = world.block(number_tag(number - 1)).await;
            assert_eq!(json!(header.parent_hash), parent["hash"]);
        }
    }
}

fn number_tag(number: u64) -> Value {
    json!(format!("{number:#x}"))
}

#[tokio::test]
async fn one_transaction_is_the_same_by_every_way() {
    let world = World::new().await;
    let raw = sign(transaction(0, TO, []), &signer(0));
    let receipt = world.succeed(raw.clone()).await;
    let hash = receipt["transactionHash"].clone();
    let by_hash = world.ask("eth_getTransactionByHash", json!([hash])).await;
    let parsed: Transaction = serde_json::from_value(by_hash.clone()).unwrap();
    assert_eq!(json!(parsed.inner.tx_hash()), hash);
    assert_eq!(parsed.inner.signer(), signer(0).address());
    let block_hash = receipt["blockHash"].clone();
    for (method, params) in [
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x0"])),
        ("eth_getTransactionByBlockHashAndIndex", json!([block_hash, "0x0"])),
    ] {
        assert_eq!(world.ask(method, params).await, by_hash, "{method}");
    }
    let full = world.ask("eth_getBlockByHash", json!([block_hash, true])).await;
    assert_eq!(full["transactions"], json!([by_hash]));
    assert_eq!(world.ask("eth_getBlockReceipts", json!(["latest"])).await, json!([receipt]));
    let parsed: TransactionReceipt = serde_json::from_value(receipt).unwrap();
    assert!(parsed.status());
    let stored = world.ask("eth_getRawTransactionByHash", json!([hash])).await;
    assert_eq!(stored, json!(raw));
    let bytes: Bytes = serde_json::from_value(stored).unwrap();
    TxEnvelope::decode_2718_exact(&bytes).unwrap();
    for (method, params) in [
        ("eth_getBlockTransactionCountByNumber", json!(["latest"])),
        ("eth_getBlockTransactionCountByHash", json!([block_hash])),
    ] {
        assert_eq!(world.ask(method, params).await, "0x1");
    }
}

#[tokio::test]
async fn proofs_convince_an_independent_verifier() {
    let world = World::new().await;
    let keeper = world.deploy_keeper(0).await;
    world.succeed(sign(transaction(1, keeper, [7; 32]), &signer(0))).await;
    world.l1.mine().await.unwrap();
    let absent = Address::repeat_byte(0x99);
    for (address, tag) in
        [(keeper, "0x2"), (keeper, "latest"), (signer(0).address(), "0x1"), (absent, "latest")]
    {
        let root: B256 =
            serde_json::from_value(world.block(tag).await["stateRoot"].clone()).unwrap();
        let proof = world.ask("eth_getProof", json!([address, ["0x0", "0x1"], tag])).await;
        let proof: EIP1186AccountProofResponse = serde_json::from_value(proof).unwrap();
        let account = TrieAccount {
            nonce: proof.nonce,
            balance: proof.balance,
            storage_root: proof.storage_hash,
            code_hash: proof.code_hash,
        };
        let leaf = (address != absent).then(|| alloy_rlp::encode(account));
        let path = Nibbles::unpack(keccak256(address));
        verify_proof(root, path, leaf, &proof.account_proof).unwrap();
        for (slot, proven) in (0u8..).zip(&proof.storage_proof) {
            let path = Nibbles::unpack(keccak256(B256::with_last_byte(slot)));
            let leaf = (!proven.value.is_zero()).then(|| alloy_rlp::encode(proven.value));
            verify_proof(proof.storage_hash, path, leaf, &proven.proof).unwrap();
        }
        let kept = U256::from_be_bytes([7; 32]);
        let expected = if address == keeper { kept } else { U256::ZERO };
        assert_eq!(proof.storage_proof[0].value, expected);
    }
}

#[tokio::test]
async fn the_pending_block_is_what_would_be_made() {
    let world = World::new().await;
    let mut transfer = transaction(0, TO, []);
    transfer.value = U256::from(5);
    let hash = world.send(sign(transfer, &signer(0))).await;
    let pending = world.block("pending").await;
    assert_eq!(pending["number"], "0x1");
    assert_eq!(pending["hash"], Value::Null);
    assert_eq!(pending["transactions"], json!([hash]));
    assert_eq!(world.ask("eth_getBalance", json!([TO, "pending"])).await, "0x5");
    assert_eq!(world.balance(TO).await, U256::ZERO);
    world.l1.mine().await.unwrap();
    assert_eq!(world.block("latest").await["stateRoot"], pending["stateRoot"]);
}

#[tokio::test]
async fn the_base_fee_follows_the_gas_that_blocks_use() {
    let world = World::with(|config| config.gas_limit = 2_000_000).await;
    let suggested = quantity(&world.ask("eth_maxPriorityFeePerGas", json!([])).await);
    assert_eq!(suggested, 1_000_000, "nobody has tipped yet");
    // Burns three quarters of the block.
    let mut burn = transaction(0, alloy_primitives::TxKind::Create, [0xfe]);
    burn.gas_limit = 1_500_000;
    world.send(sign(burn, &signer(0))).await;
    world.l1.mine().await.unwrap();
    let base_fee = quantity(&world.block("latest").await["baseFeePerGas"]);
    assert_eq!(base_fee, 875_000_000, "block 0 was empty");
    let next = base_fee + base_fee / 2 / 8;
    let history = world.ask("eth_feeHistory", json!(["0x9", "latest", [0, 50, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x0");
    assert_eq!(history["gasUsedRatio"], json!([0.0, 0.75]));
    assert_eq!(
        history["baseFeePerGas"],
        json!(["0x3b9aca00", format!("{base_fee:#x}"), format!("{next:#x}")])
    );
    let tip = "0x3b9aca00";
    assert_eq!(history["reward"], json!([["0x0", "0x0", "0x0"], [tip, tip, tip]]));
    let price = quantity(&world.ask("eth_gasPrice", json!([])).await);
    assert_eq!(price, next + 1_000_000_000);
    world.refused("eth_feeHistory", json!(["0x1", "latest", [50, 20]])).await;
    world.l1.mine().await.unwrap();
    assert_eq!(quantity(&world.block("latest").await["baseFeePerGas"]), next);
}

#[tokio::test]
async fn the_chain_says_who_it_is() {
    let world = World::with(|config| config.chain_id = 31_337).await;
    assert_eq!(world.ask("eth_chainId", json!([])).await, "0x7a69");
    assert_eq!(world.ask("net_version", json!([])).await, "31337");
    assert_eq!(world.ask("eth_syncing", json!([])).await, false);
    let version = world.ask("web3_clientVersion", json!([])).await;
    assert!(version.as_str().unwrap().starts_with("mezz-devl1/v"));
}

#[tokio::test]
async fn the_deployment_proxy_is_where_tools_expect_it() {
    let world = World::new().await;
    let proxy = mezz_types::CREATE2_DEPLOYER;
    let code = world.ask("eth_getCode", json!([proxy, "latest"])).await;
    let code: Bytes = serde_json::from_value(code).unwrap();
    let expected = "0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989";
    assert_eq!(keccak256(&code).to_string(), expected);
    let init = crate::world::keeper();
    let mut input = vec![0x5a; 32];
    input.extend(&init);
    world.succeed(sign(transaction(0, proxy, input), &signer(0))).await;
    let address = proxy.create2(B256::repeat_byte(0x5a), keccak256(&init));
    let code = world.ask("eth_getCode", json!([address, "latest"])).await;
    assert_eq!(code.as_str().unwrap().len(), 2 + 2 * 52);
}
