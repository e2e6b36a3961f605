//! What waits, by sender and nonce.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::Arc,
};

use alloy_consensus::{Transaction as _, TxEnvelope, transaction::Recovered};
use alloy_primitives::{Address, B256};

use super::{BestTransactions, PoolError};

/// A checked transaction and when it came.
#[derive(Clone, Debug)]
pub struct PoolTransaction {
    /// The transaction with its sender.
    pub transaction: Arc<Recovered<TxEnvelope>>,
    /// Its hash.
    pub hash: B256,
    /// Order of arrival.
    pub arrival: u64,
}

impl PoolTransaction {
    /// Who sent it.
    pub fn sender(&self) -> Address {
        self.transaction.signer()
    }

    /// Its nonce.
    pub fn nonce(&self) -> u64 {
        self.transaction.nonce()
    }

    /// Wei per gas above `base_fee` that it pays; `None` if it does not reach `base_fee`.
    pub fn tip(&self, base_fee: u64) -> Option<u128> {
        self.transaction.effective_tip_per_gas(base_fee)
    }
}

/// Bounds of the pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Transactions in all.
    pub capacity: usize,
    /// Transactions of one sender, and how far ahead a nonce may be.
    pub per_sender: u64,
    /// How much more a replacement must bid, percent.
    pub replacement_percent: u128,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { capacity: 100_000, per_sender: 1_024, replacement_percent: 10 }
    }
}

/// How many wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Could run next.
    pub pending: usize,
    /// Wait for a predecessor.
    pub queued: usize,
}

#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) next_nonce: u64,
    pub(super) waiting: BTreeMap<u64, PoolTransaction>,
}

impl Account {
    /// How many run without a gap, from the account's nonce on.
    pub(super) fn executable(&self) -> usize {
        let gapless = |(offset, (nonce, _)): &(u64, (&u64, &PoolTransaction))| {
            self.next_nonce.checked_add(*offset) == Some(**nonce)
        };
        (0u64..).zip(self.waiting.range(self.next_nonce..)).take_while(gapless).count()
    }
}

