//! Each of the rules V1 to V6 broken once, and what follows.

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header, TxEnvelope};
use alloy_primitives::{B64, B256, Bloom, Bytes, TxKind, U256, b256};
use mezz_codec::{BatchBlock, Blob, CodecError, Item, encode, pack_blobs};
use mezz_evm::{PlainCrypto, next_base_fee};
use mezz_transition::{ClaimVerdict, VoidReason, verify_claim};
use mezz_types::{Batch, DataVerdict, FEE_VAULT};
use miniz_oxide::deflate::compress_to_vec;
use proptest::{collection::vec as vec_of, prelude::*};

use crate::world::{
    Data, ETHER, FORCE_DELAY, GENESIS_TIME as G, Key, Posted, World, block, transaction,
};

/// Messages at G+10 (marker), G+15 (deposit) and G+20 (marker); L1 is at G+50.
fn waiting() -> World {
    let mut world = World::new(&[]);
    world.pass(5);
    world.deposit(Key::new(1).address(), 10 * ETHER);
    world.pass(5);
    world.enqueue(|_| {});
    world.pass(30);
    world
}

/// A good batch that consumes the first two messages.
fn good() -> Vec<BatchBlock> {
    vec![block(G + 12, 1), block(G + 20, 1), block(G + 45, 0)]
}

fn calldata(blocks: &[BatchBlock]) -> Data {
    Data::Calldata(encode(blocks).expect("no blob transactions"))
}

/// `posted` is void for `reason`: its one block is what a batch of that block alone would give, the
/// next batch goes on, and the claim over both holds.
fn assert_void(mut world: World, posted: Posted, reason: VoidReason) {
    let before = world.clone();
    let honest = honest_default(&before, &posted);
    let outcome = world.accept(posted);
    assert_eq!(outcome.void, Some(reason));
    assert_eq!(outcome.blocks.len(), 1);
    assert_eq!(outcome.blocks[0].header, honest.blocks[0].header);
    assert_eq!(outcome.post, honest.post);
    world.pass(10);
    let next = world.batch(&[block(world.l1.timestamp, world.pending())]);
    assert_eq!(next.void, None);
    assert_eq!(next.post.block_number.get(), before.head.commitment().block_number.get() + 2);
    let claim = world.claim_since(&before);
    let verdict = verify_claim(&claim, &world.witness_since(&before), &PlainCrypto);
    assert_eq!(verdict.expect("all is there"), ClaimVerdict::Holds);
}

/// What the default block would be if somebody had written it into the batch.
fn honest_default(world: &World, posted: &Posted) -> mezz_transition::BatchOutcome {
    let messages = world.messages_of(&posted.batch);
    let fact = messages.last().map_or(0, |message| message.facts.timestamp);
    let timestamp = fact.max(world.head.commitment().timestamp);
    let count = messages.len() as u64;
    let honest = world.post(count, calldata(&[block(timestamp, count)]), |_| {});
    let outcome = world.apply(&honest, &mut world.state.clone());
    assert_eq!(outcome.void, None);
    outcome
}

fn assert_void_blocks(world: World, messages: u64, blocks: &[BatchBlock], reason: VoidReason) {
    let posted = world.post(messages, calldata(blocks), |_| {});
    assert_void(world, posted, reason);
}

#[test]
fn the_batch_that_the_others_are_bent_from_is_good() {
    let mut world = waiting();
    let outcome = world.batch(&good());
    assert_eq!(outcome.void, None);
    let times: Vec<_> = outcome.blocks.iter().map(|block| block.block.timestamp).collect();
    assert_eq!(times, [G + 12, G + 20, G + 45]);
    assert_eq!(outcome.post.next_inbox_index.get(), 2);
}

/// Every field of the default block's header, written out.
#[test]
fn default_block_has_the_header_of_the_rules() {
    let mut world = World::new(&[]);
    world.pass(20);
    let parent = world.head.header().clone();
    let posted = world.post(1, Data::Calldata(vec![0xff]), |_| {});
    let outcome = world.accept(posted);
    let got = 0xff;
    let reason = VoidReason::Bytes(CodecError::Version { got, expected: 1 });
    assert_eq!(outcome.void, Some(reason));
    let fees = &world.config.fees;
    let base_fee = next_base_fee(fees, 30_000_000, 0, fees.initial_base_fee);
    assert_eq!(base_fee, 875_000_000);
    let mut extra = vec![1];
    for number in [100u64, 1, 0] {
        extra.extend_from_slice(&number.to_be_bytes());
    }
    let expected = Header {
        parent_hash: parent.hash(),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: FEE_VAULT,
        state_root: world.state.root(),
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        logs_bloom: Bloom::ZERO,
        difficulty: U256::ZERO,
        number: 1,
        gas_limit: 30_000_000,
        gas_used: 0,
        timestamp: G + 10,
        extra_data: Bytes::from(extra),
        mix_hash: parent.hash(),
        nonce: B64::ZERO,
        base_fee_per_gas: Some(base_fee),
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        requests_hash: Some(b256!(
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        )),
        ..Header::default()
    };
    assert_eq!(*outcome.blocks[0].header.inner(), expected);
    assert_ne!(world.state.root(), parent.state_root, "the clock was set");
}

