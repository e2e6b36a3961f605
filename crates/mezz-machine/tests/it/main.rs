//! Black-box tests of the machine: programs made of single encoded instructions, run from ELF bytes.

mod asm;
mod computing;
mod contract;
mod control;
mod ecalls;
mod elf;
mod guest;
mod memory;
mod random;
mod steps;
