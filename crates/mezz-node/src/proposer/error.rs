//! What can go wrong while claiming.

use mezz_l1::{L1Error, Severity};
use mezz_store::StoreError;

use crate::WrongFinalClaim;

/// What can go wrong while claiming.
#[derive(Debug, thiserror::Error)]
pub enum ProposerError {
    /// L1 did not take it.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The last final claim is not what this node derived: nothing that it could claim would stand on it.
    #[error(transparent)]
    WrongFinalClaim(#[from] WrongFinalClaim),
}

impl ProposerError {
    /// Whether trying again can help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::L1(error) => error.severity() != Severity::Critical,
            Self::Store(error) => error.severity() == mezz_store::Severity::Temporary,
            // A node that lies may turn honest, or another one may be asked.
            Self::WrongFinalClaim(_) => true,
        }
    }
}
