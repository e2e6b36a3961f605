//! The state as a block has made it so far, over the state before.

use alloc::collections::BTreeMap;
use core::fmt;

use alloy_primitives::{Address, B256, U256};
use mezz_types::{
    Account, HISTORY_STORAGE, INBOX_CLOCK, L1BlockNumber, L1Facts, StateChanges, account_key,
    clock_slot, code_hash_of_empty, encode_slot, storage_key,
};
use revm::{
    Database,
    database_interface::DBErrorMarker,
    primitives::HashMap,
    state::{AccountInfo, Bytecode, EvmState},
};

use crate::{ExecutionError, StateReader};

/// Blocks whose hashes the history contract keeps (EIP-2935, `HISTORY_SERVE_WINDOW`).
const HISTORY_WINDOW: u64 = 8191;

/// What the engine is told when the state cannot be read; why is kept in the [`Overlay`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state could not be read")]
pub(crate) struct ReadFailed;

impl DBErrorMarker for ReadFailed {}

#[derive(Clone, Copy, Debug)]
struct AccountEntry {
    before: Option<Account>,
    now: Option<Account>,
}

#[derive(Clone, Copy, Debug)]
struct SlotEntry {
    /// `None` if it was written without being read.
    before: Option<U256>,
    now: U256,
}

/// A cache over a [`StateReader`] that takes in what each transaction did.
pub(crate) struct Overlay<S: StateReader> {
    reader: S,
    accounts: HashMap<Address, AccountEntry>,
    slots: HashMap<(Address, U256), SlotEntry>,
    codes: HashMap<B256, Bytecode>,
    failure: Option<S::Error>,
}

