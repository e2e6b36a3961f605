//! Single steps: what is proven of them, and that the slow interpreter goes where the fast one does.

use alloy_primitives::keccak256;
use mezz_machine::{
    Exit, LeafProof, MEMORY_HEIGHT, PreimageMap, Program, ProvableMachine, StepWitness, Stop, Trap,
    WitnessError,
};
use proptest::prelude::*;

use crate::asm::{self, DATA, EBREAK, ECALL, TEXT, addi, i, jalr, lui, s};

const INPUT: [u8; 32] = [0x11; 32];
/// Free memory, as the upper part of an address for `LUI`.
const FREE: u32 = 0x40;

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    keccak256([&left[..], right].concat()).0
}

/// The hash of a tree of zeros.
fn zeros(height: u32) -> [u8; 32] {
    (0..height).fold([0; 32], |below, _| node(&below, &below))
}

/// Runs `fast` to each step and `slow` by proving it, and compares; gives all witnesses.
fn compare(program: &Program, host: &mut PreimageMap, limit: u64) -> Vec<StepWitness> {
    let mut fast = ProvableMachine::new(program, INPUT);
    let mut slow = ProvableMachine::new(program, INPUT);
    let text = *slow.text();
    let mut witnesses = Vec::new();
    for step in 1..=limit {
        let before = slow.state();
        let witness = slow.prove_step(host).expect("the host has it");
        assert_eq!(witness.state, before);
        fast.run(host, step).expect("the host has it");
        let after = witness.verify(&text).expect("it proves the step");
        assert_eq!(after, slow.state(), "step {step}");
        assert_eq!(after, fast.state(), "step {step}");
        assert_eq!(after.steps, step);
        assert_ne!(after.hash(), before.hash());
        witnesses.push(witness);
        if after.exit.is_some() {
            break;
        }
    }
    witnesses
}

#[test]
fn memory_has_the_root_of_its_leaves() {
    let program = asm::program(&asm::halt(), &[1, 2, 3, 4, 5]);
    let mut machine = ProvableMachine::new(&program, INPUT);
    let words = |words: [u64; 4]| -> [u8; 32] {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.try_into().expect("four words")
    };
    // Leaves from DATA on, a page of text before, and nothing else.
    let data = node(&words([1, 2, 3, 4]), &words([5, 0, 0, 0]));
    let half = |word: u32| u64::from(word);
    let [first, second, third] = asm::halt();
    let text = node(&words([half(first) | half(second) << 32, half(third), 0, 0]), &[0; 32]);
    let subtree = |lowest: [u8; 32], height: u32| {
        (1..height).fold(lowest, |below, level| node(&below, &zeros(level)))
    };
    // TEXT and DATA start at 0x1_0000 and 0x2_0000: subtrees of 2^11 leaves beside zeros.
    let (text, data) = (subtree(text, 11), subtree(data, 11));
    let lowest = node(&node(&zeros(11), &text), &node(&data, &zeros(11)));
    let root = (13..MEMORY_HEIGHT).fold(lowest, |below, level| node(&below, &zeros(level)));
    assert_eq!(machine.state().memory_root, root);
    let instructions = words([half(first) | half(second) << 32, half(third), 0, 0]);
    assert_eq!(machine.text().root, instructions);
}

#[test]
fn every_kind_of_access_is_proven() {
    let mut host = PreimageMap::default();
    let hash = host.insert_keccak256((0..100).collect());
    let hash: Vec<u64> =
        hash.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let stores = (0..4).map(|width| s(width, 30, 31, 8 * width as i32 + 40));
    let loads = (0..7).map(|kind| i(0x03, kind, 9, 30, 40));
    let call = |number| [addi(17, 0, number), addi(10, 30, 0), ECALL];
    let ask = |offset| {
        [
            addi(17, 0, 3),
            addi(10, 31, 0),
            addi(11, 0, 1),
            addi(12, 0, offset),
            addi(13, 30, 0),
            ECALL,
        ]
    };
    let text: Vec<u32> = [lui(31, (DATA >> 12) as u32), lui(30, FREE)]
        .into_iter()
        .chain(stores)
        .chain(loads)
        .chain(call(1))
        .chain(call(2))
        .chain(ask(0))
        .chain(ask(96))
        .chain(ask(128))
        .chain(call(4))
        .chain(asm::halt())
        .collect();
    let witnesses = compare(&asm::program(&text, &hash), &mut host, 100);
    assert_eq!(witnesses.len(), text.len());
    let touched: Vec<usize> = witnesses.iter().map(|it| it.leaves.len()).collect();
    // Stores and loads one leaf, input and output one, a preimage two unless its end is reached.
    let expected = [
        &[0, 0][..],
        &[1; 11],
        &[0, 0, 1, 0, 0, 1],
        &[0, 0, 0, 0, 0, 2],
        &[0, 0, 0, 0, 0, 2],
        &[0, 0, 0, 0, 0, 1],
        &[0, 0, 0],
        &[0, 0, 0],
    ]
    .concat();
    assert_eq!(touched, expected);
}

