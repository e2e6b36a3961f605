//! What a program needs to run in the machine of `mezz-machine`: its start, a heap, what a panic does, and
//! the system calls of `docs/machine.md` as safe functions.
//!
//! Memory: the program from 0x1_0000 on, the heap after it up to 2 GiB, the stack from the top down.
#![no_std]

extern crate alloc;

mod calls;
mod heap;
mod start;

pub use calls::{halt, input, precompile, preimage, set_output};
pub use mezz_machine::PreimageKind;

/// Exit code of a program that panicked.
pub const PANICKED: u8 = 101;
/// Exit code of a program whose heap is full.
pub const HEAP_FULL: u8 = 102;
