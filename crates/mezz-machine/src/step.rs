//! The slow interpreter: one step on a state whose memory is a root, as the contract makes it.
//!
//! What it touches of memory, text and preimages it asks of an [`Access`]: the one that records makes a witness, the one
//! that checks takes everything from a witness.

use crate::{
    Ecall, Exit, LEAF_BYTES, Leaf, PreimageKey, PreimageKind, TextCommitment, Trap,
    alu::low32,
    decode,
    interpreter::{Data, Event},
    memory::ADDRESS_SPACE_BYTES,
    state::MachineState,
};

const A0: u8 = 10;
const A1: u8 = 11;
const A2: u8 = 12;
const A3: u8 = 13;
const A7: u8 = 17;

/// 32 bytes of a preimage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreimagePart {
    /// Length of the whole preimage, bytes.
    pub length: u64,
    /// The bytes from the offset on, zeros past the end.
    pub leaf: Leaf,
}

/// What a step may ask for beside the state.
pub(crate) trait Access {
    /// Why it has no answer.
    type Error;

    /// A leaf of the text.
    fn text(&mut self, leaf: u64) -> Result<Leaf, Self::Error>;

    /// The leaf of memory at an address: a multiple of 32, below 2^32.
    fn leaf(&mut self, address: u64) -> Result<Leaf, Self::Error>;

    /// Changes the leaf that was asked for last.
    fn set_leaf(&mut self, address: u64, leaf: &Leaf) -> Result<(), Self::Error>;

    /// 32 bytes of a preimage from `offset` on.
    fn preimage(&mut self, key: &PreimageKey, offset: u64) -> Result<PreimagePart, Self::Error>;
}

/// Why an instruction does not end as most do.
pub(crate) enum Stopped<E> {
    Exit(Exit),
    Ecall,
    Access(E),
}

impl<E> From<Event> for Stopped<E> {
    fn from(event: Event) -> Self {
        match event {
            Event::Trap(trap) => Self::Exit(Exit::Trapped(trap)),
            Event::Ecall => Self::Ecall,
        }
    }
}

impl<E> From<Trap> for Stopped<E> {
    fn from(trap: Trap) -> Self {
        Self::Exit(Exit::Trapped(trap))
    }
}

/// Makes one step. The root of memory is left to the caller. After an error the state is none.
pub(crate) fn step<A: Access>(
    state: &mut MachineState,
    text: &TextCommitment,
    access: &mut A,
) -> Result<(), A::Error> {
    if state.exit.is_some() {
        return Ok(());
    }
    let mut slow = Slow { state, text, access };
    match slow.instruction() {
        Ok(()) => {}
        Err(Stopped::Exit(exit)) => slow.state.exit = Some(exit),
        Err(Stopped::Access(error)) => return Err(error),
        Err(Stopped::Ecall) => match slow.call() {
            Ok(()) | Err(Stopped::Ecall) => {}
            Err(Stopped::Exit(exit)) => slow.state.exit = Some(exit),
            Err(Stopped::Access(error)) => return Err(error),
        },
    }
    state.steps = state.steps.saturating_add(1);
    Ok(())
}

struct Slow<'a, A> {
    state: &'a mut MachineState,
    text: &'a TextCommitment,
    access: &'a mut A,
}

