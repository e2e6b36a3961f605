//! The step contract against the slow interpreter: every instruction, call and trap, on random registers.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, SolConstructor, SolError};
use mezz_contracts::MachineStep;
use mezz_evm::{
    BlobRules, EthereumBlockEnv, EthereumCall, EthereumOutcome, PlainCrypto, StateReader,
    call_ethereum,
};
use mezz_machine::{
    Exit, PreimageMap, Program, ProvableMachine, StepWitness, TextCommitment, Trap, WitnessError,
    decode,
};
use mezz_types::Account;

use crate::asm::{self, DATA, EBREAK, ECALL, Load, TEXT, addi, lui};

const INPUT: [u8; 32] = [0x11; 32];
const CONTRACT: Address = Address::repeat_byte(0xc0);
const ORACLE: Address = Address::repeat_byte(0x0a);
/// What a step may cost on L1, with its calldata.
const MOST_GAS: u64 = 150_000;
/// Random operands for each instruction.
const TIMES: usize = 32;

/// An L1 with two contracts.
#[derive(Default)]
struct L1 {
    codes: BTreeMap<Address, Bytes>,
}

impl StateReader for L1 {
    type Error = core::convert::Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        let code = self.codes.get(&address);
        Ok(code.map(|code| Account { nonce: 1, balance: U256::ZERO, code_hash: keccak256(code) }))
    }

    fn storage(&self, _: Address, _: U256) -> Result<U256, Self::Error> {
        Ok(U256::ZERO)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        let found = self.codes.values().find(|code| keccak256(code) == code_hash);
        Ok(found.expect("an account has it").clone())
    }
}

impl L1 {
    fn with(text: &TextCommitment) -> Self {
        let mut l1 = Self::default();
        let arguments = MachineStep::constructorCall {
            textStart: text.start,
            textBytes: text.bytes,
            textRoot: text.root.into(),
            textHeight: u8::try_from(text.height).expect("a low tree"),
            oracle: ORACLE,
        };
        let init = [&MachineStep::BYTECODE[..], &arguments.abi_encode()].concat();
        let made = l1.call(TxKind::Create, init.into());
        assert!(made.is_success(), "{made:?}");
        l1.codes.insert(CONTRACT, made.output);
        l1
    }

    fn call(&self, to: TxKind, data: Bytes) -> EthereumOutcome {
        let env = EthereumBlockEnv {
            chain_id: 1,
            number: 1,
            timestamp: 1_800_000_000,
            beneficiary: Address::ZERO,
            gas_limit: 30_000_000,
            base_fee: 1,
            prev_randao: B256::ZERO,
            parent_hash: B256::ZERO,
            parent_beacon_root: B256::ZERO,
            excess_blob_gas: 0,
            blobs: BlobRules {
                update_fraction: 5_007_716,
                max_per_block: 9,
                max_per_transaction: 6,
            },
        };
        let call = EthereumCall {
            from: Address::ZERO,
            to,
            value: U256::ZERO,
            data,
            gas_limit: 10_000_000,
            fees: None,
            access_list: None,
            authorizations: Vec::new(),
            blob_hashes: Vec::new(),
        };
        call_ethereum(&env, self, &PlainCrypto, call).expect("a valid call")
    }

    fn step(&self, witness: Vec<u8>) -> EthereumOutcome {
        let call = MachineStep::stepCall { witness: witness.into() };
        self.call(CONTRACT.into(), call.abi_encode().into())
    }

    /// Runs the step of a witness on L1 and off it; what it cost.
    fn agree(&mut self, witness: &StepWitness, text: &TextCommitment) -> u64 {
        self.codes.insert(ORACLE, oracle(witness));
        let after = witness.verify(text).expect("it proves the step");
        let outcome = self.step(witness.encode());
        assert!(outcome.is_success(), "{outcome:?} {witness:?}");
        let made = MachineStep::stepCall::abi_decode_returns(&outcome.output).expect("two hashes");
        assert_eq!(made.from, witness.state.hash());
        assert_eq!(made.to, after.hash(), "{witness:?} {after:?}");
        outcome.gas_used
    }
}

