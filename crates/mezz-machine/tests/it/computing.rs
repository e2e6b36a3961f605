//! Every computing instruction on its corners. The expected values are written out, not computed.

use mezz_machine::Exit;

use crate::asm::{self, EBREAK, addi, i, r, run_body, u};

const MIN: u64 = 0x8000_0000_0000_0000;
const MAX: u64 = 0x7fff_ffff_ffff_ffff;
const ONES: u64 = 0xffff_ffff_ffff_ffff;
const MIN32: u64 = 0x8000_0000;
const SMIN32: u64 = 0xffff_ffff_8000_0000;
const MAX32: u64 = 0x7fff_ffff;
const ONES32: u64 = 0xffff_ffff;
const A: u64 = 0x0123_4567_89ab_cdef;
const B: u64 = 0xfedc_ba98_7654_3210;

/// Name, opcode, funct3, funct7, and rows of `(rs1, rs2, rd)`.
type Table = &'static [(&'static str, u32, u32, u32, &'static [(u64, u64, u64)])];

#[rustfmt::skip]
const REGISTER: Table = &[
    ("add", 0x33, 0, 0x00, &[(0, 0, 0), (1, 2, 3), (ONES, 1, 0), (MAX, 1, MIN), (MIN, MIN, 0), (A, B, ONES)]),
    ("sub", 0x33, 0, 0x20, &[(0, 0, 0), (0, 1, ONES), (MIN, 1, MAX), (MAX, ONES, MIN), (A, B, 0x0246_8acf_1357_9bdf)]),
    ("sll", 0x33, 1, 0x00, &[(1, 0, 1), (1, 63, MIN), (1, 64, 1), (1, ONES, MIN), (A, 8, 0x2345_6789_abcd_ef00), (ONES, 1, 0xffff_ffff_ffff_fffe)]),
    ("slt", 0x33, 2, 0x00, &[(0, 0, 0), (0, 1, 1), (ONES, 0, 1), (MIN, MAX, 1), (MAX, MIN, 0), (0, ONES, 0)]),
    ("sltu", 0x33, 3, 0x00, &[(0, 0, 0), (0, 1, 1), (ONES, 0, 0), (MIN, MAX, 0), (MAX, MIN, 1), (0, ONES, 1)]),
    ("xor", 0x33, 4, 0x00, &[(A, B, ONES), (A, A, 0), (ONES, A, B), (0, A, A)]),
    ("srl", 0x33, 5, 0x00, &[(MIN, 63, 1), (ONES, 63, 1), (ONES, 64, ONES), (A, 4, 0x0012_3456_789a_bcde), (B, ONES, 1)]),
    ("sra", 0x33, 5, 0x20, &[(MIN, 63, ONES), (MAX, 63, 0), (ONES, 17, ONES), (B, 4, 0xffed_cba9_8765_4321), (MIN, 64, MIN), (MIN, 1, 0xc000_0000_0000_0000)]),
    ("or", 0x33, 6, 0x00, &[(A, B, ONES), (A, A, A), (0, 0, 0), (MIN, 1, 0x8000_0000_0000_0001)]),
    ("and", 0x33, 7, 0x00, &[(A, B, 0), (A, A, A), (ONES, B, B), (0xff00, 0x0ff0, 0x0f00)]),
    ("addw", 0x3b, 0, 0x00, &[(MAX32, 1, SMIN32), (ONES32, 1, 0), (ONES, 1, 0), (0x1_0000_0000, 7, 7), (A, 0, 0xffff_ffff_89ab_cdef)]),
    ("subw", 0x3b, 0, 0x20, &[(0, 1, ONES), (SMIN32, 1, MAX32), (MAX32, ONES, SMIN32), (0xf_0000_0005, 3, 2)]),
    ("sllw", 0x3b, 1, 0x00, &[(1, 31, SMIN32), (1, 32, 1), (1, 63, SMIN32), (0x1_0000_0001, 4, 16), (ONES, 31, SMIN32)]),
    ("srlw", 0x3b, 5, 0x00, &[(MIN32, 31, 1), (SMIN32, 0, SMIN32), (ONES, 32, ONES), (ONES, 1, MAX32), (0x5_8000_0000, 4, 0x0800_0000)]),
    ("sraw", 0x3b, 5, 0x20, &[(MIN32, 31, ONES), (MAX32, 31, 0), (0x5_8000_0000, 4, 0xffff_ffff_f800_0000), (MIN32, 32, SMIN32)]),
    ("mul", 0x33, 0, 0x01, &[(0, ONES, 0), (ONES, ONES, 1), (MIN, ONES, MIN), (MIN, 2, 0), (A, B, 0x2236_d88f_e561_8cf0), (0x1_0000_0001, 0x1_0000_0001, 0x2_0000_0001)]),
    ("mulh", 0x33, 1, 0x01, &[(0, ONES, 0), (ONES, ONES, 0), (ONES, 1, ONES), (MIN, MIN, 0x4000_0000_0000_0000), (MIN, MAX, 0xc000_0000_0000_0000), (MAX, MAX, 0x3fff_ffff_ffff_ffff), (MIN, ONES, 0), (A, B, 0xfffe_b499_23cc_0953)]),
    ("mulhsu", 0x33, 2, 0x01, &[(0, ONES, 0), (ONES, ONES, ONES), (1, ONES, 0), (ONES, 1, ONES), (MIN, MIN, 0xc000_0000_0000_0000), (MAX, ONES, 0x7fff_ffff_ffff_fffe), (MIN, ONES, MIN), (A, B, 0x0121_fa00_ad77_d742), (B, A, 0xfffe_b499_23cc_0953)]),
    ("mulhu", 0x33, 3, 0x01, &[(0, ONES, 0), (ONES, ONES, 0xffff_ffff_ffff_fffe), (1, ONES, 0), (MIN, MIN, 0x4000_0000_0000_0000), (MIN, 2, 1), (A, B, 0x0121_fa00_ad77_d742)]),
    ("div", 0x33, 4, 0x01, &[(7, 2, 3), (7u64.wrapping_neg(), 2, 3u64.wrapping_neg()), (7, 2u64.wrapping_neg(), 3u64.wrapping_neg()), (1, 0, ONES), (0, 0, ONES), (MIN, ONES, MIN), (MIN, 1, MIN), (MIN, 0, ONES), (MAX, MIN, 0)]),
    ("divu", 0x33, 5, 0x01, &[(7, 2, 3), (ONES, 2, MAX), (1, 0, ONES), (0, 0, ONES), (MIN, ONES, 0), (ONES, ONES, 1), (MIN, 3, 0x2aaa_aaaa_aaaa_aaaa)]),
    ("rem", 0x33, 6, 0x01, &[(7, 2, 1), (7u64.wrapping_neg(), 2, ONES), (7, 2u64.wrapping_neg(), 1), (5, 0, 5), (MIN, 0, MIN), (MIN, ONES, 0), (MAX, MIN, MAX), (ONES, 3, ONES)]),
    ("remu", 0x33, 7, 0x01, &[(7, 2, 1), (ONES, 2, 1), (5, 0, 5), (ONES, 0, ONES), (MIN, ONES, MIN), (ONES, 10, 5)]),
    ("mulw", 0x3b, 0, 0x01, &[(MIN32, 2, 0), (MIN32, ONES, SMIN32), (0xffff, 0x8001, 0x8000_7fff | 0xffff_ffff_0000_0000), (0x7_0000_0003, 0x9_0000_0005, 15), (MAX32, MAX32, 1)]),
    ("divw", 0x3b, 4, 0x01, &[(7, 2, 3), (ONES32, 2, 0), (SMIN32, ONES, SMIN32), (MIN32, ONES32, SMIN32), (9, 0, ONES), (0, 0x1_0000_0000, ONES), (0x5_0000_0009, 2, 4), (SMIN32, 1, SMIN32)]),
    ("divuw", 0x3b, 5, 0x01, &[(7, 2, 3), (ONES32, 2, MAX32), (SMIN32, 1, SMIN32), (MIN32, ONES32, 0), (9, 0, ONES), (ONES, 0x1_0000_0000, ONES), (0x5_0000_0009, 2, 4)]),
    ("remw", 0x3b, 6, 0x01, &[(7, 2, 1), (ONES32, 2, ONES), (SMIN32, ONES, 0), (MIN32, 0, SMIN32), (0x1_8000_0000, 0x1_0000_0000, SMIN32), (0x5_0000_0009, 4, 1)]),
    ("remuw", 0x3b, 7, 0x01, &[(7, 2, 1), (ONES32, 2, 1), (SMIN32, ONES, SMIN32), (MIN32, 0, SMIN32), (ONES, 0x1_0000_0000, ONES), (0x5_0000_0009, 4, 1)]),
];

