//! Numbers, messages, batches, commitments, claims and their encodings.
#![no_std]

extern crate alloc;
