//! The system interface.

use alloy_primitives::keccak256;
use mezz_machine::{
    BLOB_BYTES, Ecall, Exit, Host, MAX_PREIMAGE_BYTES, Machine, MachineError, PreimageKey,
    PreimageKind, PreimageMap, Stop, Trap,
};
use sha2::{Digest, Sha256};

use crate::asm::{self, DATA, ECALL, TEXT, addi, assert_trap, ld, prologue, run_body, run_with};

const INPUT: [u8; 32] = [0x11; 32];
/// Free memory for results.
const TARGET: u64 = 0x4_0000;

/// `a7 = number; a0.. = x5..; ecall`.
fn call(number: i32) -> [u32; 6] {
    [addi(17, 0, number), addi(10, 5, 0), addi(11, 6, 0), addi(12, 7, 0), addi(13, 8, 0), ECALL]
}

fn leaf_words(leaf: &[u8; 32]) -> [u64; 4] {
    core::array::from_fn(|n| u64::from_le_bytes(leaf[8 * n..8 * n + 8].try_into().expect("8")))
}

/// A machine that asks once for a preimage; its data starts with the arguments, the hash follows at `DATA + 32`.
fn asking(hash: &[u8; 32], kind: u64, offset: u64, target: u64) -> Machine {
    let text = [&prologue(4)[..], &call(3), &[addi(9, 10, 0)], &asm::halt()].concat();
    let data = [&[DATA + 32, kind, offset, target][..], &leaf_words(hash)].concat();
    asm::machine(&text, &data)
}

fn answer(machine: &mut Machine, host: &mut PreimageMap) -> (u64, [u8; 32]) {
    assert_eq!(run_with(machine, host), Ok(Stop::Exited(Exit::Halted(0))));
    let leaf = machine.memory().load_leaf(TARGET).expect("in memory");
    (machine.register(9).expect("a register"), leaf)
}

#[test]
fn halting_saturates_the_code() {
    for (code, expected) in
        [(0, 0), (1, 1), (255, 255), (256, 255), (u64::MAX, 255), (1 << 32, 255)]
    {
        let (exit, machine) = run_body(&call(0), &[code]);
        assert_eq!(exit, Exit::Halted(expected));
        assert_eq!(machine.pc(), TEXT + 4 * 7);
        assert_eq!(machine.steps(), 8);
    }
}

#[test]
fn the_input_is_written_and_the_output_is_read() {
    let text = [&prologue(1)[..], &call(1), &call(2), &asm::halt()].concat();
    let mut machine = asm::machine(&text, &[TARGET]);
    assert_eq!(asm::run(&mut machine), Exit::Halted(0));
    assert_eq!(machine.memory().load_leaf(TARGET), Ok(INPUT));
    assert_eq!(machine.output(), INPUT);
}

#[test]
fn without_an_output_call_the_output_is_zero() {
    let bytes = asm::elf(TEXT, &[asm::Load::text(&asm::halt())]);
    let host = &mut PreimageMap::default();
    let output = mezz_machine::run(&bytes, INPUT, host, 100).expect("a program");
    assert_eq!(output.result(), Some([0; 32]));
    assert_eq!(output.steps, 3);
    let output = mezz_machine::run(&bytes, INPUT, host, 2).expect("a program");
    assert_eq!((output.stop, output.result()), (Stop::StepLimit, None));
}

#[test]
fn a_code_other_than_zero_gives_no_result() {
    let bytes = asm::elf(TEXT, &[asm::Load::text(&[addi(10, 0, 1), ECALL])]);
    let output = mezz_machine::run(&bytes, INPUT, &mut PreimageMap::default(), 100);
    let output = output.expect("a program");
    assert_eq!((output.stop, output.result()), (Stop::Exited(Exit::Halted(1)), None));
}

#[test]
fn undefined_calls_trap() {
    for number in [5, 6, 93, 2047, -1] {
        let machine = assert_trap(&call(number), &[TARGET], Trap::BadEcall);
        assert_eq!(machine.pc(), TEXT + 4 * 7);
    }
}

#[test]
fn leaves_must_be_aligned_in_memory_and_not_text() {
    for number in [1, 2] {
        let (misaligned, fault) = match number {
            1 => (Trap::StoreMisaligned, Trap::StoreFault),
            _ => (Trap::LoadMisaligned, Trap::LoadFault),
        };
        for address in [TARGET + 1, TARGET + 8, TARGET + 31, (1 << 32) + 16] {
            assert_trap(&call(number), &[address], misaligned);
        }
        for address in [1 << 32, 1 << 63, u64::MAX - 31] {
            assert_trap(&call(number), &[address], fault);
        }
    }
    assert_trap(&call(1), &[TEXT], Trap::StoreFault);
    assert_trap(&call(1), &[TEXT + 4064], Trap::StoreFault);
    assert_eq!(run_body(&call(1), &[TEXT + 4096]).0, Exit::Halted(0));
    assert_eq!(run_body(&call(2), &[TEXT]).0, Exit::Halted(0));
    assert_eq!(run_body(&call(1), &[(1 << 32) - 32]).0, Exit::Halted(0));
}