impl<S: StateReader> fmt::Debug for Overlay<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay")
            .field("accounts", &self.accounts.len())
            .field("slots", &self.slots.len())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl<S: StateReader> Overlay<S> {
    pub(crate) fn new(reader: S) -> Self {
        Self {
            reader,
            accounts: HashMap::default(),
            slots: HashMap::default(),
            codes: HashMap::default(),
            failure: None,
        }
    }

    /// The state before.
    pub(crate) const fn reader(&self) -> &S {
        &self.reader
    }

    /// Why the first failed read failed.
    pub(crate) fn take_failure(&mut self) -> Option<S::Error> {
        self.failure.take()
    }

    /// What a [`ReadFailed`] means for the block.
    pub(crate) fn error(&mut self) -> ExecutionError<S::Error> {
        self.failure.take().map_or(ExecutionError::GivenUp, ExecutionError::State)
    }

    fn keep<T>(&mut self, read: Result<T, S::Error>) -> Result<T, ReadFailed> {
        read.map_err(|error| {
            self.failure.get_or_insert(error);
            ReadFailed
        })
    }

    pub(crate) fn account(&mut self, address: Address) -> Result<Option<Account>, ReadFailed> {
        if let Some(entry) = self.accounts.get(&address) {
            return Ok(entry.now);
        }
        let read = self.reader.account(address);
        let before = self.keep(read)?;
        self.accounts.insert(address, AccountEntry { before, now: before });
        Ok(before)
    }

    pub(crate) fn slot(&mut self, address: Address, slot: U256) -> Result<U256, ReadFailed> {
        if let Some(entry) = self.slots.get(&(address, slot)) {
            return Ok(entry.now);
        }
        let read = self.reader.storage(address, slot);
        let before = self.keep(read)?;
        self.slots.insert((address, slot), SlotEntry { before: Some(before), now: before });
        Ok(before)
    }

    /// The L1 facts of the last message that the chain consumed.
    pub(crate) fn l1_facts(&mut self) -> Result<L1Facts, ReadFailed> {
        // Only the executor writes these slots, and never more than the type of each holds.
        let number = self.slot(INBOX_CLOCK, clock_slot::NUMBER)?;
        let timestamp = self.slot(INBOX_CLOCK, clock_slot::TIMESTAMP)?;
        let base_fee = self.slot(INBOX_CLOCK, clock_slot::BASE_FEE)?;
        let blob_base_fee = self.slot(INBOX_CLOCK, clock_slot::BLOB_BASE_FEE)?;
        Ok(L1Facts {
            number: L1BlockNumber::new(number.saturating_to()),
            timestamp: timestamp.saturating_to(),
            base_fee: base_fee.saturating_to(),
            blob_base_fee: blob_base_fee.saturating_to(),
        })
    }

    pub(crate) fn set_slot(&mut self, address: Address, slot: U256, value: U256) {
        self.slots
            .entry((address, slot))
            .and_modify(|entry| entry.now = value)
            .or_insert(SlotEntry { before: None, now: value });
    }

    /// Moves `value` between two accounts; what the one lacks is not moved.
    pub(crate) fn transfer(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
    ) -> Result<(), ReadFailed> {
        if from == to || value.is_zero() {
            return Ok(());
        }
        let mut payer = self.account(from)?.unwrap_or_default();
        let mut payee = self.account(to)?.unwrap_or_default();
        let moved = value.min(payer.balance);
        payer.balance = payer.balance.saturating_sub(moved);
        payee.balance = payee.balance.saturating_add(moved);
        self.set_account(from, payer);
        self.set_account(to, payee);
        Ok(())
    }

    /// Only for accounts that were read.
    fn set_account(&mut self, address: Address, account: Account) {
        let now = (!account.is_empty()).then_some(account);
        self.accounts
            .entry(address)
            .and_modify(|entry| entry.now = now)
            .or_insert(AccountEntry { before: None, now });
    }

    /// Sets the nonce of `address` one higher; it stays at the end of the range.
    pub(crate) fn bump_nonce(&mut self, address: Address) -> Result<(), ReadFailed> {
        let mut account = self.account(address)?.unwrap_or_default();
        account.nonce = account.nonce.saturating_add(1);
        self.set_account(address, account);
        Ok(())
    }

    /// Adds `value` to the balance of `address`.
    pub(crate) fn credit(&mut self, address: Address, value: U256) -> Result<(), ReadFailed> {
        let mut account = self.account(address)?.unwrap_or_default();
        account.balance = account.balance.saturating_add(value);
        self.set_account(address, account);
        Ok(())
    }

    /// The slot of the history contract that holds the hash of block `number`.
    pub(crate) fn history_slot(number: u64) -> U256 {
        U256::from(number.checked_rem(HISTORY_WINDOW).unwrap_or(0))
    }

    /// Takes in what one transaction did.
    pub(crate) fn commit(&mut self, state: EvmState) {
        for (address, account) in state {
            if !account.is_touched() {
                continue;
            }
            if account.is_selfdestructed() {
                // EIP-6780: it was created by this transaction, so all of its storage is here.
                for slot in account.storage.keys() {
                    self.set_slot(address, *slot, U256::ZERO);
                }
                self.set_account(address, Account::default());
                continue;
            }
            for (slot, value) in account.changed_storage_slots() {
                self.set_slot(address, *slot, value.present_value());
            }
            let AccountInfo { balance, nonce, code_hash, code, .. } = account.info;
            if let Some(code) = code
                && !code.is_empty()
            {
                self.codes.entry(code_hash).or_insert(code);
            }
            self.set_account(address, Account { nonce, balance, code_hash });
        }
    }

    /// The leaves that differ from the state before, and the code that is new in them.
    pub(crate) fn changes(&mut self) -> Result<StateChanges, ReadFailed> {
        let mut changes = StateChanges::default();
        for (address, AccountEntry { before, now }) in &self.accounts {
            if before == now {
                continue;
            }
            let leaf = now.map(|account| account.encode().to_vec());
            changes.leaves.insert(account_key(*address), leaf);
            let old_code = before.map(|account| account.code_hash);
            if let Some(Account { code_hash, .. }) = now
                && old_code != Some(*code_hash)
                && *code_hash != code_hash_of_empty()
                && let Some(code) = self.codes.get(code_hash)
            {
                changes.codes.insert(*code_hash, code.original_bytes());
            }
        }
        // Sorted, so that every node asks for what is missing in the same order.
        let slots: BTreeMap<_, _> = self.slots.iter().map(|(key, entry)| (*key, *entry)).collect();
        for ((address, slot), SlotEntry { before, now }) in slots {
            let before = match before {
                Some(before) => before,
                None => {
                    let read = self.reader.storage(address, slot);
                    self.keep(read)?
                }
            };
            if before != now {
                let leaf = encode_slot(now).map(|value| value.to_vec());
                changes.leaves.insert(storage_key(address, slot), leaf);
            }
        }
        Ok(changes)
    }
}

impl<S: StateReader> Database for Overlay<S> {
    type Error = ReadFailed;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ReadFailed> {
        let account = self.account(address)?;
        Ok(account.map(|Account { nonce, balance, code_hash }| AccountInfo {
            nonce,
            balance,
            code_hash,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, ReadFailed> {
        if let Some(code) = self.codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let read = self.reader.code(code_hash);
        let bytes = self.keep(read)?;
        // Bytes that start like a delegation but are none can only be run as they stand.
        let code = Bytecode::new_raw_checked(bytes.clone())
            .unwrap_or_else(|_| Bytecode::new_legacy(bytes));
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, ReadFailed> {
        self.slot(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, ReadFailed> {
        let hash = self.slot(HISTORY_STORAGE, Self::history_slot(number))?;
        Ok(B256::from(hash))
    }
}
