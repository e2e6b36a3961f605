//! Every type of transaction, and how they get into blocks.

use alloy::{
    consensus::{TxEip2930, TxEip7702, TxLegacy},
    eips::{
        eip2930::{AccessList, AccessListItem},
        eip7702::Authorization,
    },
    signers::SignerSync,
};
use alloy_primitives::{Address, B256, TxKind, U256, uint};
use mezz_devl1::Mining;
use serde_json::json;

use crate::world::{CHAIN_ID, World, quantity, sign, signer, transaction};

const TO: Address = Address::repeat_byte(0x70);
const FUNDED: U256 = uint!(10_000_000_000_000_000_000_000_U256);

#[tokio::test]
async fn the_accounts_of_the_test_mnemonic_are_funded() {
    let world = World::new().await;
    let accounts: Vec<Address> =
        serde_json::from_value(world.ask("eth_accounts", json!([])).await).unwrap();
    assert_eq!(accounts.len(), 20);
    assert_eq!(accounts[0].to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    assert_eq!(accounts[19].to_string(), "0x8626f6940E2eb28930eFb4CeF49B2d1F2C9C1199");
    for account in accounts {
        assert_eq!(world.balance(account).await, FUNDED);
    }
}

#[tokio::test]
async fn a_transfer_costs_what_its_receipt_says() {
    let world = World::new().await;
    let mut transfer = transaction(0, TO, []);
    transfer.value = U256::from(5);
    let receipt = world.succeed(sign(transfer, &signer(0))).await;
    assert_eq!(quantity(&receipt["gasUsed"]), 21_000);
    assert_eq!(receipt["type"], "0x2");
    let block = world.block("latest").await;
    let base_fee = quantity(&block["baseFeePerGas"]);
    let price = quantity(&receipt["effectiveGasPrice"]);
    assert_eq!(price, base_fee + 1_000_000_000);
    assert_eq!(world.balance(TO).await, U256::from(5));
    let spent = U256::from(price) * U256::from(21_000) + U256::from(5);
    assert_eq!(world.balance(signer(0).address()).await, FUNDED - spent);
    assert_eq!(block["transactions"], json!([receipt["transactionHash"]]));
}

#[tokio::test]
async fn legacy_transactions_go_with_and_without_a_chain_id() {
    let world = World::new().await;
    for (nonce, chain_id) in [(0, Some(CHAIN_ID)), (1, None)] {
        let legacy = TxLegacy {
            chain_id,
            nonce,
            gas_price: 3_000_000_000,
            gas_limit: 21_000,
            to: TxKind::Call(TO),
            value: U256::from(1),
            ..TxLegacy::default()
        };
        let receipt = world.succeed(sign(legacy, &signer(0))).await;
        assert_eq!(receipt["type"], "0x0");
        assert_eq!(quantity(&receipt["effectiveGasPrice"]), 3_000_000_000);
    }
    assert_eq!(world.balance(TO).await, U256::from(2));
}

#[tokio::test]
async fn an_access_list_is_paid_for() {
    let world = World::new().await;
    let list = AccessList(vec![AccessListItem {
        address: TO,
        storage_keys: vec![B256::ZERO, B256::repeat_byte(1)],
    }]);
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        gas_price: 3_000_000_000,
        gas_limit: 100_000,
        to: TxKind::Call(TO),
        access_list: list,
        ..TxEip2930::default()
    };
    let receipt = world.succeed(sign(listed, &signer(0))).await;
    assert_eq!(quantity(&receipt["gasUsed"]), 21_000 + 2_400 + 2 * 1_900);
}

#[tokio::test]
async fn an_account_delegates_to_a_contract() {
    let world = World::new().await;
    let keeper = world.deploy_keeper(0).await;
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: keeper, nonce: 0 };
    let signature = signer(1).sign_hash_sync(&authorization.signature_hash()).unwrap();
    let delegation = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_limit: 300_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1,
        to: signer(1).address(),
        input: B256::repeat_byte(0x42).into(),
        authorization_list: vec![authorization.into_signed(signature)],
        ..TxEip7702::default()
    };
    let receipt = world.succeed(sign(delegation, &signer(0))).await;
    assert_eq!(receipt["type"], "0x4");
    let account = signer(1).address();
    let code = world.ask("eth_getCode", json!([account, "latest"])).await;
    assert_eq!(code, json!(format!("0xef0100{}", alloy_primitives::hex::encode(keeper))));
    let slot = world.ask("eth_getStorageAt", json!([account, "0x0", "latest"])).await;
    assert_eq!(slot, json!(B256::repeat_byte(0x42)));
}

