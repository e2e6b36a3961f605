//! A node dies at an instant that matters, and what it had promised holds.

use alloy_primitives::{Address, U256};
use mezz_action_tests::{Account, ETHER, World, WorldSettings};
use mezz_devl1::{Dropped, Reorg};
use mezz_node::{BuildRequest, EngineError};
use mezz_types::InboxIndex;

async fn world() -> (World, Account) {
    let mut world = World::new(WorldSettings::default()).await;
    let alice = world.account("alice");
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    let alice = world.account_now("alice");
    (world, alice)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_blocks_are_taken_back_loses_no_transaction() {
    let (mut world, mut alice) = world().await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let transfer = alice.transfer(Address::repeat_byte(0x70), U256::from(1));
        sent.push(world.act_send_l2(transfer).await);
        world.act_l2_build().await.expect("a transaction is work");
    }
    let parts = world.node.parts();
    let at = parts.view.l1.cursor().unwrap().expect("L1 was read");
    // As if L1 had taken back every message, and shown them all again.
    let returned = parts.engine.rewind(InboxIndex::ZERO, at).await.unwrap();
    assert_eq!(returned.len(), sent.len());
    // Nobody tells the pool: the process is gone.
    world.act_restart_node();
    assert_eq!(world.node.head().0, 0);
    let pool = world.node.parts().pool.as_ref().expect("it sequences");
    let status = pool.status().await;
    assert_eq!(status.pending + status.queued, sent.len());
    // A second death changes nothing, and once they are in a block they do not come back.
    world.act_restart_node();
    world.act_derive_all().await;
    world.act_l2_build().await.expect("the deposit, after which their turn comes, is work");
    world.act_l2_build().await.expect("what came back is work");
    for hash in &sent {
        assert_eq!(world.node.included(*hash), Some(true));
    }
    world.act_restart_node();
    let pool = world.node.parts().pool.as_ref().expect("it sequences");
    assert_eq!((pool.status().await.pending, pool.status().await.queued), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_is_built_while_l1_goes_back_stays_if_it_consumed_nothing_of_it() {
    let (mut world, mut alice) = world().await;
    let at = world.node.parts().view.l1.cursor().unwrap().expect("L1 was read");
    let (end, _) = world.node.parts().view.l1.inbox_end().unwrap();
    // Derivation has looked which messages stay, and only then comes this block.
    let transfer = alice.transfer(Address::repeat_byte(0x70), U256::from(1));
    world.act_send_l2(transfer).await;
    world.act_l2_build().await.expect("a transaction is work");
    let head = world.node.head();
    let returned = world.node.parts().engine.rewind(end, at).await.unwrap();
    assert_eq!(returned, []);
    assert_eq!(world.node.head(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_l1_took_back_meanwhile_enters_no_block() {
    let (mut world, alice) = world().await;
    world.act_l1_mine(8).await;
    world.act_derive_all().await;
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_derive_all().await;
    let parts = world.node.parts();
    let (end, _) = parts.view.l1.inbox_end().unwrap();
    let first = InboxIndex::new(end.get() - 1);
    let messages = parts.view.l1.messages(first, end).unwrap();
    let timestamp = parts.view.head.borrow().timestamp;
    let messages = messages.into_iter().map(|stored| stored.message).collect();
    let request = BuildRequest { timestamp, messages, candidates: Vec::new() };
    // The sequencer has looked, and only then L1 changes its mind.
    let reorg = Reorg { depth: 3, blocks: None, dropped: Dropped::Forget, delay_secs: 0 };
    world.act_l1_reorg(reorg).await;
    world.act_derive_all().await;
    let head = world.node.head();
    let error = world.node.parts().engine.build(request).await.unwrap_err();
    assert!(matches!(error, EngineError::StaleMessages { first: got } if got == first), "{error}");
    assert!(error.is_temporary());
    assert_eq!(world.node.head(), head);
}
