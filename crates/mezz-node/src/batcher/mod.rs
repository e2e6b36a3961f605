//! Posts blocks to L1.
//!
//! # Rules
//! - B1 A batch starts after the last block whose batch this node has seen on L1, and names that
//!   batch as its parent: the contract refuses it if L1 moved in between. Nothing is decided before
//!   this node has read the L1 block of its key's last transaction, whichever run of it sent that.
//! - B2 A block is posted only when L1's time has reached its own (formats, V3).
//! - B3 A batch is posted when it is full, when its oldest block with something in it has waited
//!   [`BatcherSettings::max_age_ms`], or when nothing was posted for
//!   [`BatcherSettings::keepalive_secs`].
//! - B4 One transaction is under way at a time.
//! - B5 A batch that leaves out a message older than `force_delay`, which the contract would refuse,
//!   is not sent: it waits for the block that has the message.

mod actor;
mod draft;
mod error;
mod state;

pub(crate) use draft::Drafts;

pub use actor::run_batcher;
pub use error::BatcherError;
pub use state::{Batcher, BatcherSettings, Posted};
