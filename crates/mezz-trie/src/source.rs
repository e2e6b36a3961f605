//! Where preimages come from.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256};

use crate::{
    MissingPreimage, NodeHash, PreimageKind, TrieError, node::NODE_PREIMAGE_BYTES, node::hash_value,
};

/// No preimage that is fetched by hash is larger, bytes.
pub const MAX_PREIMAGE_BYTES: usize = 98_304;

/// Answers hashes with preimages. It may be missing some, and it may lie: callers hash every
/// answer.
pub trait WitnessSource {
    /// Why it did not answer.
    type Error;

    /// The 64 bytes behind a node hash.
    ///
    /// # Errors
    /// If it has none.
    fn node(&self, hash: &NodeHash) -> Result<[u8; NODE_PREIMAGE_BYTES], Self::Error>;

    /// The value behind its SHA-256.
    ///
    /// # Errors
    /// If it has none.
    fn value(&self, value_hash: &[u8; 32]) -> Result<Vec<u8>, Self::Error>;

    /// The code behind its Keccak-256.
    ///
    /// # Errors
    /// If it has none.
    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error>;
}

impl<S: WitnessSource> WitnessSource for &S {
    type Error = S::Error;

    fn node(&self, hash: &NodeHash) -> Result<[u8; NODE_PREIMAGE_BYTES], Self::Error> {
        (**self).node(hash)
    }

    fn value(&self, value_hash: &[u8; 32]) -> Result<Vec<u8>, Self::Error> {
        (**self).value(value_hash)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        (**self).code(code_hash)
    }
}

/// The value behind `value_hash`, checked.
///
/// # Errors
/// [`TrieError::Source`] or [`TrieError::Mismatch`].
pub fn checked_value<S: WitnessSource>(
    source: &S,
    value_hash: &[u8; 32],
) -> Result<Vec<u8>, TrieError<S::Error>> {
    let value = source.value(value_hash).map_err(TrieError::Source)?;
    let got = hash_value(&value);
    if got != *value_hash {
        let expected = *value_hash;
        return Err(TrieError::Mismatch { kind: PreimageKind::Value, expected, got });
    }
    Ok(value)
}

/// The code behind `code_hash`, checked.
///
/// # Errors
/// [`TrieError::Source`] or [`TrieError::Mismatch`].
pub fn checked_code<S: WitnessSource>(
    source: &S,
    code_hash: B256,
) -> Result<Bytes, TrieError<S::Error>> {
    let code = source.code(code_hash).map_err(TrieError::Source)?;
    let got = keccak256(&code);
    if got != code_hash {
        let (expected, got) = (code_hash.0, got.0);
        return Err(TrieError::Mismatch { kind: PreimageKind::Code, expected, got });
    }
    Ok(code)
}

/// Names what an in-memory source lacks.
pub(crate) fn missing<T>(
    found: Option<T>,
    kind: PreimageKind,
    hash: &[u8; 32],
) -> Result<T, MissingPreimage> {
    found.ok_or(MissingPreimage { kind, hash: *hash })
}
