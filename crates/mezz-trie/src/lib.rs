//! The SHA-256 binary state trie, walked and updated from a witness.
//!
//! The layout is drawn in `docs/formats.md`, section 3, and is the one of NOMT, so that a database
//! and a witness agree on every root. Nothing a [`WitnessSource`] answers is believed before it is
//! hashed.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

mod error;
mod node;
mod partial;
mod recorder;
mod source;
mod witness;

#[cfg(test)]
mod tests;

pub use error::{MissingPreimage, PathError, PreimageKind, TrieError, WitnessDecodeError};
pub use node::{
    EMPTY_SUBTREE, MAX_DEPTH, NODE_PREIMAGE_BYTES, NodeHash, NodeKind, hash_internal, hash_leaf,
    hash_value,
};
pub use partial::PartialTrie;
pub use recorder::Recorder;
pub use source::{MAX_PREIMAGE_BYTES, WitnessSource, checked_code, checked_value};
pub use witness::{Terminal, Witness};
