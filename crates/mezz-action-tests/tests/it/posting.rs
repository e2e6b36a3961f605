//! Batches that cannot be posted now, and what the batcher makes of it.

use std::sync::Arc;

use alloy_consensus::Sealable as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use mezz_action_tests::{Account, ETHER, World, WorldSettings, key};
use mezz_l1::{NoJournal, SenderSettings, TxSender};
use mezz_node::{Batcher, BatcherError, BatcherSettings};
use mezz_types::DataKind;
use tokio::sync::watch;

/// Bytes of a transaction of which one batch in calldata holds one and not two.
const LARGE: usize = 60_000;
const LARGE_GAS: u64 = 3_000_000;

async fn world() -> (World, Account) {
    let settings = WorldSettings { data: DataKind::Calldata, ..WorldSettings::default() };
    let mut world = World::new(settings).await;
    let alice = world.account("alice");
    let amount = ETHER * U256::from(10);
    world.act_deposit(&alice.signer, alice.address(), amount).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    world.act_batch_all().await;
    let alice = world.account_now("alice");
    (world, alice)
}

/// Bytes that no compression makes fewer.
fn noise(length: usize) -> Bytes {
    let words = (0..length as u64 / 32).map(|at| keccak256(at.to_be_bytes()));
    words.flat_map(|word| word.0).collect::<Vec<_>>().into()
}

/// A deposit that nobody consumes until it is due.
async fn grow_old(world: &mut World, alice: &Account) {
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_time_travel(world.chain.config.force_delay).await;
    world.act_derive_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_waits_for_the_block_that_has_a_due_message() {
    let (mut world, mut alice) = world().await;
    world.act_send_l2(alice.transfer(Address::repeat_byte(0x70), U256::from(1))).await;
    world.act_l2_build().await.expect("a transaction is work");
    let before = world.batch_end().await;
    grow_old(&mut world, &alice).await;
    let posted = world.try_batch().await.expect("nothing is sent that L1 refuses");
    assert_eq!(posted, None);

    world.act_l2_build().await.expect("a deposit is work");
    assert_eq!(world.act_batch_all().await.len(), 1, "one batch has both blocks");
    assert_eq!(world.node.safe(), world.node.head().0);
    assert!(world.batch_end().await.inbox_end > before.messages);
}

/// Two blocks that fill a batch each, of one transaction each, and then a deposit that is due.
async fn outage(world: &mut World, alice: &mut Account) -> Vec<B256> {
    let mut sent = Vec::new();
    for _ in 0..2 {
        let to = TxKind::Call(Address::repeat_byte(0x70));
        let large = alice.sign(to, U256::ZERO, noise(LARGE), LARGE_GAS);
        sent.push(world.act_send_l2(large).await);
        world.act_l2_build().await.expect("a transaction is work");
    }
    let bob = key("bob");
    world.act_deposit(&bob, bob.address(), ETHER).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    world.act_time_travel(world.chain.config.force_delay).await;
    world.act_derive_all().await;
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_cannot_wait_for_a_due_message_are_named() {
    let (mut world, mut alice) = world().await;
    let first = world.node.head().0 + 1;
    outage(&mut world, &mut alice).await;
    let error =
        world.try_batch().await.expect_err("the first batch has no room for the third block");
    assert!(error.is_temporary(), "the node goes on: {error}");
    let BatcherError::MessageDue { message, blocks } = error else { panic!("{error}") };
    assert!(message >= world.node.parts().view.l1.last_batch().unwrap().unwrap().batch.inbox_end);
    assert_eq!((blocks.0.get(), blocks.1.get()), (first, first));
}

/// Nothing that was accepted is lost, and nobody has to help.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_cannot_be_posted_are_built_anew_behind_the_due_message() {
    let (mut world, mut alice) = world().await;
    let posted = world.node.head();
    let sent = outage(&mut world, &mut alice).await;
    let before = world.node.block_hash(posted.0 + 1);

    world.clock.advance_secs(60);
    let built = world.act_l2_build().await.expect("there is work");
    assert_eq!(built.header.number, posted.0 + 1, "nothing that is posted goes");
    assert_ne!(Some(built.header.hash()), before);
    for _ in 0..2 {
        world.act_l2_build().await;
    }
    for hash in &sent {
        assert_eq!(world.node.included(*hash), Some(true));
    }
    assert_eq!(world.node.balance(key("bob").address()), ETHER);
    world.act_l1_catch_up().await;
    assert!(world.act_batch_all().await.len() > 1);
    assert_eq!(world.node.safe(), world.node.head().0);
    let mut replica = world.replica();
    replica.derive_all().await.expect("L1 has it all");
    assert_eq!(replica.head(), world.node.head());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_can_be_posted_stay() {
    let (mut world, mut alice) = world().await;
    world.act_send_l2(alice.transfer(Address::repeat_byte(0x70), U256::from(1))).await;
    world.act_l2_build().await.expect("a transaction is work");
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    let head = world.node.head();
    world.act_time_travel(world.chain.config.force_delay).await;
    world.act_derive_all().await;
    world.clock.advance_secs(60);
    world.act_l2_build().await;
    assert_eq!(world.node.block_hash(head.0), Some(head.1), "one batch has both blocks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_goes_while_a_batch_is_made_is_looked_for_again() {
    let (mut world, _) = world().await;
    world.act_l1_catch_up().await;
    let parts = world.node.parts();
    // A head that was there when the batcher looked, and is not in the store any more.
    let mut header = parts.view.head.borrow().inner().clone();
    header.number += 1;
    let (_gone, head) = watch::channel(Arc::new(header.seal_slow()));
    let mut view = parts.view.clone();
    view.head = head;
    let sender = SenderSettings::default();
    let provider = world.l1.endpoint.connect();
    let sender = TxSender::new(provider, key("operator"), sender, Arc::new(NoJournal));
    let settings = BatcherSettings {
        data: DataKind::Calldata,
        max_age_ms: 0,
        keepalive_secs: 0,
        genesis_hash: world.chain.genesis_hash,
    };
    let clock = Arc::clone(&world.node.config.clock);
    let mut batcher = Batcher::new(view, sender, settings, parts.l1.clone(), clock);
    let error = batcher.flush().await.expect_err("the block is not there");
    assert!(matches!(error, BatcherError::Gone { .. }), "{error}");
    assert!(error.is_temporary(), "the node goes on: {error}");
}
