//! Keys and values of the EVM chain's state trie.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use sha2::{Digest, Sha256};

/// A key path of the trie.
pub type StateKey = [u8; 32];

/// An account without its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Keccak-256 of its code; of nothing if it has none.
    pub code_hash: B256,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK256_EMPTY }
    }
}

/// The bytes at an account's key are no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account takes {expected} bytes, got {got}")]
pub struct AccountDecodeError {
    /// Length of an account.
    pub expected: usize,
    /// Length found.
    pub got: usize,
}

impl Account {
    /// Length of an encoded account, bytes.
    pub const ENCODED_BYTES: usize = 72;

    /// Whether EIP-161 counts it as not there.
    pub fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash == KECCAK256_EMPTY
    }

    /// `nonce (8, BE) ‖ balance (32, BE) ‖ code hash (32)`.
    pub fn encode(&self) -> [u8; Self::ENCODED_BYTES] {
        let mut out = [0u8; Self::ENCODED_BYTES];
        let (nonce, rest) = out.split_at_mut(8);
        let (balance, code_hash) = rest.split_at_mut(32);
        nonce.copy_from_slice(&self.nonce.to_be_bytes());
        balance.copy_from_slice(&self.balance.to_be_bytes::<32>());
        code_hash.copy_from_slice(self.code_hash.as_slice());
        out
    }

    /// Reads what [`Account::encode`] wrote.
    ///
    /// # Errors
    /// [`AccountDecodeError`] if the length is not 72 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, AccountDecodeError> {
        let wrong = || AccountDecodeError { expected: Self::ENCODED_BYTES, got: bytes.len() };
        if bytes.len() != Self::ENCODED_BYTES {
            return Err(wrong());
        }
        let (nonce, rest) = bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
        let (balance, code_hash) = rest.split_first_chunk::<32>().ok_or_else(wrong)?;
        Ok(Self {
            nonce: u64::from_be_bytes(*nonce),
            balance: U256::from_be_bytes(*balance),
            code_hash: B256::try_from(code_hash).map_err(|_| wrong())?,
        })
    }
}

/// Key of an account: `sha256(0x00 ‖ address)`.
pub fn account_key(address: Address) -> StateKey {
    Sha256::new().chain_update([0u8]).chain_update(address).finalize().into()
}

/// Key of a storage slot: `sha256(0x01 ‖ address ‖ slot (32, BE))`.
pub fn storage_key(address: Address, slot: U256) -> StateKey {
    Sha256::new()
        .chain_update([1u8])
        .chain_update(address)
        .chain_update(slot.to_be_bytes::<32>())
        .finalize()
        .into()
}

/// Value of a storage slot, 32 bytes big-endian; a zero slot has no leaf.
pub fn encode_slot(value: U256) -> Option<[u8; 32]> {
    (!value.is_zero()).then(|| value.to_be_bytes())
}

/// Reads what [`encode_slot`] wrote; `None` unless it is 32 bytes.
pub fn decode_slot(bytes: &[u8]) -> Option<U256> {
    <[u8; 32]>::try_from(bytes).ok().map(U256::from_be_bytes)
}

/// Keccak-256 of no code.
pub const fn code_hash_of_empty() -> B256 {
    KECCAK256_EMPTY
}

/// What a block did to the state: the same bytes for the database and for the witness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// New value of every leaf that was written; `None` removes it.
    pub leaves: BTreeMap<StateKey, Option<Vec<u8>>>,
    /// Code that was deployed, by its Keccak-256.
    pub codes: BTreeMap<B256, Bytes>,
}
