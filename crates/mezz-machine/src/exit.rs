//! How a machine ends.

/// Why an instruction could not be carried out. The table in the crate's head says when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trap {
    /// A jump to an address that is no multiple of 4.
    #[error("jump to a misaligned address")]
    FetchMisaligned,
    /// `pc` is outside the text.
    #[error("fetch outside of the text")]
    FetchFault,
    /// A word that is no instruction.
    #[error("illegal instruction")]
    IllegalInstruction,
    /// `EBREAK`.
    #[error("breakpoint")]
    Breakpoint,
    /// A load at an address that is no multiple of its width.
    #[error("misaligned load")]
    LoadMisaligned,
    /// A load outside of memory.
    #[error("load outside of memory")]
    LoadFault,
    /// A store at an address that is no multiple of its width.
    #[error("misaligned store")]
    StoreMisaligned,
    /// A store outside of memory or into text.
    #[error("store outside of memory or into text")]
    StoreFault,
    /// An `ECALL` with a number or an argument that is not defined.
    #[error("undefined system call")]
    BadEcall,
}

impl Trap {
    /// The exit code: 256 plus the cause that the RISC-V privileged manual gives (`mcause`).
    pub const fn code(self) -> u16 {
        match self {
            Self::FetchMisaligned => 256,
            Self::FetchFault => 257,
            Self::IllegalInstruction => 258,
            Self::Breakpoint => 259,
            Self::LoadMisaligned => 260,
            Self::LoadFault => 261,
            Self::StoreMisaligned => 262,
            Self::StoreFault => 263,
            Self::BadEcall => 264,
        }
    }
}

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The program halted with this code; 0 says that the output is its result.
    Halted(u8),
    /// An instruction could not be carried out.
    Trapped(Trap),
}

impl Exit {
    /// One number for every end: 0 to 255 halted, 256 and above trapped.
    pub fn code(self) -> u16 {
        match self {
            Self::Halted(code) => u16::from(code),
            Self::Trapped(trap) => trap.code(),
        }
    }
}
