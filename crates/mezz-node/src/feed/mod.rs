//! Blocks that the sequencer signs, for replicas that need not wait for L1.
//!
//! # Rules
//! - F1 A signature says «this block is on my chain»; it names the chain and, through the block's hash,
//!   everything in it. A block is signed when it is durable, never before.
//! - F2 A replica takes a block only if the sequencer signed it, its parent is there, and executing it
//!   gives the very hash that was signed.
//! - F3 What L1 accepted wins: nothing at or below the safe block is replaced.
//! - F4 What the feed says otherwise above that replaces what it said before: a reorganisation of L1 makes
//!   the sequencer build again.

mod actor;
mod block;
mod error;
mod follower;
mod source;

pub use actor::run_follower;
pub use block::SignedBlock;
pub use error::FeedError;
pub use follower::{Followed, Follower, FollowerSettings};
pub use source::{BlockFeed, RpcFeed};
