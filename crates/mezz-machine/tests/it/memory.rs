//! Loads and stores: widths, extension, alignment, the end of memory, the text.

use mezz_machine::{Exit, Trap};

use crate::asm::{DATA, TEXT, addi, assert_trap, i, ld, run_body, s};

const WORD: u64 = 0xf1e2_d3c4_b5a6_9788;

/// Name, funct3, offset, value loaded from `WORD`.
const LOADS: &[(&str, u32, i32, u64)] = &[
    ("lb", 0, 0, 0xffff_ffff_ffff_ff88),
    ("lb", 0, 1, 0xffff_ffff_ffff_ff97),
    ("lb", 0, 7, 0xffff_ffff_ffff_fff1),
    ("lh", 1, 0, 0xffff_ffff_ffff_9788),
    ("lh", 1, 6, 0xffff_ffff_ffff_f1e2),
    ("lw", 2, 0, 0xffff_ffff_b5a6_9788),
    ("lw", 2, 4, 0xffff_ffff_f1e2_d3c4),
    ("ld", 3, 0, WORD),
    ("lbu", 4, 0, 0x88),
    ("lbu", 4, 3, 0xb5),
    ("lhu", 5, 2, 0xb5a6),
    ("lhu", 5, 6, 0xf1e2),
    ("lwu", 6, 0, 0xb5a6_9788),
    ("lwu", 6, 4, 0xf1e2_d3c4),
];

#[test]
fn loads_take_little_endian_bytes_and_extend_them() {
    for (name, f3, offset, expected) in LOADS {
        let (exit, machine) = run_body(&[i(0x03, *f3, 7, 31, *offset)], &[WORD]);
        assert_eq!(exit, Exit::Halted(0));
        assert_eq!(machine.register(7), Some(*expected), "{name} {offset}");
    }
    // A positive byte keeps zeros above, and an address register may be the destination.
    let (_, machine) = run_body(&[i(0x03, 0, 31, 31, 0)], &[0x7f]);
    assert_eq!(machine.register(31), Some(0x7f));
}

/// Name, funct3, offset, what `WORD` becomes when 0x0102_0304_0506_0708 is stored.
const STORES: &[(&str, u32, i32, u64)] = &[
    ("sb", 0, 0, 0xf1e2_d3c4_b5a6_9708),
    ("sb", 0, 5, 0xf1e2_08c4_b5a6_9788),
    ("sb", 0, 7, 0x08e2_d3c4_b5a6_9788),
    ("sh", 1, 0, 0xf1e2_d3c4_b5a6_0708),
    ("sh", 1, 6, 0x0708_d3c4_b5a6_9788),
    ("sw", 2, 0, 0xf1e2_d3c4_0506_0708),
    ("sw", 2, 4, 0x0506_0708_b5a6_9788),
    ("sd", 3, 0, 0x0102_0304_0506_0708),
];

#[test]
fn stores_change_their_bytes_alone() {
    for (name, f3, offset, expected) in STORES {
        let data = [0x0102_0304_0506_0708, WORD, 0x55];
        let (exit, machine) = run_body(&[s(*f3, 31, 5, 8 + *offset), ld(8, 31, 8)], &data);
        assert_eq!(exit, Exit::Halted(0));
        assert_eq!(machine.register(8), Some(*expected), "{name} {offset}");
        let leaf = machine.memory().load_leaf(DATA).expect("in memory");
        assert_eq!(leaf[..8], data[0].to_le_bytes());
        assert_eq!(leaf[16..24], data[2].to_le_bytes());
    }
}

#[test]
fn misaligned_accesses_trap_wherever_they_are() {
    for (f3, width) in [(1, 2), (2, 4), (3, 8), (5, 2), (6, 4)] {
        for offset in (1..width).chain([2 * width - 1]) {
            for base in [DATA, TEXT, 1 << 32, 1 << 63] {
                let address = base + offset;
                assert_trap(&[i(0x03, f3, 7, 5, 0)], &[address], Trap::LoadMisaligned);
                if f3 < 4 {
                    assert_trap(&[s(f3, 5, 0, 0)], &[address], Trap::StoreMisaligned);
                }
            }
        }
    }
}

#[test]
fn accesses_beyond_the_end_trap() {
    for (f3, width) in [(0, 1), (1, 2), (2, 4), (3, 8)] {
        let last = (1u64 << 32) - width;
        let (exit, machine) = run_body(&[s(f3, 5, 6, 0), i(0x03, f3, 7, 5, 0)], &[last, 0x7b]);
        assert_eq!(exit, Exit::Halted(0));
        assert_eq!(machine.register(7), Some(0x7b));
        for address in [1 << 32, 1 << 33, 1 << 63, 0u64.wrapping_sub(width), (1 << 32) + DATA] {
            assert_trap(&[i(0x03, f3, 7, 5, 0)], &[address], Trap::LoadFault);
            assert_trap(&[s(f3, 5, 6, 0)], &[address], Trap::StoreFault);
        }
    }
    // The address wraps at 2^64, not at 2^32.
    let (exit, machine) = run_body(&[addi(5, 0, -8), ld(7, 5, 16), ld(8, 0, 8)], &[5]);
    assert_eq!(exit, Exit::Halted(0));
    assert_eq!(machine.register(7), machine.register(8));
}

#[test]
fn a_load_into_x0_still_traps() {
    assert_trap(&[i(0x03, 3, 0, 5, 0)], &[1 << 32], Trap::LoadFault);
}

#[test]
fn a_trapping_access_changes_nothing() {
    let machine = assert_trap(&[i(0x03, 3, 5, 5, 0)], &[1 << 32], Trap::LoadFault);
    assert_eq!(machine.register(5), Some(1 << 32));
    assert_eq!(machine.pc(), TEXT + 8);
    assert_eq!(machine.steps(), 3);
}

#[test]
fn pages_of_text_are_read_only() {
    // The text is 6 words; its page ends at TEXT + 4096.
    for address in [TEXT, TEXT + 8, TEXT + 0x100, TEXT + 4088] {
        for f3 in 0..4 {
            assert_trap(&[s(f3, 5, 6, 0)], &[address, 1], Trap::StoreFault);
        }
        assert_eq!(run_body(&[ld(7, 5, 0)], &[address]).0, Exit::Halted(0));
    }
    for address in [TEXT - 8, TEXT + 4096] {
        let (exit, machine) = run_body(&[s(3, 5, 6, 0), ld(7, 5, 0)], &[address, 99]);
        assert_eq!(exit, Exit::Halted(0));
        assert_eq!(machine.register(7), Some(99));
    }
}

#[test]
fn text_can_be_read() {
    let (_, machine) = run_body(&[i(0x03, 6, 7, 5, 0)], &[TEXT + 4]);
    // The second word: ld x5, 0(x31).
    assert_eq!(machine.register(7), Some(0x000f_b283));
}

#[test]
fn memory_that_was_never_written_is_zero() {
    let (exit, machine) = run_body(&[ld(7, 0, 0), ld(8, 5, 0)], &[0xffff_fff8]);
    assert_eq!(exit, Exit::Halted(0));
    assert_eq!(machine.register(7), Some(0));
    assert_eq!(machine.register(8), Some(0));
}
