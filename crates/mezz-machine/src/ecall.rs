//! The system interface: what `ECALL` does. Drawn in `docs/machine.md`.
//!
//! | `a7` | call | arguments | effect | result |
//! | --- | --- | --- | --- | --- |
//! | 0 | halt | `a0` code | exits with `min(a0, 255)` | |
//! | 1 | input | `a0` leaf | writes the input to the leaf | |
//! | 2 | output | `a0` leaf | the leaf becomes the output | |
//! | 3 | preimage | `a0` leaf of the hash, `a1` kind, `a2` offset, `a3` leaf | writes bytes `offset..offset + 32` of the preimage to the leaf, zeros past the end; nothing if the offset is at the end or past it | `a0` = length of the preimage |
//! | 4 | hint | `a0` address, `a1` length | tells the host; nothing if the range leaves memory or is longer than 2^17 | |
//!
//! Every call touches at most two leaves of memory, so that a step that makes it can be proven. It traps,
//! in this order: `BadEcall` on a number, kind or offset (no multiple of 32) that is not defined;
//! `LoadMisaligned`, `LoadFault`, `StoreMisaligned`, `StoreFault` for the leaf that it reads and then for the
//! leaf that it writes. A call that does not halt moves `pc` on by 4.

use crate::{
    Exit, Host, LEAF_BYTES, Leaf, MachineError, Memory, PreimageKey, PreimageKind, Trap,
    interpreter::Cpu,
};

/// Longest hint, bytes.
const MAX_HINT_BYTES: u64 = 1 << 17;

const A0: u8 = 10;
const A1: u8 = 11;
const A2: u8 = 12;
const A3: u8 = 13;
const A7: u8 = 17;

/// The calls; the number goes into `a7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ecall {
    /// Ends the program.
    Halt = 0,
    /// Reads the input.
    Input = 1,
    /// Sets the output.
    Output = 2,
    /// Reads 32 bytes of a preimage.
    Preimage = 3,
    /// Tells the host something.
    Hint = 4,
}

impl Ecall {
    /// The call of a number in a register.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Halt),
            1 => Some(Self::Input),
            2 => Some(Self::Output),
            3 => Some(Self::Preimage),
            4 => Some(Self::Hint),
            _ => None,
        }
    }

    /// The number of a call.
    pub const fn number(self) -> u64 {
        match self {
            Self::Halt => 0,
            Self::Input => 1,
            Self::Output => 2,
            Self::Preimage => 3,
            Self::Hint => 4,
        }
    }
}

/// What a call may use of the machine.
pub(crate) struct Caller<'a> {
    pub(crate) cpu: &'a mut Cpu,
    pub(crate) memory: &'a mut Memory,
    pub(crate) input: &'a Leaf,
    pub(crate) output: &'a mut Leaf,
    pub(crate) latest: &'a mut Latest,
}

/// The preimage read last: programs read one from its start to its end.
pub(crate) type Latest = Option<(PreimageKey, alloc::vec::Vec<u8>)>;

/// Why a call does not return to the program.
pub(crate) enum Stopped {
    Exit(Exit),
    Host(MachineError),
}

impl From<Trap> for Stopped {
    fn from(trap: Trap) -> Self {
        Self::Exit(Exit::Trapped(trap))
    }
}

impl Caller<'_> {
    /// Carries out the call that the registers ask for. If it is stopped, nothing changed.
    pub(crate) fn call<H: Host>(&mut self, host: &mut H) -> Result<(), Stopped> {
        let first = self.cpu.read(A0);
        match Ecall::from_number(self.cpu.read(A7)).ok_or(Trap::BadEcall)? {
            Ecall::Halt => {
                let code = u8::try_from(first).unwrap_or(u8::MAX);
                return Err(Stopped::Exit(Exit::Halted(code)));
            }
            Ecall::Input => self.memory.store_leaf(first, self.input)?,
            Ecall::Output => *self.output = self.memory.load_leaf(first)?,
            Ecall::Preimage => self.preimage(host)?,
            Ecall::Hint => {
                if let Some(hint) = self.memory.bytes(first, self.cpu.read(A1), MAX_HINT_BYTES) {
                    host.hint(&hint);
                }
            }
        }
        self.cpu.advance();
        Ok(())
    }

    fn preimage<H: Host>(&mut self, host: &mut H) -> Result<(), Stopped> {
        let kind = PreimageKind::from_number(self.cpu.read(A1)).ok_or(Trap::BadEcall)?;
        let offset = self.cpu.read(A2);
        if offset & LEAF_BYTES.wrapping_sub(1) != 0 {
            return Err(Trap::BadEcall.into());
        }
        let hash = self.memory.load_leaf(self.cpu.read(A0))?;
        let target = self.cpu.read(A3);
        self.memory.check_leaf(target)?;
        let bytes = fetch(self.latest, PreimageKey { kind, hash }, host).map_err(Stopped::Host)?;
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
        if let Some(rest @ [_, ..]) = rest {
            let mut leaf = Leaf::default();
            for (to, from) in leaf.iter_mut().zip(rest) {
                *to = *from;
            }
            self.memory.store_leaf(target, &leaf)?;
        }
        self.cpu.write(A0, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

/// The preimage of a key, from the one read last or from the host, checked.
pub(crate) fn fetch<'a, H: Host>(
    latest: &'a mut Latest,
    key: PreimageKey,
    host: &mut H,
) -> Result<&'a [u8], MachineError> {
    if latest.as_ref().is_none_or(|(known, _)| *known != key) {
        let bytes = host.preimage(&key).ok_or(MachineError::PreimageMissing { key })?;
        if !key.admits(&bytes) {
            return Err(MachineError::PreimageWrong { key, got: bytes.len() });
        }
        *latest = Some((key, bytes));
    }
    latest.as_ref().map(|(_, bytes)| bytes.as_slice()).ok_or(MachineError::PreimageMissing { key })
}
