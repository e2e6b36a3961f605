//! Batch bytes: columnar, compressed, versioned; a total and bounded decoder.
//!
//! Rules (`docs/formats.md`, sections 6 and 7, draws the bytes):
//! - [`decode`] gives one result for any bytes. Every count is checked against the limits and
//!   against the bytes that are left before anything of that size is allocated, so memory and time
//!   are bounded by [`mezz_types::Limits::batch_bytes`], whatever a header promises.
//! - [`encode`] then [`decode`] gives the same blocks. The reverse need not hold: the batch hash
//!   binds bytes, not blocks.
//! - What the chain cannot execute but bytes can say (a wrong chain id, a bad signature) decodes;
//!   it is skipped by the rules of execution. Blob transactions have no encoding.
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
mod blobs;
mod columns;
mod error;
mod meter;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use batch::{BatchBlock, HEADER_BYTES, VERSION, decode, encode};
pub use blobs::{
    BLOB_BYTES, BLOB_CAPACITY, Blob, BlobError, MAX_BATCH_BLOBS, blobs_needed, pack_blobs,
    unpack_blobs,
};
pub use error::{CodecError, Item};
pub use meter::PayloadMeter;
