//! The L1 port: JSON-RPC, logs, blobs, transaction sending.
//!
//! Everything that an endpoint says is checked before it is believed: blocks by their hash, messages
//! and batches by the accumulators, calldata and blobs by the batch's data hash.

mod beacon;
mod client;
mod endpoint;
mod error;
mod events;
mod revert;
mod sender;
mod timer;
mod tracker;

pub use beacon::{BeaconClient, Blob};
pub use client::{BatchData, L1Block, L1BlockRef, L1Client, L1Contracts, Step};
pub use endpoint::{Endpoint, JsonRpcHandler};
pub use error::{L1Error, Severity};
pub use events::{L1Event, L1Log, ProposedClaim};
pub use revert::revert_reason;
pub use sender::{Journal, L1Call, NoJournal, SenderSettings, TxSender};
pub use timer::{SystemTimer, Timer};
pub use tracker::InboxTracker;
