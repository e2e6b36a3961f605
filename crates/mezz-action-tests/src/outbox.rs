//! Proofs of withdrawals, built from what a node keeps.

use alloy_primitives::{B256, keccak256};
use mezz_contracts::Vault;
use mezz_types::{BatchIndex, Commitment, OUTBOX, OUTBOX_COUNT_SLOT, OUTBOX_DEPTH, OutboxIndex};

use crate::TestNode;

/// The withdrawal `index` under the commitment after the batches before `batch_end`, as the vault takes it.
pub fn withdrawal_proof(node: &TestNode, index: u64, batch_end: BatchIndex) -> Vault::withdrawCall {
    let view = &node.parts().view;
    let outcome = view.l1.outcome(batch_end.prev()).expect("the store reads");
    let post = outcome.expect("the batch was taken over").post;
    let state = view.reader.state_at(post.block_number).expect("the block is in the history");
    let count = state.storage(OUTBOX, OUTBOX_COUNT_SLOT).expect("the store reads").to::<u64>();
    assert!(index < count, "withdrawal {index} is not among the {count} of the commitment");
    let stored = |index| {
        let stored = view.reader.withdrawal(OutboxIndex::new(index)).expect("the store reads");
        stored.expect("every withdrawal is kept").withdrawal
    };
    let leaves: Vec<B256> = (0..count).map(|index| stored(index).leaf()).collect();
    Vault::withdrawCall {
        commitment: commitment_fields(&post),
        withdrawal: stored(index).into(),
        proof: siblings(leaves, index),
    }
}

/// A commitment as the vault takes it.
pub fn commitment_fields(commitment: &Commitment) -> Vault::Commitment {
    (*commitment).into()
}

fn siblings(leaves: Vec<B256>, index: u64) -> [B256; OUTBOX_DEPTH] {
    let (mut level, mut empty) = (leaves, B256::ZERO);
    let mut at = usize::try_from(index).expect("an index fits into memory");
    std::array::from_fn(|_| {
        let sibling = level.get(at ^ 1).copied().unwrap_or(empty);
        let pair = |pair: &[B256]| {
            keccak256([pair[0].0, pair.get(1).copied().unwrap_or(empty).0].concat())
        };
        level = level.chunks(2).map(pair).collect();
        empty = keccak256([empty.0, empty.0].concat());
        at /= 2;
        sibling
    })
}
