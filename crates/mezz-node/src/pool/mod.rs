//! Transactions that wait for a block.
//!
//! # Rules
//! - P1 A sender's transactions run in nonce order; one whose predecessors are missing waits.
//! - P2 Two transactions of one sender and nonce: the newcomer must bid
//!   [`PoolLimits::replacement_percent`] more, in both fees, or is refused.
//! - P3 One sender holds at most [`PoolLimits::per_sender`] transactions, nonces at most that far
//!   ahead of the account's.
//! - P4 When the pool is full, the cheapest sender's last transaction goes, unless the newcomer is
//!   cheaper still or the same sender; then the newcomer is refused. Of the places, so many as
//!   [`PoolLimits::behind_gaps`] are for transactions behind a gap: they cost their sender nothing.
//! - P5 Among the transactions that can run next, one per sender, the highest tip goes first; among
//!   equals, the one that came first.
//! - P6 An account's nonce is the highest that blocks, their news or a caller told; only news of a
//!   block taken back lower it.
//! - P7 Whoever offers a transaction is told that it was taken once it is on disk. Those that arrive
//!   while the disk is busy go into the next write together.
//! - P8 What was accepted once comes back after a restart or from a block that was taken back
//!   whatever P3 and P4 say.

mod account;
mod actor;
mod error;
mod ingress;
mod journal;
mod nonces;
mod ordering;
mod state;

#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod tests;

pub use actor::start_pool;
pub use error::PoolError;
pub use ingress::{BlockNews, CandidateLimits, PoolHandle, SharedTransaction};
pub use journal::restore_pool;
pub use ordering::BestTransactions;
pub use state::{Pool, PoolLimits, PoolStatus, PoolTransaction};
