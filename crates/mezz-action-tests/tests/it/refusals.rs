//! What L1 refuses, and what a node refuses to open.

use alloy::sol_types::SolCall as _;
use alloy_primitives::{B256, Bytes, U256};
use mezz_action_tests::{ETHER, World, WorldSettings, check_in_machine, check_witnesses, key};
use mezz_codec::BatchBlock;
use mezz_contracts::{Inbox, Settlement, Vault};
use mezz_deploy::Security;
use mezz_l1::{L1Call, L1Error};
use mezz_node::{Move, NodeParts};
use mezz_types::BatchIndex;

fn reason<T: std::fmt::Debug>(result: Result<T, L1Error>) -> String {
    match result {
        Err(L1Error::Refused { reason } | L1Error::Reverted { reason, .. }) => reason,
        other => panic!("L1 did not refuse: {other:?}"),
    }
}

async fn check_everything(world: &World) {
    assert_eq!(check_witnesses(&world.node), world.node.head().0);
    check_in_machine(world, &world.node, 0..world.batch_end().await.batches).await;
}

fn batch(timestamp: u64, message_count: u64) -> Vec<u8> {
    let block = BatchBlock { timestamp, message_count, transactions: Vec::new() };
    mezz_codec::encode(&[block]).expect("the columns hold it")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_skips_a_due_message_is_refused() {
    let mut world = World::new(WorldSettings::default()).await;
    let (alice, operator) = (world.account("alice"), key("operator"));
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_l1_catch_up().await;
    // Message 0 is the first marker, message 1 the deposit; nothing is due yet.
    let bytes = batch(world.l1.timestamp(), 1);
    world.try_post(&operator, 1, bytes).await.expect("the deposit may wait");
    world.act_derive_all().await;
    assert_eq!(world.node.balance(alice.address()), U256::ZERO);

    world.act_time_travel(world.chain.config.force_delay).await;
    let bytes = batch(world.l1.timestamp(), 0);
    let refused = reason(world.try_post(&operator, 1, bytes).await);
    assert_eq!(refused, "Inbox_DueMessageSkipped { index: 1 }");
    let before = reason(world.try_post(&operator, 0, batch(world.l1.timestamp(), 0)).await);
    assert!(before.contains("Inbox_EndOutOfRange"), "{before}");

    // The node itself does what it must.
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    assert_eq!(world.act_batch_all().await.len(), 1);
    assert_eq!(world.node.balance(alice.address()), ETHER);
    assert!(world.batch_end().await.inbox_end > 1);
    check_everything(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_wants_more_gas_than_any_block_has_is_refused() {
    let mut world = World::new(WorldSettings::default()).await;
    let alice = key("alice");
    let limits = world.chain.config.limits;
    for gas_limit in [limits.message_gas + 1, limits.block_gas + 1, u64::MAX] {
        let forced = world.try_force(&alice, gas_limit, Bytes::from_static(&[2])).await;
        let refused = reason(forced);
        assert!(refused.contains("Inbox_GasLimitTooHigh"), "{gas_limit}: {refused}");
        let data = Vault::depositEtherCall {
            to: alice.address(),
            amount: ETHER,
            gasLimit: gas_limit,
            data: Bytes::new(),
        };
        let call = L1Call {
            to: Some(world.chain.contracts.vault),
            value: ETHER + world.message_fee(gas_limit).await,
            data: data.abi_encode().into(),
            ..L1Call::default()
        };
        let refused = reason(world.l1.send(&alice, call).await);
        assert!(refused.contains("Inbox_GasLimitTooHigh"), "{gas_limit}: {refused}");
    }
    let messages = world.l1.view(world.chain.contracts.inbox, Inbox::messageCountCall {}).await;
    assert_eq!(messages, 1);
    let forced = world.try_force(&alice, limits.message_gas, Bytes::from_static(&[2])).await;
    forced.expect("the most that a message may have");
    // It holds no transaction: it is consumed and does nothing.
    world.act_derive_all().await;
    let built = world.act_l2_build().await.expect("a forced transaction is work");
    assert_eq!(built.transactions, 0);
    assert_eq!(world.act_batch_all().await.len(), 1);
    check_everything(&world).await;
}

async fn propose(
    world: &World,
    input: Settlement::ProposeInput,
) -> Result<alloy::rpc::types::TransactionReceipt, L1Error> {
    let call = L1Call {
        to: Some(world.chain.contracts.settlement),
        value: world.chain.bond_wei,
        data: Settlement::proposeCall { input }.abi_encode().into(),
        ..L1Call::default()
    };
    world.l1.send(&key("mallory"), call).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_does_not_fit_l1_is_refused() {
    let mut world = World::new(WorldSettings::default()).await;
    let alice = key("alice");
    for _ in 0..2 {
        world.act_deposit(&alice, alice.address(), ETHER).await;
        world.act_derive_all().await;
        world.act_l2_build().await.expect("a deposit is work");
        assert_eq!(world.act_batch_all().await.len(), 1);
    }
    let l1 = &world.node.parts().view.l1;
    let first = l1.batch(BatchIndex::ZERO).unwrap().unwrap();
    let good = Settlement::ProposeInput {
        parent: world.chain.genesis_hash,
        batchEnd: 1,
        post: B256::repeat_byte(9),
        batchAccumulator: first.hash,
        inboxAccumulator: first.batch.inbox_accumulator,
    };
    type Change = fn(&mut Settlement::ProposeInput);
    let wrong: [(&str, &str, Change); 6] = [
        ("parent", "Settlement_UnknownClaim", |it| it.parent = B256::repeat_byte(1)),
        ("end", "Settlement_WrongBatchAccumulator", |it| it.batchEnd = 2),
        ("end beyond", "Inbox_UnknownBatch", |it| it.batchEnd = 3),
        ("end at the parent", "Settlement_BadRange", |it| it.batchEnd = 0),
        ("batch", "Settlement_WrongBatchAccumulator", |it| {
            it.batchAccumulator = B256::repeat_byte(1)
        }),
        ("inbox", "Settlement_WrongInboxAccumulator", |it| {
            it.inboxAccumulator = B256::repeat_byte(1)
        }),
    ];
    for (field, error, change) in wrong {
        let mut input = good.clone();
        change(&mut input);
        let refused = reason(propose(&world, input).await);
        assert!(refused.contains(error), "{field}: {refused}");
    }
    check_everything(&world).await;
    // Once a claim over both batches is final, a claim beside it has a dead parent.
    let claimed = world.act_propose().await;
    assert!(matches!(claimed, Some(Move::Proposed { .. })));
    world.act_time_travel(world.chain.window_secs).await;
    world.act_derive_all().await;
    assert!(matches!(world.act_propose().await, Some(Move::Finalized { .. })));
    let refused = reason(propose(&world, good).await);
    assert!(refused.contains("Settlement_DeadParent"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_another_chain_is_not_opened() {
    let mut world = World::new(WorldSettings::default()).await;
    let security = Security { force_delay_secs: 200, ..Security::development() };
    let other = World::new(WorldSettings { security, ..WorldSettings::default() }).await;
    assert_ne!(world.chain.genesis_hash, other.chain.genesis_hash);
    world.node.close();
    let mut config = other.node.config.clone();
    config.data_dir = world.node.config.data_dir.clone();
    let Err(error) = NodeParts::open(&config) else { panic!("it opened another chain's data") };
    let text = error.to_string();
    for genesis in [world.chain.genesis_hash, other.chain.genesis_hash] {
        assert!(text.contains(&genesis.to_string()), "{text}");
    }
}
