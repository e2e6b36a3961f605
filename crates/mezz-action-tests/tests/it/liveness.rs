//! When the operator is silent, anybody may post; not before.

use alloy_primitives::{Address, U256};
use mezz_action_tests::{ETHER, World, WorldSettings, check_in_machine, check_witnesses, key};
use mezz_codec::BatchBlock;
use mezz_l1::L1Error;

#[tokio::test(flavor = "multi_thread")]
async fn anybody_posts_after_the_timeout_and_not_before() {
    let mut world = World::new(WorldSettings::default()).await;
    let alice = world.account("alice");
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    assert_eq!(world.act_batch_all().await.len(), 1);
    let seen = world.l1.timestamp();

    let to = Address::repeat_byte(0x70);
    let mut alice = world.account_now("alice");
    let transfer = alice.transfer(to, U256::from(5));
    // The batch is sent a second after this block, and arrives a second before the timeout.
    let before = seen + world.chain.liveness_timeout_secs - 2;
    world.act_time_travel(before - 1 - world.clock.now_ms() / 1_000).await;
    assert_eq!(world.l1.timestamp(), before);
    let anybody = key("anybody");
    let end = world.batch_end().await;
    let block = BatchBlock {
        timestamp: world.l1.timestamp(),
        message_count: end.messages - end.inbox_end,
        transactions: vec![transfer.clone()],
    };
    let bytes = mezz_codec::encode(&[block]).expect("the columns hold it");
    let early = world.try_post(&anybody, end.messages, bytes.clone()).await;
    let Err(L1Error::Reverted { reason, .. }) = early else { panic!("accepted: {early:?}") };
    assert!(reason.contains("Operators_NotAllowed"), "{reason}");

    world.try_post(&anybody, end.messages, bytes).await.expect("the operator was silent");
    world.act_derive_all().await;
    assert_eq!(world.node.included(*transfer.tx_hash()), Some(true));
    assert_eq!(world.node.balance(to), U256::from(5));
    let batch = world.node.parts().view.l1.last_batch().unwrap().unwrap().batch;
    assert_eq!(batch.poster, anybody.address());

    // The operator comes back, and the door is shut again.
    let back = alice.transfer(to, U256::from(6));
    world.act_send_l2(back).await;
    world.act_l2_build().await.expect("a transfer is work");
    assert_eq!(world.act_batch_all().await.len(), 1);
    let end = world.batch_end().await;
    let late = world.try_post(&anybody, end.messages, Vec::new()).await;
    assert!(matches!(late, Err(L1Error::Reverted { .. })), "{late:?}");

    let mut replica = world.replica();
    replica.derive_all().await.expect("the replica follows L1");
    assert_eq!(replica.head(), world.node.head());
    check_witnesses(&replica);
    let batches = world.batch_end().await.batches;
    check_in_machine(&world, &replica, 0..batches).await;
}