/// The pool: a pure structure; the caller says what the accounts' nonces are.
#[derive(Debug)]
pub struct Pool {
    limits: PoolLimits,
    accounts: HashMap<Address, Account>,
    by_hash: HashMap<B256, (Address, u64)>,
    arrivals: u64,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self { limits, accounts: HashMap::new(), by_hash: HashMap::new(), arrivals: 0 }
    }

    /// How many transactions it holds.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Takes a transaction whose signature, chain id and balance were checked, from an account
    /// whose nonce is `account_nonce`.
    ///
    /// # Errors
    /// A [`PoolError`] by rules P2, P3 and P4; the pool is unchanged then.
    pub fn insert(
        &mut self,
        transaction: Arc<Recovered<TxEnvelope>>,
        account_nonce: u64,
    ) -> Result<B256, PoolError> {
        let hash = *transaction.tx_hash();
        if self.by_hash.contains_key(&hash) {
            return Err(PoolError::AlreadyKnown { hash });
        }
        let nonce = transaction.nonce();
        if nonce < account_nonce {
            return Err(PoolError::NonceTooLow { expected: account_nonce, got: nonce });
        }
        if nonce - account_nonce >= self.limits.per_sender {
            let ahead = self.limits.per_sender;
            return Err(PoolError::NonceTooHigh { expected: account_nonce, got: nonce, ahead });
        }
        let sender = transaction.signer();
        self.check_replacement(sender, nonce, &transaction)?;
        let replaces =
            self.accounts.get(&sender).is_some_and(|account| account.waiting.contains_key(&nonce));
        if !replaces && self.by_hash.len() >= self.limits.capacity {
            self.evict_for(&transaction)?;
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        let account = self.accounts.entry(sender).or_default();
        account.next_nonce = account_nonce;
        let entry = PoolTransaction { transaction, hash, arrival };
        match account.waiting.entry(nonce) {
            Entry::Occupied(mut old) => {
                self.by_hash.remove(&old.get().hash);
                old.insert(entry);
            }
            Entry::Vacant(free) => {
                free.insert(entry);
            }
        }
        self.by_hash.insert(hash, (sender, nonce));
        Ok(hash)
    }

    fn check_replacement(
        &self,
        sender: Address,
        nonce: u64,
        transaction: &TxEnvelope,
    ) -> Result<(), PoolError> {
        let Some(old) = self.accounts.get(&sender).and_then(|account| account.waiting.get(&nonce))
        else {
            return Ok(());
        };
        let outbid = |old: u128| {
            let more = old.saturating_mul(self.limits.replacement_percent).div_ceil(100);
            old.saturating_add(more.max(1))
        };
        let pairs = [
            (old.transaction.max_fee_per_gas(), transaction.max_fee_per_gas()),
            (tip_cap(&old.transaction), tip_cap(transaction)),
        ];
        for (before, got) in pairs {
            let needed = outbid(before);
            if got < needed {
                return Err(PoolError::Underpriced { needed, got });
            }
        }
        Ok(())
    }

    /// P4: makes room by dropping the last transaction of the sender who pays least.
    fn evict_for(&mut self, newcomer: &TxEnvelope) -> Result<(), PoolError> {
        let full = PoolError::Full { capacity: self.limits.capacity };
        let cheapest = self
            .accounts
            .iter()
            .filter_map(|(sender, account)| {
                let (nonce, last) = account.waiting.last_key_value()?;
                Some((last.transaction.max_fee_per_gas(), *sender, *nonce))
            })
            .min();
        let Some((fee, sender, nonce)) = cheapest else { return Err(full) };
        if fee >= newcomer.max_fee_per_gas() {
            return Err(full);
        }
        self.remove(sender, nonce);
        Ok(())
    }

    fn remove(&mut self, sender: Address, nonce: u64) -> Option<PoolTransaction> {
        let account = self.accounts.get_mut(&sender)?;
        let removed = account.waiting.remove(&nonce)?;
        self.by_hash.remove(&removed.hash);
        if account.waiting.is_empty() {
            self.accounts.remove(&sender);
        }
        Some(removed)
    }

    /// Drops the transaction with this hash, if it is there.
    pub fn remove_hash(&mut self, hash: B256) -> Option<PoolTransaction> {
        let (sender, nonce) = self.by_hash.get(&hash).copied()?;
        self.remove(sender, nonce)
    }

    /// Learns an account's nonce after a block: what lies below it is gone.
    pub fn set_nonce(&mut self, sender: Address, next_nonce: u64) {
        let Some(account) = self.accounts.get_mut(&sender) else { return };
        account.next_nonce = next_nonce;
        let stays = account.waiting.split_off(&next_nonce);
        for gone in std::mem::replace(&mut account.waiting, stays).into_values() {
            self.by_hash.remove(&gone.hash);
        }
        if account.waiting.is_empty() {
            self.accounts.remove(&sender);
        }
    }

    /// The transaction with this hash.
    pub fn get(&self, hash: B256) -> Option<&PoolTransaction> {
        let (sender, nonce) = self.by_hash.get(&hash)?;
        self.accounts.get(sender)?.waiting.get(nonce)
    }

    /// The nonce that follows the sender's gapless transactions; `account_nonce` if it has none.
    pub fn pending_nonce(&self, sender: Address, account_nonce: u64) -> u64 {
        let count = self.accounts.get(&sender).map_or(0, |account| {
            let mut expected = account_nonce;
            for nonce in account.waiting.range(account_nonce..).map(|(nonce, _)| *nonce) {
                if nonce != expected {
                    break;
                }
                expected = expected.saturating_add(1);
            }
            expected - account_nonce
        });
        account_nonce.saturating_add(count)
    }

    /// P5: what to run next, in order, at this base fee.
    pub fn best(&self, base_fee: u64) -> BestTransactions<'_> {
        BestTransactions::new(&self.accounts, base_fee)
    }

    /// How many can run and how many wait for a predecessor.
    pub fn status(&self) -> PoolStatus {
        let pending = self.accounts.values().map(Account::executable).sum();
        PoolStatus { pending, queued: self.by_hash.len().saturating_sub(pending) }
    }

    /// Every transaction, by sender and nonce, with whether it can run.
    pub fn content(&self) -> impl Iterator<Item = (Address, &PoolTransaction, bool)> {
        self.accounts.iter().flat_map(|(sender, account)| {
            let executable = account.executable();
            account
                .waiting
                .values()
                .enumerate()
                .map(move |(position, entry)| (*sender, entry, position < executable))
        })
    }
}

fn tip_cap(transaction: &TxEnvelope) -> u128 {
    transaction.max_priority_fee_per_gas().unwrap_or_else(|| transaction.max_fee_per_gas())
}
