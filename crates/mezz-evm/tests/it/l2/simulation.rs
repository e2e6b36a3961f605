//! Calls, estimates and access lists.

use std::cell::Cell;

use alloy_consensus::TxEip1559;
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use mezz_evm::{
    BlockChanges, Call, CallResult, InvalidTransaction, NextCall, PlainCrypto, PushError,
    SimulationError, Simulator,
};
use mezz_types::BlockNumber;

use super::world::{ETHER, GWEI, Key, Leaves, World, deploying, push, store};

const TARGET: Address = Address::repeat_byte(0x77);
const CAP: u64 = 50_000_000;

fn funded() -> (World, Key) {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), 10 * ETHER);
    let marker = world.marker();
    world.block(&[marker], &[]);
    (world, key)
}

fn simulator(world: &World) -> Simulator<'_, &Leaves> {
    Simulator::new(world.here(), &world.state, &PlainCrypto, &|| false).unwrap()
}

fn call_of(key: &Key, to: impl Into<TxKind>) -> Call {
    Call { from: key.address(), to: to.into(), ..Call::default() }
}

/// Code that returns what `opcodes` leave on the stack: PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
fn returning(opcodes: &[u8]) -> Vec<u8> {
    [opcodes, &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]].concat()
}

fn word(result: &CallResult) -> U256 {
    match result {
        CallResult::Success { output } => U256::from_be_slice(output),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_sees_the_block_that_it_is_made_at_and_leaves_no_trace() {
    let (mut world, key) = funded();
    for (opcodes, expected) in [
        (&[0x43u8][..], U256::from(1)),
        (&[0x42], U256::from(world.head.timestamp)),
        (&[0x48], U256::from(world.head.base_fee_per_gas.unwrap())),
        (&[0x44], U256::from_be_bytes(world.head.parent_hash.0)),
        (&[0x46], U256::from(4242)),
        (&[0x3a], U256::ZERO),
        // BLOCKHASH of NUMBER - 1
        (&[0x60, 0x01, 0x43, 0x03, 0x40], U256::from_be_bytes(world.head.parent_hash.0)),
    ] {
        world.install(TARGET, &returning(opcodes));
        let outcome = simulator(&world).call(&call_of(&key, TARGET), CAP).unwrap();
        assert_eq!(word(&outcome.result), expected, "{opcodes:x?}");
    }
    // SLOAD 0, DUP1, PUSH1 1, ADD, PUSH0, SSTORE: the value before, and one more is written.
    world.install(TARGET, &returning(&[0x5f, 0x54, 0x80, 0x60, 0x01, 0x01, 0x5f, 0x55]));
    let mut simulator = simulator(&world);
    for _ in 0..3 {
        let outcome = simulator.call(&call_of(&key, TARGET), CAP).unwrap();
        assert_eq!(word(&outcome.result), U256::ZERO);
    }
}

#[test]
fn failures_are_outcomes_with_their_data() {
    let (mut world, key) = funded();
    // 0x2a in the last byte of a word, reverted: PUSH1 0x2a, PUSH0, MSTORE, PUSH1 32, PUSH0, REVERT
    world.install(TARGET, &[0x60, 0x2a, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xfd]);
    let outcome = simulator(&world).call(&call_of(&key, TARGET), CAP).unwrap();
    let output = Bytes::copy_from_slice(B256::with_last_byte(0x2a).as_slice());
    assert_eq!(outcome.result, CallResult::Revert { output });
    // INVALID
    world.install(TARGET, &[0xfe]);
    let outcome = simulator(&world).call(&call_of(&key, TARGET), 30_000).unwrap();
    assert!(matches!(outcome.result, CallResult::Halt { .. }));
    assert_eq!(outcome.gas_used, 30_000);
}

#[test]
fn a_call_without_price_needs_no_money_but_its_value() {
    let (world, _) = funded();
    let nobody = Key::new(5);
    let mut call = call_of(&nobody, TARGET);
    assert!(simulator(&world).call(&call, CAP).unwrap().result.is_success());
    call.value = U256::from(1);
    assert!(matches!(
        simulator(&world).call(&call, CAP),
        Err(SimulationError::Invalid(InvalidTransaction::Balance { balance, required }))
            if balance.is_zero() && required == U256::from(1)
    ));
}

#[test]
fn a_call_with_a_price_pays_it_data_fee_included() {
    let (mut world, key) = funded();
    // SELFBALANCE of the sender: PUSH20 sender, BALANCE
    world.install(TARGET, &returning(&[push(key.address()).as_slice(), &[0x31]].concat()));
    let mut call = call_of(&key, TARGET);
    call.gas_limit = Some(100_000);
    call.max_fee_per_gas = Some(20 * GWEI);
    let mut simulator = simulator(&world);
    let left = word(&simulator.call(&call, CAP).unwrap().result);
    let fee = simulator.data_price().fee(96);
    let surcharge = fee.div_ceil(U256::from(100_000));
    let price = U256::from(20 * GWEI) - surcharge;
    assert_eq!(left, U256::from(10 * ETHER) - price * U256::from(100_000) - fee);
    call.max_fee_per_gas = Some(1);
    assert!(matches!(
        simulator.call(&call, CAP),
        Err(SimulationError::Invalid(InvalidTransaction::MaxFeeBelowBaseFee { max_fee: 1, .. }))
    ));
    call.max_fee_per_gas = Some(ETHER);
    assert!(matches!(
        simulator.call(&call, CAP),
        Err(SimulationError::Invalid(InvalidTransaction::Balance { .. }))
    ));
}

#[test]
fn gas_is_capped_by_the_caller_of_the_simulator() {
    let (mut world, key) = funded();
    // GAS
    world.install(TARGET, &returning(&[0x5a]));
    let mut call = call_of(&key, TARGET);
    for (asked, cap) in [(None, 1_000_000), (Some(u64::MAX), 1_000_000), (Some(500_000), CAP)] {
        call.gas_limit = asked;
        let gas = word(&simulator(&world).call(&call, cap).unwrap().result);
        let limit = asked.unwrap_or(u64::MAX).min(cap);
        assert_eq!(gas, U256::from(limit - 21_000 - 2), "{asked:?} {cap}");
    }
}

/// The estimate, and the same call as a transaction with exactly that gas limit.
fn estimate_and_send(world: &World, key: &Key, call: &Call) -> (u64, bool) {
    let estimate = simulator(world).estimate_gas(call, CAP).unwrap();
    let mut world = world.clone();
    let base_fee = u128::from(world.env().base_fee());
    let tip = simulator(&world).data_price().suggested_tip(world.here().base_fee());
    let tx = TxEip1559 {
        gas_limit: estimate.gas_limit,
        value: call.value,
        max_fee_per_gas: call.max_fee_per_gas.unwrap_or(base_fee + base_fee / 5 + tip),
        max_priority_fee_per_gas: call.max_priority_fee_per_gas.unwrap_or(tip),
        ..world.eip1559(key, call.to, &call.data)
    };
    let outcome = world.run(&key.sign(tx));
    (estimate.gas_limit, outcome.result.is_success())
}

#[test]
fn an_estimate_is_enough_and_for_plain_code_exactly_enough() {
    let (mut world, key) = funded();
    world.install(TARGET, &store(&[0x33]));
    let callee = Address::repeat_byte(0x78);
    // A call that forwards 63 / 64 of its gas to code that needs most of it.
    let forwards =
        [&[0x5f; 5], push(TARGET).as_slice(), &[0x5a, 0xf1], store(&[]).as_slice()].concat();
    world.install(callee, &forwards);
    let mut transfer = call_of(&key, Address::repeat_byte(0x11));
    transfer.value = U256::from(5);
    let mut creation = call_of(&key, TxKind::Create);
    creation.data = deploying(&[0x00]).into();
    let mut data = call_of(&key, Address::repeat_byte(0x11));
    data.data = vec![1; 10_000].into();
    for (name, call, exact) in [
        ("transfer", transfer, Some(21_000)),
        ("store", call_of(&key, TARGET), None),
        ("nested", call_of(&key, callee), None),
        ("creation", creation, None),
        ("floor and data fee", data, None),
    ] {
        let (gas_limit, succeeded) = estimate_and_send(&world, &key, &call);
        assert!(succeeded, "{name} with {gas_limit}");
        if let Some(exact) = exact {
            assert_eq!(gas_limit, exact, "{name}");
        }
        if name == "store" {
            let less = Call { gas_limit: Some(gas_limit - 1), ..call.clone() };
            assert!(!simulator(&world).call(&less, CAP).unwrap().result.is_success(), "{name}");
        }
    }
}

#[test]
fn code_that_looks_at_its_gas_is_searched_for() {
    let (mut world, key) = funded();
    // Succeeds only above 2,000,000 gas left; spends next to nothing then.
    // PUSH3 2000000, GAS, GT, PUSH1 10, JUMPI, PUSH0, PUSH0, REVERT (at 9), JUMPDEST (at 10)…
    let code = [0x62, 0x1e, 0x84, 0x80, 0x5a, 0x11, 0x60, 0x0c, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x00];
    world.install(TARGET, &code);
    let call = call_of(&key, TARGET);
    let (gas_limit, succeeded) = estimate_and_send(&world, &key, &call);
    assert!(succeeded);
    assert!((2_021_000..2_060_000).contains(&gas_limit), "{gas_limit}");
}

#[test]
fn an_estimate_carries_the_data_fee_at_whatever_price_is_named() {
    // Base fee at its floor of a thousandth of a gwei: data is dear in comparison.
    let mut config = super::world::config();
    config.fees.initial_base_fee = config.fees.min_base_fee;
    let mut world = World::with_config(config);
    let key = Key::new(1);
    world.fund(key.address(), 10 * ETHER);
    let marker = world.marker();
    world.block(&[marker], &[]);
    for max_fee in [None, Some(1_500_000u128), Some(10_000_000), Some(GWEI)] {
        let mut call = call_of(&key, Address::repeat_byte(0x11));
        call.data = vec![7; 50].into();
        call.max_fee_per_gas = max_fee;
        call.max_priority_fee_per_gas = max_fee.map(|_| 0);
        let (gas_limit, succeeded) = estimate_and_send(&world, &key, &call);
        assert!(succeeded, "{max_fee:?} {gas_limit}");
        assert!(gas_limit >= 21_000 + 50 * 40, "{gas_limit}");
    }
    // With too little above the base fee no gas limit is enough.
    let mut call = call_of(&key, Address::repeat_byte(0x11));
    call.max_fee_per_gas = Some(1_000_001);
    assert!(matches!(
        simulator(&world).estimate_gas(&call, CAP),
        Err(SimulationError::Invalid(InvalidTransaction::DataFeeNotCovered { .. }))
    ));
    call.max_fee_per_gas = Some(1_000_000);
    assert!(matches!(
        simulator(&world).estimate_gas(&call, CAP),
        Err(SimulationError::Invalid(InvalidTransaction::DataFeeNotCovered { .. }))
    ));
    // A plain transfer keeps the 21,000 gas that wallets take for granted.
    let mut transfer = call_of(&key, Address::repeat_byte(0x11));
    transfer.value = U256::from(1);
    assert_eq!(estimate_and_send(&world, &key, &transfer), (21_000, true));
}

#[test]
fn the_suggested_tip_is_nothing_while_data_is_cheap() {
    let (world, _) = funded();
    let price = simulator(&world).data_price();
    assert_eq!(price.suggested_tip(1_000_000_000), 0);
    // 96 bytes at 17,099,000,030 wei, a quarter more, over 21,000 gas, less a fifth of the base fee.
    assert_eq!(price.suggested_tip(1_000_000), 97_708_572 - 200_000);
}

#[test]
fn estimates_that_cannot_be_are_refused() {
    let (mut world, key) = funded();
    // PUSH0, PUSH0, REVERT
    world.install(TARGET, &[0x5f, 0x5f, 0xfd]);
    let mut call = call_of(&key, TARGET);
    assert!(matches!(
        simulator(&world).estimate_gas(&call, CAP),
        Err(SimulationError::Failed { result: CallResult::Revert { .. } })
    ));
    // Loops: JUMPDEST, PUSH1 0, JUMP
    world.install(TARGET, &[0x5b, 0x60, 0x00, 0x56]);
    assert!(matches!(
        simulator(&world).estimate_gas(&call, CAP),
        Err(SimulationError::Failed { result: CallResult::Halt { .. } })
    ));
    call.to = Address::repeat_byte(0x11).into();
    call.gas_limit = Some(20_000);
    assert!(matches!(
        simulator(&world).estimate_gas(&call, CAP),
        Err(SimulationError::Invalid(InvalidTransaction::GasLimitBelowIntrinsic {
            required: 21_000,
            got: 20_000,
        }))
    ));
    call.gas_limit = None;
    call.max_fee_per_gas = Some(10 * ETHER);
    assert!(matches!(
        simulator(&world).estimate_gas(&call, CAP),
        Err(SimulationError::Invalid(InvalidTransaction::Balance { .. }))
    ));
}

#[test]
fn the_access_list_names_what_is_touched_and_makes_it_warm() {
    let (mut world, key) = funded();
    let other = Address::repeat_byte(0x78);
    // SLOAD 5, BALANCE of `other`, SSTORE; also the sender, the coinbase and a precompile, all warm.
    let code = [
        &[0x60, 0x05, 0x54, 0x50],
        push(other).as_slice(),
        &[0x31, 0x50, 0x33, 0x31, 0x50, 0x41, 0x31, 0x50, 0x60, 0x04, 0x31, 0x50],
        store(&[0x33]).as_slice(),
    ]
    .concat();
    world.install(TARGET, &code);
    let call = call_of(&key, TARGET);
    let bare = simulator(&world).call(&call, CAP).unwrap().gas_used;
    let answer = simulator(&world).access_list(&call, CAP).unwrap();
    let item = |address, slots: &[u8]| AccessListItem {
        address,
        storage_keys: slots.iter().map(|slot| B256::with_last_byte(*slot)).collect(),
    };
    assert_eq!(answer.access_list, AccessList(vec![item(TARGET, &[0, 5]), item(other, &[])]));
    assert!(answer.outcome.result.is_success());
    // Two addresses and two slots declared (2400, 1900 each); 2500, 2000 and 2100 saved.
    assert_eq!(answer.outcome.gas_used, bare + 2 * 2400 + 2 * 1900 - 2500 - 2000 - 2100);
    let declared = Call { access_list: answer.access_list, ..call };
    assert_eq!(simulator(&world).call(&declared, CAP).unwrap(), answer.outcome);
}

#[test]
fn authorizations_work_in_simulations() {
    let (mut world, key) = funded();
    let owner = Key::new(2);
    world.install(TARGET, &returning(&[0x30]));
    let authorization =
        owner.authorize(Authorization { chain_id: U256::ZERO, address: TARGET, nonce: 0 });
    let mut call = call_of(&key, owner.address());
    call.authorizations = vec![authorization];
    let outcome = simulator(&world).call(&call, CAP).unwrap();
    assert_eq!(word(&outcome.result), U256::from_be_slice(owner.address().as_slice()));
    assert!(outcome.gas_used > 46_000);
}

#[test]
fn senders_of_calls_may_be_contracts() {
    let (mut world, key) = funded();
    world.install(TARGET, &[0x00]);
    let mut call = call_of(&key, Address::repeat_byte(0x11));
    call.from = TARGET;
    assert!(simulator(&world).call(&call, CAP).unwrap().result.is_success());
    // As a transaction it would not be valid.
    let contract = Key::new(6);
    world.install(contract.address(), &[0x00]);
    world.fund(contract.address(), ETHER);
    let tx = contract.sign(world.eip1559(&contract, TARGET.into(), &[]));
    let built = world.block(&[], &[tx]);
    assert!(matches!(
        built.pushed[0],
        Err(PushError::Invalid(InvalidTransaction::SenderIsContract { .. }))
    ));
}

#[test]
fn a_block_may_say_something_else_of_itself() {
    let (mut world, key) = funded();
    let changes = BlockChanges {
        number: Some(BlockNumber::new(77)),
        timestamp: Some(5),
        gas_limit: Some(1_000_000),
        base_fee: Some(3),
        beneficiary: Some(TARGET),
        prev_randao: Some(B256::repeat_byte(9)),
        blob_base_fee: Some(11),
    };
    for (opcode, expected) in [
        (0x43u8, U256::from(77)),
        (0x42, U256::from(5)),
        (0x45, U256::from(1_000_000)),
        (0x48, U256::from(3)),
        (0x41, U256::from_be_slice(TARGET.as_slice())),
        (0x44, U256::from_be_bytes([9; 32])),
        (0x4a, U256::from(11)),
    ] {
        world.install(TARGET, &returning(&[opcode]));
        let mut simulator = simulator(&world);
        simulator.change_block(&changes);
        let outcome = simulator.call(&call_of(&key, TARGET), CAP).unwrap();
        assert_eq!(word(&outcome.result), expected, "{opcode:x}");
    }
}

#[test]
fn applied_calls_build_on_each_other_and_the_changes_are_those_of_a_block() {
    let (mut world, key) = funded();
    // Slot 0 counts: SLOAD 0, PUSH1 1, ADD, PUSH0, SSTORE
    world.install(TARGET, &[0x5f, 0x54, 0x60, 0x01, 0x01, 0x5f, 0x55]);
    let mut call = call_of(&key, TARGET);
    call.max_fee_per_gas = Some(100 * GWEI);
    call.max_priority_fee_per_gas = Some(GWEI);
    let mut simulator = Simulator::new(world.env(), &world.state, &PlainCrypto, &|| false).unwrap();
    simulator.open_block();
    let mut next = NextCall { call: &call, gas_limit: 1_000_000, nonce: Some(0) };
    let first = simulator.apply(&next).unwrap();
    assert!(first.max_gas_used >= first.outcome.gas_used);
    assert!(matches!(
        simulator.apply(&next),
        Err(SimulationError::Invalid(InvalidTransaction::NonceTooLow { expected: 1, got: 0 }))
    ));
    next.nonce = Some(1);
    let second = simulator.apply(&next).unwrap();
    assert!(second.outcome.gas_used < first.outcome.gas_used, "the slot is not zero any more");
    assert_eq!(simulator.nonce(key.address()).unwrap(), 2);
    let free = Call { max_fee_per_gas: None, ..call.clone() };
    assert!(matches!(
        simulator.apply(&NextCall { call: &free, gas_limit: 100_000, nonce: Some(2) }),
        Err(SimulationError::Invalid(InvalidTransaction::MaxFeeBelowBaseFee { .. }))
    ));
    let made = simulator.finish_block(Vec::new(), Vec::new()).unwrap();
    // The same two as transactions of a real block.
    let transactions = [0, 1]
        .map(|nonce| key.sign(TxEip1559 { nonce, ..world.eip1559(&key, TARGET.into(), &[]) }));
    let built = world.execute_on(&world.state, &[], &transactions).unwrap();
    assert_eq!(made.changes, built.sealed.block.changes);
    assert_eq!(first.outcome.gas_used, built.sealed.block.extras[0].gas_used);
}

#[test]
fn send_max_keeps_21000_with_and_without_a_price() {
    let (world, key) = funded();
    let mut call = call_of(&key, Address::repeat_byte(0x11));
    call.value = world.balance(key.address());
    assert_eq!(simulator(&world).estimate_gas(&call, CAP).unwrap().gas_limit, 21_000);
    let price = 50 * GWEI;
    call.max_fee_per_gas = Some(price);
    call.max_priority_fee_per_gas = Some(GWEI);
    call.value -= U256::from(21_000 * price);
    assert_eq!(estimate_and_send(&world, &key, &call), (21_000, true));
    call.value += U256::from(1);
    assert!(matches!(
        simulator(&world).estimate_gas(&call, CAP),
        Err(SimulationError::Invalid(InvalidTransaction::Balance { .. }))
    ));
}

/// JUMPDEST, PUSH0, JUMP.
const LOOP: [u8; 3] = [0x5b, 0x5f, 0x56];

#[test]
fn a_call_ends_when_its_time_is_up_in_whatever_frame_and_so_do_the_next_ones() {
    let (mut world, key) = funded();
    world.install(TARGET, &LOOP);
    // Calls the loop with all gas, and would return 1 afterwards.
    let outer = Address::repeat_byte(0x78);
    let calling = [&[0x5f; 5], push(TARGET).as_slice(), &[0x5a, 0xf1, 0x50, 0x60, 1]].concat();
    world.install(outer, &returning(&calling));
    for (target, traced) in [(TARGET, false), (outer, false), (outer, true)] {
        let looks = Cell::new(0);
        let expired = || {
            looks.set(looks.get() + 1);
            looks.get() > 3
        };
        let mut simulator =
            Simulator::new(world.here(), &world.state, &PlainCrypto, &expired).unwrap();
        simulator.trace_transfers(traced);
        let call = call_of(&key, target);
        let ended = simulator.call(&call, CAP);
        assert!(matches!(ended, Err(SimulationError::TimeUp)), "{ended:?}");
        assert_eq!(looks.get(), 4);
        let short = call_of(&key, Address::ZERO);
        assert!(matches!(simulator.call(&short, CAP), Err(SimulationError::TimeUp)));
        assert!(matches!(simulator.estimate_gas(&short, CAP), Err(SimulationError::TimeUp)));
        assert!(matches!(simulator.access_list(&short, CAP), Err(SimulationError::TimeUp)));
        let next = NextCall { call: &short, gas_limit: CAP, nonce: None };
        assert!(matches!(simulator.apply(&next), Err(SimulationError::TimeUp)));
        // Over is over, whatever the clock says.
        assert_eq!(looks.get(), 4);
    }
    let ended = simulator(&world).call(&call_of(&key, TARGET), CAP).unwrap();
    assert!(matches!(ended.result, CallResult::Halt { .. }), "{ended:?}");
    assert_eq!(ended.gas_used, CAP);
}