/// Code that answers the one question that the step asks: if the Keccak-256 of the calldata is that of the question,
/// it returns length and leaf, else it reverts.
fn oracle(witness: &StepWitness) -> Bytes {
    let Some(read) = &witness.preimage else { return Bytes::from_static(&hex!("5f5ffd")) };
    let question = [
        &keccak256("part(uint256,bytes32,uint256)")[..4],
        &U256::from(read.key.kind.number()).to_be_bytes::<32>(),
        &read.key.hash,
        &U256::from(read.offset).to_be_bytes::<32>(),
    ];
    let length = U256::from(read.part.length).to_be_bytes::<32>();
    [
        // keccak256(calldata) == hash: jump over the revert
        &hex!("365f5f37365f20") as &[u8],
        &[0x7f],
        keccak256(question.concat()).as_slice(),
        &hex!("14602f575f5ffd5b"),
        &[0x7f],
        &length,
        &hex!("5f52"),
        &[0x7f],
        &read.part.leaf,
        &hex!("60205260405ff3"),
    ]
    .concat()
    .into()
}

/// A deterministic source of numbers (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[(self.next() % values.len() as u64) as usize]
    }

    /// Near an edge as often as anywhere.
    fn value(&mut self) -> u64 {
        let edge = self.of(&[0, 1 << 31, 1 << 32, 1 << 63, DATA, 63, 31]);
        match self.next() % 3 {
            0 => self.next(),
            1 => edge.wrapping_add(self.next() % 5).wrapping_sub(2),
            _ => self.next() >> (self.next() % 64),
        }
    }
}

/// An instruction with every operand zero, and the bits that operands take.
type Template = (u32, u32);

/// All instructions of RV64IM but the two of opcode `SYSTEM`.
fn templates() -> Vec<Template> {
    let (rd, rs1, rs2, upper) = (0x1f << 7, 0x1f << 15, 0x1f << 20, 0xfff << 20);
    let mut all = vec![
        (0x37, rd | !0xfff),
        (0x17, rd | !0xfff),
        (0x6f, rd | !0xfff),
        (0x67, rd | rs1 | upper),
        (0x0f, rd | rs1 | upper),
    ];
    for f3 in 0..8u32 {
        let f = f3 << 12;
        all.push((0x33 | f, rd | rs1 | rs2));
        all.push((0x33 | f | 1 << 25, rd | rs1 | rs2));
        if !(1..4).contains(&f3) {
            all.push((0x3b | f | 1 << 25, rd | rs1 | rs2));
        }
        if f3 == 1 || f3 == 5 {
            all.push((0x13 | f, rd | rs1 | 0x3f << 20));
            all.push((0x3b | f, rd | rs1 | rs2));
            all.push((0x1b | f, rd | rs1 | rs2));
        } else {
            all.push((0x13 | f, rd | rs1 | upper));
        }
        if f3 != 7 {
            all.push((0x03 | f, rd | rs1 | upper));
        }
        if f3 < 4 {
            all.push((0x23 | f, rd | rs1 | upper));
        }
        if f3 != 2 && f3 != 3 {
            all.push((0x63 | f, rd | rs1 | upper));
        }
    }
    let right = 1 << 30 | 5 << 12;
    all.extend([
        (0x33 | 1 << 30, rd | rs1 | rs2),
        (0x33 | right, rd | rs1 | rs2),
        (0x13 | right, rd | rs1 | 0x3f << 20),
        (0x3b, rd | rs1 | rs2),
        (0x3b | 1 << 30, rd | rs1 | rs2),
        (0x3b | right, rd | rs1 | rs2),
        (0x1b, rd | rs1 | upper),
        (0x1b | right, rd | rs1 | rs2),
    ]);
    all
}

/// The instruction with random operands; accesses to memory mostly go where there is some.
fn instance(draw: &mut Draw, (base, free): Template) -> u32 {
    let word = base | draw.next() as u32 & free;
    match (base & 0x7f, draw.next() % 4) {
        // x31 with a small offset that is a multiple of 8
        (0x03, 1..) => word & 0x0780_7fff | 31 << 15,
        (0x23, 1..) => word & 0x0ff0_7fff & !(7 << 7) | 31 << 15,
        // Registers that hold something.
        (_, 1..) => word & !(0x10 << 15) & !(0x10 << 20 & free) | free & 4 << 15,
        _ => word,
    }
}

