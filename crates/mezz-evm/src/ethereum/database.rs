//! The state under a block, and what the block has done to it so far.

use alloc::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};
use mezz_types::{Account, HISTORY_STORAGE, code_hash_of_empty};
use revm::{
    Database,
    bytecode::Bytecode,
    database_interface::DBErrorMarker,
    state::{AccountInfo, EvmState},
};

use crate::StateReader;

/// Slots of the ring in which EIP-2935 keeps block hashes.
const HISTORY_SERVE_WINDOW: u64 = 8191;

/// What happened to one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EthereumAccountChange {
    /// It afterwards; `None` if it is gone, and all of its storage with it.
    pub account: Option<Account>,
    /// New value of every slot that was written; zero removes it.
    pub slots: BTreeMap<U256, U256>,
}

/// What a block did to the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EthereumChanges {
    /// By address.
    pub accounts: BTreeMap<Address, EthereumAccountChange>,
    /// Code that was deployed, by its Keccak-256.
    pub codes: BTreeMap<B256, Bytes>,
}

/// A state's error on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct StateFault<E>(pub(super) E);

impl<E: core::error::Error + Send + Sync + 'static> DBErrorMarker for StateFault<E> {}

/// A state with the changes of a block over it.
#[derive(Debug)]
pub(super) struct Overlay<S> {
    state: S,
    changes: EthereumChanges,
}

impl<S: StateReader> Overlay<S> {
    pub(super) fn new(state: S) -> Self {
        Self { state, changes: EthereumChanges::default() }
    }

    pub(super) fn take_changes(&mut self) -> EthereumChanges {
        core::mem::take(&mut self.changes)
    }

    fn account(&self, address: Address) -> Result<Option<Account>, S::Error> {
        match self.changes.accounts.get(&address) {
            Some(change) => Ok(change.account),
            None => self.state.account(address),
        }
    }

    fn slot(&self, address: Address, slot: U256) -> Result<U256, S::Error> {
        match self.changes.accounts.get(&address) {
            Some(EthereumAccountChange { account: None, .. }) => Ok(U256::ZERO),
            Some(change) => match change.slots.get(&slot) {
                Some(value) => Ok(*value),
                None => self.state.storage(address, slot),
            },
            None => self.state.storage(address, slot),
        }
    }

    /// Keeps what one transaction did.
    ///
    /// Under EIP-6780 an account is destroyed only in the transaction that created it, so a destroyed one never had
    /// storage in the state below; an account that EIP-161 removes never has any.
    pub(super) fn commit(&mut self, state: EvmState) -> Result<(), S::Error> {
        for (address, account) in state {
            if !account.is_touched() {
                continue;
            }
            let before = self.account(address)?;
            if account.is_selfdestructed() || account.info.is_empty() {
                if before.is_some() {
                    self.changes.accounts.insert(address, EthereumAccountChange::default());
                }
                continue;
            }
            let after = Account {
                nonce: account.info.nonce,
                balance: account.info.balance,
                code_hash: account.info.code_hash,
            };
            let slots = account
                .storage
                .iter()
                .filter(|(_, slot)| slot.is_changed())
                .map(|(key, slot)| (*key, slot.present_value()));
            let mut slots = slots.peekable();
            if before == Some(after) && slots.peek().is_none() {
                continue;
            }
            let change = self.changes.accounts.entry(address).or_default();
            change.account = Some(after);
            change.slots.extend(slots);
            let had_code = before.map_or(code_hash_of_empty(), |account| account.code_hash);
            if after.code_hash != had_code
                && let Some(code) = &account.info.code
                && !code.is_empty()
            {
                self.changes.codes.insert(after.code_hash, code.original_bytes());
            }
        }
        Ok(())
    }
}

impl<S: StateReader> Database for Overlay<S> {
    type Error = StateFault<S::Error>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let account = self.account(address).map_err(StateFault)?;
        Ok(account.map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == code_hash_of_empty() {
            return Ok(Bytecode::default());
        }
        let code = match self.changes.codes.get(&code_hash) {
            Some(code) => code.clone(),
            None => self.state.code(code_hash).map_err(StateFault)?,
        };
        // What starts like a delegation and is none cannot be deployed (EIP-3541), so the other form is safe.
        Ok(Bytecode::new_raw_checked(code.clone()).unwrap_or_else(|_| Bytecode::new_legacy(code)))
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.slot(address, slot).map_err(StateFault)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        let slot = number.checked_rem(HISTORY_SERVE_WINDOW).unwrap_or_default();
        let value = self.slot(HISTORY_STORAGE, U256::from(slot)).map_err(StateFault)?;
        Ok(B256::from(value))
    }
}