#[test]
fn every_trap_is_proven_and_nothing_happens_after_it() {
    let far = |rd| [lui(rd, 1 << 19), i(0x13, 1, rd, rd, 4)];
    let cases: [(&[u32], Trap); 12] = [
        (&[jalr(0, 0, 0)], Trap::FetchFault),
        (&[addi(5, 0, 2), jalr(0, 5, 0)], Trap::FetchMisaligned),
        (&[0], Trap::IllegalInstruction),
        (&[EBREAK], Trap::Breakpoint),
        (&[i(0x03, 3, 9, 0, 4)], Trap::LoadMisaligned),
        (&[far(5)[0], far(5)[1], i(0x03, 3, 9, 5, 0)], Trap::LoadFault),
        (&[s(1, 0, 0, 1)], Trap::StoreMisaligned),
        (&[far(5)[0], far(5)[1], s(0, 5, 0, 0)], Trap::StoreFault),
        (&[lui(5, (TEXT >> 12) as u32), s(0, 5, 0, 2047)], Trap::StoreFault),
        (&[addi(17, 0, 99), ECALL], Trap::BadEcall),
        (&[addi(17, 0, 1), addi(10, 0, 16), ECALL], Trap::StoreMisaligned),
        (&[addi(17, 0, 2), addi(10, 0, 16), ECALL], Trap::LoadMisaligned),
    ];
    for (text, trap) in cases {
        let program = asm::program(text, &[0]);
        let witnesses = compare(&program, &mut PreimageMap::default(), 100);
        let mut machine = ProvableMachine::new(&program, INPUT);
        let stop = machine.run(&mut PreimageMap::default(), 100);
        assert_eq!(stop, Ok(Stop::Exited(Exit::Trapped(trap))));
        assert_eq!(machine.state().steps, witnesses.len() as u64);
        let ended = machine.state();
        let last = machine.prove_step(&mut PreimageMap::default()).expect("no host is asked");
        assert_eq!(last.verify(machine.text()), Ok(ended.clone()));
        assert_eq!(machine.state(), ended);
        assert!(last.text.is_none() && last.leaves.is_empty());
    }
}

#[test]
fn a_witness_that_is_not_the_step_s_proves_nothing() {
    let mut host = PreimageMap::default();
    let hash = host.insert_sha256(vec![7; 64]);
    let hash: Vec<u64> =
        hash.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let ask = [addi(17, 0, 3), addi(11, 0, 2), addi(10, 31, 0), addi(13, 30, 0), ECALL];
    let setup = [lui(31, (DATA >> 12) as u32), lui(30, FREE)];
    let text = [&setup[..], &ask, &asm::halt()].concat();
    let mut machine = ProvableMachine::new(&asm::program(&text, &hash), INPUT);
    machine.run(&mut host, 6).expect("no host is asked");
    let good = machine.prove_step(&mut host).expect("the host has it");
    let text = machine.text();
    assert_eq!(good.verify(text).map(|state| state.registers()[10]), Ok(64));

    let changed = |change: fn(&mut StepWitness)| {
        let mut witness = good.clone();
        change(&mut witness);
        witness.verify(text)
    };
    assert_eq!(changed(|it| it.text = None), Err(WitnessError::Missing));
    assert_eq!(changed(|it| it.preimage = None), Err(WitnessError::Missing));
    assert_eq!(changed(|it| drop(it.leaves.pop())), Err(WitnessError::Missing));
    assert_eq!(changed(|it| it.leaves.push(it.leaves[0].clone())), Err(WitnessError::TooMuch));
    let preimage = |change: fn(&mut mezz_machine::PreimageRead)| {
        let mut witness = good.clone();
        change(witness.preimage.as_mut().expect("it reads one"));
        witness.verify(text)
    };
    assert_eq!(preimage(|it| it.offset = 32), Err(WitnessError::Preimage));
    assert_eq!(preimage(|it| it.key.hash[31] ^= 1), Err(WitnessError::Preimage));
    // A plain step has no preimage to read.
    let mut start = ProvableMachine::new(&asm::program(&asm::halt(), &[]), INPUT);
    let mut plain = start.prove_step(&mut host).expect("no host is asked");
    assert!(plain.verify(start.text()).is_ok());
    plain.preimage = good.preimage;
    assert_eq!(plain.verify(start.text()), Err(WitnessError::TooMuch));

    let proofs: [fn(&mut StepWitness) -> &mut LeafProof; 3] = [
        |it| it.text.as_mut().expect("it fetches"),
        |it| &mut it.leaves[0],
        |it| &mut it.leaves[1],
    ];
    for proof in proofs {
        let height = proof(&mut good.clone()).siblings.len();
        for level in 0..height {
            let mut witness = good.clone();
            proof(&mut witness).siblings[level][17] ^= 0x20;
            assert!(matches!(witness.verify(text), Err(WitnessError::Leaf { .. })), "{level}");
        }
        let mut witness = good.clone();
        proof(&mut witness).leaf[0] ^= 1;
        assert!(matches!(witness.verify(text), Err(WitnessError::Leaf { .. })));
        let mut witness = good.clone();
        proof(&mut witness).siblings.pop();
        assert!(matches!(witness.verify(text), Err(WitnessError::Leaf { .. })));
    }
}

