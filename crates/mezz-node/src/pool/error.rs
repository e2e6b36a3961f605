//! Why the pool refuses a transaction.

use alloy_primitives::B256;

/// Why the pool refuses a transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The pool holds it already.
    #[error("already known: {hash}")]
    AlreadyKnown {
        /// Its hash.
        hash: B256,
    },
    /// The account is past this nonce.
    #[error("nonce too low: next nonce {expected}, tx nonce {got}")]
    NonceTooLow {
        /// The account's nonce.
        expected: u64,
        /// The transaction's.
        got: u64,
    },
    /// P3: too far ahead of the account.
    #[error("nonce too high: next nonce {expected}, tx nonce {got}, at most {ahead} ahead")]
    NonceTooHigh {
        /// The account's nonce.
        expected: u64,
        /// The transaction's.
        got: u64,
        /// How far ahead the pool takes.
        ahead: u64,
    },
    /// P2: a transaction with this nonce waits already and is not outbid.
    #[error("replacement transaction underpriced: bid at least {needed} wei per gas, got {got}")]
    Underpriced {
        /// What would replace it, wei per gas.
        needed: u128,
        /// What was bid.
        got: u128,
    },
    /// P4: the pool is full of better ones.
    #[error("transaction pool is full ({capacity} transactions) and this one pays less")]
    Full {
        /// How many fit.
        capacity: usize,
    },
    /// P4: too many wait for transactions that nobody has sent.
    #[error(
        "too many transactions wait for a lower nonce ({capacity}): send the missing one first"
    )]
    TooManyGaps {
        /// How many may wait.
        capacity: usize,
    },
    /// The disk failed: the node stops.
    #[error("the transaction could not be stored: the node is stopping")]
    Unstored,
    /// The disk has only what is kept for the transactions that were accepted.
    #[error(
        "the node's disk is nearly full and it takes no transactions: {free_mib} MiB are free, \
         {reserve_mib} MiB are kept in reserve"
    )]
    DiskLow {
        /// What is free, MiB.
        free_mib: u64,
        /// What is kept, MiB.
        reserve_mib: u64,
    },
    /// More is arriving than the pool can look at.
    #[error("transaction pool is busy: try again")]
    Busy,
}
