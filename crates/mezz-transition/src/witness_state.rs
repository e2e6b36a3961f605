//! The state of the EVM chain, known by its root and opened by preimages.

use alloc::collections::BTreeMap;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use core::cell::RefCell;
use mezz_evm::{State, StateReader};
use mezz_trie::{PartialTrie, TrieError, WitnessSource, checked_code};
use mezz_types::{
    Account, AccountDecodeError, StateChanges, StateKey, account_key, decode_slot, storage_key,
};

/// A witness does not answer, or its root is of no state of this chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessStateError<E> {
    /// A preimage is missing or forged.
    #[error(transparent)]
    Trie(#[from] TrieError<E>),
    /// The leaf of an account holds something else.
    #[error(transparent)]
    Account(#[from] AccountDecodeError),
    /// The leaf of a storage slot holds something else.
    #[error("a storage slot takes 32 bytes, got {got}")]
    Slot {
        /// Length found.
        got: usize,
    },
    /// The state was asked while it was answering.
    #[error("the state is in use")]
    Busy,
}

/// A state that knows its root and believes nothing but preimages.
#[derive(Debug)]
pub struct WitnessState<W> {
    source: W,
    trie: RefCell<PartialTrie>,
    /// Code that was read or deployed.
    codes: RefCell<BTreeMap<B256, Bytes>>,
}

impl<W: WitnessSource> WitnessState<W> {
    /// The state with this root.
    pub fn new(root: B256, source: W) -> Self {
        Self { source, trie: RefCell::new(PartialTrie::new(root.0)), codes: RefCell::default() }
    }

    /// The source, with whatever it recorded.
    pub fn into_source(self) -> W {
        self.source
    }

    fn value(
        &self,
        key: &StateKey,
    ) -> Result<Option<alloc::vec::Vec<u8>>, WitnessStateError<W::Error>> {
        let mut trie = self.trie.try_borrow_mut().map_err(|_| WitnessStateError::Busy)?;
        Ok(trie.get(&self.source, key)?)
    }
}

impl<W: WitnessSource> StateReader for WitnessState<W>
where
    W::Error: core::error::Error + Send + Sync + 'static,
{
    type Error = WitnessStateError<W::Error>;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        let value = self.value(&account_key(address))?;
        Ok(value.map(|bytes| Account::decode(&bytes)).transpose()?)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        match self.value(&storage_key(address, slot))? {
            None => Ok(U256::ZERO),
            Some(bytes) => decode_slot(&bytes).ok_or(WitnessStateError::Slot { got: bytes.len() }),
        }
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        let mut codes = self.codes.try_borrow_mut().map_err(|_| WitnessStateError::Busy)?;
        if let Some(code) = codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let code = checked_code(&self.source, code_hash)?;
        codes.insert(code_hash, code.clone());
        Ok(code)
    }
}

impl<W: WitnessSource> State for WitnessState<W>
where
    W::Error: core::error::Error + Send + Sync + 'static,
{
    fn commit(&mut self, changes: &StateChanges) -> Result<B256, Self::Error> {
        let deployed = changes.codes.iter().map(|(hash, code)| (*hash, code.clone()));
        self.codes.get_mut().extend(deployed);
        Ok(self.trie.get_mut().update(&self.source, &changes.leaves)?.into())
    }
}
