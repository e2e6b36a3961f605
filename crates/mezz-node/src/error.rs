//! Why a node stops.

use std::path::PathBuf;

use mezz_store::StoreError;

use crate::{BatcherError, DerivationError, EngineError, FeedError, ProposerError};

/// Why a node stops.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The store cannot be opened or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine failed.
    #[error("engine: {0}")]
    Engine(#[from] EngineError),
    /// The folder of blobs cannot be opened.
    #[error("blobs in {}: {source}", dir.display())]
    Archive {
        /// Which.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// L1 cannot be followed.
    #[error("derivation: {0}")]
    Derivation(#[from] DerivationError),
    /// Batches cannot be posted.
    #[error("batcher: {0}")]
    Batcher(#[from] BatcherError),
    /// Claims cannot be made.
    #[error("proposer: {0}")]
    Proposer(#[from] ProposerError),
    /// The sequencer cannot be followed.
    #[error("follower: {0}")]
    Feed(#[from] FeedError),
    /// A task ended in a way that it must not.
    #[error("a part of the node crashed: {reason}")]
    Crashed {
        /// What is known of it.
        reason: String,
    },
}