/// A machine before `words`, with random registers.
fn before(draw: &mut Draw, words: &[u32]) -> ProvableMachine {
    let data: Vec<u64> = (0..12).map(|_| draw.value()).collect();
    let text: Vec<u32> = asm::prologue(12).into_iter().chain(words.iter().copied()).collect();
    let mut machine = ProvableMachine::new(&asm::program(&text, &data), INPUT);
    machine.run(&mut PreimageMap::default(), 13).expect("no host is asked");
    machine
}

#[test]
fn the_contract_makes_the_step_of_every_instruction_within_its_gas() {
    let draw = &mut Draw(1);
    let (mut steps, mut traps) = (0, BTreeSet::new());
    let mut gas: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let templates = templates();
    assert_eq!(templates.len(), 63);
    let random = (0..TIMES * 8).map(|_| (0, u32::MAX));
    let repeated = templates.into_iter().flat_map(|template| [template; TIMES]);
    for template in repeated.chain(random) {
        let word = instance(draw, template);
        let mut machine = before(draw, &[word]);
        let text = *machine.text();
        let witness = machine.prove_step(&mut PreimageMap::default()).expect("no host is asked");
        let spent = L1::with(&text).agree(&witness, &text);
        steps += 1;
        let name = match machine.machine().exit() {
            Some(exit) => {
                traps.insert(exit.code());
                "trap".to_owned()
            }
            None => format!("{:?}", decode(word).op).to_uppercase(),
        };
        gas.entry(name).or_default().push(spent);
    }
    assert_eq!(steps, 63 * TIMES + 8 * TIMES);
    let expected = [
        Trap::FetchMisaligned,
        Trap::IllegalInstruction,
        Trap::LoadMisaligned,
        Trap::LoadFault,
        Trap::StoreMisaligned,
        Trap::StoreFault,
    ];
    assert_eq!(traps, expected.map(Trap::code).into());
    let lines = gas.into_iter().map(|(name, mut gas)| {
        gas.sort_unstable();
        let most = gas[gas.len() - 1];
        assert!(most <= MOST_GAS, "{name}: {most} gas");
        format!("{name}: median {}, most {most}\n", gas[gas.len() / 2])
    });
    snapshot(&lines.collect::<String>());
}

/// The step with the most calldata, a call that reads one leaf and writes another, in a text as long as the guest's.
#[test]
fn the_largest_step_of_a_long_program_is_within_its_gas() {
    let guest = include_bytes!("../../../../guest/artifacts/mezz-guest.elf");
    let guest = Program::parse(guest).expect("it is committed as a program");
    let draw = &mut Draw(3);
    let mut host = PreimageMap::default();
    let hash = host.insert_keccak256((0..100).map(|_| draw.next() as u8 | 1).collect());
    let words = hash.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    let data: Vec<u64> = words.chain((0..8).map(|_| draw.next())).collect();
    let loads = (0..32).filter(|register| ![0, 10, 11, 13, 17, 31].contains(register));
    let ask =
        [lui(13, 0x40), addi(10, 31, 0), addi(17, 0, 3), addi(11, 0, 1), addi(12, 0, 32), ECALL];
    let start: Vec<u32> = [lui(31, (DATA >> 12) as u32)]
        .into_iter()
        .chain(loads.map(|register| asm::ld(register, 31, 8 * (register as i32 % 12))))
        .chain(ask)
        .collect();
    let mut bytes: Vec<u8> = start.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize_with(guest.text().bytes.len(), || draw.next() as u8);
    let at = 0x1000_0000;
    let words: Vec<u32> =
        bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let text = Load { address: at, ..Load::text(&words) };
    let elf = asm::elf(at, &[text, Load::data(&data)]);
    let program = Program::parse(&elf).expect("a well-formed file");
    let mut machine = ProvableMachine::new(&program, [0xee; 32]);
    machine.run(&mut host, start.len() as u64 - 1).expect("no host is asked");
    let text = *machine.text();
    assert!(text.height >= 15, "{}", text.height);
    let witness = machine.prove_step(&mut host).expect("the host has it");
    assert_eq!(witness.leaves.len(), 2);
    let gas = L1::with(&text).agree(&witness, &text);
    assert!(gas <= MOST_GAS, "{gas} gas");
    snapshot(&format!("largest step: {gas}\n"));
}

