//! The state transition: batches and inbox messages to a commitment.
//!
//! [`apply_batch`] is the one function that turns what L1 accepted into blocks (`docs/formats.md`,
//! section 5). The sequencer's engine and derivation call it over a database; [`verify_claim`] calls
//! it over preimages ([`WitnessState`]), and is all that a fault proof runs. Both give the same
//! commitment, since the state, its storage and the cryptography are arguments.
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

mod apply;
mod builder;
mod claim;
mod claim_source;
mod evm;
mod head;
mod rules;
mod witness_state;

pub use apply::{BatchInput, BatchOutcome, TransitionError, apply_batch};
pub use builder::{BatchBuilder, BatchFull, Bound};
pub use claim::{ClaimError, ClaimVerdict, derive_post, verify_claim};
pub use claim_source::{ClaimSource, ClaimWitness, MissingInput};
pub use evm::execute_block;
pub use head::{ChainHead, HeadError};
pub use rules::{BatchPlan, VoidReason, plan_batch};
pub use witness_state::{WitnessState, WitnessStateError};
