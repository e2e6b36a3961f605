//! Nonces that blocks of late gave their senders.

use std::collections::HashMap;

use alloy_primitives::Address;

/// Senders that one half of the memory holds.
const HALF: usize = 65_536;

/// What the latest news said of a sender's nonce. Whoever offers a transaction read the nonce some
/// time before, and a block may have come between; without this the pool would wait for
/// transactions that are in that block. It forgets the half that was not touched longest.
#[derive(Debug, Default)]
pub(super) struct NonceMemory {
    recent: HashMap<Address, u64>,
    older: HashMap<Address, u64>,
}

impl NonceMemory {
    /// Learns a nonce, higher or lower than the one before.
    pub(super) fn set(&mut self, sender: Address, next_nonce: u64) {
        if self.recent.len() >= HALF && !self.recent.contains_key(&sender) {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(sender, next_nonce);
    }

    /// The nonce that it was told last; zero if it knows none.
    pub(super) fn get(&self, sender: Address) -> u64 {
        self.recent.get(&sender).or_else(|| self.older.get(&sender)).copied().unwrap_or_default()
    }
}