/// Name, opcode, funct3, and rows of `(rs1, immediate, rd)`.
type ImmediateTable = &'static [(&'static str, u32, u32, &'static [(u64, i32, u64)])];

#[rustfmt::skip]
const IMMEDIATE: ImmediateTable = &[
    ("addi", 0x13, 0, &[(0, 0, 0), (MAX, 1, MIN), (0, -1, ONES), (0, 2047, 0x7ff), (0, -2048, 0xffff_ffff_ffff_f800), (1, -1, 0)]),
    ("slti", 0x13, 2, &[(0, 1, 1), (0, -1, 0), (MIN, -2048, 1), (MAX, 2047, 0), (ONES, -1, 0), (ONES, 0, 1)]),
    ("sltiu", 0x13, 3, &[(0, 1, 1), (0, -1, 1), (1, 1, 0), (ONES, -1, 0), (0xffff_ffff_ffff_f7ff, -2048, 1), (5, 4, 0)]),
    ("xori", 0x13, 4, &[(A, -1, B), (0xff, 0x0f, 0xf0), (A, 0, A)]),
    ("ori", 0x13, 6, &[(0, -2048, 0xffff_ffff_ffff_f800), (0xf0, 0x0f, 0xff), (A, 0, A)]),
    ("andi", 0x13, 7, &[(A, -1, A), (A, 0xff, 0xef), (ONES, -2048, 0xffff_ffff_ffff_f800), (A, 0, 0)]),
    ("slli", 0x13, 1, &[(1, 0, 1), (1, 63, MIN), (1, 32, 0x1_0000_0000), (A, 4, 0x1234_5678_9abc_def0)]),
    ("srli", 0x13, 5, &[(MIN, 63, 1), (ONES, 32, ONES32), (A, 4, 0x0012_3456_789a_bcde), (A, 0, A)]),
    ("srai", 0x13, 5, &[(MIN, 0x400 | 63, ONES), (MAX, 0x400 | 62, 1), (B, 0x400 | 4, 0xffed_cba9_8765_4321), (B, 0x400, B)]),
    ("addiw", 0x1b, 0, &[(MAX32, 1, SMIN32), (ONES32, 1, 0), (A, 0, 0xffff_ffff_89ab_cdef), (0, -1, ONES), (0x7_0000_0000, -1, ONES)]),
    ("slliw", 0x1b, 1, &[(1, 31, SMIN32), (0x1_0000_0001, 4, 16), (ONES, 0, ONES)]),
    ("srliw", 0x1b, 5, &[(MIN32, 31, 1), (ONES, 1, MAX32), (ONES, 0, ONES), (0x5_8000_0000, 4, 0x0800_0000)]),
    ("sraiw", 0x1b, 5, &[(MIN32, 0x400 | 31, ONES), (MAX32, 0x400 | 31, 0), (0x5_8000_0000, 0x400 | 4, 0xffff_ffff_f800_0000)]),
];

