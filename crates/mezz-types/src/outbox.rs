//! Withdrawals from L2 to L1 and the append-only tree that holds them.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

use crate::{OutboxIndex, Words};

/// Depth of the outbox tree: up to 2^32 withdrawals.
pub const OUTBOX_DEPTH: usize = 32;

/// What L1 does with a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
#[repr(u8)]
pub enum WithdrawalKind {
    /// The vault pays ETH to `target`.
    Ether = 0,
    /// The vault pays `amount` of the ERC-20 `token` to `target`.
    Token = 1,
    /// The messenger calls `target` with `amount` wei and `data`, on behalf of `sender`.
    Call = 2,
}

impl WithdrawalKind {
    /// The byte that stands for it in hashes.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Ether => 0,
            Self::Token => 1,
            Self::Call => 2,
        }
    }

    /// The kind that `byte` stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Ether),
            1 => Some(Self::Token),
            2 => Some(Self::Call),
            _ => None,
        }
    }
}

/// One entry of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct Withdrawal {
    /// Its position: paid once per position.
    pub index: OutboxIndex,
    /// What L1 does.
    pub kind: WithdrawalKind,
    /// Who asked for it on L2.
    pub sender: Address,
    /// Who receives or is called on L1.
    pub target: Address,
    /// ERC-20 on L1; zero for ETH.
    pub token: Address,
    /// Wei, or smallest units of the token.
    pub amount: U256,
    /// Call data; empty unless `kind` is [`WithdrawalKind::Call`].
    pub data: Bytes,
}

impl Withdrawal {
    /// Its leaf in the outbox tree.
    pub fn leaf(&self) -> B256 {
        Words::tagged("mezzanine.withdrawal.v1")
            .uint(self.index.get())
            .uint(self.kind.to_byte())
            .address(self.sender)
            .address(self.target)
            .address(self.token)
            .uint(self.amount)
            .hash(keccak256(&self.data))
            .keccak()
    }
}

/// A Merkle path of one leaf, from the leaf's sibling up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxProof {
    /// Position of the leaf.
    pub index: OutboxIndex,
    /// [`OUTBOX_DEPTH`] siblings, lowest first.
    pub siblings: [B256; OUTBOX_DEPTH],
}

impl OutboxProof {
    /// The root that this path leads to from `leaf`.
    pub fn root(&self, leaf: B256) -> B256 {
        let mut position = self.index.get();
        let mut node = leaf;
        for sibling in &self.siblings {
            node = if position & 1 == 0 {
                hash_pair(node, *sibling)
            } else {
                hash_pair(*sibling, node)
            };
            position >>= 1;
        }
        node
    }
}

/// The tree holds 2^32 leaves already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the outbox tree holds 2^32 leaves already")]
pub struct OutboxTreeFull;

/// An append-only Merkle tree of fixed depth over Keccak-256, empty leaves zero, kept as its root
/// and its right edge: at each height, the last left child that was complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxTree {
    root: B256,
    count: u64,
    edge: [B256; OUTBOX_DEPTH],
}

impl Default for OutboxTree {
    fn default() -> Self {
        let root = (0..OUTBOX_DEPTH).fold(B256::ZERO, |empty, _| hash_pair(empty, empty));
        Self { root, count: 0, edge: [B256::ZERO; OUTBOX_DEPTH] }
    }
}

impl OutboxTree {
    /// How many leaves there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Appends a leaf.
    ///
    /// # Errors
    /// [`OutboxTreeFull`] after 2^32 leaves.
    pub fn push(&mut self, leaf: B256) -> Result<OutboxIndex, OutboxTreeFull> {
        let index = self.count;
        if index >> OUTBOX_DEPTH != 0 {
            return Err(OutboxTreeFull);
        }
        let mut position = index;
        let mut node = leaf;
        let mut empty = B256::ZERO;
        let mut is_on_edge = true;
        for edge in &mut self.edge {
            node = if position & 1 == 1 {
                hash_pair(*edge, node)
            } else {
                // The lowest left child on the path is complete, or becomes so with this leaf.
                if is_on_edge {
                    *edge = node;
                }
                is_on_edge = false;
                hash_pair(node, empty)
            };
            empty = hash_pair(empty, empty);
            position >>= 1;
        }
        self.count = index.saturating_add(1);
        self.root = node;
        Ok(OutboxIndex::new(index))
    }

    /// The root over the leaves so far.
    pub const fn root(&self) -> B256 {
        self.root
    }
}

fn hash_pair(left: B256, right: B256) -> B256 {
    let mut bytes = [0u8; 64];
    let (low, high) = bytes.split_at_mut(32);
    low.copy_from_slice(left.as_slice());
    high.copy_from_slice(right.as_slice());
    keccak256(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_leaf_is_under_the_root_and_nothing_comes_after_it() {
        let edge: [B256; OUTBOX_DEPTH] = core::array::from_fn(|height| keccak256([height as u8]));
        let count = (1 << OUTBOX_DEPTH) - 1;
        let mut tree = OutboxTree { root: B256::ZERO, count, edge };
        let leaf = keccak256(b"leaf");
        assert_eq!(tree.push(leaf), Ok(OutboxIndex::new(count)));
        let last = OutboxProof { index: OutboxIndex::new(count), siblings: edge };
        assert_eq!(tree.root(), last.root(leaf));
        let full = tree.clone();
        assert_eq!(tree.push(leaf), Err(OutboxTreeFull));
        assert_eq!(tree, full);
    }
}
