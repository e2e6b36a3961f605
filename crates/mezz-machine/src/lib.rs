//! The RV64IM machine that runs the state transition.
#![no_std]

extern crate alloc;
