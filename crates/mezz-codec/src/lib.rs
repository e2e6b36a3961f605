//! Batch bytes: columnar, compressed, versioned; a total and bounded decoder.
#![no_std]

extern crate alloc;
