//! What can go wrong while claiming.

use mezz_l1::{L1Error, Severity};
use mezz_store::StoreError;
use mezz_types::{BatchIndex, ClaimId};

/// What can go wrong while claiming.
#[derive(Debug, thiserror::Error)]
pub enum ProposerError {
    /// L1 did not take it.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The last final claim is not what this node derived.
    #[error("claim {claim} up to batch {batch_end} is final and is not what this node derived")]
    WrongClaimFinal {
        /// Which.
        claim: ClaimId,
        /// One past its last batch.
        batch_end: BatchIndex,
    },
}

impl ProposerError {
    /// Whether trying again can help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::L1(error) => error.severity() != Severity::Critical,
            Self::Store(error) => error.severity() == mezz_store::Severity::Temporary,
            Self::WrongClaimFinal { .. } => false,
        }
    }
}
