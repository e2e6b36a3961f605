//! Computing instructions against wide integers, and whole random programs.

use mezz_machine::{Exit, Machine, Op, PreimageMap, Program, Stop, decode};
use proptest::prelude::*;

use crate::asm::{self, DATA, Load, TEXT, elf, lui, r, run_body};

/// What an instruction gives for signed and unsigned operands of its width, in 128 bits. The result is cut to
/// the width and, for words, sign-extended.
type Reference = fn(Operands) -> i128;

struct Operands {
    signed: (i128, i128),
    unsigned: (i128, i128),
    bits: u32,
}

impl Operands {
    fn of(a: u64, b: u64, bits: u32) -> Self {
        let modulus = 1i128 << bits;
        let cut = |value: u64| i128::from(value) % modulus;
        let signed = |value: i128| if value >= modulus / 2 { value - modulus } else { value };
        let unsigned = (cut(a), cut(b));
        Self { signed: (signed(unsigned.0), signed(unsigned.1)), unsigned, bits }
    }

    fn shift(&self) -> u32 {
        (self.unsigned.1 % i128::from(self.bits)) as u32
    }
}

/// Floor division by a power of two, which a shift to the right is.
fn floor(a: i128, shift: u32) -> i128 {
    a.div_euclid(1 << shift)
}

/// Truncating division and its remainder; the manual's values where there is none.
fn quotient(a: i128, b: i128) -> i128 {
    if b == 0 { -1 } else { a / b }
}

fn remainder(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { a - a / b * b }
}

/// High half of a product that may not fit 128 bits signed: schoolbook in halves.
fn high_unsigned(a: i128, b: i128) -> i128 {
    let (a1, a0, b1, b0) = (a >> 32, a & 0xffff_ffff, b >> 32, b & 0xffff_ffff);
    let middle = ((a0 * b0) >> 32) + ((a1 * b0) & 0xffff_ffff) + ((a0 * b1) & 0xffff_ffff);
    a1 * b1 + ((a1 * b0) >> 32) + ((a0 * b1) >> 32) + (middle >> 32)
}

/// Opcode (0x33 takes 64 bits, 0x3b words), funct3, funct7, reference.
#[rustfmt::skip]
const REFERENCES: &[(u32, u32, u32, Reference)] = &[
    (0x33, 0, 0x00, |o| o.signed.0 + o.signed.1),
    (0x33, 0, 0x20, |o| o.signed.0 - o.signed.1),
    (0x33, 1, 0x00, |o| (o.unsigned.0 % (1 << (64 - o.shift()))) << o.shift()),
    (0x33, 2, 0x00, |o| i128::from(o.signed.0 < o.signed.1)),
    (0x33, 3, 0x00, |o| i128::from(o.unsigned.0 < o.unsigned.1)),
    (0x33, 4, 0x00, |o| (o.unsigned.0 | o.unsigned.1) - (o.unsigned.0 & o.unsigned.1)),
    (0x33, 5, 0x00, |o| floor(o.unsigned.0, o.shift())),
    (0x33, 5, 0x20, |o| floor(o.signed.0, o.shift())),
    (0x33, 6, 0x00, |o| o.unsigned.0 | o.unsigned.1),
    (0x33, 7, 0x00, |o| o.unsigned.0 & o.unsigned.1),
    (0x33, 0, 0x01, |o| o.signed.0 * o.signed.1),
    (0x33, 1, 0x01, |o| floor(o.signed.0 * o.signed.1, 64)),
    (0x33, 2, 0x01, |o| floor(o.signed.0 * o.unsigned.1, 64)),
    (0x33, 3, 0x01, |o| high_unsigned(o.unsigned.0, o.unsigned.1)),
    (0x33, 4, 0x01, |o| quotient(o.signed.0, o.signed.1)),
    (0x33, 5, 0x01, |o| quotient(o.unsigned.0, o.unsigned.1)),
    (0x33, 6, 0x01, |o| remainder(o.signed.0, o.signed.1)),
    (0x33, 7, 0x01, |o| remainder(o.unsigned.0, o.unsigned.1)),
    (0x3b, 0, 0x00, |o| o.signed.0 + o.signed.1),
    (0x3b, 0, 0x20, |o| o.signed.0 - o.signed.1),
    (0x3b, 1, 0x00, |o| o.unsigned.0 << o.shift()),
    (0x3b, 5, 0x00, |o| floor(o.unsigned.0, o.shift())),
    (0x3b, 5, 0x20, |o| floor(o.signed.0, o.shift())),
    (0x3b, 0, 0x01, |o| o.signed.0 * o.signed.1),
    (0x3b, 4, 0x01, |o| quotient(o.signed.0, o.signed.1)),
    (0x3b, 5, 0x01, |o| quotient(o.unsigned.0, o.unsigned.1)),
    (0x3b, 6, 0x01, |o| remainder(o.signed.0, o.signed.1)),
    (0x3b, 7, 0x01, |o| remainder(o.unsigned.0, o.unsigned.1)),
];