#[test]
fn each_part_of_a_state_is_in_its_hash() {
    let mut machine = ProvableMachine::new(&asm::program(&asm::halt(), &[9]), INPUT);
    let state = machine.state();
    let bytes = state.encode();
    assert_eq!(bytes.len(), 362);
    assert_eq!(hex::encode(state.hash()), GOLDEN);
    assert_eq!(keccak256(&bytes).0, state.hash());
    assert_eq!(bytes[280..288], TEXT.to_be_bytes());
    assert_eq!(bytes[360..], [0xff, 0xff]);
    machine.run(&mut PreimageMap::default(), 100).expect("no host is asked");
    let ended = machine.state().encode();
    // x10 is the code; x17 the call.
    assert_eq!(ended[288..296], 3u64.to_be_bytes());
    assert_eq!(ended[360..], [0, 0]);
}

/// Frozen: a change of it is a change of the format.
const GOLDEN: &str = "a9074be6f5ad309d7e7ab13cbe954c0d3ae9e5b0cd3aff70ea776c4f7add3bfd";

#[test]
fn a_compiled_program_takes_the_same_steps_both_ways() {
    let elf = include_bytes!("../../../../guest/artifacts/fingerprint.elf");
    let program = Program::parse(elf).expect("it is committed as a program");
    let mut host = PreimageMap::default();
    let input = host.insert_keccak256((0..200).collect());
    let mut fast = ProvableMachine::new(&program, input);
    let stop = fast.run(&mut host, u64::MAX).expect("the host has it");
    assert_eq!(stop, Stop::Exited(Exit::Halted(0)));
    let steps = fast.machine().steps();
    let mut slow = ProvableMachine::new(&program, input);
    for step in 1..=steps {
        let witness = slow.prove_step(&mut host).expect("the host has it");
        if step % 97 == 0 {
            assert_eq!(witness.verify(slow.text()), Ok(slow.state()), "step {step}");
        }
    }
    assert_eq!(slow.state(), fast.state());
    assert_eq!(slow.machine().output(), fast.machine().output());
}

proptest! {
    #[test]
    fn random_programs_take_the_same_steps_both_ways(
        words in prop::collection::vec((any::<u32>(), 0usize..10), 1..40),
        data in prop::collection::vec(any::<u64>(), 8),
    ) {
        let opcodes = [0x33, 0x3b, 0x13, 0x1b, 0x03, 0x23, 0x63, 0x6f, 0x37, 0x73];
        let body = words.iter().map(|(word, kind)| match opcodes[*kind] {
            0x73 => ECALL,
            // Half of the accesses go where there is memory.
            0x03 | 0x23 if word & 1 << 31 != 0 => word & 0x0000_7f80 | 31 << 15 | opcodes[*kind],
            opcode => word & !0x7f | opcode,
        });
        let text: Vec<u32> = asm::prologue(8).into_iter().chain(body).collect();
        let mut host = PreimageMap::default();
        let mut fast = ProvableMachine::new(&asm::program(&text, &data), INPUT);
        // A preimage call on a hash that nobody has ends the comparison.
        let done = match fast.run(&mut host, 60) {
            Ok(_) | Err(_) => fast.machine().steps(),
        };
        if done > 0 {
            compare(&asm::program(&text, &data), &mut host, done);
        }
    }
}
