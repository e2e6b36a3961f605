//! Why a walk stops.

use mezz_types::StateKey;

use crate::NodeHash;

/// What a preimage is a preimage of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreimageKind {
    /// A node of the trie, by its node hash.
    Node,
    /// A leaf's value, by its SHA-256.
    Value,
    /// A contract's code, by its Keccak-256.
    Code,
}

/// A walk over the trie failed; the source is missing something or lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError<E> {
    /// The source did not answer.
    #[error("the witness source failed")]
    Source(#[source] E),
    /// The answer is not the preimage asked for.
    #[error("{kind:?} preimage hashes to {got:02x?}, expected {expected:02x?}")]
    Mismatch {
        /// What was asked for.
        kind: PreimageKind,
        /// Its hash.
        expected: [u8; 32],
        /// Hash of the answer.
        got: [u8; 32],
    },
    /// A leaf hangs at a place that its key does not lead to.
    #[error("leaf {key:02x?} hangs at depth {depth} of another path")]
    MisplacedLeaf {
        /// Depth of the leaf, bits.
        depth: usize,
        /// Its key.
        key: StateKey,
    },
    /// An internal node over less than two leaves: no honest trie has one.
    #[error("internal node {hash:02x?} holds less than two leaves")]
    Degenerate {
        /// The node.
        hash: NodeHash,
    },
    /// An internal node below the last bit of every key.
    #[error("internal node {hash:02x?} lies deeper than any key")]
    TooDeep {
        /// The node.
        hash: NodeHash,
    },
}

/// An in-memory witness does not hold a preimage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the witness holds no {kind:?} preimage of {hash:02x?}")]
pub struct MissingPreimage {
    /// What was asked for.
    pub kind: PreimageKind,
    /// Its hash.
    pub hash: [u8; 32],
}

/// A path cannot be part of a trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// More siblings than a key has bits.
    #[error("{got} siblings on a path of at most {limit}")]
    TooManySiblings {
        /// Siblings given.
        got: usize,
        /// Bits of a key.
        limit: usize,
    },
    /// The terminal's key leaves the path before its end.
    #[error("the terminal shares {shared} bits with the key, its depth is {depth}")]
    TerminalOffPath {
        /// Bits shared.
        shared: usize,
        /// Depth of the terminal.
        depth: usize,
    },
    /// A value was given that the terminal does not hold.
    #[error("the value hashes to {got:02x?}, the terminal holds {expected:02x?}")]
    ValueMismatch {
        /// Value hash of the terminal; `None` if it is no leaf of this key.
        expected: Option<[u8; 32]>,
        /// Hash of the value.
        got: [u8; 32],
    },
}

/// Bytes are not a witness (`docs/formats.md`, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessDecodeError {
    /// An unknown version.
    #[error("witness version {got}, expected {expected}")]
    Version {
        /// Version found.
        got: u8,
        /// Version known.
        expected: u8,
    },
    /// The bytes end too soon.
    #[error("{needed} bytes needed, {left} left")]
    Truncated {
        /// Bytes that the next field takes.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// A value or a code is larger than any preimage may be.
    #[error("a preimage of {got} bytes, at most {limit}")]
    PreimageTooLarge {
        /// Its length.
        got: usize,
        /// Largest length.
        limit: usize,
    },
    /// Entries are not in strictly ascending order of their hashes.
    #[error("entry {position} of a list is out of order")]
    Order {
        /// Position in the list.
        position: u32,
    },
    /// Bytes follow the last field.
    #[error("{left} bytes after the end")]
    Trailing {
        /// How many.
        left: usize,
    },
}