#[test]
fn register_instructions_give_the_tables_values() {
    for (name, opcode, f3, f7, rows) in REGISTER {
        for (a, b, expected) in *rows {
            let (exit, machine) = run_body(&[r(*opcode, *f3, *f7, 7, 5, 6)], &[*a, *b]);
            assert_eq!(exit, Exit::Halted(0));
            assert_eq!(machine.register(7), Some(*expected), "{name} {a:#x} {b:#x}");
        }
    }
}

#[test]
fn immediate_instructions_give_the_tables_values() {
    for (name, opcode, f3, rows) in IMMEDIATE {
        for (a, imm, expected) in *rows {
            let (exit, machine) = run_body(&[i(*opcode, *f3, 7, 5, *imm)], &[*a]);
            assert_eq!(exit, Exit::Halted(0));
            assert_eq!(machine.register(7), Some(*expected), "{name} {a:#x} {imm}");
        }
    }
}

#[test]
fn destination_may_be_a_source() {
    let body = [r(0x33, 0, 0, 5, 5, 5), r(0x33, 0, 0x01, 6, 5, 6)];
    let (_, machine) = run_body(&body, &[21, 2]);
    assert_eq!(machine.register(5), Some(42));
    assert_eq!(machine.register(6), Some(84));
}

#[test]
fn x0_stays_zero() {
    let body = [
        addi(0, 5, 7),
        u(0x37, 0, 0xfffff),
        u(0x17, 0, 1),
        i(0x03, 3, 0, 31, 0),
        r(0x33, 0, 0, 7, 0, 0),
        r(0x33, 0, 0x01, 0, 5, 5),
        addi(8, 0, 5),
    ];
    let (exit, machine) = run_body(&body, &[9]);
    assert_eq!(exit, Exit::Halted(0));
    assert_eq!(machine.register(0), Some(0));
    assert_eq!(machine.register(7), Some(0));
    assert_eq!(machine.register(8), Some(5));
    assert_eq!(machine.register(32), None);
}

#[test]
fn upper_immediates_are_sign_extended() {
    let text =
        [u(0x37, 7, 0x80000), u(0x37, 8, 0x7ffff), u(0x17, 9, 0x80000), u(0x17, 10, 1), EBREAK];
    let mut machine = asm::machine(&text, &[]);
    asm::run(&mut machine);
    assert_eq!(machine.register(7), Some(0xffff_ffff_8000_0000));
    assert_eq!(machine.register(8), Some(0x7fff_f000));
    assert_eq!(machine.register(9), Some(0xffff_ffff_8001_0008));
    assert_eq!(machine.register(10), Some(0x1_100c));
}
