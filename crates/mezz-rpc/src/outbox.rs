//! Merkle paths in the outbox tree, made from the withdrawals in the store.

use alloy_primitives::{B256, keccak256};
use mezz_store::StoreReader;
use mezz_types::{OUTBOX_DEPTH, OutboxIndex};

use crate::error::RpcError;

/// The path of leaf `index` in the tree over the first `count` leaves, lowest sibling first.
///
/// Reads all of them: refused past `max` leaves.
pub(crate) fn outbox_path(
    reader: &StoreReader,
    index: OutboxIndex,
    count: u64,
    max: u64,
) -> Result<Vec<B256>, RpcError> {
    if index.get() >= count {
        let text = format!("withdrawal {index} is not under this commitment: it holds {count}");
        return Err(RpcError::Refused(text));
    }
    if count > max {
        return Err(RpcError::Limit(format!(
            "the outbox holds {count} withdrawals, this server proves among {max}"
        )));
    }
    let mut leaves = Vec::new();
    for position in 0..count {
        let stored = reader.withdrawal(OutboxIndex::new(position))?;
        let stored = stored
            .ok_or_else(|| RpcError::Internal(format!("withdrawal {position} is missing")))?;
        leaves.push(stored.withdrawal.leaf());
    }
    Ok(path(leaves, index.get()))
}

fn path(mut level: Vec<B256>, mut position: u64) -> Vec<B256> {
    let mut empty = B256::ZERO;
    let mut siblings = Vec::with_capacity(OUTBOX_DEPTH);
    for _ in 0..OUTBOX_DEPTH {
        let sibling = usize::try_from(position ^ 1).ok().and_then(|at| level.get(at));
        siblings.push(sibling.copied().unwrap_or(empty));
        level = level
            .chunks(2)
            .map(|pair| hash(pair.first().copied(), pair.get(1).copied(), empty))
            .collect();
        empty = hash(None, None, empty);
        position /= 2;
    }
    siblings
}

fn hash(left: Option<B256>, right: Option<B256>, empty: B256) -> B256 {
    keccak256([left.unwrap_or(empty).0, right.unwrap_or(empty).0].concat())
}

#[cfg(test)]
mod tests {
    use mezz_types::{OutboxProof, OutboxTree};

    use super::*;

    #[test]
    fn every_path_leads_to_the_root_of_the_tree() {
        for count in 1..9u8 {
            let leaves: Vec<B256> = (1..=count).map(B256::repeat_byte).collect();
            let mut tree = OutboxTree::default();
            for leaf in &leaves {
                tree.push(*leaf).unwrap();
            }
            for (position, leaf) in (0u64..).zip(&leaves) {
                let siblings = path(leaves.clone(), position).try_into().unwrap();
                let proof = OutboxProof { index: OutboxIndex::new(position), siblings };
                assert_eq!(proof.root(*leaf), tree.root(), "{position} of {count}");
            }
        }
    }
}
