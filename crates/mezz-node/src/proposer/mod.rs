//! Claims what batches gave, and makes claims final whose window is over.
//!
//! # Rules
//! - C1 Only what this node derived itself is claimed.
//! - C2 A claim stands on the furthest claim that is alive and agrees with this node, so that one
//!   bond carries the whole line.
//! - C3 A claim of anybody that agrees with this node counts as ours: nothing is claimed twice.
//! - C4 The first claim after the last final one is finalized when its window is over.
//! - C5 Nothing is decided before this node has read the L1 block of its key's last transaction,
//!   whichever run of it sent that.

mod actor;
mod error;
mod state;

pub use actor::run_proposer;
pub use error::ProposerError;
pub use state::{Move, Proposer, ProposerSettings};
