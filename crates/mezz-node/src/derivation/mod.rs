//! From L1 to blocks: follows L1, keeps what it says of the chain, and has the engine take over
//! every batch.
//!
//! # Rules
//! - D1 One step does one thing, durable when it is done, so that a crash between two steps costs
//!   nothing but time.
//! - D2 Batches are taken over in order, before L1 is followed further.
//! - D3 When L1 takes back blocks, every L2 block that consumed a message of theirs is taken back
//!   first, then what was stored of L1; so a block in the store consumed the stored messages.
//! - D4 A block is final when its claim is final in an L1 block that is itself finalized, and the
//!   claim's commitment is this chain's.
//! - D5 A shorter L1 takes back nothing: only another block at a height that was read does. An L1 node
//!   that is behind is waited for.
//! - D6 What L1 shows instead must be one chain, linked from what is still there. If it reaches back further
//!   than this node remembers, or would take back what is final, the node waits.
//! - D7 A batch that cannot be taken over may be gone from L1: that is looked into before it is tried again.
//! - D8 What a snapshot gave is not believed, and nothing starts on it, before L1 has its claim as final.
//! - D9 A claim that L1 shows as final and that contradicts the batches on L1 makes nothing final. L1 is followed
//!   as before, so that the node goes on by itself once the claim is gone, and another L1 node is asked.

mod actor;
mod error;
mod origin;
mod rewind;
mod state;

pub use actor::run_derivation;
pub use error::DerivationError;
pub use origin::check_snapshot;
pub use state::{BlobRetention, Derivation, DerivationParts, DerivationSettings, Progress};