/// Compares with what is committed: gas is exact, and whoever changes it says so.
fn snapshot(lines: &str) {
    let committed = include_str!("../../../../contracts/snapshots/steps.txt");
    assert!(committed.contains(lines), "contracts/snapshots/steps.txt is to have\n{lines}");
}

/// Steps of a program one after the other, to its end; the most that one costs.
fn agree_throughout(program: &Program, host: &mut PreimageMap, limit: u64) -> (Exit, u64) {
    let mut machine = ProvableMachine::new(program, INPUT);
    let text = *machine.text();
    let (mut l1, mut most) = (L1::with(&text), 0);
    for _ in 0..limit {
        let witness = machine.prove_step(host).expect("the host has it");
        most = most.max(l1.agree(&witness, &text));
        if let Some(exit) = machine.machine().exit() {
            // It stays where it is.
            let witness = machine.prove_step(host).expect("the host has it");
            l1.agree(&witness, &text);
            return (exit, most);
        }
    }
    panic!("the program does not end");
}

#[test]
fn the_contract_makes_the_steps_of_calls_and_of_what_ends_a_program() {
    let mut host = PreimageMap::default();
    let hash = host.insert_keccak256((0..100).collect());
    let words: Vec<u64> =
        hash.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let call = |number, a0, kind, offset, target| {
        let set = |register, value| match value {
            // Data, free memory, the text, past the end.
            i32::MIN..0 => addi(register, (value + 32) as u32, 0),
            _ => addi(register, 0, value),
        };
        [addi(17, 0, number), set(10, a0), set(11, kind), set(12, offset), set(13, target), ECALL]
    };
    let (data, free, text, end) = (-1, -2, -3, -4);
    let setup = [
        lui(31, (DATA >> 12) as u32),
        lui(30, 0x40),
        lui(29, (TEXT >> 12) as u32),
        addi(28, 0, 1),
        asm::i(0x13, 1, 28, 28, 32),
    ];
    let good = [
        call(1, free, 0, 0, 0),
        call(2, data, 0, 0, 0),
        call(3, data, 1, 0, free),
        call(3, data, 1, 96, free),
        call(3, data, 1, 128, free),
        call(4, free, 7, 0, 0),
    ]
    .concat();
    let (exit, most) = agree_throughout(
        &asm::program(&[&setup[..], &good, &asm::halt()].concat(), &words),
        &mut host,
        60,
    );
    assert_eq!(exit, Exit::Halted(0));
    assert!(most <= MOST_GAS, "{most} gas");
    let ends = [
        (call(0, 77, 0, 0, 0), Exit::Halted(77)),
        (call(0, free, 0, 0, 0), Exit::Halted(255)),
        (call(5, 0, 0, 0, 0), Exit::Trapped(Trap::BadEcall)),
        (call(3, data, 6, 0, free), Exit::Trapped(Trap::BadEcall)),
        (call(3, data, 0, 0, free), Exit::Trapped(Trap::BadEcall)),
        (call(3, data, 1, 31, free), Exit::Trapped(Trap::BadEcall)),
        (call(3, 16, 1, 0, free), Exit::Trapped(Trap::LoadMisaligned)),
        (call(3, end, 1, 0, free), Exit::Trapped(Trap::LoadFault)),
        (call(3, data, 1, 0, 16), Exit::Trapped(Trap::StoreMisaligned)),
        (call(3, data, 1, 0, text), Exit::Trapped(Trap::StoreFault)),
        (call(3, data, 1, 0, end), Exit::Trapped(Trap::StoreFault)),
        (call(2, 16, 0, 0, 0), Exit::Trapped(Trap::LoadMisaligned)),
        (call(2, end, 0, 0, 0), Exit::Trapped(Trap::LoadFault)),
        (call(1, 16, 0, 0, 0), Exit::Trapped(Trap::StoreMisaligned)),
        (call(1, text, 0, 0, 0), Exit::Trapped(Trap::StoreFault)),
        (call(1, end, 0, 0, 0), Exit::Trapped(Trap::StoreFault)),
        ([EBREAK; 6], Exit::Trapped(Trap::Breakpoint)),
        ([addi(5, 0, 0); 6], Exit::Trapped(Trap::FetchFault)),
    ];
    for (end, expected) in ends {
        let program = asm::program(&[&setup[..], &end].concat(), &words);
        assert_eq!(agree_throughout(&program, &mut host, 60).0, expected, "{end:x?}");
    }
}

