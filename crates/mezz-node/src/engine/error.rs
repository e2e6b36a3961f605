//! What can go wrong in the engine.

use mezz_evm::{ExecutionError, ParentError};
use mezz_store::{Severity, StoreError};
use mezz_types::{BatchIndex, BlockNumber, InboxIndex};

/// What can go wrong in the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block could not be executed.
    #[error(transparent)]
    Execution(#[from] ExecutionError<StoreError>),
    /// No block can stand on the parent.
    #[error(transparent)]
    Parent(#[from] ParentError),
    /// A block that the store should have is not there.
    #[error("block {block} is not in the store")]
    NoBlock {
        /// Which.
        block: BlockNumber,
    },
    /// The fork schedule names no rules.
    #[error("the configuration names no rules for batch {batch}")]
    NoRules {
        /// Which batch.
        batch: BatchIndex,
    },
    /// A batch was handed in out of order.
    #[error("batch {expected} is next, got {got}")]
    BatchOrder {
        /// The next one.
        expected: BatchIndex,
        /// What was handed in.
        got: BatchIndex,
    },
    /// A block contradicts what is final: the settlement layer and this node's data disagree.
    #[error("batch {batch} contradicts final block {block}: start again with an empty directory")]
    ContradictsFinal {
        /// The batch.
        batch: BatchIndex,
        /// The final block.
        block: BlockNumber,
    },
    /// A header and its commitment do not belong together: the store is damaged.
    #[error(transparent)]
    Head(#[from] mezz_transition::HeadError),
    /// A log of the outbox does not decode: the predeploy is not what it should be.
    #[error("an outbox log of block {block} does not decode: {reason}")]
    OutboxLog {
        /// The block.
        block: BlockNumber,
        /// What is wrong.
        reason: String,
    },
    /// L1 took back messages that a block was to consume.
    #[error("the messages from {first} on are not those of L1 any more")]
    StaleMessages {
        /// The first that the block was to consume.
        first: InboxIndex,
    },
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
}

impl EngineError {
    /// Whether trying again can help: nothing was written, and the next look sees what is now.
    pub const fn is_temporary(&self) -> bool {
        match self {
            Self::Store(error) | Self::Execution(ExecutionError::State(error)) => {
                matches!(error.severity(), Severity::Temporary)
            }
            Self::StaleMessages { .. } => true,
            Self::Execution(_)
            | Self::Parent(_)
            | Self::NoBlock { .. }
            | Self::NoRules { .. }
            | Self::BatchOrder { .. }
            | Self::ContradictsFinal { .. }
            | Self::Head(_)
            | Self::OutboxLog { .. }
            | Self::Stopped => false,
        }
    }
}
