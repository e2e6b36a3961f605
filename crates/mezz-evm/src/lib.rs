//! Execution of EVM blocks over any state, with cryptography as an argument.
#![no_std]

extern crate alloc;
