//! Why a run could not start or go on. None of these is an end of the machine: an end is an
//! [`Exit`](crate::Exit).

use crate::PreimageKey;

/// A run failed for a reason outside of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineError {
    /// The bytes are not a program.
    #[error("not a program for this machine")]
    Elf(#[from] ElfError),
    /// The host has no such preimage. The machine waits before the call.
    #[error("the host does not have the {:?} preimage of {:02x?}", .key.kind, .key.hash)]
    PreimageMissing {
        /// What was asked for.
        key: PreimageKey,
    },
    /// The host answered with bytes that are not the preimage, or are too many. The machine waits before the call.
    #[error("the host's {got} bytes are not the {:?} preimage of {:02x?}", .key.kind, .key.hash)]
    PreimageWrong {
        /// What was asked for.
        key: PreimageKey,
        /// Length of the answer, bytes.
        got: usize,
    },
}

/// Bytes are not an ELF file that this machine loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// The file is too large.
    #[error("{got} bytes, at most {limit}")]
    TooLarge {
        /// Its length.
        got: usize,
        /// Largest length.
        limit: usize,
    },
    /// The file ends inside a header or a segment.
    #[error("{end} bytes needed, {got} there")]
    Truncated {
        /// Where the field or segment ends.
        end: u64,
        /// Length of the file.
        got: usize,
    },
    /// A field of the file's header is not what a static RV64 program has.
    #[error("header field {field} is {got:#x}, expected {expected:#x}")]
    Header {
        /// Name in the ELF specification.
        field: &'static str,
        /// Its value.
        got: u64,
        /// The only value allowed.
        expected: u64,
    },
    /// Too many program headers.
    #[error("{got} program headers, at most {limit}")]
    TooManyHeaders {
        /// How many.
        got: u16,
        /// Most allowed.
        limit: u16,
    },
    /// A program header that needs a loader or thread storage: the program is not static.
    #[error("program header of type {kind:#x}")]
    NotStatic {
        /// `p_type`.
        kind: u32,
    },
    /// A segment is larger in the file than in memory, or leaves the address space.
    #[error(
        "segment at {address:#x} of {memory_bytes} bytes does not hold its {file_bytes} bytes or leaves memory"
    )]
    SegmentRange {
        /// `p_vaddr`.
        address: u64,
        /// `p_filesz`.
        file_bytes: u64,
        /// `p_memsz`.
        memory_bytes: u64,
    },
    /// The segments up to this one take more bytes than the file has.
    #[error("segment at {address:#x} repeats bytes of the file")]
    SharedBytes {
        /// `p_vaddr`.
        address: u64,
    },
    /// Two segments share a byte, or data lies in a page of text.
    #[error("segments at {first:#x} and {second:#x} overlap")]
    Overlap {
        /// Address of one.
        first: u64,
        /// Address of the other.
        second: u64,
    },
    /// There is not exactly one executable segment.
    #[error("{got} executable segments, expected one")]
    TextSegments {
        /// How many.
        got: usize,
    },
    /// The executable segment is writable, does not start a page, is not whole in the file, or is no whole
    /// number of instructions.
    #[error("text at {address:#x} of {file_bytes} bytes, flags {flags:#x}, is not text")]
    Text {
        /// `p_vaddr`.
        address: u64,
        /// `p_filesz`.
        file_bytes: u64,
        /// `p_flags`.
        flags: u32,
    },
    /// The program does not start at an instruction of its text.
    #[error("entry {entry:#x} is not in the text")]
    Entry {
        /// `e_entry`.
        entry: u64,
    },
}
