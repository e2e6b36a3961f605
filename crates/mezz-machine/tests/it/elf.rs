//! The loader on good and hostile files.

use mezz_machine::{
    ElfError, Exit, MAX_ELF_BYTES, Machine, MachineError, PreimageMap, Program, Stop, run,
};
use proptest::prelude::*;

use crate::asm::{DATA, Load, TEXT, elf, halt, ld, lui};

fn good() -> Vec<u8> {
    elf(TEXT, &[Load::text(&halt()), Load::data(&[7])])
}

fn patched(at: usize, bytes: &[u8]) -> Result<Program, ElfError> {
    let mut file = good();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    Program::parse(&file)
}

#[test]
fn a_good_file_loads_as_it_says() {
    let mut data = Load::data(&[7]);
    data.memory_bytes = 4096;
    let note = Load { kind: 4, ..Load::new(4, 0, vec![1, 2, 3]) };
    let stack = Load { kind: 0x6474_e551, ..Load::new(7, 0, vec![]) };
    let text = [&[lui(31, 0x20), ld(5, 31, 0), ld(6, 31, 8)][..], &halt()].concat();
    let loads = [note, Load::text(&text), data, stack];
    let program = Program::parse(&elf(TEXT + 4, &loads)).expect("a good file");
    assert_eq!(program.entry(), TEXT + 4);
    assert_eq!((program.text().address, program.text().memory_bytes), (TEXT, 24));
    assert_eq!(program.segments().count(), 2);

    let mut machine = Machine::new(&Program::parse(&elf(TEXT, &loads)).expect("good"), [0; 32]);
    let stop = machine.run(&mut PreimageMap::default(), 100);
    assert_eq!(stop, Ok(Stop::Exited(Exit::Halted(0))));
    assert_eq!((machine.register(5), machine.register(6)), (Some(7), Some(0)));
}

