//! The chain itself: blocks, the pool, and one version of both for readers.

mod block;
mod blocks;
mod build;
mod pool;
mod transaction;
mod view;

pub(crate) use block::{Block, Receipt};
pub(crate) use build::{Attributes, BuildError, Built, Rules};
pub use pool::PoolError;
pub(crate) use pool::{Admission, Pool};
pub(crate) use transaction::CheckedTransaction;
pub use transaction::RawTransactionError;
pub(crate) use view::{ChainEvent, Depths, NextBlock, View, effective_gas_price};

#[cfg(test)]
mod tests;
