//! L1 nodes that lie: nobody is led onto a wrong chain, and all is well again when they stop.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use alloy_primitives::U256;
use mezz_action_tests::{ETHER, Liar, Lie, TestNode, World, WorldSettings};
use mezz_l1::{Endpoint, SystemTimer, Timer};
use mezz_node::{DerivationError, Progress};
use mezz_types::DataKind;
use tokio::sync::Notify;

/// Errors in a row after which a node is not expected to come further by itself.
const PATIENCE: usize = 4;

/// Waits until an L1 node has been silent.
struct UntilSilent(Arc<Notify>);

impl Timer for UntilSilent {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.notified())
    }
}

/// A chain with deposits, batches, claims, and one final claim in a block of L1 that is not finalized.
async fn chain() -> World {
    let mut world = World::new(WorldSettings::default()).await;
    let alice = world.account("alice");
    for _ in 0..3 {
        world.act_deposit(&alice.signer, alice.address(), ETHER * U256::from(2)).await;
        world.act_derive_all().await;
        world.act_l2_build().await.expect("a deposit is work");
        assert!(!world.act_batch_all().await.is_empty());
        assert!(world.act_propose().await.is_some());
        world.act_derive_all().await;
    }
    world.act_time_travel(world.chain.window_secs + 1).await;
    world.act_derive_all().await;
    assert!(world.act_propose().await.is_some(), "a claim becomes final");
    world.act_derive_all().await;
    assert_eq!(world.node.finalized(), 0, "L1 has not finalized that yet");
    world
}

/// All lies that one can see through alone, or that change nothing for good.
fn lies(world: &World) -> Vec<Lie> {
    let middle = world.chain.l1_start_block.get() + 8;
    vec![
        Lie::BlockHash(middle),
        Lie::Parent(middle),
        Lie::InventedBlock,
        Lie::MissingLog,
        Lie::InventedLog,
        Lie::ChangedLog,
        Lie::ReorderedLogs,
        Lie::Calldata,
        Lie::StaleHead(middle),
        Lie::Oversized,
        Lie::Errors,
        Lie::Garbage,
    ]
}

/// Follows L1 until nothing is new, or it fails a few times in a row: how often it failed.
async fn derive(node: &mut TestNode) -> usize {
    let (mut failures, mut in_a_row) = (0, 0);
    while in_a_row < PATIENCE {
        match node.parts_mut().derivation.step().await {
            Ok(Progress::Idle) => return failures,
            Ok(_) => in_a_row = 0,
            Err(error) => {
                assert!(error.is_temporary(), "{error}");
                assert!(matches!(error, DerivationError::L1(_)), "{error}");
                (failures, in_a_row) = (failures + 1, in_a_row + 1);
            }
        }
    }
    failures
}

fn assert_on_the_way(node: &TestNode, world: &World, at: &str) {
    let (number, hash) = node.head();
    assert_eq!(world.node.block_hash(number), Some(hash), "{at}: block {number}");
    assert_eq!(node.finalized(), 0, "{at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_one_liar_among_three_does_not_care() {
    let mut world = chain().await;
    let mut lies = lies(&world);
    lies.push(Lie::Finalized);
    for lie in lies {
        let honest = || Endpoint::in_process(world.l1.handler());
        let liar = Endpoint::in_process(Liar::new(world.l1.handler(), lie));
        let nodes = vec![liar, honest(), honest()];
        let several = Endpoint::several(nodes, None, Arc::new(SystemTimer)).expect("two of three");
        let mut node = world.replica_on(several);
        derive(&mut node).await;
        assert_eq!(node.head(), world.node.head(), "{lie:?}");
        assert_eq!(node.finalized(), 0, "{lie:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_nodes_may_fail_or_be_caught_lying() {
    let mut world = chain().await;
    for lie in lies(&world) {
        if matches!(
            lie,
            Lie::InventedBlock | Lie::StaleHead(_) | Lie::BlockHash(_) | Lie::Parent(_)
        ) {
            continue;
        }
        let liar = Endpoint::in_process(Liar::new(world.l1.handler(), lie));
        let nodes = vec![liar, Endpoint::in_process(world.l1.handler())];
        let several = Endpoint::several(nodes, None, Arc::new(SystemTimer)).expect("one of two");
        let mut node = world.replica_on(several);
        derive(&mut node).await;
        assert_eq!(node.head(), world.node.head(), "{lie:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_never_answers_is_passed_over() {
    let mut world = chain().await;
    let liar = Liar::new(world.l1.handler(), Lie::Silent);
    let timer = Arc::new(UntilSilent(liar.silent.clone()));
    let nodes = vec![Endpoint::in_process(liar), Endpoint::in_process(world.l1.handler())];
    let several = Endpoint::several(nodes, None, timer).expect("one of two");
    let mut node = world.replica_on(several);
    assert_eq!(derive(&mut node).await, 0);
    assert_eq!(node.head(), world.node.head());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_liars_of_three_stop_the_node_but_do_not_lead_it_astray() {
    let mut world = chain().await;
    for lie in [Lie::Errors, Lie::BlockHash(0), Lie::Garbage] {
        let liar = || Endpoint::in_process(Liar::new(world.l1.handler(), lie));
        let nodes = vec![liar(), liar(), Endpoint::in_process(world.l1.handler())];
        let several = Endpoint::several(nodes, None, Arc::new(SystemTimer)).expect("two of three");
        let mut node = world.replica_on(several);
        assert_eq!(derive(&mut node).await, PATIENCE, "{lie:?}");
        assert_on_the_way(&node, &world, &format!("{lie:?}"));
        assert_eq!(node.head().0, 0, "{lie:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beacon_node_that_lies_is_passed_over() {
    let mut world =
        World::new(WorldSettings { data: DataKind::Blob, ..WorldSettings::default() }).await;
    let alice = world.account("alice");
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    assert!(!world.act_batch_all().await.is_empty());
    // A node of another chain: it answers, with blobs of its own or none.
    let other = World::new(WorldSettings::default()).await;
    let mut alone = world.replica_with_beacons(vec![other.l1.beacon.clone()]);
    assert_eq!(derive(&mut alone).await, PATIENCE);
    assert_eq!(alone.head().0, 0);
    let both = vec![other.l1.beacon.clone(), world.l1.beacon.clone()];
    let mut node = world.replica_with_beacons(both);
    assert_eq!(derive(&mut node).await, 0);
    assert_eq!(node.head(), world.node.head());
}