impl<A: Access> Slow<'_, A> {
    fn instruction(&mut self) -> Result<(), Stopped<A::Error>> {
        let pc = self.state.cpu.pc;
        let leaf = self.text.leaf_of(pc).ok_or(Trap::FetchFault)?;
        let leaf = self.access.text(leaf).map_err(Stopped::Access)?;
        let word = low32(word_of(&leaf, pc).wrapping_shr(shift(pc)));
        let mut data = Leaves { text: self.text, access: self.access };
        self.state.cpu.execute(&mut data, decode(word))
    }

    fn call(&mut self) -> Result<(), Stopped<A::Error>> {
        let first = self.state.cpu.read(A0);
        match Ecall::from_number(self.state.cpu.read(A7)).ok_or(Trap::BadEcall)? {
            Ecall::Halt => {
                let code = u8::try_from(first).unwrap_or(u8::MAX);
                return Err(Stopped::Exit(Exit::Halted(code)));
            }
            Ecall::Input => {
                self.check_target(first)?;
                let input = self.state.input;
                self.put(first, &input)?;
            }
            Ecall::Output => self.state.output = self.source(first)?,
            Ecall::Preimage => self.preimage()?,
            Ecall::Hint => {}
        }
        self.state.cpu.advance();
        Ok(())
    }

    fn preimage(&mut self) -> Result<(), Stopped<A::Error>> {
        let kind = PreimageKind::from_number(self.state.cpu.read(A1)).ok_or(Trap::BadEcall)?;
        let offset = self.state.cpu.read(A2);
        if !aligned(offset) {
            return Err(Trap::BadEcall.into());
        }
        let hash = self.source(self.state.cpu.read(A0))?;
        let target = self.state.cpu.read(A3);
        self.check_target(target)?;
        let key = PreimageKey { kind, hash };
        let part = self.access.preimage(&key, offset).map_err(Stopped::Access)?;
        if offset < part.length {
            self.put(target, &part.leaf)?;
        }
        self.state.cpu.write(A0, part.length);
        Ok(())
    }

    /// A leaf that a call reads.
    fn source(&mut self, address: u64) -> Result<Leaf, Stopped<A::Error>> {
        if !aligned(address) {
            return Err(Trap::LoadMisaligned.into());
        }
        if address >= ADDRESS_SPACE_BYTES {
            return Err(Trap::LoadFault.into());
        }
        self.access.leaf(address).map_err(Stopped::Access)
    }

    /// Whether a call may write a leaf.
    fn check_target(&self, address: u64) -> Result<(), Stopped<A::Error>> {
        if !aligned(address) {
            return Err(Trap::StoreMisaligned.into());
        }
        if address >= ADDRESS_SPACE_BYTES || self.text.guards(address) {
            return Err(Trap::StoreFault.into());
        }
        Ok(())
    }

    fn put(&mut self, address: u64, leaf: &Leaf) -> Result<(), Stopped<A::Error>> {
        self.access.leaf(address).map_err(Stopped::Access)?;
        self.access.set_leaf(address, leaf).map_err(Stopped::Access)
    }
}

/// Memory as loads and stores see it.
struct Leaves<'a, A> {
    text: &'a TextCommitment,
    access: &'a mut A,
}

impl<A: Access> Leaves<'_, A> {
    fn leaf(&mut self, address: u64) -> Result<Leaf, Stopped<A::Error>> {
        self.access.leaf(leaf_of(address)).map_err(Stopped::Access)
    }
}

impl<A: Access> Data for Leaves<'_, A> {
    type Error = Stopped<A::Error>;

    fn load<const LOG_WIDTH: u32>(&mut self, address: u64) -> Result<u64, Self::Error> {
        if address.trailing_zeros() < LOG_WIDTH {
            return Err(Trap::LoadMisaligned.into());
        }
        if address >= ADDRESS_SPACE_BYTES {
            return Err(Trap::LoadFault.into());
        }
        let leaf = self.leaf(address)?;
        Ok(word_of(&leaf, address).wrapping_shr(shift(address)) & mask::<LOG_WIDTH>())
    }

    fn store<const LOG_WIDTH: u32>(&mut self, address: u64, value: u64) -> Result<(), Self::Error> {
        if address.trailing_zeros() < LOG_WIDTH {
            return Err(Trap::StoreMisaligned.into());
        }
        if address >= ADDRESS_SPACE_BYTES || self.text.guards(address) {
            return Err(Trap::StoreFault.into());
        }
        let mut leaf = self.leaf(address)?;
        let mask = mask::<LOG_WIDTH>().wrapping_shl(shift(address));
        let word = word_of(&leaf, address) & !mask;
        let word = word | (value.wrapping_shl(shift(address)) & mask);
        if let Some(to) = leaf.as_chunks_mut::<8>().0.get_mut(word_index(address)) {
            *to = word.to_le_bytes();
        }
        self.access.set_leaf(leaf_of(address), &leaf).map_err(Stopped::Access)
    }
}

const fn aligned(address: u64) -> bool {
    address & LEAF_BYTES.wrapping_sub(1) == 0
}

const fn leaf_of(address: u64) -> u64 {
    address & !LEAF_BYTES.wrapping_sub(1)
}

fn word_index(address: u64) -> usize {
    usize::try_from((address >> 3) & 3).unwrap_or(0)
}

/// The aligned word that holds `address`, of its leaf.
fn word_of(leaf: &Leaf, address: u64) -> u64 {
    leaf.as_chunks::<8>().0.get(word_index(address)).copied().map_or(0, u64::from_le_bytes)
}

fn shift(address: u64) -> u32 {
    (low32(address) & 7) << 3
}

const fn mask<const LOG_WIDTH: u32>() -> u64 {
    u64::MAX.wrapping_shr(64u32.wrapping_sub(8u32.wrapping_shl(LOG_WIDTH)))
}
