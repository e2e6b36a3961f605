//! The state transition: batches and inbox messages to a commitment.
#![no_std]

extern crate alloc;
