//! Numbers, messages, batches, commitments, claims and their encodings.
//!
//! Every layout here is drawn byte by byte in `docs/formats.md`; the golden hashes in the tests
//! freeze them, and the contracts carry the same hashes in theirs.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

mod batch;
mod claim;
mod commitment;
mod config;
mod decode;
mod facts;
mod message;
mod numbers;
mod outbox;
mod predeploys;
mod state;
mod system_transaction;
mod words;

#[cfg(test)]
mod tests;

pub use batch::{Batch, DataKind, DataVerdict, genesis_batch_accumulator};
pub use claim::{Claim, ClaimId, claim_id};
pub use commitment::Commitment;
pub use config::{ChainConfig, ConfigError, Fees, Fork, LedgerKind, Limits, Rules};
pub use decode::{MessageHead, WordsDecodeError};
pub use facts::L1Facts;
pub use message::{Message, MessageKind, next_accumulator};
pub use numbers::{
    BatchIndex, BlockNumber, InboxIndex, L1BlockNumber, NumberOverflow, OutboxIndex,
};
pub use outbox::{
    OUTBOX_DEPTH, OutboxProof, OutboxTree, OutboxTreeFull, Withdrawal, WithdrawalKind,
};
pub use predeploys::{
    ALIAS_OFFSET, CREATE2_DEPLOYER, FEE_VAULT, HISTORY_STORAGE, INBOX_CLOCK, OUTBOX,
    OUTBOX_COUNT_SLOT, OUTBOX_ROOT_SLOT, SYSTEM_ADDRESS, TOKEN_BRIDGE, alias, clock_slot,
};
pub use state::{
    Account, AccountDecodeError, StateChanges, StateKey, account_key, code_hash_of_empty,
    decode_slot, encode_slot, storage_key,
};
pub use system_transaction::{SYSTEM_TRANSACTION_TYPE, SystemTransaction};
pub use words::Words;
