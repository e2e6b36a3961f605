//! What can go wrong with a feed.

use alloy_primitives::{Address, B256};
use mezz_store::{Severity, StoreError};

use crate::EngineError;

/// What can go wrong with a feed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The feed does not answer, or not with blocks.
    #[error("the feed at {place}: {reason}")]
    Source {
        /// Which.
        place: String,
        /// What came instead.
        reason: String,
    },
    /// What came is no signed block.
    #[error("no signed block: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// Somebody else signed it.
    #[error("block {number} is signed by {got}, not by the sequencer {expected}")]
    Signer {
        /// The block.
        number: u64,
        /// The sequencer.
        expected: Address,
        /// Who signed.
        got: Address,
    },
    /// The sequencer signed a block that its transactions do not make: its signature is the evidence.
    #[error("the sequencer signed block {number} as {signed}, and executing it gives {executed}")]
    WrongBlock {
        /// The block.
        number: u64,
        /// What was signed.
        signed: B256,
        /// What came out.
        executed: B256,
    },
    /// The sequencer's chain leaves this node's at or below what L1 accepted.
    #[error("the feed contradicts L1 at block {number}; L1 wins")]
    ContradictsL1 {
        /// The first block that differs, or one below it.
        number: u64,
    },
    /// The key does not sign.
    #[error("signing a block: {reason}")]
    Key {
        /// Why.
        reason: String,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl FeedError {
    /// Whether the node can go on without this: anything but its own failures. That L1 took the
    /// parent away between the look and the block is none.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Engine(EngineError::NoBlock { .. }) => true,
            Self::Engine(error) => error.is_temporary(),
            Self::Store(error) => matches!(error.severity(), Severity::Temporary),
            Self::Source { .. }
            | Self::Malformed { .. }
            | Self::Signer { .. }
            | Self::WrongBlock { .. }
            | Self::ContradictsL1 { .. }
            | Self::Key { .. } => true,
        }
    }
}
