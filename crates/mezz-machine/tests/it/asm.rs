//! Encodes instructions from the manual's field drawings, and ELF files around them. Shares nothing with the
//! crate's decoder or loader.

use mezz_machine::{Exit, Machine, MachineError, PreimageMap, Program, Stop, Trap};

pub(crate) const TEXT: u64 = 0x1_0000;
pub(crate) const DATA: u64 = 0x2_0000;

pub(crate) const ECALL: u32 = 0x0000_0073;
pub(crate) const EBREAK: u32 = 0x0010_0073;

pub(crate) fn r(opcode: u32, f3: u32, f7: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode
}

pub(crate) fn i(opcode: u32, f3: u32, rd: u32, rs1: u32, imm: i32) -> u32 {
    assert!((-2048..2048).contains(&imm));
    (imm as u32) << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode
}

pub(crate) fn s(f3: u32, rs1: u32, rs2: u32, imm: i32) -> u32 {
    assert!((-2048..2048).contains(&imm));
    let imm = imm as u32;
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (imm & 0x1f) << 7 | 0x23
}

pub(crate) fn b(f3: u32, rs1: u32, rs2: u32, offset: i32) -> u32 {
    assert!((-4096..4096).contains(&offset) && offset % 2 == 0);
    let o = offset as u32;
    let high = (o >> 12 & 1) << 31 | (o >> 5 & 0x3f) << 25;
    let low = (o >> 1 & 0xf) << 8 | (o >> 11 & 1) << 7;
    high | low | rs2 << 20 | rs1 << 15 | f3 << 12 | 0x63
}

pub(crate) fn u(opcode: u32, rd: u32, imm20: u32) -> u32 {
    assert!(imm20 < 1 << 20);
    imm20 << 12 | rd << 7 | opcode
}

pub(crate) fn jal(rd: u32, offset: i32) -> u32 {
    assert!((-(1 << 20)..1 << 20).contains(&offset) && offset % 2 == 0);
    let o = offset as u32;
    let high = (o >> 20 & 1) << 31 | (o >> 1 & 0x3ff) << 21;
    high | (o >> 11 & 1) << 20 | (o >> 12 & 0xff) << 12 | rd << 7 | 0x6f
}

pub(crate) fn jalr(rd: u32, rs1: u32, imm: i32) -> u32 {
    i(0x67, 0, rd, rs1, imm)
}

pub(crate) fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    i(0x13, 0, rd, rs1, imm)
}

pub(crate) fn lui(rd: u32, imm20: u32) -> u32 {
    u(0x37, rd, imm20)
}

pub(crate) fn ld(rd: u32, rs1: u32, imm: i32) -> u32 {
    i(0x03, 3, rd, rs1, imm)
}

/// `x31` points to the data; `x5`, `x6`, ... take its words.
pub(crate) fn prologue(words: usize) -> Vec<u32> {
    let loads = (0..words as u32).map(|n| ld(5 + n, 31, 8 * n as i32));
    [lui(31, (DATA >> 12) as u32)].into_iter().chain(loads).collect()
}

/// `a7 = 0; ecall` with code 0.
pub(crate) fn halt() -> [u32; 3] {
    [addi(10, 0, 0), addi(17, 0, 0), ECALL]
}

/// A segment of an ELF file under construction.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) address: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) memory_bytes: u64,
}

impl Load {
    pub(crate) fn new(flags: u32, address: u64, bytes: Vec<u8>) -> Self {
        let memory_bytes = bytes.len() as u64;
        Self { kind: 1, flags, address, bytes, memory_bytes }
    }

    pub(crate) fn text(words: &[u32]) -> Self {
        Self::new(5, TEXT, words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    pub(crate) fn data(words: &[u64]) -> Self {
        Self::new(6, DATA, words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }
}

/// An ELF file: header, program headers, bytes.
pub(crate) fn elf(entry: u64, loads: &[Load]) -> Vec<u8> {
    let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    out.extend(2u16.to_le_bytes());
    out.extend(243u16.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(entry.to_le_bytes());
    out.extend(64u64.to_le_bytes());
    out.extend(0u64.to_le_bytes());
    out.extend(0u32.to_le_bytes());
    for half in [64, 56, loads.len() as u16, 64, 0, 0] {
        out.extend(half.to_le_bytes());
    }
    let mut offset = 64 + 56 * loads.len() as u64;
    for load in loads {
        out.extend(load.kind.to_le_bytes());
        out.extend(load.flags.to_le_bytes());
        for word in [offset, load.address, load.address, load.bytes.len() as u64] {
            out.extend(word.to_le_bytes());
        }
        out.extend(load.memory_bytes.to_le_bytes());
        out.extend(4096u64.to_le_bytes());
        offset += load.bytes.len() as u64;
    }
    loads.iter().for_each(|load| out.extend(&load.bytes));
    out
}

pub(crate) fn program(text: &[u32], data: &[u64]) -> Program {
    let bytes = elf(TEXT, &[Load::text(text), Load::data(data)]);
    Program::parse(&bytes).expect("a well-formed file")
}

pub(crate) fn machine(text: &[u32], data: &[u64]) -> Machine {
    Machine::new(&program(text, data), [0x11; 32])
}

pub(crate) fn run(machine: &mut Machine) -> Exit {
    match run_with(machine, &mut PreimageMap::default()).expect("no host needed") {
        Stop::Exited(exit) => exit,
        Stop::StepLimit => panic!("the program does not end"),
    }
}

pub(crate) fn run_with(
    machine: &mut Machine,
    host: &mut PreimageMap,
) -> Result<Stop, MachineError> {
    machine.run(host, 10_000)
}

/// Runs `body` with `x31` at the data and its words in `x5`, `x6`, ...; then halts.
pub(crate) fn run_body(body: &[u32], data: &[u64]) -> (Exit, Machine) {
    let text = [&prologue(data.len())[..], body, &halt()].concat();
    let mut machine = machine(&text, data);
    (run(&mut machine), machine)
}

pub(crate) fn assert_trap(body: &[u32], data: &[u64], trap: Trap) -> Machine {
    let (exit, machine) = run_body(body, data);
    assert_eq!(exit, Exit::Trapped(trap), "{body:x?} on {data:x?}");
    machine
}
