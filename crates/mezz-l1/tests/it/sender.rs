//! Transactions that are stuck, dropped, replaced, taken back, or left behind by a crash: each piece of
//! work is done once, and the caller learns what became of it.

use std::sync::atomic::Ordering;

use alloy::consensus::Transaction as _;
use alloy_primitives::{Address, FixedBytes};
use mezz_devl1::Dropped;
use mezz_l1::{L1Call, L1Error, SenderSettings, Severity};

use crate::world::{
    Act::{Crash, Forget, Mine, Stranger, Swallow, TakeBack, Wait},
    FINALIZED_DEPTH, World, settings, shut_until, work,
};

#[tokio::test]
async fn what_is_mined_stays_in_the_journal_until_it_is_final() {
    let world = World::new().await;
    let sender = world.sender();
    world.script(&[Wait, Mine(1), Mine(1)]);
    sender.send(work(1)).await.unwrap();
    sender.send(work(2)).await.unwrap();
    assert_eq!(world.journal.nonces(), [0, 1]);
    assert_eq!(sender.settle().await.unwrap(), Some(2));
    // The first one's block is final now, the second one's is not.
    world.mine(FINALIZED_DEPTH - 1).await;
    world.script(&[Mine(1)]);
    sender.send(work(3)).await.unwrap();
    assert_eq!(world.journal.nonces(), [1, 2]);
    assert_eq!(world.mined().await, [1, 2, 3]);
    assert_eq!(world.sent(), (vec![0, 1, 2], 3));
}

