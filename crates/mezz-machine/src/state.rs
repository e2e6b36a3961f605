//! A machine's state as a dispute names it: one hash.

use alloc::vec::Vec;

use alloy_primitives::keccak256;

use crate::{Exit, Leaf, interpreter::Cpu};

/// Length of what is hashed, bytes.
const STATE_BYTES: usize = 362;
/// In place of an exit code while the machine runs.
const RUNNING: u16 = u16::MAX;

/// A state with its memory as a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineState {
    /// Root of the tree of memory.
    pub memory_root: Leaf,
    pub(crate) cpu: Cpu,
    /// Steps since the start.
    pub steps: u64,
    /// What the program was given.
    pub input: Leaf,
    /// What it put out last.
    pub output: Leaf,
    /// How it ended; `None` while it runs.
    pub exit: Option<Exit>,
}

impl MachineState {
    /// Registers `x0` to `x31`; the first is zero.
    pub const fn registers(&self) -> &[u64; 32] {
        self.cpu.registers()
    }

    /// Address of the next instruction.
    pub const fn pc(&self) -> u64 {
        self.cpu.pc
    }

    /// What is hashed, integers big-endian (`docs/machine.md`, section 6):
    /// `memory root (32) ‖ x1 … x31 (8 each) ‖ pc (8) ‖ steps (8) ‖ input (32) ‖ output (32) ‖ exit (2)`.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(STATE_BYTES);
        out.extend_from_slice(&self.memory_root);
        for register in self.registers().iter().skip(1) {
            out.extend_from_slice(&register.to_be_bytes());
        }
        out.extend_from_slice(&self.cpu.pc.to_be_bytes());
        out.extend_from_slice(&self.steps.to_be_bytes());
        out.extend_from_slice(&self.input);
        out.extend_from_slice(&self.output);
        out.extend_from_slice(&self.exit.map_or(RUNNING, Exit::code).to_be_bytes());
        out
    }

    /// The hash that stands for the state.
    pub fn hash(&self) -> [u8; 32] {
        keccak256(self.encode()).0
    }
}
