//! Nodes that are started from a snapshot: they go on from its block to the hashes that all have, without what
//! came before, and only if L1 has the snapshot's claim as final.

use std::path::PathBuf;

use alloy::eips::BlockNumberOrTag;
use alloy_primitives::{Address, TxKind, U256};
use mezz_action_tests::{
    ETHER, FINALIZED_DEPTH, TestNode, World, WorldSettings, token_init_code, withdrawal_proof,
};
use mezz_contracts::Outbox;
use mezz_l1::{BeaconClient, L1Client};
use mezz_node::{DerivationError, NodeConfig, Progress, check_snapshot};
use mezz_store::{
    ClaimOutcome, SnapshotSummary, StoreOptions, read_snapshot_origin, restore_snapshot,
};
use mezz_types::{BatchIndex, BlockNumber, DataKind, L1BlockNumber, OUTBOX};

/// Deposits, a contract, transfers and a withdrawal, in two batches.
async fn live(world: &mut World) {
    let alice = world.account("alice");
    world.act_deposit(&alice.signer, alice.address(), ETHER * U256::from(10)).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    let mut alice = world.account_now("alice");
    let deployed = alice.sign(TxKind::Create, U256::ZERO, token_init_code(), 3_000_000);
    world.act_send_l2(deployed).await;
    world.act_l2_build().await.expect("a contract is work");
    world.act_batch_all().await;
    let data = Outbox::withdrawEtherCall { target: Address::repeat_byte(0xd1) };
    let call = {
        use alloy::sol_types::SolCall as _;
        alice.sign(TxKind::Call(OUTBOX), ETHER, data.abi_encode().into(), 300_000)
    };
    world.act_send_l2(call).await;
    world.act_l2_build().await.expect("a withdrawal is work");
    world.act_batch_all().await;
}

/// Claims what is batched, and makes it final.
async fn settle(world: &mut World) {
    world.act_propose().await.expect("there is something to claim");
    world.act_derive_all().await;
    world.act_time_travel(world.chain.window_secs).await;
    world.act_derive_all().await;
    world.act_propose().await.expect("the window is over");
    world.act_l1_mine(FINALIZED_DEPTH + 1).await;
    world.act_derive_all().await;
}

async fn transfers(world: &mut World, count: usize) {
    let mut alice = world.account_now("alice");
    for _ in 0..count {
        let transfer = alice.transfer(Address::repeat_byte(0x70), U256::from(1));
        world.act_send_l2(transfer).await;
        world.act_l2_build().await.expect("a transfer is work");
    }
    world.act_batch_all().await;
}

/// A snapshot of the world's node, which runs.
fn snapshot(world: &World, dir: &tempfile::TempDir) -> (PathBuf, SnapshotSummary) {
    let file = dir.path().join("snapshot");
    let summary = world.node.parts().view.reader.write_snapshot(&file).expect("there is room");
    (file, summary)
}

/// A node with a store made from a snapshot.
fn restored(world: &mut World, file: &std::path::Path) -> TestNode {
    let config = world.replica_config();
    restored_as(world, file, config)
}

/// The same, with the directory and the roles that `config` names.
fn restored_as(world: &World, file: &std::path::Path, config: NodeConfig) -> TestNode {
    let identity = Some(world.chain.genesis_hash);
    restore_snapshot(file, &config.data_dir, identity, StoreOptions::default())
        .expect("the snapshot is of this chain");
    TestNode::open(config)
}

