//! What can go wrong while posting.

use mezz_codec::CodecError;
use mezz_l1::{L1Error, Severity};
use mezz_store::StoreError;
use mezz_types::{BlockNumber, InboxIndex};

/// What can go wrong while posting.
#[derive(Debug, thiserror::Error)]
pub enum BatcherError {
    /// L1 did not take it.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block's transactions have no encoding.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The blobs do not hold it.
    #[error(transparent)]
    Blobs(#[from] mezz_codec::BlobError),
    /// A block was taken back while a batch was made of it.
    #[error("block {block} was taken back while a batch was made")]
    Gone {
        /// Which.
        block: BlockNumber,
    },
    /// A block cannot be read back from the store.
    #[error("block {block} cannot be read back: {reason}")]
    Block {
        /// Which.
        block: BlockNumber,
        /// Why.
        reason: String,
    },
    /// One block alone is more than a transaction to L1 carries.
    #[error("block {block} takes {got} bytes, a batch carries {capacity}")]
    TooLarge {
        /// Which.
        block: BlockNumber,
        /// Its bytes when encoded.
        got: usize,
        /// What fits.
        capacity: usize,
    },
    /// A message waited for longer than the force delay, and the blocks before the one that has it fill a batch.
    #[error(
        "message {message} is due and L1 takes no batch without it, but blocks {} to {} fill one: they were not \
         posted in time, and the sequencer has to build them anew", blocks.0, blocks.1
    )]
    MessageDue {
        /// The message's place in the inbox.
        message: InboxIndex,
        /// First and last block that would have been posted.
        blocks: (BlockNumber, BlockNumber),
    },
}

impl BatcherError {
    /// Whether trying again can help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::L1(error) => error.severity() != Severity::Critical,
            Self::Store(error) => error.severity() == mezz_store::Severity::Temporary,
            Self::Gone { .. } | Self::MessageDue { .. } => true,
            Self::Codec(_) | Self::Blobs(_) | Self::Block { .. } | Self::TooLarge { .. } => false,
        }
    }
}
