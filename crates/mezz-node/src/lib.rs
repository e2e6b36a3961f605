//! The roles of a chain: engine, sequencer, batcher, derivation, proposer.

mod pool;

pub use pool::{BestTransactions, Pool, PoolError, PoolLimits, PoolStatus, PoolTransaction};
