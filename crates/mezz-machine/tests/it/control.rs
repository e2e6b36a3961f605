//! Jumps, branches, traps, illegal words, the step limit.

use mezz_machine::{Exit, Op, PreimageMap, Stop, Trap, decode};

use crate::asm::{
    self, DATA, EBREAK, ECALL, TEXT, addi, assert_trap, b, halt, i, jal, jalr, ld, prologue, r,
    run_body, s, u,
};

const MIN: u64 = 1 << 63;
const ONES: u64 = u64::MAX;

/// Name, funct3, and rows of `(rs1, rs2, taken)`.
type Rows = &'static [(u64, u64, bool)];
const BRANCHES: &[(&str, u32, Rows)] = &[
    ("beq", 0, &[(0, 0, true), (0, 1, false), (ONES, ONES, true), (1, 0x1_0000_0001, false)]),
    ("bne", 1, &[(0, 0, false), (0, 1, true), (ONES, ONES, false), (1, 0x1_0000_0001, true)]),
    ("blt", 4, &[(0, 0, false), (0, 1, true), (ONES, 0, true), (MIN, ONES, true), (0, MIN, false)]),
    (
        "bge",
        5,
        &[(0, 0, true), (0, 1, false), (ONES, 0, false), (MIN, ONES, false), (0, MIN, true)],
    ),
    (
        "bltu",
        6,
        &[(0, 0, false), (0, 1, true), (ONES, 0, false), (MIN, ONES, true), (0, MIN, true)],
    ),
    (
        "bgeu",
        7,
        &[(0, 0, true), (0, 1, false), (ONES, 0, true), (MIN, ONES, false), (0, MIN, false)],
    ),
];

#[test]
fn branches_are_taken_as_the_table_says() {
    for (name, f3, rows) in BRANCHES {
        for (x, y, taken) in *rows {
            // A taken branch skips the second write.
            let body = [addi(7, 0, 1), b(*f3, 5, 6, 8), addi(7, 0, 2)];
            let (exit, machine) = run_body(&body, &[*x, *y]);
            assert_eq!(exit, Exit::Halted(0));
            let expected = if *taken { 1 } else { 2 };
            assert_eq!(machine.register(7), Some(expected), "{name} {x:#x} {y:#x}");
        }
    }
}

#[test]
fn branches_and_jumps_reach_as_far_as_their_fields() {
    for offset in [-4096, -2048, -4, 4, 8, 2044, 2048, 4092] {
        assert_eq!(landing(b(0, 0, 0, offset)), at(offset), "beq {offset}");
    }
    for offset in [-(1 << 20), -4096, -2048, -4, 4, 2048, 4096, (1 << 20) - 4] {
        assert_eq!(landing(jal(0, offset)), at(offset), "jal {offset}");
    }
}

fn at(offset: i32) -> u64 {
    TEXT.wrapping_add_signed(i64::from(offset))
}

/// Where one step from the first instruction leads.
fn landing(word: u32) -> u64 {
    let mut machine = asm::machine(&[word, EBREAK], &[]);
    assert_eq!(machine.run(&mut PreimageMap::default(), 1), Ok(Stop::StepLimit));
    machine.pc()
}

#[test]
fn jumps_link_and_jalr_clears_the_lowest_bit() {
    let text = [jal(1, 12), addi(7, 0, 1), EBREAK, jalr(5, 1, 1)];
    let mut machine = asm::machine(&text, &[]);
    assert_eq!(asm::run(&mut machine), Exit::Trapped(Trap::Breakpoint));
    assert_eq!(machine.register(1), Some(TEXT + 4));
    assert_eq!(machine.register(5), Some(TEXT + 16));
    assert_eq!(machine.register(7), Some(1));
    assert_eq!(machine.pc(), TEXT + 8);
    assert_eq!(machine.steps(), 4);
}

#[test]
fn jalr_may_link_to_its_own_source() {
    let text = [u(0x17, 5, 0), jalr(5, 5, 12), EBREAK, EBREAK];
    let mut machine = asm::machine(&text, &[]);
    asm::run(&mut machine);
    assert_eq!(machine.pc(), TEXT + 12);
    assert_eq!(machine.register(5), Some(TEXT + 8));
}

#[test]
fn misaligned_targets_trap_at_the_jump_and_write_no_link() {
    for jump in [jal(1, 6), jalr(1, 31, 2), jalr(1, 31, 3), b(0, 0, 0, 6)] {
        let machine = assert_trap(&[jump], &[], Trap::FetchMisaligned);
        assert_eq!(machine.pc(), TEXT + 4);
        assert_eq!(machine.register(1), Some(0));
        assert_eq!(machine.steps(), 2);
    }
    // A branch that is not taken does not look at its target.
    assert_eq!(run_body(&[b(1, 0, 0, 6)], &[]).0, Exit::Halted(0));
}

#[test]
fn fetches_outside_of_the_text_trap_after_the_jump() {
    for target in [0, TEXT - 4, DATA, 1 << 32, (1 << 32) + TEXT, ONES - 3] {
        let machine = assert_trap(&[jalr(1, 5, 0)], &[target], Trap::FetchFault);
        assert_eq!(machine.pc(), target);
        assert_eq!(machine.register(1), Some(TEXT + 12));
        assert_eq!(machine.steps(), 4);
    }
    // Running off the end.
    let mut machine = asm::machine(&[addi(1, 0, 1)], &[]);
    assert_eq!(asm::run(&mut machine), Exit::Trapped(Trap::FetchFault));
    assert_eq!(machine.pc(), TEXT + 4);
}

