//! Judging claims from preimages alone.

use alloy_primitives::{Address, B256, TxKind, keccak256};
use mezz_evm::PlainCrypto;
use mezz_transition::{
    ClaimError, ClaimVerdict, ClaimWitness, MissingInput, derive_post, verify_claim,
};
use mezz_types::{Claim, WordsDecodeError};

use crate::world::{ETHER, GENESIS_TIME as G, Key, World, block, transaction};

/// Three batches after the first one: calldata, void, blobs.
fn history() -> (World, World) {
    let key = Key::new(1);
    let mut world = World::new(&[]);
    world.deposit(key.address(), 10 * ETHER);
    world.batch(&[block(G + 10, 2)]);
    let before = world.clone();
    world.pass(10);
    let mut first = block(world.l1.timestamp, 1);
    first.transactions = vec![key.sign(transaction(0, TxKind::Call(Address::ZERO), 1, &[]))];
    world.batch(&[first]);
    world.pass(10);
    let posted = world.post(1, crate::world::Data::Calldata(vec![7; 9]), |_| {});
    assert!(world.accept(posted).void.is_some());
    world.pass(10);
    world.deposit(Address::repeat_byte(8), 3);
    let mut last = block(world.l1.timestamp, 2);
    last.transactions = vec![key.sign(transaction(1, TxKind::Call(Address::ZERO), 1, &[9]))];
    assert_eq!(world.blob_batch(&[last]).void, None);
    (before, world)
}

fn judge(claim: &Claim, witness: &ClaimWitness) -> Result<ClaimVerdict, ClaimError<MissingInput>> {
    verify_claim(claim, witness, &PlainCrypto)
}

#[test]
fn true_claims_hold_and_false_ones_name_the_truth() {
    let (before, world) = history();
    let (claim, witness) = (world.claim_since(&before), world.witness_since(&before));
    assert_eq!(judge(&claim, &witness).expect("all is there"), ClaimVerdict::Holds);
    let post = claim.post;
    let lie = Claim { post: B256::repeat_byte(1), ..claim };
    let refuted = judge(&lie, &witness).expect("all is there");
    assert_eq!(refuted, ClaimVerdict::Refuted { post });
    let derived = derive_post(&lie, &witness, &PlainCrypto).expect("all is there");
    assert_eq!(derived, *world.head.commitment());
}

/// A claim over no batch says that nothing changed.
#[test]
fn an_empty_range_changes_nothing() {
    let (_, world) = history();
    let claim = world.claim_since(&world);
    assert_eq!(claim.pre, claim.post);
    assert_eq!(judge(&claim, &world.witness_since(&world)).expect("holds"), ClaimVerdict::Holds);
}

#[test]
fn nothing_of_the_witness_can_be_missing_or_forged() {
    let (before, world) = history();
    let (claim, witness) = (world.claim_since(&before), world.witness_since(&before));
    for hash in witness.preimages.keys().filter(|hash| **hash != keccak256([])) {
        let mut less = witness.clone();
        less.preimages.remove(hash);
        let error = judge(&claim, &less).expect_err("one preimage is missing");
        let missing = MissingInput::Keccak { hash: *hash };
        assert!(matches!(error, ClaimError::Source(source) if source == missing));
        let mut forged = witness.clone();
        forged.preimages.insert(*hash, vec![1, 2, 3].into());
        let error = judge(&claim, &forged).expect_err("one preimage is forged");
        assert!(matches!(error, ClaimError::Mismatch { expected, .. } if expected == *hash));
    }
    for versioned_hash in witness.blobs.keys() {
        let mut less = witness.clone();
        less.blobs.remove(versioned_hash);
        let error = judge(&claim, &less).expect_err("one blob is missing");
        let missing = MissingInput::Blob { versioned_hash: *versioned_hash };
        assert!(matches!(error, ClaimError::Source(source) if source == missing));
    }
}

#[test]
fn parts_that_do_not_belong_together_are_no_claim() {
    let (before, world) = history();
    let (claim, mut witness) = (world.claim_since(&before), world.witness_since(&before));
    // Accumulators of the inbox that do not meet the batches'.
    let other = B256::repeat_byte(5);
    let error = judge(&Claim { inbox_end: other, ..claim }, &witness).expect_err("another end");
    let (expected, got) = (other, claim.inbox_end);
    assert!(
        matches!(error, ClaimError::InboxAccumulator { expected: e, got: g } if (e, g) == (expected, got))
    );
    let error = judge(&Claim { inbox_start: other, ..claim }, &witness).expect_err("another start");
    assert!(matches!(error, ClaimError::InboxAccumulator { expected: e, .. } if e == other));
    // A start that is no ancestor: the walk ends at the batch before, which nobody gave.
    let error = judge(&Claim { batch_start: other, ..claim }, &witness).expect_err("no ancestor");
    assert!(matches!(error, ClaimError::Source(MissingInput::Keccak { .. })));
    // With every batch given, it ends at the genesis, whose preimage is no batch.
    let genesis = mezz_types::Words::tagged("mezzanine.genesis.v1")
        .hash(world.config.hash())
        .hash(World::new(&[]).head.commitment().hash());
    assert_eq!(witness.add(genesis.as_bytes().to_vec()), world.batch_accumulator(0));
    witness.add(world.batches[0].batch.words().as_bytes().to_vec());
    let error = judge(&Claim { batch_start: other, ..claim }, &witness).expect_err("no ancestor");
    assert!(matches!(error, ClaimError::Words(WordsDecodeError::Tag { .. })));
    // Hashes that name other objects.
    let error = judge(&Claim { config_hash: claim.pre, ..claim }, &witness).expect_err("no config");
    assert!(matches!(error, ClaimError::Words(WordsDecodeError::Tag { .. })));
    let error = judge(&Claim { pre: claim.config_hash, ..claim }, &witness).expect_err("no state");
    assert!(matches!(error, ClaimError::Words(WordsDecodeError::Tag { .. })));
}

/// Messages in another order have another accumulator: whoever swaps them proves nothing.
#[test]
fn messages_cannot_be_swapped() {
    let (before, world) = history();
    let claim = world.claim_since(&before);
    let mut witness = world.witness_since(&before);
    let batch = &world.batches[3].batch;
    let [first, second] = world.messages_of(batch) else { panic!("two messages") };
    let start = world.accumulators[first.index.get() as usize];
    let middle = witness.add_message(start, second);
    let end = witness.add_message(middle, first);
    assert_ne!(end, batch.inbox_accumulator);
    let mut swapped = batch.clone();
    swapped.inbox_accumulator = end;
    let batch_end = witness.add(swapped.words().as_bytes().to_vec());
    let claim = Claim { batch_end, inbox_end: end, ..claim };
    let error = judge(&claim, &witness).expect_err("out of order");
    let ClaimError::Transition(mezz_transition::TransitionError::Execution(error)) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(error, mezz_evm::ExecutionError::MessageOrder { .. }));
}
