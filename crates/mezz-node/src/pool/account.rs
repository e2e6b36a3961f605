//! What one sender has waiting.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, btree_map::Entry},
};

use alloy_consensus::Transaction as _;
use alloy_primitives::Address;

use super::PoolTransaction;

/// The last transaction of a sender, as rule P4 weighs it: the lowest fee first, among equals the
/// one that came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tail {
    pub(super) max_fee: u128,
    pub(super) arrival: Reverse<u64>,
    pub(super) sender: Address,
    pub(super) nonce: u64,
}

/// One sender's transactions by nonce. All of them are at or above `next_nonce`.
#[derive(Debug)]
pub(super) struct Account {
    next_nonce: u64,
    waiting: BTreeMap<u64, PoolTransaction>,
    /// How many run without a gap, from `next_nonce` on.
    gapless: u64,
}

impl Account {
    pub(super) const fn new(next_nonce: u64) -> Self {
        Self { next_nonce, waiting: BTreeMap::new(), gapless: 0 }
    }

    pub(super) const fn next_nonce(&self) -> u64 {
        self.next_nonce
    }

    pub(super) const fn waiting(&self) -> &BTreeMap<u64, PoolTransaction> {
        &self.waiting
    }

    /// How many run without a gap, from the account's nonce on.
    pub(super) fn executable(&self) -> usize {
        usize::try_from(self.gapless).unwrap_or(usize::MAX)
    }

    /// The first nonce that nobody has sent.
    pub(super) const fn first_missing(&self) -> u64 {
        self.next_nonce.saturating_add(self.gapless)
    }

    pub(super) fn tail(&self) -> Option<Tail> {
        let (nonce, last) = self.waiting.last_key_value()?;
        Some(Tail {
            max_fee: last.transaction.max_fee_per_gas(),
            arrival: Reverse(last.arrival),
            sender: last.sender(),
            nonce: *nonce,
        })
    }

    /// Puts a transaction in its place; what was there.
    pub(super) fn insert(&mut self, entry: PoolTransaction) -> Option<PoolTransaction> {
        let replaced = match self.waiting.entry(entry.nonce()) {
            Entry::Occupied(mut old) => Some(old.insert(entry)),
            Entry::Vacant(free) => {
                free.insert(entry);
                None
            }
        };
        self.extend();
        replaced
    }

    /// Takes a transaction out; what follows it waits for another in its place.
    pub(super) fn remove(&mut self, nonce: u64) -> Option<PoolTransaction> {
        let removed = self.waiting.remove(&nonce)?;
        self.gapless = self.gapless.min(nonce.saturating_sub(self.next_nonce));
        Some(removed)
    }

    /// Moves the account's nonce; what lies below it.
    pub(super) fn set_nonce(&mut self, next_nonce: u64) -> BTreeMap<u64, PoolTransaction> {
        self.gapless = match next_nonce.checked_sub(self.next_nonce) {
            Some(forward) => self.gapless.saturating_sub(forward),
            None => 0,
        };
        self.next_nonce = next_nonce;
        let stays = self.waiting.split_off(&next_nonce);
        let gone = std::mem::replace(&mut self.waiting, stays);
        self.extend();
        gone
    }

    fn extend(&mut self) {
        for nonce in self.waiting.range(self.first_missing()..).map(|(nonce, _)| *nonce) {
            if nonce != self.next_nonce.saturating_add(self.gapless) {
                break;
            }
            self.gapless = self.gapless.saturating_add(1);
        }
    }
}
