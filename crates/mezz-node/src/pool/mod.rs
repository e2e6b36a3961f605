//! Transactions that wait for a block.
//!
//! # Rules
//! - P1 A sender's transactions run in nonce order; one whose predecessors are missing waits.
//! - P2 Two transactions of one sender and nonce: the newcomer must bid
//!   [`PoolLimits::replacement_percent`] more, in both fees, or is refused.
//! - P3 One sender holds at most [`PoolLimits::per_sender`] transactions, nonces at most that far
//!   ahead of the account's.
//! - P4 When the pool is full, the cheapest sender's last transaction goes, unless the newcomer is
//!   cheaper still; then the newcomer is refused.
//! - P5 Among the transactions that can run next, one per sender, the highest tip goes first; among
//!   equals, the one that came first.

mod actor;
mod error;
mod ingress;
mod ordering;
mod state;

#[cfg(test)]
mod tests;

pub use actor::start_pool;
pub use error::PoolError;
pub use ingress::{BlockNews, CandidateLimits, PoolHandle, SharedTransaction};
pub use ordering::BestTransactions;
pub use state::{Pool, PoolLimits, PoolStatus, PoolTransaction};