#[test]
fn header_fields_have_one_value_each() {
    let fields: &[(&str, usize, usize)] = &[
        ("EI_MAG", 0, 4),
        ("EI_CLASS", 4, 1),
        ("EI_DATA", 5, 1),
        ("EI_VERSION", 6, 1),
        ("e_type", 16, 2),
        ("e_machine", 18, 2),
        ("e_version", 20, 4),
        ("e_flags", 48, 4),
        ("e_phentsize", 54, 2),
    ];
    for (name, at, length) in fields {
        for byte in *at..at + length {
            let flipped = good()[byte] ^ 1;
            let error = patched(byte, &[flipped]).expect_err("a changed field");
            assert!(matches!(error, ElfError::Header { field, .. } if field == *name), "{error}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let file = good();
    for length in 0..file.len() {
        let error = Program::parse(&file[..length]).expect_err("a truncated file");
        assert!(matches!(error, ElfError::Truncated { .. }), "{length}: {error}");
    }
    let at_the_end = patched(32, &(file.len() as u64 - 8).to_le_bytes());
    assert!(matches!(at_the_end, Err(ElfError::Truncated { .. })));
    let far_away = patched(32, &u64::MAX.to_le_bytes());
    assert!(matches!(far_away, Err(ElfError::Truncated { .. })));
}

#[test]
fn too_large_is_refused_before_it_is_read() {
    let mut file = good();
    file.resize(MAX_ELF_BYTES, 0);
    assert!(Program::parse(&file).is_ok());
    file.push(0);
    let (got, limit) = (MAX_ELF_BYTES + 1, MAX_ELF_BYTES);
    assert_eq!(Program::parse(&file), Err(ElfError::TooLarge { got, limit }));
}

#[test]
fn program_headers_are_bounded() {
    let null = Load { kind: 0, ..Load::new(0, 0, vec![]) };
    let with = |nulls: usize| {
        let loads = [vec![Load::text(&halt())], vec![null.clone(); nulls]].concat();
        Program::parse(&elf(TEXT, &loads)).map(|_| ())
    };
    assert_eq!(with(15), Ok(()));
    assert_eq!(with(16), Err(ElfError::TooManyHeaders { got: 17, limit: 16 }));
    let many = patched(56, &u16::MAX.to_le_bytes());
    assert_eq!(many, Err(ElfError::TooManyHeaders { got: u16::MAX, limit: 16 }));
}

#[test]
fn programs_are_static() {
    for kind in [2, 3, 7] {
        let extra = Load { kind, ..Load::new(4, 0x9_0000, vec![]) };
        let got = Program::parse(&elf(TEXT, &[Load::text(&halt()), extra]));
        assert_eq!(got, Err(ElfError::NotStatic { kind }));
    }
}

#[test]
fn segments_lie_in_memory() {
    let data = |address: u64, memory_bytes: u64, bytes: usize| {
        let load = Load { memory_bytes, ..Load::new(6, address, vec![1; bytes]) };
        Program::parse(&elf(TEXT, &[Load::text(&halt()), load])).map(|_| ())
    };
    assert_eq!(data((1 << 32) - 16, 16, 16), Ok(()));
    assert_eq!(data(1 << 32, 0, 0), Ok(()));
    for (address, memory_bytes, bytes) in [
        ((1 << 32) - 15, 16, 16),
        (1 << 32, 1, 0),
        (0x9_0000, 15, 16),
        (0x9_0000, u64::MAX, 0),
        (u64::MAX, 1, 1),
        (u64::MAX, 2, 1),
    ] {
        let file_bytes = bytes as u64;
        let expected = ElfError::SegmentRange { address, file_bytes, memory_bytes };
        assert_eq!(data(address, memory_bytes, bytes), Err(expected));
    }
}

#[test]
fn segments_do_not_overlap() {
    let apart = |address: u64, memory_bytes: u64| {
        let load = Load { memory_bytes, ..Load::new(6, address, vec![]) };
        let loads = [load, Load::data(&[1]), Load::text(&halt())];
        Program::parse(&elf(TEXT, &loads)).map(|_| ())
    };
    assert_eq!(apart(DATA + 8, 8), Ok(()));
    assert_eq!(apart(DATA - 8, 8), Ok(()));
    assert_eq!(apart(TEXT + 4096, 8), Ok(()));
    assert_eq!(apart(TEXT - 8, 8), Ok(()));
    assert_eq!(apart(DATA + 4, 0), Ok(()));
    for (first, length, second) in
        [(DATA - 8, 9, DATA), (TEXT - 8, 9, TEXT), (DATA, 8, DATA), (0, 1 << 32, TEXT)]
    {
        assert_eq!(apart(first, length), Err(ElfError::Overlap { first, second }));
    }
    for (second, length) in [(DATA + 7, 1), (DATA + 4, 100)] {
        assert_eq!(apart(second, length), Err(ElfError::Overlap { first: DATA, second }));
    }
    // Data in what is left of a page of text.
    let second = TEXT + 4088;
    assert_eq!(apart(second, 8), Err(ElfError::Overlap { first: TEXT, second }));
}

#[test]
fn segments_do_not_multiply_the_file() {
    // Two headers that load the same bytes of the file at two places.
    let bulk = Load::new(6, 0x10_0000, vec![1; 4096]);
    let shadow = Load::new(6, 0x20_0000, vec![]);
    let mut file = elf(TEXT, &[Load::text(&halt()), bulk, shadow]);
    let (second, third) = (64 + 56, 64 + 2 * 56);
    file.copy_within(second + 8..second + 16, third + 8);
    file.copy_within(second + 32..second + 48, third + 32);
    assert_eq!(Program::parse(&file), Err(ElfError::SharedBytes { address: 0x20_0000 }));
}

#[test]
fn there_is_one_text_and_it_is_text() {
    let text = Load::text(&halt());
    let parse = |loads: &[Load]| Program::parse(&elf(TEXT, loads)).map(|_| ());
    assert_eq!(parse(&[]), Err(ElfError::TextSegments { got: 0 }));
    assert_eq!(parse(&[Load::data(&[1])]), Err(ElfError::TextSegments { got: 0 }));
    let second = Load { address: 0x5_0000, ..text.clone() };
    assert_eq!(parse(&[text.clone(), second]), Err(ElfError::TextSegments { got: 2 }));
    assert_eq!(parse(&[Load { flags: 1, ..text.clone() }]), Ok(()));
    for bad in [
        Load { flags: 7, ..text.clone() },
        Load { address: TEXT + 4, ..text.clone() },
        Load { memory_bytes: 16, ..text.clone() },
        Load::new(5, TEXT, vec![0; 10]),
        Load::new(5, TEXT, vec![]),
    ] {
        assert!(matches!(parse(&[bad]), Err(ElfError::Text { .. })));
    }
}

#[test]
fn the_entry_is_in_the_text() {
    for entry in [0, TEXT - 4, TEXT + 12, TEXT + 2, TEXT + 1, DATA, (1 << 32) + TEXT] {
        let loads = [Load::text(&halt()), Load::data(&[1])];
        assert_eq!(Program::parse(&elf(entry, &loads)), Err(ElfError::Entry { entry }));
    }
    assert!(Program::parse(&elf(TEXT + 8, &[Load::text(&halt())])).is_ok());
}

#[test]
fn a_run_of_something_else_is_an_error() {
    let error = run(b"#!/bin/sh\n", [0; 32], &mut PreimageMap::default(), 10);
    assert!(matches!(error, Err(MachineError::Elf(ElfError::Truncated { .. }))));
}

proptest! {
    /// Whatever a few changed bytes make of a file, it is refused or runs.
    #[test]
    fn changed_files_are_refused_or_run(changes in prop::collection::vec((0usize..196, any::<u8>()), 1..6)) {
        let mut file = good();
        for (at, byte) in changes {
            file[at] = byte;
        }
        if let Ok(program) = Program::parse(&file) {
            prop_assert_eq!(program.text().address % 4096, 0);
            prop_assert!(program.segments().all(|segment| segment.bytes.len() <= file.len()));
            let _ = Machine::new(&program, [0; 32]).run(&mut PreimageMap::default(), 50);
        }
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Program::parse(&bytes).is_err());
    }
}