#[test]
fn words_that_are_no_rv64im_trap() {
    let illegal: &[(&str, u32)] = &[
        ("zero", 0),
        ("ones", 0xffff_ffff),
        ("c.nop", 0x0001),
        ("c.ebreak twice", 0x9002_9002),
        ("slli by 64", i(0x13, 1, 1, 1, 0x40)),
        ("srai by 64", i(0x13, 5, 1, 1, 0x440)),
        ("slliw by 32", i(0x1b, 1, 1, 1, 0x20)),
        ("srliw by 32", i(0x1b, 5, 1, 1, 0x20)),
        ("sraiw by 32", i(0x1b, 5, 1, 1, 0x420)),
        ("op-imm-32 funct3 2", i(0x1b, 2, 1, 1, 0)),
        ("op funct7 2", r(0x33, 0, 2, 1, 1, 1)),
        ("op funct7 0x20 and", r(0x33, 7, 0x20, 1, 1, 1)),
        ("andn of Zbb", r(0x33, 7, 0x20, 1, 2, 3)),
        ("op-32 mulh", r(0x3b, 1, 1, 1, 1, 1)),
        ("op-32 slt", r(0x3b, 2, 0, 1, 1, 1)),
        ("branch funct3 2", b(2, 0, 0, 4)),
        ("branch funct3 3", b(3, 0, 0, 4)),
        ("load funct3 7", i(0x03, 7, 1, 31, 0)),
        ("store funct3 4", s(4, 31, 1, 0)),
        ("jalr funct3 1", i(0x67, 1, 1, 31, 0)),
        ("fence.i", i(0x0f, 1, 0, 0, 0)),
        ("lr.w", 0x1002_a2af),
        ("amoadd.d", 0x0062_b2af),
        ("flw", 0x0002_a007),
        ("fadd.s", 0x0000_0053),
        ("csrrw cycle", 0xc000_1073),
        ("rdcycle", 0xc000_2073),
        ("ecall with rd", ECALL | 1 << 7),
        ("ebreak with rs1", EBREAK | 1 << 15),
        ("mret", 0x3020_0073),
        ("wfi", 0x1050_0073),
    ];
    for (name, word) in illegal {
        let machine = assert_trap(&[*word], &[], Trap::IllegalInstruction);
        assert_eq!(machine.pc(), TEXT + 4, "{name}");
        assert_eq!(decode(*word).op, Op::Illegal, "{name}");
    }
}

#[test]
fn fences_do_nothing() {
    for fence in [0x0ff0_000f, 0x8330_000f, 0x0000_000f, 0xfff7_8f8f & !0x7000] {
        let (exit, machine) = run_body(&[fence], &[3]);
        assert_eq!(exit, Exit::Halted(0));
        assert_eq!(machine.register(5), Some(3));
        assert_eq!(machine.register(31), Some(DATA));
        assert_eq!(machine.steps(), 6);
    }
}

#[test]
fn breakpoints_trap() {
    assert_trap(&[EBREAK], &[], Trap::Breakpoint);
}

#[test]
fn a_machine_that_exited_makes_no_step() {
    let (exit, mut machine) = run_body(&[], &[]);
    let before = (machine.steps(), machine.pc());
    assert_eq!(asm::run(&mut machine), exit);
    assert_eq!((machine.steps(), machine.pc()), before);
    assert_eq!(machine.exit(), Some(Exit::Halted(0)));
}

#[test]
fn a_run_in_pieces_is_the_same_run() {
    let count = 100;
    let text = [
        &prologue(1)[..],
        &[addi(6, 6, 3), s(3, 31, 6, 8), addi(5, 5, -1), b(1, 5, 0, -12), ld(7, 31, 8)],
        &halt(),
    ]
    .concat();
    let mut whole = asm::machine(&text, &[count]);
    assert_eq!(asm::run(&mut whole), Exit::Halted(0));
    assert_eq!(whole.register(7), Some(3 * count));
    assert_eq!(whole.steps(), 2 + 4 * count + 4);

    let mut pieces = asm::machine(&text, &[count]);
    let mut host = PreimageMap::default();
    for limit in 1..whole.steps() {
        assert_eq!(pieces.run(&mut host, limit), Ok(Stop::StepLimit));
        assert_eq!(pieces.steps(), limit);
        // A limit that is already behind changes nothing.
        assert_eq!(pieces.run(&mut host, limit - 1), Ok(Stop::StepLimit));
        assert_eq!(pieces.steps(), limit);
    }
    assert_eq!(pieces.run(&mut host, whole.steps()), Ok(Stop::Exited(Exit::Halted(0))));
    for register in 0..32 {
        assert_eq!(pieces.register(register), whole.register(register));
    }
    assert_eq!(pieces.pc(), whole.pc());
}

#[test]
fn every_trap_has_its_own_code() {
    let traps = [
        Trap::FetchMisaligned,
        Trap::FetchFault,
        Trap::IllegalInstruction,
        Trap::Breakpoint,
        Trap::LoadMisaligned,
        Trap::LoadFault,
        Trap::StoreMisaligned,
        Trap::StoreFault,
        Trap::BadEcall,
    ];
    let codes: Vec<u16> = traps.iter().map(|trap| Exit::Trapped(*trap).code()).collect();
    assert_eq!(codes, (256..265).collect::<Vec<u16>>());
    assert_eq!(Exit::Halted(255).code(), 255);
}
