//! What can go wrong while following L1.

use mezz_l1::{L1Error, Severity};
use mezz_store::StoreError;
use mezz_types::{BlockNumber, ClaimId, L1BlockNumber};

use crate::EngineError;

/// What can go wrong while following L1.
#[derive(Debug, thiserror::Error)]
pub enum DerivationError {
    /// L1 did not answer, or not with what can be believed.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// L1 shows another chain from before what this node remembers.
    #[error(
        "L1 shows another chain from before block {oldest}, the oldest that this node remembers; it waits \
         for the chain that it knows: ask other L1 nodes, and start again with an empty directory only if \
         all of them show the other chain"
    )]
    TooDeep {
        /// The oldest one.
        oldest: L1BlockNumber,
    },
    /// L1 shows a chain in which a final block never was.
    #[error(
        "L1 shows another chain after block {ancestor}, which would take back block {block} of this \
         chain, which is final; it waits for the chain that it knows: ask other L1 nodes, and start again \
         with an empty directory only if all of them show the other chain"
    )]
    FinalTakenBack {
        /// The final block.
        block: BlockNumber,
        /// The last L1 block that both have.
        ancestor: L1BlockNumber,
    },
    /// The snapshot that this node was started from is not about this chain.
    #[error(
        "the snapshot rests on claim {claim}, which is not a claim about what it holds on this chain: it was made \
         up, or is of another configuration; take a snapshot from a node of this chain, or start with an empty \
         directory, which follows L1 from the beginning"
    )]
    SnapshotForeign {
        /// The claim that it names.
        claim: ClaimId,
    },
    /// L1 does not have the claim as final that the snapshot rests on.
    #[error(
        "the snapshot rests on claim {claim}, which L1 does not have as final in its block {l1_block}: the snapshot is \
         not to be trusted, or --l1 names another chain or a node that is behind; ask other L1 nodes, take a \
         snapshot from another node, or start with an empty directory, which follows L1 from the beginning"
    )]
    SnapshotNotFinal {
        /// The claim that it names.
        claim: ClaimId,
        /// Where it says that L1 made it final.
        l1_block: L1BlockNumber,
    },
}

impl DerivationError {
    /// Whether trying again can help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::L1(error) => error.severity() != Severity::Critical,
            // A node that lies may turn honest, or another one may be asked.
            Self::TooDeep { .. } | Self::FinalTakenBack { .. } => true,
            Self::Store(error) => error.severity() == mezz_store::Severity::Temporary,
            Self::Engine(error) => error.is_temporary(),
            Self::SnapshotForeign { .. } | Self::SnapshotNotFinal { .. } => false,
        }
    }
}
