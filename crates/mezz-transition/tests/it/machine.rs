//! Judging claims in the RV64IM machine: the committed guest gives what the native transition gives.

use alloy_primitives::{Address, B256, TxKind, keccak256};
use mezz_machine::{Exit, MachineError, Output, PreimageMap, Stop, run};
use mezz_transition::ClaimWitness;
use mezz_types::Claim;

use crate::world::{Data, ETHER, GENESIS_TIME as G, Key, World, block, transaction};

const GUEST: &[u8] = include_bytes!("../../../../guest/artifacts/mezz-guest.elf");
const MAX_STEPS: u64 = 20_000_000_000;

fn host(witness: &ClaimWitness) -> PreimageMap {
    let mut host = PreimageMap::default();
    let state = &witness.state;
    state.nodes.values().for_each(|node| host.insert_trie_node(node));
    for value in state.values.values() {
        host.insert_sha256(value.clone());
    }
    for bytes in state.codes.values().chain(witness.preimages.values()) {
        host.insert_keccak256(bytes.to_vec());
    }
    for (versioned_hash, blob) in &witness.blobs {
        host.insert_blob(versioned_hash.0, blob.to_vec());
    }
    host
}

/// Asks the guest for the answer to `claim`.
fn ask(claim: &Claim, witness: &ClaimWitness) -> Result<Output, MachineError> {
    let mut host = host(witness);
    let input = host.insert_keccak256(claim.question().words().as_bytes().to_vec());
    run(GUEST, input, &mut host, MAX_STEPS)
}

#[test]
fn the_machine_gives_the_native_commitment() {
    let key = Key::new(1);
    let mut world = World::new(&[]);
    world.deposit(key.address(), 10 * ETHER);
    let genesis = world.clone();
    world.batch(&[block(G + 10, 2)]);
    let claim = world.claim_since(&genesis);
    let output = ask(&claim, &world.witness_since(&genesis)).expect("all is there");
    assert_eq!(output.result(), Some(claim.post.0), "{output:?}");
    println!("deposits: {} steps", output.steps);

    let before = world.clone();
    world.pass(10);
    let mut first = block(world.l1.timestamp, 1);
    first.transactions = vec![
        key.sign(transaction(0, TxKind::Call(Address::ZERO), 1, &[])),
        key.sign(transaction(
            1,
            TxKind::Create,
            0,
            &[0x60, 0x2a, 0x60, 0, 0x52, 0x60, 0x20, 0x60, 0, 0xf3],
        )),
    ];
    world.batch(&[first]);
    let claim = world.claim_since(&before);
    let output = ask(&claim, &world.witness_since(&before)).expect("all is there");
    assert_eq!(output.result(), Some(claim.post.0), "{output:?}");
    println!("transactions: {} steps", output.steps);
}

#[test]
fn void_batches_and_blobs_give_it_too() {
    let key = Key::new(1);
    let mut world = World::new(&[]);
    world.deposit(key.address(), 10 * ETHER);
    let genesis = world.clone();
    world.pass(10);
    let posted = world.post(2, Data::Calldata(vec![7; 9]), |_| {});
    assert!(world.accept(posted).void.is_some());
    world.pass(10);
    let mut last = block(world.l1.timestamp, 1);
    last.transactions = vec![key.sign(transaction(0, TxKind::Call(Address::ZERO), 1, &[9]))];
    assert_eq!(world.blob_batch(&[last]).void, None);
    let claim = world.claim_since(&genesis);
    let output = ask(&claim, &world.witness_since(&genesis)).expect("all is there");
    assert_eq!(output.result(), Some(claim.post.0), "{output:?}");
    println!("blob: {} steps", output.steps);
}

#[test]
fn without_a_preimage_the_machine_waits_and_never_answers() {
    let mut world = World::new(&[]);
    let genesis = world.clone();
    world.batch(&[block(G + 10, 1)]);
    let (claim, witness) = (world.claim_since(&genesis), world.witness_since(&genesis));
    for hash in witness.preimages.keys().filter(|hash| **hash != keccak256([])) {
        let mut less = witness.clone();
        less.preimages.remove(hash);
        let error = ask(&claim, &less).expect_err("one preimage is missing");
        let MachineError::PreimageMissing { key } = error else { panic!("{error}") };
        assert_eq!(key.hash, hash.0);
    }
    for node in witness.state.nodes.keys() {
        let mut less = witness.clone();
        less.state.nodes.remove(node);
        let error = ask(&claim, &less).expect_err("one node is missing");
        let MachineError::PreimageMissing { key } = error else { panic!("{error}") };
        assert_eq!(key.hash, *node);
    }
}

#[test]
fn what_is_no_claim_has_no_answer() {
    let world = World::new(&[]);
    let claim = world.claim_since(&world);
    let witness = world.witness_since(&world);
    let wrong = Claim { inbox_end: B256::repeat_byte(5), ..claim };
    let output = ask(&wrong, &witness).expect("all is there");
    assert_eq!(output.stop, Stop::Exited(Exit::Halted(2)));
    let mut host = host(&witness);
    let output = run(GUEST, claim.pre.0, &mut host, MAX_STEPS).expect("all is there");
    assert_eq!(output.stop, Stop::Exited(Exit::Halted(1)));
    assert_eq!(output.result(), None);
}