#[tokio::test]
async fn a_block_takes_the_best_paid_first_and_each_sender_in_order() {
    let world = World::new().await;
    let mut sent = Vec::new();
    // (account, nonce, tip); nonces arrive out of order.
    for (account, nonce, tip) in [(0, 1, 9), (1, 0, 5), (0, 0, 3), (2, 0, 7), (3, 1, 99)] {
        let mut transfer = transaction(nonce, TO, []);
        transfer.max_priority_fee_per_gas = tip;
        sent.push(world.send(sign(transfer, &signer(account))).await);
    }
    let pool = world.ask("txpool_status", json!([])).await;
    assert_eq!(pool, json!({ "pending": "0x4", "queued": "0x1" }));
    world.l1.mine().await.unwrap();
    let block = world.block("latest").await;
    assert_eq!(block["transactions"], json!([sent[3], sent[1], sent[2], sent[0]]));
    let waiting = world.ask("eth_getTransactionByHash", json!([sent[4]])).await;
    assert_eq!(waiting["blockHash"], json!(null));
}

#[tokio::test]
async fn a_replacement_must_pay_more() {
    let world = World::new().await;
    let old = world.send(sign(transaction(0, TO, []), &signer(0))).await;
    let mut dearer = transaction(0, TO, []);
    dearer.max_fee_per_gas = dearer.max_fee_per_gas * 109 / 100;
    dearer.max_priority_fee_per_gas = dearer.max_priority_fee_per_gas * 109 / 100;
    let refused =
        world.refused("eth_sendRawTransaction", json!([sign(dearer.clone(), &signer(0))])).await;
    assert_eq!(refused.1, "replacement transaction underpriced");
    dearer.max_fee_per_gas += 300_000_000;
    dearer.max_priority_fee_per_gas += 30_000_000;
    let new = world.send(sign(dearer, &signer(0))).await;
    world.l1.mine().await.unwrap();
    assert_eq!(world.block("latest").await["transactions"], json!([new]));
    assert_eq!(world.receipt(old).await, json!(null));
}

#[tokio::test]
async fn an_unlocked_account_needs_no_wallet() {
    let world = World::new().await;
    let from = signer(4).address();
    let request = json!([{ "from": from, "to": TO, "value": "0x9" }]);
    for _ in 0..2 {
        world.ask("eth_sendTransaction", request.clone()).await;
    }
    let next = world.ask("eth_getTransactionCount", json!([from, "pending"])).await;
    assert_eq!(next, "0x2");
    world.l1.mine().await.unwrap();
    assert_eq!(world.balance(TO).await, U256::from(18));
    let stranger = json!([{ "from": TO, "to": from, "value": "0x1" }]);
    let refused = world.refused("eth_sendTransaction", stranger.clone()).await;
    assert!(refused.1.starts_with("unknown account"), "{}", refused.1);

    world.ask("anvil_setBalance", json!([TO, "0xde0b6b3a7640000"])).await;
    world.ask("anvil_impersonateAccount", json!([TO])).await;
    let hash = world.ask("eth_sendTransaction", stranger.clone()).await;
    world.l1.mine().await.unwrap();
    let receipt = world.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["from"], json!(TO));
    world.ask("anvil_stopImpersonatingAccount", json!([TO])).await;
    world.refused("eth_sendTransaction", stranger).await;
}

#[tokio::test]
async fn a_transaction_makes_its_block_if_that_is_the_mode() {
    let world = World::with(|config| config.mining = Mining::OnTransaction).await;
    for nonce in 0..3 {
        let hash = world.send(sign(transaction(nonce, TO, []), &signer(0))).await;
        let receipt = world.receipt(hash).await;
        assert_eq!(quantity(&receipt["blockNumber"]), nonce + 1);
    }
    // Blocks of the same second move the chain's time on.
    assert_eq!(world.l1.block_timestamp(), crate::world::START + 3);
    world.ask("evm_setAutomine", json!([false])).await;
    let hash = world.send(sign(transaction(3, TO, []), &signer(0))).await;
    assert_eq!(world.receipt(hash).await, json!(null));
}

#[tokio::test]
async fn a_full_block_leaves_the_rest_for_the_next() {
    let world = World::with(|config| config.gas_limit = 1_000_000).await;
    for account in 0..4 {
        let mut transfer = transaction(0, TO, []);
        transfer.gas_limit = 400_000;
        world.send(sign(transfer, &signer(account))).await;
    }
    let count = async || {
        let block = world.block("latest").await;
        block["transactions"].as_array().unwrap().len()
    };
    world.l1.mine().await.unwrap();
    // Each needs 400,000 to be free and uses 21,000: all fit.
    assert_eq!(count().await, 4);
    for account in 0..4 {
        // Burns all of its gas.
        let mut burn = transaction(1, TxKind::Create, [0xfe]);
        burn.gas_limit = 400_000;
        world.send(sign(burn, &signer(account))).await;
    }
    world.l1.mine().await.unwrap();
    assert_eq!(count().await, 2);
    world.l1.mine().await.unwrap();
    assert_eq!(count().await, 2);
}
