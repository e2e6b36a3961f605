//! L1 forgets blobs, and a node that kept them does not need it.

use std::{fs, path::PathBuf};

use alloy_primitives::{Address, U256};
use mezz_action_tests::{ETHER, TestNode, World, WorldSettings};
use mezz_types::DataKind;

const BATCHES: usize = 3;

/// A chain in blobs, all of it on L1.
async fn world() -> World {
    let settings = WorldSettings { data: DataKind::Blob, ..WorldSettings::default() };
    let mut world = World::new(settings).await;
    let alice = world.account("alice");
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    world.act_batch_all().await;
    let mut alice = world.account_now("alice");
    for _ in 1..BATCHES {
        world.act_send_l2(alice.transfer(Address::repeat_byte(0x70), U256::from(1))).await;
        world.act_l2_build().await.expect("a transaction is work");
        world.act_batch_all().await;
    }
    world
}

fn folder(node: &TestNode) -> PathBuf {
    node.config.data_dir.join("blobs")
}

fn kept(node: &TestNode) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(node)).expect("the node made it");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn copy(from: &TestNode, to: &TestNode) {
    for path in kept(from) {
        let name = path.file_name().expect("it is a file");
        fs::copy(&path, folder(to).join(name)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_derived_from_kept_blobs_when_l1_forgot_them() {
    let mut world = world().await;
    let mut first = world.replica();
    first.derive_all().await.expect("the replica follows L1");
    assert_eq!(kept(&first).len(), BATCHES);

    let mut second = world.replica_with_beacons(Vec::new());
    second.derive_all().await.expect_err("nobody has the blobs");
    copy(&first, &second);
    // One of them has other bytes than its name says.
    let spoilt = kept(&second).remove(1);
    let mut bytes = fs::read(&spoilt).unwrap();
    bytes[1] ^= 1;
    fs::write(&spoilt, &bytes).unwrap();
    second.restart();
    second.derive_all().await.expect_err("a spoilt blob is none");
    assert!(second.head().0 < first.head().0);
    copy(&first, &second);
    second.derive_all().await.expect("every blob is there");
    assert_eq!(second.head(), first.head());
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_kept_until_their_batch_is_final() {
    let mut world = world().await;
    while world.act_propose().await.is_some() {
        world.act_derive_all().await;
    }
    world.act_time_travel(world.chain.window_secs).await;
    world.act_derive_all().await;
    assert_eq!(kept(&world.node).len(), BATCHES, "the claim is not final");
    while world.act_propose().await.is_some() {
        world.act_derive_all().await;
    }
    world.act_l1_mine(WorldSettings::default().finalized_depth).await;
    world.act_derive_all().await;
    assert_eq!(world.node.finalized(), world.node.head().0);
    assert_eq!(kept(&world.node), [] as [PathBuf; 0]);
}
