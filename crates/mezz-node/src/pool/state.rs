//! What waits, by sender and nonce.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use alloy_consensus::{Transaction as _, TxEnvelope, transaction::Recovered};
use alloy_primitives::{Address, B256};

use super::{
    BestTransactions, PoolError, SharedTransaction,
    account::{Account, Tail},
    nonces::NonceMemory,
};

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
    /// Transactions in all that wait for a predecessor which nobody has sent.
    pub behind_gaps: usize,
    /// How much more a replacement must bid, percent.
    pub replacement_percent: u128,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { capacity: 100_000, per_sender: 1_024, behind_gaps: 20_000, replacement_percent: 10 }
    }
}

/// Whether its sender was told already that a transaction is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// It asks for a place.
    Offered,
    /// It has been promised one.
    Accepted,
}

/// How many wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Could run next.
    pub pending: usize,
    /// Wait for a predecessor.
    pub queued: usize,
}

/// The pool: a pure structure; the caller says what the accounts' nonces are.
#[derive(Debug)]
pub struct Pool {
    limits: PoolLimits,
    accounts: HashMap<Address, Account>,
    by_hash: HashMap<B256, (Address, u64)>,
    /// The last transaction of every sender, the cheapest first: what P4 drops.
    tails: BTreeSet<Tail>,
    /// Transactions that run without a gap.
    gapless: usize,
    nonces: NonceMemory,
    arrivals: u64,
    departed: Vec<u64>,
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            accounts: HashMap::new(),
            by_hash: HashMap::new(),
            tails: BTreeSet::new(),
            gapless: 0,
            nonces: NonceMemory::default(),
            arrivals: 0,
            departed: Vec::new(),
        }
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
    /// whose nonce was `account_nonce` when the caller looked.
    ///
    /// # Errors
    /// A [`PoolError`] by rules P2, P3 and P4; the pool is unchanged then.
    pub fn insert(
        &mut self,
        transaction: SharedTransaction,
        account_nonce: u64,
    ) -> Result<PoolTransaction, PoolError> {
        let arrival = self.arrivals.saturating_add(1);
        self.insert_at(arrival, transaction, account_nonce, Admission::Offered)
    }

    /// Takes a transaction of a block that was taken back: its sender was told that it is accepted,
    /// so no bound of the pool keeps it out.
    ///
    /// # Errors
    /// A [`PoolError`] if it is there already, used up or outbid.
    pub fn take_back(
        &mut self,
        transaction: SharedTransaction,
        account_nonce: u64,
    ) -> Result<PoolTransaction, PoolError> {
        let arrival = self.arrivals.saturating_add(1);
        self.insert_at(arrival, transaction, account_nonce, Admission::Accepted)
    }

    /// Takes a transaction that it held before a restart, with its place in the order of arrival.
    ///
    /// # Errors
    /// As [`Pool::take_back`]; the transaction counts as departed then.
    pub fn restore(
        &mut self,
        arrival: u64,
        transaction: SharedTransaction,
        account_nonce: u64,
    ) -> Result<PoolTransaction, PoolError> {
        let admission = Admission::Accepted;
        let restored = self.insert_at(arrival, transaction, account_nonce, admission);
        if restored.is_err() {
            self.discard(arrival);
        }
        restored
    }

    /// Counts an arrival as departed that never gets in.
    pub fn discard(&mut self, arrival: u64) {
        self.arrivals = self.arrivals.max(arrival);
        self.departed.push(arrival);
    }

    fn insert_at(
        &mut self,
        arrival: u64,
        transaction: SharedTransaction,
        account_nonce: u64,
        admission: Admission,
    ) -> Result<PoolTransaction, PoolError> {
        let offered = admission == Admission::Offered;
        let hash = *transaction.tx_hash();
        if self.by_hash.contains_key(&hash) {
            return Err(PoolError::AlreadyKnown { hash });
        }
        let (sender, nonce) = (transaction.signer(), transaction.nonce());
        let expected = self.next_nonce(sender, account_nonce);
        if nonce < expected {
            return Err(PoolError::NonceTooLow { expected, got: nonce });
        }
        if offered && nonce - expected >= self.limits.per_sender {
            let ahead = self.limits.per_sender;
            return Err(PoolError::NonceTooHigh { expected, got: nonce, ahead });
        }
        self.check_replacement(sender, nonce, &transaction)?;
        self.advance(sender, expected);
        let account = self.accounts.get(&sender);
        if offered && !account.is_some_and(|account| account.waiting().contains_key(&nonce)) {
            let next = account.map_or(expected, Account::first_missing);
            self.make_room(&transaction, nonce > next)?;
        }
        self.arrivals = self.arrivals.max(arrival);
        let entry = PoolTransaction { transaction, hash, arrival };
        self.by_hash.insert(hash, (sender, nonce));
        let replaced = self.change(sender, expected, |account| account.insert(entry.clone()));
        self.depart(replaced);
        Ok(entry)
    }

    /// P6: what an account's next nonce is.
    fn next_nonce(&self, sender: Address, read: u64) -> u64 {
        let held = self.accounts.get(&sender).map_or(0, Account::next_nonce);
        read.max(held).max(self.nonces.get(sender))
    }

    fn check_replacement(
        &self,
        sender: Address,
        nonce: u64,
        transaction: &TxEnvelope,
    ) -> Result<(), PoolError> {
        let old = self.accounts.get(&sender).and_then(|account| account.waiting().get(&nonce));
        let Some(old) = old else { return Ok(()) };
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

    /// P4: makes room for a newcomer, or refuses it.
    fn make_room(
        &mut self,
        newcomer: &Recovered<TxEnvelope>,
        behind_gap: bool,
    ) -> Result<(), PoolError> {
        let waiting = self.by_hash.len().saturating_sub(self.gapless);
        if behind_gap && waiting >= self.limits.behind_gaps {
            return Err(PoolError::TooManyGaps { capacity: self.limits.behind_gaps });
        }
        let capacity = self.limits.capacity;
        if self.by_hash.len() < capacity {
            return Ok(());
        }
        let Some(cheapest) = self.tails.first().copied() else {
            return Err(PoolError::Full { capacity });
        };
        // A sender who drops its own last one for one behind it would leave a gap.
        if cheapest.max_fee >= newcomer.max_fee_per_gas() || cheapest.sender == newcomer.signer() {
            return Err(PoolError::Full { capacity });
        }
        self.remove(cheapest.sender, cheapest.nonce);
        Ok(())
    }

    /// Changes a sender's account, and keeps what is counted over all accounts.
    fn change<T>(
        &mut self,
        sender: Address,
        next_nonce: u64,
        change: impl FnOnce(&mut Account) -> T,
    ) -> T {
        let account = self.accounts.entry(sender).or_insert_with(|| Account::new(next_nonce));
        if let Some(tail) = account.tail() {
            self.tails.remove(&tail);
        }
        self.gapless = self.gapless.saturating_sub(account.executable());
        let result = change(account);
        self.gapless = self.gapless.saturating_add(account.executable());
        match account.tail() {
            Some(tail) => {
                self.tails.insert(tail);
            }
            None => {
                self.accounts.remove(&sender);
            }
        }
        result
    }

    fn depart(&mut self, gone: impl IntoIterator<Item = PoolTransaction>) {
        for gone in gone {
            self.by_hash.remove(&gone.hash);
            self.departed.push(gone.arrival);
        }
    }

    fn remove(&mut self, sender: Address, nonce: u64) -> Option<PoolTransaction> {
        let next_nonce = self.accounts.get(&sender)?.next_nonce();
        let removed = self.change(sender, next_nonce, |account| account.remove(nonce));
        self.depart(removed.clone());
        removed
    }

    /// Drops the transaction with this hash, if it is there.
    pub fn remove_hash(&mut self, hash: B256) -> Option<PoolTransaction> {
        let (sender, nonce) = self.by_hash.get(&hash).copied()?;
        self.remove(sender, nonce)
    }

    /// Learns an account's nonce after a block was built or taken back: what lies below it is gone.
    pub fn set_nonce(&mut self, sender: Address, next_nonce: u64) {
        self.nonces.set(sender, next_nonce);
        self.move_nonce(sender, next_nonce);
    }

    /// Learns that an account has come at least this far.
    fn advance(&mut self, sender: Address, next_nonce: u64) {
        if self.accounts.get(&sender).is_some_and(|account| account.next_nonce() < next_nonce) {
            self.move_nonce(sender, next_nonce);
        }
    }

    fn move_nonce(&mut self, sender: Address, next_nonce: u64) {
        if self.accounts.contains_key(&sender) {
            let gone = self.change(sender, next_nonce, |account| account.set_nonce(next_nonce));
            self.depart(gone.into_values());
        }
    }

    /// Arrivals that left since this was asked last, for whoever keeps the pool on disk.
    pub fn take_departed(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.departed)
    }

    /// How many departures [`Pool::take_departed`] would tell of.
    pub fn departures(&self) -> usize {
        self.departed.len()
    }

    /// The transaction with this hash.
    pub fn get(&self, hash: B256) -> Option<&PoolTransaction> {
        let (sender, nonce) = self.by_hash.get(&hash)?;
        self.accounts.get(sender)?.waiting().get(nonce)
    }

    /// The nonce that follows the sender's gapless transactions; the account's own if it has none.
    pub fn pending_nonce(&self, sender: Address, account_nonce: u64) -> u64 {
        let held = self.accounts.get(&sender).map_or(0, Account::first_missing);
        held.max(self.next_nonce(sender, account_nonce))
    }

    /// P5: what to run next, in order, at this base fee.
    pub fn best(&self, base_fee: u64) -> BestTransactions<'_> {
        BestTransactions::new(&self.accounts, base_fee)
    }

    /// How many can run and how many wait for a predecessor.
    pub fn status(&self) -> PoolStatus {
        let pending = self.gapless;
        PoolStatus { pending, queued: self.by_hash.len().saturating_sub(pending) }
    }

    /// Every transaction, by sender and nonce, with whether it can run.
    pub fn content(&self) -> impl Iterator<Item = (Address, &PoolTransaction, bool)> {
        self.accounts.iter().flat_map(|(sender, account)| {
            let executable = account.executable();
            account
                .waiting()
                .values()
                .enumerate()
                .map(move |(position, entry)| (*sender, entry, position < executable))
        })
    }
}

fn tip_cap(transaction: &TxEnvelope) -> u128 {
    transaction.max_priority_fee_per_gas().unwrap_or_else(|| transaction.max_fee_per_gas())
}
