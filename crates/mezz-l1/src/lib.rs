//! The L1 port: JSON-RPC, logs, blobs, transaction sending.
//!
//! Everything that an endpoint says is checked before it is believed: blocks by their hash, logs by the
//! block's receipts root, messages and batches by the accumulators, calldata and blobs by the batch's data
//! hash. Which block stands at a height no hash can tell: several endpoints have to agree on it.

mod archive;
mod background;
mod beacon;
mod client;
mod endpoint;
mod error;
mod events;
mod http;
mod revert;
mod sender;
mod signer;
mod sources;
mod timer;
mod tracker;

pub use archive::BlobArchive;
pub use beacon::{BeaconClient, Blob};
pub use client::{
    BatchData, DisputeContracts, L1Block, L1BlockRef, L1Client, L1Contracts, L1Header, Step,
};
pub use endpoint::{Endpoint, JsonRpcHandler};
pub use error::{L1Error, Severity};
pub use events::{L1Event, L1Log, ProposedClaim};
pub use revert::revert_reason;
pub use sender::{Journal, L1Call, NoJournal, SenderSettings, TxSender};
pub use signer::{L1Signer, RemoteSigner};
pub use timer::{SystemTimer, Timer};
pub use tracker::InboxTracker;
