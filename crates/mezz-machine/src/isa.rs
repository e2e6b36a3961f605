//! RV64IM instructions (*The RISC-V Instruction Set Manual, Volume I*, chapters RV32I, RV64I and M) and
//! their decoding.

use alloc::vec::Vec;

use crate::alu::sign_extend;

/// What an instruction does.
///
/// A computing instruction takes `a = x[rs1]` and `b = x[rs2] + imm`; decoding sets `rs2` to `x0` for those
/// with an immediate and `imm` to 0 for the others, so that `ADD`, `ADDI` and `LUI` are one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[rustfmt::skip]
#[expect(missing_docs, reason = "each is named after its instruction")]
pub enum Op {
    Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And,
    Addw, Subw, Sllw, Srlw, Sraw,
    Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu,
    Mulw, Divw, Divuw, Remw, Remuw,
    Auipc, Jal, Jalr,
    Beq, Bne, Blt, Bge, Bltu, Bgeu,
    Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu,
    Sb, Sh, Sw, Sd,
    Ecall, Ebreak,
    /// Any word that is no instruction of RV64IM.
    Illegal,
}

/// A decoded instruction. Registers are below 32; a field that its format lacks is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub op: Op,
    /// Destination.
    pub rd: u8,
    /// First source.
    pub rs1: u8,
    /// Second source.
    pub rs2: u8,
    /// Immediate, sign-extended; for shifts the amount.
    pub imm: i32,
}

impl Instruction {
    const fn new(op: Op) -> Self {
        Self { op, rd: 0, rs1: 0, rs2: 0, imm: 0 }
    }

    const fn rd(self, word: u32) -> Self {
        Self { rd: register(word, 7), ..self }
    }

    const fn rs1(self, word: u32) -> Self {
        Self { rs1: register(word, 15), ..self }
    }

    const fn rs2(self, word: u32) -> Self {
        Self { rs2: register(word, 20), ..self }
    }

    const fn imm(self, imm: i32) -> Self {
        Self { imm, ..self }
    }

    /// The immediate as a register's value.
    pub(crate) fn immediate(self) -> u64 {
        sign_extend(self.imm.cast_unsigned())
    }
}

/// `width` bits of `word` from `low` up.
const fn bits(word: u32, low: u32, width: u32) -> u32 {
    word.wrapping_shr(low) & 1u32.wrapping_shl(width).wrapping_sub(1)
}

const fn register(word: u32, low: u32) -> u8 {
    let [register, ..] = bits(word, low, 5).to_le_bytes();
    register
}

/// Decodes a word; total.
pub fn decode(word: u32) -> Instruction {
    let illegal = Instruction::new(Op::Illegal);
    match bits(word, 0, 7) {
        0b011_0111 => Instruction::new(Op::Add).rd(word).imm(imm_u(word)),
        0b001_0111 => Instruction::new(Op::Auipc).rd(word).imm(imm_u(word)),
        0b110_1111 => Instruction::new(Op::Jal).rd(word).imm(imm_j(word)),
        0b110_0111 => match bits(word, 12, 3) {
            0 => Instruction::new(Op::Jalr).rd(word).rs1(word).imm(imm_i(word)),
            _ => illegal,
        },
        0b110_0011 => branch(word),
        0b000_0011 => load(word),
        0b010_0011 => store(word),
        0b001_0011 => compute_immediate(word),
        0b001_1011 => compute_immediate_word(word),
        0b011_0011 => match register_op(word) {
            Some(op) => Instruction::new(op).rd(word).rs1(word).rs2(word),
            None => illegal,
        },
        0b011_1011 => match register_op_word(word) {
            Some(op) => Instruction::new(op).rd(word).rs1(word).rs2(word),
            None => illegal,
        },
        0b000_1111 => match bits(word, 12, 3) {
            // FENCE: an ADD of zero to zero into x0, since one hart has nothing to order.
            0 => Instruction::new(Op::Add),
            _ => illegal,
        },
        0b111_0011 => match word {
            0x0000_0073 => Instruction::new(Op::Ecall),
            0x0010_0073 => Instruction::new(Op::Ebreak),
            _ => illegal,
        },
        _ => illegal,
    }
}

fn branch(word: u32) -> Instruction {
    let op = match bits(word, 12, 3) {
        0 => Op::Beq,
        1 => Op::Bne,
        4 => Op::Blt,
        5 => Op::Bge,
        6 => Op::Bltu,
        7 => Op::Bgeu,
        _ => return Instruction::new(Op::Illegal),
    };
    Instruction::new(op).rs1(word).rs2(word).imm(imm_b(word))
}

fn load(word: u32) -> Instruction {
    let op = match bits(word, 12, 3) {
        0 => Op::Lb,
        1 => Op::Lh,
        2 => Op::Lw,
        3 => Op::Ld,
        4 => Op::Lbu,
        5 => Op::Lhu,
        6 => Op::Lwu,
        _ => return Instruction::new(Op::Illegal),
    };
    Instruction::new(op).rd(word).rs1(word).imm(imm_i(word))
}

