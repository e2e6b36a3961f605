//! The fast interpreter: one instruction on registers and memory.

use crate::{
    Instruction, Memory, Op, Trap,
    alu::{self, low32, sign_extend},
};

/// Registers and `pc`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    registers: [u64; 32],
    pub(crate) pc: u64,
}

/// What is left to do when an instruction is not complete by itself.
pub(crate) enum Event {
    Trap(Trap),
    Ecall,
}

impl From<Trap> for Event {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}

/// Memory as an instruction sees it.
pub(crate) trait Data {
    /// Why an instruction is not complete.
    type Error: From<Event> + From<Trap>;

    /// Loads `1 << LOG_WIDTH` bytes, zero-extended.
    fn load<const LOG_WIDTH: u32>(&mut self, address: u64) -> Result<u64, Self::Error>;

    /// Stores the low `1 << LOG_WIDTH` bytes of `value`.
    fn store<const LOG_WIDTH: u32>(&mut self, address: u64, value: u64) -> Result<(), Self::Error>;
}

impl Data for Memory {
    type Error = Event;

    #[inline(always)]
    fn load<const LOG_WIDTH: u32>(&mut self, address: u64) -> Result<u64, Event> {
        Ok(Self::load::<LOG_WIDTH>(self, address)?)
    }

    #[inline(always)]
    fn store<const LOG_WIDTH: u32>(&mut self, address: u64, value: u64) -> Result<(), Event> {
        Ok(Self::store::<LOG_WIDTH>(self, address, value)?)
    }
}

impl Cpu {
    pub(crate) const fn registers(&self) -> &[u64; 32] {
        &self.registers
    }

    pub(crate) fn new(pc: u64) -> Self {
        Self { pc, ..Self::default() }
    }

    #[inline(always)]
    pub(crate) fn read(&self, register: u8) -> u64 {
        self.registers.get(usize::from(register & 31)).copied().unwrap_or(0)
    }

    /// Writes a register; `x0` stays zero.
    #[inline(always)]
    pub(crate) fn write(&mut self, register: u8, value: u64) {
        if let Some(slot) = self.registers.get_mut(usize::from(register & 31)) {
            *slot = value;
        }
        let [zero, ..] = &mut self.registers;
        *zero = 0;
    }

    #[inline(always)]
    pub(crate) fn advance(&mut self) {
        self.pc = self.pc.wrapping_add(4);
    }

    #[inline(always)]
    fn jump(&mut self, target: u64) -> Result<(), Event> {
        if target & 3 != 0 {
            return Err(Trap::FetchMisaligned.into());
        }
        self.pc = target;
        Ok(())
    }

    #[inline(always)]
    fn branch(&mut self, taken: bool, offset: u64) -> Result<(), Event> {
        if taken {
            return self.jump(self.pc.wrapping_add(offset));
        }
        self.advance();
        Ok(())
    }

    #[inline(always)]
    fn link(&mut self, register: u8, target: u64) -> Result<(), Event> {
        let back = self.pc.wrapping_add(4);
        self.jump(target)?;
        self.write(register, back);
        Ok(())
    }

    /// Carries out one instruction. On an event, registers, `pc` and memory are as before.
    #[inline(always)]
    #[rustfmt::skip]
    pub(crate) fn execute<D: Data>(&mut self, memory: &mut D, i: Instruction) -> Result<(), D::Error> {
        let (a, c, imm) = (self.read(i.rs1), self.read(i.rs2), i.immediate());
        let (b, at) = (c.wrapping_add(imm), a.wrapping_add(imm));
        let value = match i.op {
            Op::Add => alu::add(a, b), Op::Sub => alu::sub(a, b),
            Op::Sll => alu::sll(a, b), Op::Slt => alu::slt(a, b),
            Op::Sltu => alu::sltu(a, b), Op::Xor => alu::xor(a, b),
            Op::Srl => alu::srl(a, b), Op::Sra => alu::sra(a, b),
            Op::Or => alu::or(a, b), Op::And => alu::and(a, b),
            Op::Addw => alu::addw(a, b), Op::Subw => alu::subw(a, b),
            Op::Sllw => alu::sllw(a, b), Op::Srlw => alu::srlw(a, b),
            Op::Sraw => alu::sraw(a, b),
            Op::Mul => alu::mul(a, b), Op::Mulh => alu::mulh(a, b),
            Op::Mulhsu => alu::mulhsu(a, b), Op::Mulhu => alu::mulhu(a, b),
            Op::Div => alu::div(a, b), Op::Divu => alu::divu(a, b),
            Op::Rem => alu::rem(a, b), Op::Remu => alu::remu(a, b),
            Op::Mulw => alu::mulw(a, b), Op::Divw => alu::divw(a, b),
            Op::Divuw => alu::divuw(a, b), Op::Remw => alu::remw(a, b),
            Op::Remuw => alu::remuw(a, b),
            Op::Auipc => self.pc.wrapping_add(imm),
            Op::Lb => i64::from(low8(memory.load::<0>(at)?).cast_signed()).cast_unsigned(),
            Op::Lh => i64::from(low16(memory.load::<1>(at)?).cast_signed()).cast_unsigned(),
            Op::Lw => sign_extend(low32(memory.load::<2>(at)?)),
            Op::Ld => memory.load::<3>(at)?,
            Op::Lbu => memory.load::<0>(at)?,
            Op::Lhu => memory.load::<1>(at)?,
            Op::Lwu => memory.load::<2>(at)?,
            Op::Jal => return Ok(self.link(i.rd, self.pc.wrapping_add(imm))?),
            Op::Jalr => return Ok(self.link(i.rd, at & !1)?),
            Op::Beq => return Ok(self.branch(a == c, imm)?),
            Op::Bne => return Ok(self.branch(a != c, imm)?),
            Op::Blt => return Ok(self.branch(a.cast_signed() < c.cast_signed(), imm)?),
            Op::Bge => return Ok(self.branch(a.cast_signed() >= c.cast_signed(), imm)?),
            Op::Bltu => return Ok(self.branch(a < c, imm)?),
            Op::Bgeu => return Ok(self.branch(a >= c, imm)?),
            Op::Sb => { memory.store::<0>(at, c)?; self.advance(); return Ok(()) }
            Op::Sh => { memory.store::<1>(at, c)?; self.advance(); return Ok(()) }
            Op::Sw => { memory.store::<2>(at, c)?; self.advance(); return Ok(()) }
            Op::Sd => { memory.store::<3>(at, c)?; self.advance(); return Ok(()) }
            Op::Ecall => return Err(Event::Ecall.into()),
            Op::Ebreak => return Err(Trap::Breakpoint.into()),
            Op::Illegal => return Err(Trap::IllegalInstruction.into()),
        };
        self.write(i.rd, value);
        self.advance();
        Ok(())
    }
}

#[inline(always)]
const fn low8(value: u64) -> u8 {
    let [byte, ..] = value.to_le_bytes();
    byte
}

#[inline(always)]
const fn low16(value: u64) -> u16 {
    let [low, high, ..] = value.to_le_bytes();
    u16::from_le_bytes([low, high])
}