#[test]
fn preimages_are_read_in_leaves() {
    let bytes: Vec<u8> = (0..70).collect();
    let mut host = PreimageMap::default();
    let hash = host.insert_keccak256(bytes.clone());
    assert_eq!(hash, keccak256(&bytes).0);
    for (offset, expected) in [(0, 0..32), (32, 32..64), (64, 64..70)] {
        let mut machine = asking(&hash, 1, offset, TARGET);
        let (length, leaf) = answer(&mut machine, &mut host);
        assert_eq!(length, 70);
        assert_eq!(leaf[..expected.len()], bytes[expected.clone()]);
        assert!(leaf[expected.len()..].iter().all(|byte| *byte == 0));
    }
    for offset in [96, 1 << 20, 1 << 63, u64::MAX - 31] {
        let mut machine = asking(&hash, 1, offset, TARGET);
        assert_eq!(answer(&mut machine, &mut host), (70, [0; 32]));
    }
}

#[test]
fn past_the_end_nothing_is_written() {
    let mut host = PreimageMap::default();
    let hash = host.insert_sha256(vec![7; 32]);
    // The target is the leaf of the hash itself.
    let mut machine = asking(&hash, 2, 32, DATA + 32);
    answer(&mut machine, &mut host);
    assert_eq!(machine.memory().load_leaf(DATA + 32), Ok(hash));
    let mut machine = asking(&hash, 2, 0, DATA + 32);
    answer(&mut machine, &mut host);
    assert_eq!(machine.memory().load_leaf(DATA + 32), Ok([7; 32]));
}

#[test]
fn each_kind_has_its_hash() {
    let mut host = PreimageMap::default();
    let node: [u8; 64] = core::array::from_fn(|n| n as u8);
    host.insert_sha256(b"abc".to_vec());
    host.insert_trie_node(&node);
    let input = [0x5a; 128];
    let mut ecrecover = [0; 20];
    ecrecover[19] = 1;
    host.insert_precompile(&ecrecover, &input, Some(&[0x77; 32]));
    host.insert_precompile(&ecrecover, &[], None);

    let sha: [u8; 32] = Sha256::digest(b"abc").into();
    assert_eq!(answer(&mut asking(&sha, 2, 0, TARGET), &mut host).0, 3);

    let mut hash: [u8; 32] = Sha256::digest(node).into();
    for top_bit in [0, 0x80] {
        hash[0] = hash[0] & 0x7f | top_bit;
        let (length, leaf) = answer(&mut asking(&hash, 3, 32, TARGET), &mut host);
        assert_eq!((length, &leaf[..]), (64, &node[32..]));
    }

    let key = keccak256([&ecrecover[..], &input].concat()).0;
    let (length, leaf) = answer(&mut asking(&key, 4, 0, TARGET), &mut host);
    assert_eq!((length, leaf[0], leaf[1]), (33, 1, 0x77));
    let key = keccak256(ecrecover).0;
    let (length, leaf) = answer(&mut asking(&key, 4, 0, TARGET), &mut host);
    assert_eq!((length, leaf), (1, [0; 32]));
}

#[test]
fn blobs_are_read_by_their_versioned_hash() {
    let mut host = PreimageMap::default();
    let blob: Vec<u8> = (0..BLOB_BYTES).map(|n| (n / 32 % 251) as u8).collect();
    host.insert_blob([1; 32], blob);
    let mut machine = asking(&[1; 32], 5, 32 * 4095, TARGET);
    assert_eq!(answer(&mut machine, &mut host), (131_072, [79; 32]));
}

#[test]
fn bad_arguments_of_a_preimage_call_trap_in_order() {
    let host = &mut PreimageMap::default();
    let mut trap = |hash_at: u64, kind, offset, target| {
        let text = [&prologue(4)[..], &call(3), &asm::halt()].concat();
        let mut machine = asm::machine(&text, &[hash_at, kind, offset, target]);
        let Ok(Stop::Exited(Exit::Trapped(trap))) = run_with(&mut machine, host) else {
            panic!("no trap")
        };
        trap
    };
    for kind in [0, 6, 1 << 32, u64::MAX] {
        assert_eq!(trap(1, kind, 1, 1), Trap::BadEcall);
    }
    for offset in [1, 31, 33, u64::MAX] {
        assert_eq!(trap(1, 1, offset, 1), Trap::BadEcall);
    }
    assert_eq!(trap(DATA + 8, 1, 0, 1), Trap::LoadMisaligned);
    assert_eq!(trap(1 << 32, 1, 0, 1), Trap::LoadFault);
    assert_eq!(trap(DATA, 1, 0, TARGET + 8), Trap::StoreMisaligned);
    assert_eq!(trap(DATA, 1, 0, 1 << 32), Trap::StoreFault);
    assert_eq!(trap(DATA, 1, 0, TEXT), Trap::StoreFault);
}

