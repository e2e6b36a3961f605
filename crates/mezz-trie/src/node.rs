//! Nodes and their hashes.

use sha2::{Digest, Sha256};

use mezz_types::StateKey;

/// Hash of a node; its most significant bit tells a leaf (1) from an internal node (0).
pub type NodeHash = [u8; 32];

/// The node that stands for a subtree without leaves.
pub const EMPTY_SUBTREE: NodeHash = [0; 32];

/// Length of every node's preimage, bytes.
pub const NODE_PREIMAGE_BYTES: usize = 64;

/// No path is longer, bits.
pub const MAX_DEPTH: usize = 256;

const LEAF_BIT: u8 = 0x80;

/// What a node hash stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// No leaf below.
    Empty,
    /// One leaf.
    Leaf,
    /// Two leaves or more.
    Internal,
}

impl NodeKind {
    /// Reads the kind off a hash.
    pub const fn of(hash: &NodeHash) -> Self {
        let [first, ..] = *hash;
        if first & LEAF_BIT != 0 {
            return Self::Leaf;
        }
        if is_empty(hash) { Self::Empty } else { Self::Internal }
    }
}

const fn is_empty(hash: &NodeHash) -> bool {
    let mut rest: &[u8] = hash;
    while let [first, tail @ ..] = rest {
        if *first != 0 {
            return false;
        }
        rest = tail;
    }
    true
}

fn hash_pair(first: &[u8; 32], second: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(first).chain_update(second).finalize().into()
}

/// Hash of an internal node over `left ‖ right`.
pub fn hash_internal(left: &NodeHash, right: &NodeHash) -> NodeHash {
    let mut hash = hash_pair(left, right);
    let [first, ..] = &mut hash;
    *first &= !LEAF_BIT;
    hash
}

/// Hash of a leaf over `key ‖ sha256(value)`.
pub fn hash_leaf(key: &StateKey, value_hash: &[u8; 32]) -> NodeHash {
    let mut hash = hash_pair(key, value_hash);
    let [first, ..] = &mut hash;
    *first |= LEAF_BIT;
    hash
}

/// Hash of a leaf's value.
pub fn hash_value(value: &[u8]) -> [u8; 32] {
    Sha256::digest(value).into()
}

/// The node over two subtrees. A lone leaf stands as high as it can.
pub(crate) fn join(left: &NodeHash, right: &NodeHash) -> NodeHash {
    match (NodeKind::of(left), NodeKind::of(right)) {
        (NodeKind::Empty, NodeKind::Empty) => EMPTY_SUBTREE,
        (NodeKind::Leaf, NodeKind::Empty) => *left,
        (NodeKind::Empty, NodeKind::Leaf) => *right,
        _ => hash_internal(left, right),
    }
}

/// Whether no tree has an internal node over these two: [`join`] would give a leaf or nothing.
pub(crate) fn collapses(left: &NodeHash, right: &NodeHash) -> bool {
    matches!(
        (NodeKind::of(left), NodeKind::of(right)),
        (NodeKind::Empty, NodeKind::Empty | NodeKind::Leaf) | (NodeKind::Leaf, NodeKind::Empty)
    )
}

/// The bit of `key` that chooses the child at `depth`: `true` for the right one.
pub(crate) fn bit(key: &StateKey, depth: usize) -> bool {
    let mask = LEAF_BIT.wrapping_shr(u32::try_from(depth % 8).unwrap_or(0));
    key.get(depth / 8).is_some_and(|byte| byte & mask != 0)
}

/// How many leading bits two keys share.
pub(crate) fn shared_bits(a: &StateKey, b: &StateKey) -> usize {
    let mut shared = 0usize;
    for (x, y) in a.iter().zip(b) {
        if x != y {
            let same = usize::try_from((x ^ y).leading_zeros()).unwrap_or(0);
            return shared.saturating_add(same);
        }
        shared = shared.saturating_add(8);
    }
    shared
}

/// The two halves of a preimage.
pub(crate) fn halves(preimage: &[u8; NODE_PREIMAGE_BYTES]) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    for (target, byte) in first.iter_mut().chain(&mut second).zip(preimage) {
        *target = *byte;
    }
    (first, second)
}

/// The preimage of two halves.
pub(crate) fn concat(first: &[u8; 32], second: &[u8; 32]) -> [u8; NODE_PREIMAGE_BYTES] {
    let mut preimage = [0; NODE_PREIMAGE_BYTES];
    for (target, byte) in preimage.iter_mut().zip(first.iter().chain(second)) {
        *target = *byte;
    }
    preimage
}