/// With no message, or only old ones, the default block is at its parent's time.
#[test]
fn default_block_is_never_before_its_parent() {
    let mut world = waiting();
    world.batch(&good());
    let posted = world.post(0, Data::Calldata(vec![]), |_| {});
    let outcome = world.clone().accept(posted);
    assert_eq!(outcome.blocks[0].block.timestamp, G + 45);
    // Message 2 is of G+20.
    let posted = world.post(1, Data::Calldata(vec![]), |_| {});
    let outcome = world.clone().accept(posted);
    assert_eq!(outcome.blocks[0].block.timestamp, G + 45);
    assert_eq!(outcome.blocks[0].block.l1_facts.timestamp, G + 20);
    // Message 3 is the marker of the first batch, of G+50.
    let posted = world.post(2, Data::Calldata(vec![]), |_| {});
    assert_eq!(world.accept(posted).blocks[0].block.timestamp, G + 50);
}

#[test]
fn v1_the_verdict_counts() {
    let world = waiting();
    let verdict = DataVerdict::Empty;
    let posted = world.post(2, calldata(&good()), |batch| batch.verdict = verdict);
    assert_void(world, posted, VoidReason::Verdict { verdict });
}

#[test]
fn v1_bytes_decode() {
    let world = waiting();
    let bytes = encode(&good()).expect("no blob transactions");
    let cut = bytes[..bytes.len() - 1].to_vec();
    let got = cut.len() as u64 - 6;
    let posted = world.post(2, Data::Calldata(cut), |_| {});
    let expected = got + 1;
    let reason = VoidReason::Bytes(CodecError::Deflate { got, expected });
    assert_void(world, posted, reason);
}

#[test]
fn v1_bombs_are_void() {
    let world = waiting();
    let bomb = compress_to_vec(&vec![0; 1 << 24], 9);
    let limit = world.config.limits.batch_bytes;
    let header = |length: u32| [&[1, 1][..], &length.to_be_bytes(), &bomb].concat();
    let posted = world.post(2, Data::Calldata(header(1 << 24)), |_| {});
    let (item, got) = (Item::PayloadBytes, 1 << 24);
    let reason = VoidReason::Bytes(CodecError::TooMany { item, got, limit });
    assert_void(world.clone(), posted, reason);
    let posted = world.post(2, Data::Calldata(header(limit as u32)), |_| {});
    let reason = VoidReason::Bytes(CodecError::Deflate { got: limit, expected: limit });
    assert_void(world, posted, reason);
}

#[test]
fn v1_blocks_and_transactions_are_bounded() {
    let world = waiting();
    let mut blocks = vec![block(G + 12, 0); 64];
    blocks[63] = block(G + 20, 2);
    let posted = world.post(2, calldata(&blocks), |_| {});
    assert_eq!(world.apply(&posted, &mut world.state.clone()).void, None);
    blocks.push(block(G + 20, 0));
    let (item, got, limit) = (Item::Blocks, 65, 64);
    let reason = VoidReason::Bytes(CodecError::TooMany { item, got, limit });
    assert_void_blocks(world, 2, &blocks, reason);
}

#[test]
fn v1_blobs_not_packed_by_the_rules_are_void() {
    let world = waiting();
    let bytes = encode(&good()).expect("no blob transactions");
    let mut blobs: Vec<Blob> = pack_blobs(&bytes).expect("small");
    let posted = world.post(2, Data::Blobs(blobs.clone()), |_| {});
    assert_eq!(world.apply(&posted, &mut world.state.clone()).void, None);
    blobs[0][32] = 1;
    let posted = world.post(2, Data::Blobs(blobs), |_| {});
    let reason = VoidReason::Bytes(CodecError::Truncated { needed: 1, left: 0 });
    assert_void(world, posted, reason);
}

#[test]
fn v2_there_is_a_block() {
    assert_void_blocks(waiting(), 2, &[], VoidReason::NoBlocks);
}

#[test]
fn v2_blocks_consume_what_the_batch_consumes() {
    for (counts, got) in [([1, 0], 1), ([1, 2], 3), ([1, u64::MAX], u64::MAX)] {
        let blocks = [block(G + 12, counts[0]), block(G + 20, counts[1])];
        assert_void_blocks(waiting(), 2, &blocks, VoidReason::MessageCount { expected: 2, got });
    }
}

#[test]
fn v3_time_does_not_run_back() {
    let blocks = [block(G + 20, 2), block(G + 19, 0)];
    let reason = VoidReason::BeforeParent { position: 1, parent: G + 20, got: G + 19 };
    assert_void_blocks(waiting(), 2, &blocks, reason);
    let reason = VoidReason::BeforeParent { position: 0, parent: G, got: G - 1 };
    assert_void_blocks(waiting(), 0, &[block(G - 1, 0)], reason);
    let still = waiting().batch(&[block(G, 0), block(G, 0)]);
    assert_eq!(still.void, None);
}