fn store(word: u32) -> Instruction {
    let op = match bits(word, 12, 3) {
        0 => Op::Sb,
        1 => Op::Sh,
        2 => Op::Sw,
        3 => Op::Sd,
        _ => return Instruction::new(Op::Illegal),
    };
    Instruction::new(op).rs1(word).rs2(word).imm(imm_s(word))
}

fn compute_immediate(word: u32) -> Instruction {
    let shift = bits(word, 20, 6).cast_signed();
    let (op, imm) = match (bits(word, 12, 3), bits(word, 26, 6)) {
        (0, _) => (Op::Add, imm_i(word)),
        (1, 0) => (Op::Sll, shift),
        (2, _) => (Op::Slt, imm_i(word)),
        (3, _) => (Op::Sltu, imm_i(word)),
        (4, _) => (Op::Xor, imm_i(word)),
        (5, 0) => (Op::Srl, shift),
        (5, 0b01_0000) => (Op::Sra, shift),
        (6, _) => (Op::Or, imm_i(word)),
        (7, _) => (Op::And, imm_i(word)),
        _ => return Instruction::new(Op::Illegal),
    };
    Instruction::new(op).rd(word).rs1(word).imm(imm)
}

fn compute_immediate_word(word: u32) -> Instruction {
    let shift = bits(word, 20, 5).cast_signed();
    let (op, imm) = match (bits(word, 12, 3), bits(word, 25, 7)) {
        (0, _) => (Op::Addw, imm_i(word)),
        (1, 0) => (Op::Sllw, shift),
        (5, 0) => (Op::Srlw, shift),
        (5, 0b010_0000) => (Op::Sraw, shift),
        _ => return Instruction::new(Op::Illegal),
    };
    Instruction::new(op).rd(word).rs1(word).imm(imm)
}

fn register_op(word: u32) -> Option<Op> {
    Some(match (bits(word, 25, 7), bits(word, 12, 3)) {
        (0, 0) => Op::Add,
        (0b010_0000, 0) => Op::Sub,
        (0, 1) => Op::Sll,
        (0, 2) => Op::Slt,
        (0, 3) => Op::Sltu,
        (0, 4) => Op::Xor,
        (0, 5) => Op::Srl,
        (0b010_0000, 5) => Op::Sra,
        (0, 6) => Op::Or,
        (0, 7) => Op::And,
        (1, 0) => Op::Mul,
        (1, 1) => Op::Mulh,
        (1, 2) => Op::Mulhsu,
        (1, 3) => Op::Mulhu,
        (1, 4) => Op::Div,
        (1, 5) => Op::Divu,
        (1, 6) => Op::Rem,
        (1, 7) => Op::Remu,
        _ => return None,
    })
}

fn register_op_word(word: u32) -> Option<Op> {
    Some(match (bits(word, 25, 7), bits(word, 12, 3)) {
        (0, 0) => Op::Addw,
        (0b010_0000, 0) => Op::Subw,
        (0, 1) => Op::Sllw,
        (0, 5) => Op::Srlw,
        (0b010_0000, 5) => Op::Sraw,
        (1, 0) => Op::Mulw,
        (1, 4) => Op::Divw,
        (1, 5) => Op::Divuw,
        (1, 6) => Op::Remw,
        (1, 7) => Op::Remuw,
        _ => return None,
    })
}

fn imm_i(word: u32) -> i32 {
    word.cast_signed().wrapping_shr(20)
}

fn imm_s(word: u32) -> i32 {
    (word.cast_signed().wrapping_shr(20) & !0x1f) | bits(word, 7, 5).cast_signed()
}

fn imm_b(word: u32) -> i32 {
    let sign = word.cast_signed().wrapping_shr(31).wrapping_shl(12);
    let rest = (bits(word, 7, 1) << 11) | (bits(word, 25, 6) << 5) | (bits(word, 8, 4) << 1);
    sign | rest.cast_signed()
}

fn imm_u(word: u32) -> i32 {
    (word & 0xffff_f000).cast_signed()
}

fn imm_j(word: u32) -> i32 {
    let sign = word.cast_signed().wrapping_shr(31).wrapping_shl(20);
    let rest = (bits(word, 12, 8) << 12) | (bits(word, 20, 1) << 11) | (bits(word, 21, 10) << 1);
    sign | rest.cast_signed()
}

/// The text of a program, each word decoded once: programs do not change themselves.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    start: u64,
    instructions: Vec<Instruction>,
}

impl Text {
    pub(crate) fn new(start: u64, bytes: &[u8]) -> Self {
        let words = bytes.as_chunks::<4>().0.iter();
        let instructions = words.map(|word| decode(u32::from_le_bytes(*word))).collect();
        Self { start, instructions }
    }

    /// The instruction at `pc`, which is a multiple of 4; `None` outside the text.
    #[inline(always)]
    pub(crate) fn fetch(&self, pc: u64) -> Option<Instruction> {
        let index = usize::try_from(pc.wrapping_sub(self.start) >> 2).ok()?;
        self.instructions.get(index).copied()
    }
}

const _: () = assert!(size_of::<Instruction>() == 8);
