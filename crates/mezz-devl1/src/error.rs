//! What can go wrong from the outside.

use std::{io, net::SocketAddr};

use crate::{
    chain::{BuildError, PoolError},
    log::LogError,
};

/// The node cannot start, or is gone.
#[derive(Debug, thiserror::Error)]
pub enum DevL1Error {
    /// The chain cannot be kept, or what was kept cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source} (is another program, or another `mezz up`, listening \
         there?)"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {source}")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// What was asked for cannot be done.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The node has stopped.
    #[error("the development L1 has stopped")]
    Stopped,
}

/// What an operator asked for cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Too many blocks at once.
    #[error("{got} blocks at once, at most {max} are allowed")]
    TooManyBlocks {
        /// What was asked for.
        got: u64,
        /// The limit.
        max: u64,
    },
    /// A block's time must be after its parent's.
    #[error("timestamp {got} is lower than or equal to previous block's timestamp {head}")]
    TimestampNotLater {
        /// What was asked for, seconds.
        got: u64,
        /// The head's, seconds.
        head: u64,
    },
    /// Too far through time at once.
    #[error("{secs} seconds at once, at most {max} are allowed")]
    TooFar {
        /// What was asked for.
        secs: u64,
        /// The limit.
        max: u64,
    },
    /// Nothing, or a finalized block, would be taken away.
    #[error(
        "depth {got}: must be from 1 to {max}, since the head is {head} and block {finalized} is finalized \
         (the distance is the option finalized_depth)"
    )]
    ReorgDepth {
        /// What was asked for.
        got: u64,
        /// The most that is possible now.
        max: u64,
        /// Number of the head.
        head: u64,
        /// Number of the finalized block.
        finalized: u64,
    },
    /// A transaction is meant for a block that is not made.
    #[error("block {block} is outside of a reorganisation of depth {depth}")]
    BlockOutsideReorg {
        /// What was asked for, from 0.
        block: u64,
        /// How many blocks are made.
        depth: u64,
    },
    /// The state to go back to is not kept any more.
    #[error("the state of block {number} is not kept, the oldest is that of {oldest}")]
    StateNotKept {
        /// What was asked for.
        number: u64,
        /// The oldest that there is.
        oldest: u64,
    },
    /// Too many versions to come back to.
    #[error("{max} snapshots are kept already: revert to one of them first")]
    TooManySnapshots {
        /// The limit.
        max: usize,
    },
    /// A transaction is not valid.
    #[error(transparent)]
    Transaction(#[from] PoolError),
    /// A block of before cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The state is broken.
    #[error("the block could not be made: {0}")]
    Build(#[source] BuildFault),
}

/// The chain's state is broken: a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct BuildFault(BuildError);

impl From<BuildError> for ControlError {
    fn from(error: BuildError) -> Self {
        Self::Build(BuildFault(error))
    }
}