async fn goes_on(data: DataKind) {
    let mut world = World::new(WorldSettings { data, ..WorldSettings::default() }).await;
    let dir = tempfile::tempdir().expect("there is room");
    live(&mut world).await;
    settle(&mut world).await;
    let block = world.node.head().0;
    transfers(&mut world, 2).await;
    let (file, summary) = snapshot(&world, &dir);
    assert_eq!((summary.block.number.get(), summary.batch_end), (block, BatchIndex::new(2)));
    // The parent of the next claim is no longer the root of the tree.
    settle(&mut world).await;
    transfers(&mut world, 2).await;

    let mut replica = restored(&mut world, &file);
    assert_eq!((replica.head().0, replica.finalized()), (block, block));
    // Whoever asks for the last block is answered, though no receipt is there.
    let body = |node: &TestNode| node.parts().view.reader.body(BlockNumber::new(block));
    assert_eq!(body(&replica).expect("it is kept"), body(&world.node).expect("it is kept"));
    let done = replica.derive_all().await.expect("L1 has the claim");
    let batches = done.iter().filter_map(|progress| match progress {
        Progress::Batch(index) => Some(index.get()),
        _ => None,
    });
    assert_eq!(batches.collect::<Vec<_>>(), [2, 3], "nothing before the snapshot is derived");
    assert_eq!(replica.head(), world.node.head());
    assert_eq!(replica.finalized(), world.node.finalized());
    assert!(replica.finalized() > block);
    let end = BatchIndex::new(3);
    assert_eq!(
        withdrawal_proof(&replica, 0, end).proof,
        withdrawal_proof(&world.node, 0, end).proof
    );

    // It has all that a snapshot takes, and goes on as any node after a restart.
    let again = dir.path().join("again");
    let second = replica.parts().view.reader.write_snapshot(&again).expect("more is final");
    assert_eq!(second.block.number.get(), replica.finalized());
    transfers(&mut world, 1).await;
    replica.restart();
    replica.derive_all().await.expect("it follows L1");
    assert_eq!(replica.head(), world.node.head());
    let mut third = restored(&mut world, &again);
    third.derive_all().await.expect("L1 has this claim as well");
    assert_eq!(third.head(), world.node.head());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_on_from_a_snapshot_with_batches_in_calldata() {
    goes_on(DataKind::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_goes_on_from_a_snapshot_with_batches_in_blobs() {
    goes_on(DataKind::Blob).await;
}

/// The blocks that L1 has come first: others in their place could never be posted.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_sequencer_builds_nothing_before_it_has_every_batch() {
    let mut world = World::new(WorldSettings::default()).await;
    let dir = tempfile::tempdir().expect("there is room");
    live(&mut world).await;
    settle(&mut world).await;
    let (file, _) = snapshot(&world, &dir);
    for _ in 0..3 {
        transfers(&mut world, 1).await;
    }
    world.act_derive_all().await;
    let head = world.node.head();

    let mut config = world.replica_config();
    config.roles = world.node.config.roles.clone();
    world.node.close();
    world.node = restored_as(&world, &file, config);
    let mut steps = 0;
    while world.node.parts_mut().derivation.step().await.expect("L1 is honest") != Progress::Idle {
        steps += 1;
        world.clock.advance_secs(30);
        assert!(world.act_l2_build().await.is_none(), "built after {steps} steps");
    }
    assert!(steps > 3, "{steps}");
    assert_eq!(world.node.head(), head);
    world.clock.advance_secs(30);
    let built = world.act_l2_build().await.expect("it has every batch");
    assert_eq!(built.header.number, head.0 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_whose_claim_l1_does_not_have_as_final_is_refused() {
    let mut world = World::new(WorldSettings::default()).await;
    let dir = tempfile::tempdir().expect("there is room");
    live(&mut world).await;
    settle(&mut world).await;
    let (file, summary) = snapshot(&world, &dir);

    // The same chain on an L1 that went another way.
    let mut other = World::new(WorldSettings::default()).await;
    assert_eq!(other.chain.genesis_hash, world.chain.genesis_hash);
    let mut replica = restored(&mut other, &file);
    let behind = replica.derive_all().await.expect_err("L1 is not so far");
    assert!(behind.is_temporary(), "{behind}");
    other.act_l1_mine(summary.finalized.block.number.get() + FINALIZED_DEPTH).await;
    for _ in 0..2 {
        let error = replica.derive_all().await.expect_err("L1 has another block there");
        assert!(matches!(error, DerivationError::SnapshotNotFinal { .. }), "{error}");
        assert!(!error.is_temporary() && error.to_string().contains("ask other L1 nodes"));
        // Nor after a restart: it is not forgotten.
        replica.restart();
    }
    replica.close();

    let (_, origin, genesis) = read_snapshot_origin(&file).expect("it is whole");
    let beacon = BeaconClient::new(world.node.config.beacons.clone());
    let client = L1Client::new(&world.node.config.l1, beacon, world.chain.contracts);
    let (config, hash) = (world.chain.config.clone(), world.chain.genesis_hash);
    check_snapshot(&client, &config, hash, &genesis, &origin).await.expect("it is final");

    // A block of L1 in which no claim became final, and one that is not finalized.
    let last =
        client.block_at(BlockNumberOrTag::Latest).await.expect("L1 runs").expect("it has blocks");
    let before = L1BlockNumber::new(summary.finalized.block.number.get() - 1);
    for number in [before, last.number] {
        let there = client.header_at(number).await.expect("L1 runs").expect("it is there").at;
        let mut wrong = origin.clone();
        let mut position = summary.finalized;
        position.block = mezz_store::L1BlockRef { number: there.number, hash: there.hash };
        wrong.claim.outcome = Some((ClaimOutcome::Final, position));
        let error = check_snapshot(&client, &config, hash, &genesis, &wrong).await.unwrap_err();
        assert!(matches!(error, DerivationError::SnapshotNotFinal { .. }), "{number}: {error}");
    }
    // Going on too late on L1, where a message was waiting when the batch came.
    let mut wrong = origin.clone();
    wrong.resume = origin.resume.next();
    let error = check_snapshot(&client, &config, hash, &genesis, &wrong).await.unwrap_err();
    assert!(matches!(error, DerivationError::SnapshotForeign { .. }), "{error}");
    // A claim about something else: another batch, or another configuration.
    let mut wrong = origin.clone();
    wrong.batch.hash.0[0] ^= 1;
    let error = check_snapshot(&client, &config, hash, &genesis, &wrong).await.unwrap_err();
    assert!(matches!(error, DerivationError::SnapshotForeign { .. }), "{error}");
    let mut changed = config.clone();
    changed.fees.l1_gas_per_byte_milli += 1;
    let error = check_snapshot(&client, &changed, hash, &genesis, &origin).await.unwrap_err();
    assert!(matches!(error, DerivationError::SnapshotForeign { .. }), "{error}");
}