#[tokio::test]
async fn nothing_is_sent_that_cannot_be_written_down() {
    let world = World::new().await;
    world.journal.full.store(true, Ordering::SeqCst);
    let error = world.sender().send(work(1)).await.unwrap_err();
    assert!(
        matches!(&error, L1Error::Journal { reason } if reason.contains("no space")),
        "{error}"
    );
    assert_eq!(error.severity(), Severity::Critical);
    assert_eq!(world.sent(), (vec![], 0));
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_by_a_higher_bid() {
    let world = World::new().await;
    let mut script = vec![Wait; 10];
    script.push(Mine(1));
    world.script(&script);
    let receipt = world.sender().send(work(1)).await.unwrap();
    world.assert_script_over();
    let last = world.last_sent();
    assert_eq!(receipt.transaction_hash, *last.tx_hash());
    // Sent, three times again as the same bytes, and once with a higher bid.
    assert_eq!(world.sent(), (vec![0; 5], 2));
    assert_eq!(world.mined().await, [1]);
}

#[tokio::test]
async fn a_blob_transaction_is_replaced_by_one_that_pays_twice_as_much() {
    let world = World::new().await;
    let call =
        || L1Call { blobs: vec![Box::new(FixedBytes::ZERO)], gas_limit: Some(100_000), ..work(1) };
    world.script(&[Wait; 11]);
    let patience =
        SenderSettings { give_up_after: std::time::Duration::from_secs(11), ..settings() };
    let error = world.sender_with(patience).send(call()).await.unwrap_err();
    assert!(matches!(error, L1Error::Unmined { secs: 11, .. }), "{error}");
    assert_eq!(world.sent().1, 2, "both bids were taken");
    let second = world.last_sent();
    // After a restart it goes on with the same bytes, sidecar and all.
    world.script(&[Forget, Wait, Wait, Mine(1)]);
    let receipt = world.sender().send(call()).await.unwrap();
    assert_eq!(receipt.transaction_hash, *second.tx_hash());
    assert_eq!(world.sent().1, 2);
    assert_eq!(world.mined().await, [1]);
}

#[tokio::test]
async fn a_lower_bid_may_still_be_the_one_that_is_mined() {
    let world = World::new().await;
    // The first bid reaches L1, the second one does not.
    let mut script = vec![Wait; 9];
    script.extend([Swallow, Mine(1)]);
    world.script(&script);
    let receipt = world.sender().send(work(1)).await.unwrap();
    world.assert_script_over();
    assert_eq!(world.sent().1, 2, "a second bid was made");
    assert_ne!(receipt.transaction_hash, *world.last_sent().tx_hash());
    assert_eq!(world.mined().await, [1]);
}

#[tokio::test]
async fn a_dropped_transaction_is_sent_again_as_the_same_bytes() {
    let world = World::new().await;
    world.script(&[Forget, Wait, Wait, Mine(1)]);
    let receipt = world.sender().send(work(1)).await.unwrap();
    world.assert_script_over();
    assert_eq!(world.sent(), (vec![0, 0], 1));
    assert_eq!(receipt.transaction_hash, *world.last_sent().tx_hash());
}

#[tokio::test]
async fn a_bid_stays_below_the_caps_and_says_so() {
    let world = World::new().await;
    let capped = SenderSettings { max_fee_per_gas: 1_500_000_000, ..settings() };
    world.script(&[Wait; 20]);
    let error = world.sender_with(capped).send(work(1)).await.unwrap_err();
    let L1Error::FeeCap { unit: "gas", wanted, allowed: 1_500_000_000, .. } = error else {
        panic!("{error}")
    };
    assert!(wanted > 1_500_000_000, "{wanted}");
    assert!(error.to_string().contains("allow more"), "{error}");
    assert_eq!(world.last_sent().max_fee_per_gas(), 1_500_000_000);
    assert_eq!(world.sent().1, 1);
}

/// A crash between sending and mining: the node starts again and wants the same.
#[tokio::test]
async fn after_a_crash_the_same_work_is_not_sent_twice() {
    for lost in [false, true] {
        let world = World::new().await;
        crash_after_sending(&world, 1).await;
        if lost {
            world.forget().await;
        }
        let sender = world.sender();
        assert_eq!(sender.settle().await.unwrap(), None);
        world.script(&[Mine(1)]);
        sender.send(work(1)).await.unwrap();
        assert_eq!(world.sent(), (vec![0, 0], 1), "lost: {lost}");
        assert_eq!(world.mined().await, [1]);
        assert_eq!(world.provider_nonce().await, 1);
    }
}

/// A crash between sending and mining: the node starts again and wants more than before.
#[tokio::test]
async fn after_a_crash_other_work_takes_the_place_of_what_waits() {
    let world = World::new().await;
    crash_after_sending(&world, 1).await;
    let sender = world.sender();
    world.script(&[Mine(1)]);
    sender.send(work(2)).await.unwrap();
    assert_eq!(world.sent(), (vec![0, 0], 2));
    assert_eq!(world.mined().await, [2], "only one of the two");
    assert_eq!(world.provider_nonce().await, 1);
}

/// The one that waited is mined before the one that was to take its place reaches L1.
#[tokio::test]
async fn who_comes_too_late_to_take_a_place_looks_again() {
    let world = World::new().await;
    crash_after_sending(&world, 1).await;
    let old = *world.last_sent().tx_hash();
    world.gate.swallow.store(true, Ordering::SeqCst);
    let sender = world.sender();
    world.script(&[Mine(1)]);
    let error = sender.send(work(2)).await.unwrap_err();
    assert!(
        matches!(error, L1Error::Overtaken { nonce: 0, hash, block: 1 } if hash == old),
        "{error}"
    );
    assert_eq!(error.severity(), Severity::Temporary);
    assert_eq!(sender.settle().await.unwrap(), Some(1));
    world.gate.swallow.store(false, Ordering::SeqCst);
    world.script(&[Mine(1)]);
    sender.send(work(2)).await.unwrap();
    assert_eq!(world.mined().await, [1, 2]);
}

/// A crash between mining and hearing of it.
#[tokio::test]
async fn after_a_crash_what_was_mined_is_recognised() {
    let world = World::new().await;
    crash_after_sending(&world, 1).await;
    world.mine(1).await;
    assert_eq!(world.sender().settle().await.unwrap(), Some(1));
    // Whoever asks for it without looking hears that it is done.
    let receipt = world.sender().send(work(1)).await.unwrap();
    assert_eq!(receipt.block_number, Some(1));
    // Whoever asks for something else looks first.
    let sender = world.sender();
    let error = sender.send(work(2)).await.unwrap_err();
    assert!(matches!(error, L1Error::Overtaken { nonce: 0, block: 1, .. }), "{error}");
    assert_eq!(world.sent(), (vec![0], 1));
    world.script(&[Mine(1)]);
    sender.send(work(2)).await.unwrap();
    assert_eq!(world.sent(), (vec![0, 1], 2));
}

/// The same, long after: the block of it is final.
#[tokio::test]
async fn after_a_long_stop_what_became_final_is_recognised_once() {
    let world = World::new().await;
    crash_after_sending(&world, 1).await;
    world.mine(FINALIZED_DEPTH + 1).await;
    let sender = world.sender();
    assert_eq!(sender.settle().await.unwrap(), Some(1));
    assert_eq!(world.journal.nonces(), [0_u64; 0]);
    world.script(&[Mine(1)]);
    sender.send(work(2)).await.unwrap();
    assert_eq!(world.mined().await, [1, 2]);
}

#[tokio::test]
async fn what_l1_took_back_is_sent_again_as_the_same_bytes() {
    for restarted in [false, true] {
        let world = World::new().await;
        let mut sender = world.sender();
        world.script(&[Mine(1), Mine(1)]);
        sender.send(work(1)).await.unwrap();
        sender.send(work(2)).await.unwrap();
        world.reorg(2, Dropped::Forget).await;
        if restarted {
            sender = world.sender();
        }
        // The second one cannot be mined without the first one.
        world.script(&[Mine(1)]);
        sender.send(work(2)).await.unwrap();
        assert_eq!(world.sent(), (vec![0, 1, 0, 1], 2), "restarted: {restarted}");
        assert_eq!(world.mined().await, [1, 2]);
    }
}

#[tokio::test]
async fn what_l1_takes_back_below_what_waits_is_sent_again_before_it() {
    let world = World::new().await;
    let sender = world.sender();
    world.script(&[Mine(1), TakeBack(1), Wait, Wait, Mine(1)]);
    sender.send(work(1)).await.unwrap();
    sender.send(work(2)).await.unwrap();
    world.assert_script_over();
    assert_eq!(world.sent(), (vec![0, 1, 0, 1], 2));
    assert_eq!(world.mined().await, [1, 2]);
}

#[tokio::test]
async fn other_work_takes_the_place_of_what_l1_took_back() {
    let world = World::new().await;
    let sender = world.sender();
    world.script(&[Mine(1)]);
    sender.send(work(1)).await.unwrap();
    world.reorg(1, Dropped::Return).await;
    world.script(&[Mine(1)]);
    sender.send(work(2)).await.unwrap();
    assert_eq!(world.mined().await, [2]);
    assert_eq!(world.provider_nonce().await, 1);
}

#[tokio::test]
async fn a_stranger_with_the_same_key_is_noticed() {
    let world = World::new().await;
    let sender = world.sender();
    world.script(&[Stranger(0), Mine(1), Wait, Wait, Wait, Wait]);
    let error = sender.send(work(1)).await.unwrap_err();
    assert!(matches!(error, L1Error::Displaced { nonce: 0, .. }), "{error}");
    assert!(error.to_string().contains("a key of its own"), "{error}");
    world.assert_script_over();
    world.script(&[Mine(1)]);
    sender.send(work(1)).await.unwrap();
    assert_eq!(world.mined().await, [0, 1]);
}

#[tokio::test]
async fn a_revert_is_explained_by_the_state_in_which_it_happened() {
    let world = World::new().await;
    let sender = world.sender();
    world.script(&[Mine(1)]);
    let created =
        sender.send(L1Call { data: shut_until(1_700_000_002), ..L1Call::default() }).await;
    let to: Option<Address> = created.unwrap().contract_address;
    // When its receipt is looked for, L1 is in a state in which it would succeed.
    world.script(&[Mine(2)]);
    let call = L1Call { to, gas_limit: Some(100_000), ..L1Call::default() };
    let error = sender.send(call).await.unwrap_err();
    let L1Error::Reverted { reason, .. } = &error else { panic!("{error}") };
    assert!(reason.ends_with("6553f102"), "{reason}");
}

/// Sends, and stops existing while it waits.
async fn crash_after_sending(world: &World, number: u8) {
    let sender = world.sender();
    world.script(&[Crash]);
    tokio::select! {
        sent = sender.send(work(number)) => panic!("it did not crash: {sent:?}"),
        () = world.crashed() => {}
    }
    world.assert_script_over();
}
