//! The one encoder behind every hash: 32-byte words, as Solidity's `abi.encode` of static types.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, U256, keccak256};

/// A sequence of 32-byte words whose Keccak-256 hash is an identifier.
///
/// The first word is always a tag, `keccak256("mezzanine.<name>.v<n>")`, so that no two kinds of
/// object share a preimage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<u8>);

impl Words {
    /// Starts a sequence with the tag of `name`, e.g. `"mezzanine.batch.v1"`.
    pub fn tagged(name: &str) -> Self {
        let mut words = Self(Vec::with_capacity(14 * 32));
        words.0.extend_from_slice(keccak256(name.as_bytes()).as_slice());
        words
    }

    /// Appends a hash as it is.
    #[must_use]
    pub fn hash(mut self, value: B256) -> Self {
        self.0.extend_from_slice(value.as_slice());
        self
    }

    /// Appends an unsigned integer, big-endian, left-padded with zeros.
    #[must_use]
    pub fn uint(mut self, value: impl Into<U256Word>) -> Self {
        self.0.extend_from_slice(&value.into().0);
        self
    }

    /// Appends an address, left-padded with zeros.
    #[must_use]
    pub fn address(mut self, value: Address) -> Self {
        self.0.extend_from_slice(value.into_word().as_slice());
        self
    }

    /// Keccak-256 of the words.
    pub fn keccak(&self) -> B256 {
        keccak256(&self.0)
    }

    /// The words as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One big-endian word made from an unsigned integer.
#[derive(Clone, Copy, Debug)]
pub struct U256Word([u8; 32]);

impl From<u8> for U256Word {
    fn from(value: u8) -> Self {
        Self(U256::from(value).to_be_bytes())
    }
}

impl From<u64> for U256Word {
    fn from(value: u64) -> Self {
        Self(U256::from(value).to_be_bytes())
    }
}

impl From<u128> for U256Word {
    fn from(value: u128) -> Self {
        Self(U256::from(value).to_be_bytes())
    }
}

impl From<U256> for U256Word {
    fn from(value: U256) -> Self {
        Self(value.to_be_bytes())
    }
}
