//! What can go wrong while posting.

use mezz_codec::CodecError;
use mezz_l1::{L1Error, Severity};
use mezz_store::StoreError;
use mezz_types::BlockNumber;

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
}

impl BatcherError {
    /// Whether trying again can help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::L1(error) => error.severity() != Severity::Critical,
            Self::Store(error) => error.severity() == mezz_store::Severity::Temporary,
            Self::Codec(_) | Self::Blobs(_) | Self::Block { .. } | Self::TooLarge { .. } => false,
        }
    }
}