#[test]
fn a_missing_preimage_stops_the_run_and_it_can_go_on() {
    let mut other = PreimageMap::default();
    let hash = other.insert_keccak256(b"late".to_vec());
    let key = PreimageKey { kind: PreimageKind::Keccak256, hash };
    let mut machine = asking(&hash, 1, 0, TARGET);
    let missing = run_with(&mut machine, &mut PreimageMap::default());
    assert_eq!(missing, Err(MachineError::PreimageMissing { key }));
    assert_eq!((machine.steps(), machine.exit()), (10, None));
    assert_eq!(answer(&mut machine, &mut other).0, 4);

    assert_eq!(other.keys().collect::<Vec<_>>(), [&key]);
    assert_eq!(other.remove(&key), Some(b"late".to_vec()));
    let mut machine = asking(&hash, 1, 0, TARGET);
    assert!(run_with(&mut machine, &mut other).is_err());
}

/// A host that answers every key with the same bytes.
struct Liar(Vec<u8>, Vec<Vec<u8>>);

impl Host for Liar {
    fn preimage(&mut self, _key: &PreimageKey) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }

    fn hint(&mut self, hint: &[u8]) {
        self.1.push(hint.to_vec());
    }
}

#[test]
fn wrong_answers_are_refused() {
    let cases: [(u64, Vec<u8>); 9] = [
        (1, vec![1]),
        (2, vec![1]),
        (3, vec![0; 64]),
        (4, vec![]),
        (4, vec![2, 1]),
        (4, vec![1; MAX_PREIMAGE_BYTES + 1]),
        (1, vec![1; MAX_PREIMAGE_BYTES + 1]),
        (5, vec![0; BLOB_BYTES - 1]),
        (5, vec![0; BLOB_BYTES + 1]),
    ];
    for (kind, bytes) in cases {
        let length = bytes.len();
        let hash = if length > MAX_PREIMAGE_BYTES { keccak256(&bytes).0 } else { [0x33; 32] };
        let mut machine = asking(&hash, kind, 0, TARGET);
        let refused = machine.run(&mut Liar(bytes, vec![]), 1000);
        let kind = PreimageKind::from_number(kind).expect("a kind");
        let key = PreimageKey { kind, hash };
        assert_eq!(refused, Err(MachineError::PreimageWrong { key, got: length }));
        assert_eq!(machine.steps(), 10);
    }
    // A trie node of another length has a hash too, but is none.
    let bytes = vec![3; 63];
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    assert!(asking(&hash, 3, 0, TARGET).run(&mut Liar(bytes, vec![]), 1000).is_err());
    // The largest preimage is fine.
    let bytes = vec![9; MAX_PREIMAGE_BYTES];
    let hash = keccak256(&bytes).0;
    let mut machine = asking(&hash, 1, 98_272, TARGET);
    assert_eq!(machine.run(&mut Liar(bytes, vec![]), 1000), Ok(Stop::Exited(Exit::Halted(0))));
    assert_eq!(machine.register(9), Some(98_304));
}

#[test]
fn hints_reach_the_host_and_never_trap() {
    let mut host = Liar(vec![], vec![]);
    for (address, length) in [
        (DATA, 3),
        (DATA, 0),
        (DATA, (1 << 17) + 1),
        (1 << 32, 1),
        ((1 << 32) - 2, 3),
        (u64::MAX, 2),
        ((1 << 32) - 2, 2),
    ] {
        let text = [&prologue(2)[..], &call(4), &[ld(9, 31, 0)], &asm::halt()].concat();
        let mut machine = asm::machine(&text, &[address, length]);
        assert_eq!(machine.run(&mut host, 1000), Ok(Stop::Exited(Exit::Halted(0))));
        assert_eq!(machine.register(9), Some(address));
    }
    assert_eq!(host.1, [vec![0, 0, 2], vec![], vec![0, 0]]);
}

#[test]
fn numbers_and_names_agree() {
    for number in 0..5 {
        assert_eq!(Ecall::from_number(number).map(Ecall::number), Some(number));
    }
    for number in 1..6 {
        assert_eq!(PreimageKind::from_number(number).map(PreimageKind::number), Some(number));
    }
    assert_eq!((Ecall::from_number(5), PreimageKind::from_number(0)), (None, None));
}