#[test]
fn the_contract_fetches_from_every_leaf_of_a_long_text_and_from_nowhere_else() {
    let jumps = (0..100).map(|n| if n == 99 { EBREAK } else { asm::jal(0, 4) });
    let text: Vec<u32> = jumps.collect();
    let (exit, _) = agree_throughout(&asm::program(&text, &[]), &mut PreimageMap::default(), 101);
    assert_eq!(exit, Exit::Trapped(Trap::Breakpoint));
    // Before the text, after it, and far outside.
    for (upper, offset) in [(15, 0), (16, 12), (16, 2044), (0x80000, 0)] {
        let text = [lui(5, upper), asm::jalr(0, 5, offset)];
        let bytes = asm::elf(TEXT, &[Load::text(&text)]);
        let program = Program::parse(&bytes).expect("a well-formed file");
        let (exit, _) = agree_throughout(&program, &mut PreimageMap::default(), 9);
        assert_eq!(exit, Exit::Trapped(Trap::FetchFault), "{upper:x} {offset:x}");
    }
}

#[test]
fn the_last_step_is_the_last_one_that_is_counted() {
    let mut machine = ProvableMachine::new(&asm::program(&asm::halt(), &[]), INPUT);
    let text = *machine.text();
    let mut witness = machine.prove_step(&mut PreimageMap::default()).expect("no host is asked");
    witness.state.steps = u64::MAX;
    assert_eq!(witness.verify(&text).map(|state| state.steps), Ok(u64::MAX));
    L1::with(&text).agree(&witness, &text);
}

#[test]
fn the_contract_refuses_what_is_no_witness() {
    let draw = &mut Draw(2);
    // A store, so that there are two proofs: x5 to where x31 points.
    let mut machine = before(draw, &[asm::s(3, 31, 5, 8), EBREAK, EBREAK, EBREAK, EBREAK]);
    let text = *machine.text();
    let l1 = L1::with(&text);
    let good = machine.prove_step(&mut PreimageMap::default()).expect("no host is asked");
    let bytes = good.encode();
    assert!(l1.step(bytes.clone()).is_success());
    let selector = |outcome: EthereumOutcome| {
        assert!(!outcome.is_success(), "{outcome:?}");
        outcome.output[..4].to_vec()
    };
    // Every proof is looked at, in every byte.
    for at in (362..bytes.len()).step_by(31) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        assert_eq!(
            selector(l1.step(changed)),
            MachineStep::MachineStep_WrongLeaf::SELECTOR,
            "byte {at}"
        );
    }
    for length in [0, 361, 362, 362 + 31, bytes.len() - 1] {
        let cut = bytes[..length].to_vec();
        assert_eq!(
            selector(l1.step(cut)),
            MachineStep::MachineStep_WitnessTooShort::SELECTOR,
            "{length}"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(selector(l1.step(longer)), MachineStep::MachineStep_WitnessTooLong::SELECTOR);
    // The oracle decides about preimages: one that it does not have is no step.
    let mut host = PreimageMap::default();
    let hash = host.insert_keccak256(vec![5; 40]);
    let words: Vec<u64> =
        hash.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let ask = [lui(10, 0x20), lui(13, 0x40), addi(17, 0, 3), addi(11, 0, 1), ECALL];
    let mut machine = ProvableMachine::new(&asm::program(&ask, &words), INPUT);
    machine.run(&mut host, 4).expect("no host is asked");
    let text = *machine.text();
    let witness = machine.prove_step(&mut host).expect("the host has it");
    let mut l1 = L1::with(&text);
    l1.agree(&witness, &text);
    l1.codes.insert(ORACLE, Bytes::from_static(&hex!("5f5ffd")));
    assert!(!l1.step(witness.encode()).is_success());
    let lacking = StepWitness { preimage: None, ..witness };
    assert_eq!(lacking.verify(&text), Err(WitnessError::Missing));
}