fn expected(opcode: u32, reference: Reference, a: u64, b: u64) -> u64 {
    if opcode == 0x33 {
        reference(Operands::of(a, b, 64)) as u64
    } else {
        i64::from(reference(Operands::of(a, b, 32)) as i32) as u64
    }
}

/// Values near the edges as often as any.
fn value() -> impl Strategy<Value = u64> {
    let edges = prop::sample::select(vec![0u64, 1 << 31, 1 << 32, 1 << 63, u64::MAX, 1 << 40]);
    prop_oneof![any::<u64>(), (edges, -3i64..4).prop_map(|(edge, by)| edge.wrapping_add_signed(by))]
}

proptest! {
    #[test]
    fn computing_instructions_agree_with_wide_integers(a in value(), b in value()) {
        let words = REFERENCES.iter().map(|(opcode, f3, f7, _)| r(*opcode, *f3, *f7, 7, 5, 6));
        for ((opcode, f3, f7, reference), word) in REFERENCES.iter().zip(words) {
            let (exit, machine) = run_body(&[word], &[a, b]);
            prop_assert_eq!(exit, Exit::Halted(0));
            let expected = expected(*opcode, *reference, a, b);
            let got = machine.register(7);
            prop_assert_eq!(got, Some(expected), "{:#x} {} {:#x}: {:#x} {:#x}", opcode, f3, f7, a, b);
        }
    }

    #[test]
    fn every_word_decodes_to_registers_in_range(word in any::<u32>()) {
        let instruction = decode(word);
        prop_assert!(instruction.rd < 32 && instruction.rs1 < 32 && instruction.rs2 < 32);
        // The two lowest bits of an instruction of 32 bits are set.
        prop_assert!(word & 3 == 3 || instruction.op == Op::Illegal);
    }

    /// Random words as a program: the machine ends or runs on, twice alike, and `x0` stays zero.
    #[test]
    fn random_programs_have_one_result(
        words in prop::collection::vec((any::<u32>(), 0usize..9), 1..60),
        data in prop::collection::vec(value(), 8),
    ) {
        let opcodes = [0x33, 0x3b, 0x13, 0x1b, 0x03, 0x23, 0x63, 0x6f, 0x37];
        let body = words.iter().map(|(word, kind)| word & !0x7f | opcodes[*kind]);
        let text: Vec<u32> = asm::prologue(8).into_iter().chain(body).collect();
        let runs = [1, 2].map(|_| {
            let mut machine = asm::machine(&text, &data);
            let stop = machine.run(&mut PreimageMap::default(), 500);
            (stop, machine.steps(), machine.pc(), (0..32).map(|n| machine.register(n)).collect::<Vec<_>>())
        });
        prop_assert_eq!(&runs[0], &runs[1]);
        prop_assert_eq!(runs[0].3[0], Some(0));
        prop_assert!(runs[0].0 != Ok(Stop::StepLimit) || runs[0].1 == 500);
        prop_assert!(runs[0].1 <= 500);
    }
}

#[test]
fn the_same_bytes_make_the_same_program() {
    let bytes = elf(TEXT, &[Load::text(&[lui(31, (DATA >> 12) as u32)]), Load::data(&[1])]);
    let (first, second) = (Program::parse(&bytes), Program::parse(&bytes));
    assert_eq!(first, second);
    let machine = Machine::new(&first.expect("a program"), [0; 32]);
    assert_eq!(machine.pc(), TEXT);
}
