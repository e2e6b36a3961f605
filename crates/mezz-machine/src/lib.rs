//! The RV64IM machine that runs the state transition, so that a dispute about its result can come down
//! to one instruction.
//!
//! # Definitions
//!
//! One hart, RV64I and M, user level only: no floating point, no interrupts, no control registers, no
//! compressed and no atomic instructions. The **state** is 32 registers (`x0` is zero), `pc`, 2^32 bytes
//! of memory, the step counter, a 32-byte input, a 32-byte output and, once it stopped, the exit. A
//! **step** takes a state to exactly one state. The system interface is in `docs/machine.md`.
//!
//! A fresh machine has zero in every register and every byte of memory, save the segments of its
//! [`Program`]; `pc` is the program's entry.
//!
//! # What every corner does
//!
//! | corner | what happens |
//! | --- | --- |
//! | a step of a machine that exited | nothing; the step counter stays |
//! | a trap | the machine exits with it; registers, `pc` and memory stay as before the instruction; the step counts |
//! | fetch with `pc` outside the text of the program | trap `FetchFault` (so do unmapped jumps, one step after the jump) |
//! | jump or taken branch to a target that is no multiple of 4 | trap `FetchMisaligned` at the jump; its link register is not written |
//! | any word that is no RV64IM instruction, `FENCE.I` and `CSR*` among them | trap `IllegalInstruction` |
//! | `FENCE`, whatever its fields | nothing: one hart |
//! | `EBREAK` | trap `Breakpoint` |
//! | load or store whose address is no multiple of its width | trap `LoadMisaligned`, `StoreMisaligned`, whether or not the address exists |
//! | load or store at 2^32 or above | trap `LoadFault`, `StoreFault`; addresses do not wrap at 2^32 |
//! | store into a 4 KiB page that holds text | trap `StoreFault`: programs do not change themselves; loads from there are plain |
//! | `DIV`, `DIVU`, `DIVW`, `DIVUW` by zero | all bits one |
//! | `REM`, `REMU`, `REMW`, `REMUW` by zero | the dividend (its low 32 bits, sign-extended, for `W`) |
//! | signed overflow, `MIN / -1` and `MIN % -1` | `MIN` and 0 |
//! | shifts | by the low 6 bits of the amount, 5 for `W`; an immediate beyond is illegal |
//! | `x0` as destination | the result is dropped; a load still traps |
//! | address and `pc` arithmetic | modulo 2^64 |
//! | an `ECALL` that is not defined | trap `BadEcall` |
//! | a preimage that the host does not have | no step: [`MachineError`], the machine can go on when the host has it |
//! | the step limit of a run | no state: the run stops before the next step and can go on |
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

mod alu;
mod ecall;
mod elf;
mod error;
mod exit;
mod host;
mod interpreter;
mod isa;
mod machine;
mod memory;
mod merkle;
mod preimage;
mod provable;
mod state;
mod step;
mod witness;

pub use ecall::Ecall;
pub use elf::{MAX_ELF_BYTES, MAX_PROGRAM_HEADERS, Program, Segment};
pub use error::{ElfError, MachineError};
pub use exit::{Exit, Trap};
pub use host::Host;
pub use isa::{Instruction, Op, decode};
pub use machine::{Machine, Output, Stop, run};
pub use memory::{ADDRESS_SPACE_BYTES, LEAF_BYTES, Leaf, Memory, PAGE_BYTES};
pub use merkle::{LeafProof, MEMORY_HEIGHT, TextCommitment};
pub use preimage::{BLOB_BYTES, MAX_PREIMAGE_BYTES, PreimageKey, PreimageKind, PreimageMap};
pub use provable::ProvableMachine;
pub use state::MachineState;
pub use step::PreimagePart;
pub use witness::{PreimageRead, StepWitness, WitnessError};