#[test]
fn v3_no_block_is_later_than_acceptance() {
    let (position, accepted, got) = (1, G + 50, G + 51);
    let reason = VoidReason::AfterAcceptance { position, accepted, got };
    assert_void_blocks(waiting(), 2, &[block(G + 20, 2), block(G + 51, 0)], reason);
    let just = waiting().batch(&[block(G + 20, 2), block(G + 50, 0)]);
    assert_eq!(just.void, None);
}

#[test]
fn v4_no_block_is_before_its_messages() {
    let reason = VoidReason::BeforeMessage { position: 1, message: G + 15, got: G + 14 };
    assert_void_blocks(waiting(), 2, &[block(G + 12, 1), block(G + 14, 1)], reason);
    let just = waiting().batch(&[block(G + 12, 1), block(G + 15, 1)]);
    assert_eq!(just.void, None);
}

#[test]
fn v5_no_block_leaves_a_message_overdue() {
    let mut world = waiting();
    world.pass(2 * FORCE_DELAY);
    // After the first block, the deposit of G+15 is the oldest.
    let due = G + 15 + FORCE_DELAY;
    let blocks = |time| vec![block(time, 1), block(world.l1.timestamp, 2)];
    let reason = VoidReason::MessageOverdue { position: 0, due, got: due + 1 };
    assert_void_blocks(world.clone(), 3, &blocks(due + 1), reason);
    assert_eq!(world.clone().batch(&blocks(due)).void, None);
    // After the last block, what the batch says is the oldest.
    let due = G + 20 + FORCE_DELAY;
    let reason = VoidReason::MessageOverdue { position: 0, due, got: due + 1 };
    assert_void_blocks(world.clone(), 2, &[block(due + 1, 2)], reason);
    assert_eq!(world.clone().batch(&[block(due, 2)]).void, None);
    // Nothing left: the marker of the batch itself is the oldest.
    assert_eq!(world.batch(&[block(world.l1.timestamp, 3)]).void, None);
}

#[test]
fn v6_gas_limits_sum_to_at_most_a_batch() {
    let spend = |gas_limit| -> TxEnvelope {
        let mut tx = transaction(0, TxKind::Call(FEE_VAULT), 0, &[]);
        tx.gas_limit = gas_limit;
        Key::new(1).sign(tx)
    };
    // The deposit takes 100,000; limits count, whatever is spent.
    let blocks = |last| {
        let mut blocks = good();
        blocks[1].transactions = vec![spend(30_000_000), spend(29_000_000)];
        blocks[2].transactions = vec![spend(last)];
        blocks
    };
    assert_eq!(waiting().batch(&blocks(900_000)).void, None);
    let reason = VoidReason::Gas { limit: 60_000_000, got: 60_000_001 };
    assert_void_blocks(waiting(), 2, &blocks(900_001), reason);
    let reason = VoidReason::Gas { limit: 60_000_000, got: u64::MAX };
    assert_void_blocks(waiting(), 2, &blocks(u64::MAX), reason);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any bytes give a result.
    #[test]
    fn random_bytes_are_void(bytes in vec_of(any::<u8>(), 0..200)) {
        let world = waiting();
        let posted = world.post(2, Data::Calldata(bytes), |_| {});
        let outcome = world.apply(&posted, &mut world.state.clone());
        prop_assert!(outcome.void.is_some());
        prop_assert_eq!(outcome.blocks.len(), 1);
        prop_assert_eq!(outcome.post, honest_default(&world, &posted).post);
    }

    /// Damaged batches are void, or are batches.
    #[test]
    fn damaged_batches_are_total(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut world = waiting();
        let deposit = block(G + 20, 2);
        world.batch(&[deposit]);
        world.pass(20);
        let key = Key::new(1);
        let mut blocks = vec![block(G + 50, 1), block(world.l1.timestamp, world.pending() - 1)];
        for nonce in 0..4 {
            let tx = transaction(nonce, TxKind::Call(FEE_VAULT), 5, &[1, 2, 3]);
            blocks[1].transactions.push(key.sign(tx));
        }
        let mut bytes = encode(&blocks).expect("no blob transactions");
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let posted = world.post(world.pending(), Data::Calldata(bytes), |_| {});
        let outcome = world.apply(&posted, &mut world.state.clone());
        prop_assert_eq!(outcome.post.next_inbox_index.get(), world.inbox.len() as u64);
        prop_assert!(outcome.void.is_none() || outcome.blocks.len() == 1);
    }
}

/// The rules look at the batch's own facts and nothing else of it.
#[test]
fn acceptance_is_the_batchs_fact() {
    let world = waiting();
    let accepted = G + 44;
    let late = |batch: &mut Batch| batch.facts.timestamp = accepted;
    let posted = world.post(2, calldata(&good()), late);
    let reason = VoidReason::AfterAcceptance { position: 2, accepted, got: G + 45 };
    assert_void(world, posted, reason);
}
