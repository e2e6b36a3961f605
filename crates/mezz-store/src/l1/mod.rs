//! What was learnt from L1: messages, batches, claims, and how far L1 was read.

mod journal;
mod records;
mod store;

pub use journal::TransactionJournal;
pub use records::{
    BatchOutcome, ClaimOutcome, L1BlockRef, L1Position, StoredBatch, StoredClaim, StoredMessage,
};
pub(crate) use store::claim_key;
pub use store::{ClaimEvent, L1Store, L1Update};
