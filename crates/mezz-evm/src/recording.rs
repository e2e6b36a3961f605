//! Which parts of a state an execution depends on.

use alloc::collections::BTreeSet;
use core::cell::RefCell;

use alloy_primitives::{Address, B256, Bytes, U256};
use mezz_types::{Account, StateChanges, StateKey, account_key, storage_key};

use crate::{State, StateReader};

/// Everything that was asked of a state, once each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Accounts.
    pub accounts: BTreeSet<Address>,
    /// Storage slots.
    pub slots: BTreeSet<(Address, U256)>,
    /// Codes, by Keccak-256.
    pub codes: BTreeSet<B256>,
}

impl Reads {
    /// The keys of the trie behind accounts and slots, in order.
    pub fn keys(&self) -> BTreeSet<StateKey> {
        let accounts = self.accounts.iter().map(|address| account_key(*address));
        let slots = self.slots.iter().map(|(address, slot)| storage_key(*address, *slot));
        accounts.chain(slots).collect()
    }
}

/// A state that writes down what it was asked for: the contents of a witness.
///
/// Every leaf that a block changes is among the reads, since the executor compares with the value
/// before.
#[derive(Debug)]
pub struct Recording<S> {
    inner: S,
    reads: RefCell<Reads>,
}

impl<S> Recording<S> {
    /// Records what is asked of `inner` from now on.
    pub fn new(inner: S) -> Self {
        Self { inner, reads: RefCell::default() }
    }

    /// The state, and what was asked of it.
    pub fn into_parts(self) -> (S, Reads) {
        (self.inner, self.reads.into_inner())
    }

    fn note(&self, note: impl FnOnce(&mut Reads)) {
        // Never borrowed across a call, so the cell is always free.
        if let Ok(mut reads) = self.reads.try_borrow_mut() {
            note(&mut reads);
        }
    }
}

impl<S: StateReader> StateReader for Recording<S> {
    type Error = S::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        self.note(|reads| {
            reads.accounts.insert(address);
        });
        self.inner.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.note(|reads| {
            reads.slots.insert((address, slot));
        });
        self.inner.storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        self.note(|reads| {
            reads.codes.insert(code_hash);
        });
        self.inner.code(code_hash)
    }
}

/// Taking changes in reads nothing that was not read before.
impl<S: State> State for Recording<S> {
    fn commit(&mut self, changes: &StateChanges) -> Result<B256, Self::Error> {
        self.inner.commit(changes)
    }
}
