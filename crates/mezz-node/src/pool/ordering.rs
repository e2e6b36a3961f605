//! Rule P5: the order in which transactions are tried.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashMap, btree_map},
};

use alloy_primitives::Address;

use super::{PoolTransaction, account::Account};

struct Head<'a> {
    tip: u128,
    arrival: Reverse<u64>,
    transaction: &'a PoolTransaction,
    rest: btree_map::Range<'a, u64, PoolTransaction>,
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head<'_> {}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.tip, self.arrival).cmp(&(other.tip, other.arrival))
    }
}

/// Yields transactions by rule P5. After one that did not run, [`BestTransactions::skip_sender`]
/// leaves its successors out.
pub struct BestTransactions<'a> {
    heads: BinaryHeap<Head<'a>>,
    current: Option<Head<'a>>,
    base_fee: u64,
}

impl<'a> BestTransactions<'a> {
    pub(super) fn new(accounts: &'a HashMap<Address, Account>, base_fee: u64) -> Self {
        let heads = accounts
            .values()
            .filter_map(|account| {
                let mut rest = account.waiting().range(account.next_nonce()..);
                let (nonce, transaction) = rest.next()?;
                (*nonce == account.next_nonce()).then_some(())?;
                head(transaction, rest, base_fee)
            })
            .collect();
        Self { heads, current: None, base_fee }
    }

    /// Leaves out the successors of the transaction yielded last.
    pub fn skip_sender(&mut self) {
        self.current = None;
    }
}

fn head<'a>(
    transaction: &'a PoolTransaction,
    rest: btree_map::Range<'a, u64, PoolTransaction>,
    base_fee: u64,
) -> Option<Head<'a>> {
    let tip = transaction.tip(base_fee)?;
    Some(Head { tip, arrival: Reverse(transaction.arrival), transaction, rest })
}

impl<'a> Iterator for BestTransactions<'a> {
    type Item = &'a PoolTransaction;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(mut last) = self.current.take()
            && let Some((nonce, transaction)) = last.rest.next()
            && last.transaction.nonce().checked_add(1) == Some(*nonce)
        {
            self.heads.extend(head(transaction, last.rest, self.base_fee));
        }
        let next = self.heads.pop()?;
        let transaction = next.transaction;
        self.current = Some(next);
        Some(transaction)
    }
}
