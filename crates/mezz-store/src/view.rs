//! The state as it was after one block, readable while later blocks are written.
//!
//! Rules:
//! - A key's value after block `n` is what the first later block that wrote it found there, and if
//!   no later block wrote it, what the head instance holds.
//! - The head instance is read first and the history after it. The writer puts a block into the
//!   history before the head instance, so whatever block the first read saw, the second one knows.
//! - A rollback takes blocks out of both; views made before it expire.

use std::sync::{Arc, atomic::Ordering};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use mezz_types::{Account, StateKey, account_key, decode_slot, storage_key};

use crate::{
    BlockRef, StoreError,
    codec::Map,
    shared::Shared,
    tables::{CODES, REVERSE},
};

/// The state after one block.
#[derive(Clone)]
pub struct StateView {
    shared: Arc<Shared>,
    block: BlockRef,
    generation: u64,
}

impl StateView {
    pub(crate) fn new(shared: Arc<Shared>, block: BlockRef, generation: u64) -> Self {
        Self { shared, block, generation }
    }

    /// The block.
    pub const fn block(&self) -> BlockRef {
        self.block
    }

    /// The bytes at `key`; `None` if it has no leaf.
    ///
    /// # Errors
    /// [`StoreError::ViewExpired`] after a rollback, [`StoreError::OutsideHistory`] (or the former) when the
    /// window has moved on, or a failure of the disk.
    pub fn value(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.check_alive()?;
        let now = self.shared.head.read(key)?;
        let earlier = self.earlier(key)?;
        if self.shared.generation.load(Ordering::Acquire) != self.generation {
            return Err(StoreError::ViewExpired { block: self.block.number });
        }
        Ok(earlier.unwrap_or(now))
    }

    /// What the first later block that wrote `key` found there; `None` if no later block did.
    fn earlier(&self, key: &StateKey) -> Result<Option<Option<Vec<u8>>>, StoreError> {
        let writers: Vec<_> = {
            let history = self.shared.history.read().map_err(|_| StoreError::Poisoned)?;
            if history.oldest() > self.block.number {
                let (block, oldest) = (self.block.number, history.oldest());
                return Err(StoreError::OutsideHistory { block, oldest });
            }
            history.writers(key, self.block.number).collect()
        };
        if writers.is_empty() {
            return Ok(None);
        }
        let read = self.shared.database.read()?;
        for block in writers {
            // A rollback, or the end of the window, may have taken it away meanwhile.
            let expired = StoreError::ViewExpired { block: self.block.number };
            let bytes = read.get(REVERSE, block.get())?.ok_or(expired)?;
            if let Some(value) = Map::parse("reverse", bytes.value())?.get(key)? {
                return Ok(Some(value.map(<[u8]>::to_vec)));
            }
        }
        Ok(None)
    }

    /// The account at `address`; `None` if there is none.
    ///
    /// # Errors
    /// As [`StateView::value`].
    pub fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        let Some(bytes) = self.value(&account_key(address))? else { return Ok(None) };
        let wrong = |_| StoreError::Corrupt { table: "state", reason: "not an account" };
        Account::decode(&bytes).map(Some).map_err(wrong)
    }

    /// The value of a storage slot; zero if it was never written.
    ///
    /// # Errors
    /// As [`StateView::value`].
    pub fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        let Some(bytes) = self.value(&storage_key(address, slot))? else { return Ok(U256::ZERO) };
        let reason = "not a storage slot";
        decode_slot(&bytes).ok_or(StoreError::Corrupt { table: "state", reason })
    }

    /// The code with this Keccak-256.
    ///
    /// # Errors
    /// [`StoreError::UnknownCode`] if no block deployed it, or a failure of the disk.
    pub fn code(&self, code_hash: B256) -> Result<Bytes, StoreError> {
        code(&self.shared, code_hash)
    }
}

impl mezz_evm::StateReader for StateView {
    type Error = StoreError;

    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        Self::account(self, address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        Self::storage(self, address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StoreError> {
        Self::code(self, code_hash)
    }
}

/// The code with this Keccak-256.
pub(crate) fn code(shared: &Shared, code_hash: B256) -> Result<Bytes, StoreError> {
    shared.check_alive()?;
    if code_hash == KECCAK256_EMPTY {
        return Ok(Bytes::new());
    }
    let code = shared.database.read()?.get(CODES, &code_hash.0)?;
    let code = code.ok_or(StoreError::UnknownCode { code_hash })?;
    Ok(Bytes::copy_from_slice(code.value()))
}
