//! The SHA-256 binary state trie, walked and updated from a witness.
#![no_std]

extern crate alloc;
