//! Messages of the inbox: the clock, calls and creations, forced transactions.

use alloy_consensus::{TxEnvelope, transaction::Recovered};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, U256};
use mezz_evm::{
    BlockExecutor, BlockTransaction, DecodeError, ExecutionError, ExtraData, InvalidTransaction,
    MessageOutcome, PlainCrypto, SkipReason,
};
use mezz_types::{
    Account, FEE_VAULT, INBOX_CLOCK, InboxIndex, Message, MessageKind, SYSTEM_TRANSACTION_TYPE,
    SystemTransaction, clock_slot,
};

use super::world::{ETHER, GWEI, Key, World, deploying, facts, store};

const SENDER: Address = Address::repeat_byte(0x33);
const TARGET: Address = Address::repeat_byte(0x77);
const REFUND: Address = Address::repeat_byte(0xfe);

/// Code that reverts: PUSH0, PUSH0, REVERT.
const REVERT: [u8; 3] = [0x5f, 0x5f, 0xfd];
/// Code that loops until its gas is gone: JUMPDEST, PUSH1 0, JUMP.
const LOOP: [u8; 4] = [0x5b, 0x60, 0x00, 0x56];

fn numbered(messages: Vec<Message>) -> Vec<Message> {
    let first = messages[0].index.get();
    let numbered = messages.into_iter().zip(first..);
    numbered.map(|(message, at)| Message { index: InboxIndex::new(at), ..message }).collect()
}

#[test]
fn a_call_brings_its_value_and_costs_nobody_anything() {
    let mut world = World::new();
    let message = world.call_message(SENDER, TARGET, 7 * ETHER);
    let built = world.block(std::slice::from_ref(&message), &[]);
    assert_eq!(world.balance(TARGET), U256::from(7 * ETHER));
    assert_eq!(world.account(SENDER), Account { nonce: 1, ..Account::default() });
    assert_eq!(world.balance(FEE_VAULT), U256::ZERO);
    assert_eq!(world.state.supply(), U256::from(7 * ETHER));
    let block = built.sealed.block;
    let system = SystemTransaction::from_message(&message).unwrap();
    assert_eq!(block.transactions, [BlockTransaction::System(system)]);
    assert_eq!(block.messages, [MessageOutcome::Executed { position: 0 }]);
    assert_eq!(block.receipts[0].kind, SYSTEM_TRANSACTION_TYPE);
    assert!(block.receipts[0].succeeded());
    assert_eq!((block.gas_used, block.extras[0].gas_used), (21_000, 21_000));
    assert_eq!(block.extras[0].effective_gas_price, 0);
    assert_eq!(block.extras[0].data_fee, U256::ZERO);
}

#[test]
fn the_called_contract_sees_the_sender_and_no_price() {
    let mut world = World::new();
    // CALLER, GASPRICE into slot 1, ORIGIN into slot 2, CALLVALUE into slot 3
    let code = [
        store(&[0x33]),
        vec![0x3a, 0x60, 0x01, 0x55, 0x32, 0x60, 0x02, 0x55, 0x34, 0x60, 0x03, 0x55],
    ]
    .concat();
    world.install(TARGET, &code);
    let message = world.call_message(SENDER, TARGET, 9);
    let built = world.block(&[message], &[]);
    assert!(built.sealed.block.receipts[0].succeeded());
    let sender = U256::from_be_slice(SENDER.as_slice());
    assert_eq!(world.slot(TARGET, 0), sender);
    assert_eq!(world.slot(TARGET, 1), U256::ZERO);
    assert_eq!(world.slot(TARGET, 2), sender);
    assert_eq!(world.slot(TARGET, 3), U256::from(9));
}

#[test]
fn a_creation_deploys_under_the_sender_s_nonce() {
    let mut world = World::new();
    world.set_account(SENDER, Account { nonce: 6, ..Account::default() });
    let message = Message {
        kind: MessageKind::Create,
        to: Address::ZERO,
        data: deploying(&[0x01, 0x02]).into(),
        ..world.call_message(SENDER, TARGET, 3)
    };
    let built = world.block(&[message], &[]);
    let created = SENDER.create(6);
    assert_eq!(built.sealed.block.extras[0].contract_address, Some(created));
    assert_eq!(world.code(created), Bytes::from_static(&[0x01, 0x02]));
    assert_eq!(world.account(created).nonce, 1);
    assert_eq!(world.balance(created), U256::from(3));
    assert_eq!(world.account(SENDER).nonce, 7);
}

/// A message that fails, and the gas that it uses.
fn failing(world: &World) -> Vec<(&'static str, Message, Option<u64>)> {
    let call = world.call_message(SENDER, TARGET, ETHER);
    let create = Message {
        kind: MessageKind::Create,
        to: Address::ZERO,
        ..world.call_message(SENDER, TARGET, ETHER)
    };
    vec![
        ("revert", call.clone(), None),
        ("halt", Message { to: SENDER.create(99), ..call.clone() }, Some(100_000)),
        ("creation reverts", Message { data: REVERT.into(), ..create.clone() }, None),
        ("creation halts", Message { data: LOOP.into(), ..create.clone() }, Some(100_000)),
        // What follows does not run at all.
        ("gas below intrinsic", Message { gas_limit: 20_999, ..call.clone() }, Some(0)),
        (
            "gas below floor",
            Message { gas_limit: 24_999, data: vec![1; 100].into(), ..call.clone() },
            Some(0),
        ),
        ("no gas", Message { gas_limit: 0, ..call.clone() }, Some(0)),
        ("gas above cap", Message { gas_limit: 20_000_001, ..call.clone() }, Some(0)),
        ("all the gas there is", Message { gas_limit: u64::MAX, ..call }, Some(0)),
        ("init code too long", Message { data: vec![0; 49_153].into(), ..create }, Some(0)),
    ]
}

#[test]
fn a_failing_message_moves_its_value_to_refund_to_and_nothing_else() {
    let mut world = World::new();
    world.install(TARGET, &REVERT);
    world.install(SENDER.create(99), &LOOP);
    world.fund(SENDER, 5);
    for (name, message, gas) in failing(&world) {
        let mut world = world.clone();
        let supply = world.state.supply();
        let built = world.block(&[message], &[]);
        let block = built.sealed.block;
        assert_eq!(block.messages, [MessageOutcome::Executed { position: 0 }], "{name}");
        assert!(!block.receipts[0].succeeded(), "{name}");
        assert!(block.receipts[0].logs().is_empty(), "{name}");
        assert_eq!(world.balance(REFUND), U256::from(ETHER), "{name}");
        assert_eq!(world.balance(SENDER), U256::from(5), "{name}");
        assert_eq!(world.balance(TARGET), U256::ZERO, "{name}");
        assert_eq!(world.account(SENDER).nonce, 1, "{name}");
        assert_eq!(world.state.supply(), supply + U256::from(ETHER), "{name}");
        assert_eq!(block.extras[0].gas_used, block.gas_used, "{name}");
        match gas {
            Some(gas) => assert_eq!(block.gas_used, gas, "{name}"),
            None => assert!((21_000..100_000).contains(&block.gas_used), "{name}"),
        }
    }
}

#[test]
fn refund_to_may_be_the_sender() {
    let mut world = World::new();
    world.install(TARGET, &REVERT);
    for gas_limit in [100_000, 0] {
        let mut world = world.clone();
        let message =
            Message { refund_to: SENDER, gas_limit, ..world.call_message(SENDER, TARGET, ETHER) };
        world.block(&[message], &[]);
        assert_eq!(world.balance(SENDER), U256::from(ETHER));
        assert_eq!(world.state.supply(), U256::from(ETHER));
    }
}

#[test]
fn a_sender_with_code_may_still_send() {
    let mut world = World::new();
    world.install(SENDER, &REVERT);
    let message = world.call_message(SENDER, TARGET, 4);
    world.block(&[message], &[]);
    assert_eq!(world.balance(TARGET), U256::from(4));
    assert_eq!(world.account(SENDER).nonce, 2);
}

#[test]
fn a_message_may_use_more_gas_than_a_signed_transaction() {
    let mut world = World::new();
    world.install(TARGET, &LOOP);
    let message = Message { gas_limit: 20_000_000, ..world.call_message(SENDER, TARGET, 0) };
    let built = world.block(&[message], &[]);
    assert_eq!(built.sealed.block.gas_used, 20_000_000);
}

#[test]
fn messages_share_the_block_s_gas_with_transactions() {
    let mut config = super::world::config();
    config.limits.block_gas = 30_000_000;
    config.limits.batch_message_gas = 30_000_000;
    let mut world = World::with_config(config);
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    world.install(TARGET, &LOOP);
    let greedy = Message { gas_limit: 20_000_000, ..world.call_message(SENDER, TARGET, 1) };
    let messages = numbered(vec![greedy.clone(), greedy]);
    let fits = key.sign(world.eip1559(&key, SENDER.into(), &[]));
    let built = world.block(&messages, &[fits]);
    let block = built.sealed.block;
    // The second message finds 10 million left: it fails without running.
    assert_eq!(block.extras[1].gas_used, 0);
    assert_eq!(world.balance(REFUND), U256::from(2));
    assert!(built.pushed[0].is_ok());
    assert_eq!(block.gas_used, 20_000_000 + 21_000);
    assert_eq!(block.receipts[2].cumulative_gas_used(), block.gas_used);
}

#[test]
fn the_clock_shows_the_last_message_before_any_of_them_runs() {
    let mut world = World::new();
    // SLOAD reads a contract's own storage, so the probe stands at the clock's address.
    let probe = [
        // slot 2 → slot 100, slot 4 → slot 101
        0x60, 0x02, 0x54, 0x60, 0x64, 0x55, 0x60, 0x04, 0x54, 0x60, 0x65, 0x55,
    ];
    world.install(INBOX_CLOCK, &probe);
    let first = world.call_message(SENDER, INBOX_CLOCK, 0);
    let mut last = world.marker();
    last.facts = facts(42);
    let messages = numbered(vec![first, last]);
    let built = world.block(&messages, &[]);
    let at = |slot: U256| world.slot(INBOX_CLOCK, slot.to());
    assert_eq!(at(clock_slot::NUMBER), U256::from(42));
    assert_eq!(at(clock_slot::TIMESTAMP), U256::from(1_700_000_042u64));
    assert_eq!(at(clock_slot::BASE_FEE), U256::from(7 * GWEI + 42));
    assert_eq!(at(clock_slot::BLOB_BASE_FEE), U256::from(3 * GWEI + 42));
    assert_eq!(at(clock_slot::NEXT_INBOX_INDEX), U256::from(2));
    assert_eq!(world.slot(INBOX_CLOCK, 100), U256::from(7 * GWEI + 42));
    assert_eq!(world.slot(INBOX_CLOCK, 101), U256::from(2));
    let sealed = built.sealed;
    assert_eq!(sealed.block.l1_facts, facts(42));
    assert_eq!(sealed.block.next_inbox_index, InboxIndex::new(2));
    let extra = ExtraData::decode(&sealed.header.extra_data).unwrap();
    assert_eq!((extra.l1_origin.get(), extra.next_inbox_index.get()), (42, 2));
    assert_eq!(sealed.commitment().next_inbox_index, InboxIndex::new(2));
    // Without messages nothing moves.
    let next = world.block(&[], &[]).sealed;
    assert_eq!(next.header.extra_data, sealed.header.extra_data);
    assert_eq!(next.block.l1_facts, facts(42));
    let clock_leaf = mezz_types::storage_key(INBOX_CLOCK, clock_slot::NUMBER);
    assert!(!next.block.changes.leaves.contains_key(&clock_leaf));
}

#[test]
fn a_marker_is_no_transaction() {
    let mut world = World::new();
    let marker = world.marker();
    let block = world.block(&[marker], &[]).sealed.block;
    assert_eq!(block.messages, [MessageOutcome::Marker]);
    assert!(block.transactions.is_empty() && block.receipts.is_empty());
    assert_eq!(block.gas_used, 0);
}

fn forced(key: &Key, world: &World) -> Recovered<TxEnvelope> {
    let mut tx = world.eip1559(key, TARGET.into(), &[]);
    tx.value = U256::from(5);
    tx.gas_limit = 30_000;
    key.sign(tx)
}

#[test]
fn a_forced_transaction_pays_gas_but_no_data() {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    let marker = world.marker();
    world.block(&[marker], &[]);
    let tx = forced(&key, &world);
    let message = world.forced_message(30_000, tx.inner().encoded_2718());
    let supply = world.state.supply();
    let base_fee = u128::from(world.env().base_fee());
    let block = world.block(&[message], &[]).sealed.block;
    assert_eq!(block.messages, [MessageOutcome::Executed { position: 0 }]);
    assert_eq!(block.transactions, [BlockTransaction::Signed(tx)]);
    assert_eq!(block.extras[0].data_fee, U256::ZERO);
    assert_eq!(block.extras[0].effective_gas_price, base_fee + GWEI);
    let paid = U256::from((base_fee + GWEI) * 21_000);
    assert_eq!(world.balance(key.address()), U256::from(ETHER) - paid - U256::from(5));
    assert_eq!(world.balance(FEE_VAULT), paid);
    assert_eq!(world.state.supply(), supply);
}

#[test]
fn a_forced_transaction_that_cannot_run_is_skipped_for_a_named_reason() {
    let mut world = World::new();
    let (key, poor) = (Key::new(1), Key::new(2));
    world.fund(key.address(), ETHER);
    let good = forced(&key, &world).inner().encoded_2718();
    let signed = |change: &dyn Fn(&mut alloy_consensus::TxEip1559)| {
        let mut tx = world.eip1559(&key, TARGET.into(), &[]);
        tx.gas_limit = 30_000;
        change(&mut tx);
        key.sign(tx).inner().encoded_2718()
    };
    let mut twin = key.sign(world.eip1559(&key, TARGET.into(), &[])).into_inner();
    if let TxEnvelope::Eip1559(signed) = &twin {
        let order = alloy_primitives::uint!(
            0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256
        );
        let old = signed.signature();
        let upper = alloy_primitives::Signature::new(old.r(), order - old.s(), !old.v());
        twin = alloy_consensus::SignableTransaction::into_signed(signed.tx().clone(), upper).into();
    }
    let malformed =
        |reason: &SkipReason| matches!(reason, SkipReason::Decode(DecodeError::Malformed { .. }));
    let invalid = |expected: InvalidTransaction| {
        move |reason: &SkipReason| *reason == SkipReason::Invalid(expected.clone())
    };
    type Check<'a> = Box<dyn Fn(&SkipReason) -> bool + 'a>;
    let cases: Vec<(&str, u64, Vec<u8>, Check<'_>)> = vec![
        ("nothing", 30_000, vec![], Box::new(malformed)),
        ("noise", 30_000, vec![0xc0; 40], Box::new(malformed)),
        ("cut", 30_000, good[..good.len() - 1].to_vec(), Box::new(malformed)),
        ("trailing byte", 30_000, [good.clone(), vec![0]].concat(), Box::new(malformed)),
        ("system transaction", 30_000, vec![0x7d, 0xc0], Box::new(malformed)),
        (
            "gas not paid",
            29_999,
            good.clone(),
            Box::new(|reason| *reason == SkipReason::GasNotPaid { paid: 29_999, asked: 30_000 }),
        ),
        (
            "signature",
            1_000_000,
            twin.encoded_2718(),
            Box::new(invalid(InvalidTransaction::Signature)),
        ),
        (
            "chain id",
            30_000,
            signed(&|tx| tx.chain_id = 1),
            Box::new(invalid(InvalidTransaction::ChainId { expected: 4242, got: 1 })),
        ),
        (
            "nonce",
            30_000,
            signed(&|tx| tx.nonce = 1),
            Box::new(invalid(InvalidTransaction::NonceTooHigh { expected: 0, got: 1 })),
        ),
        (
            "balance",
            30_000,
            forced(&poor, &world).inner().encoded_2718(),
            Box::new(invalid(InvalidTransaction::Balance {
                balance: U256::ZERO,
                required: U256::from(30_000 * 100 * GWEI + 5),
            })),
        ),
        (
            "gas cap",
            20_000_000,
            signed(&|tx| tx.gas_limit = 16_777_217),
            Box::new(invalid(InvalidTransaction::GasLimitAboveCap {
                cap: 16_777_216,
                got: 16_777_217,
            })),
        ),
    ];
    for (name, gas_limit, data, is_expected) in cases {
        let message = world.forced_message(gas_limit, data);
        let marker = Message { kind: MessageKind::Marker, ..message.clone() };
        let built = world.execute_on(&world.state, &[message], &[]).unwrap().sealed;
        match &built.block.messages[..] {
            [MessageOutcome::Skipped { reason }] => {
                assert!(is_expected(reason), "{name}: {reason}")
            }
            other => panic!("{name}: {other:?}"),
        }
        // Skipped without a trace: as if a marker had stood in its place.
        let without = world.execute_on(&world.state, &[marker], &[]).unwrap().sealed;
        assert_eq!(built.header, without.header, "{name}");
        assert_eq!(built.block.changes, without.block.changes, "{name}");
    }
}

#[test]
fn a_forced_transaction_that_does_not_fit_is_skipped() {
    let mut config = super::world::config();
    config.limits.block_gas = 20_000_000;
    let mut world = World::with_config(config);
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    world.install(SENDER, &LOOP);
    let greedy = Message { gas_limit: 19_980_000, ..world.call_message(SENDER, SENDER, 0) };
    let tx = forced(&key, &world).inner().encoded_2718();
    let messages = numbered(vec![greedy, world.forced_message(30_000, tx)]);
    let block = world.block(&messages, &[]).sealed.block;
    let reason = SkipReason::DoesNotFit { gas_limit: 30_000, left: 20_000 };
    assert_eq!(block.messages[1], MessageOutcome::Skipped { reason });
}

#[test]
fn messages_come_once_in_order_and_first() {
    let world = World::new();
    let key = Key::new(1);
    let tx = key.sign(world.eip1559(&key, TARGET.into(), &[]));
    let start = || BlockExecutor::new(world.env(), &world.state, &PlainCrypto).unwrap();
    let marker = world.marker();
    let at = |index| Message { index: InboxIndex::new(index), ..marker.clone() };
    for (messages, expected, got) in [
        (vec![at(1)], 0, 1),
        (vec![at(0), at(0)], 1, 0),
        (vec![at(0), at(2)], 1, 2),
        (vec![at(u64::MAX)], 0, u64::MAX),
    ] {
        match start().consume_messages(&messages) {
            Err(ExecutionError::MessageOrder { expected: e, got: g }) => {
                assert_eq!((e.get(), g.get()), (expected, got));
            }
            other => panic!("{other:?}"),
        }
    }
    let mut executor = start();
    executor.consume_messages(&[]).unwrap();
    assert!(matches!(executor.consume_messages(&[at(0)]), Err(ExecutionError::MessagesLate)));
    let mut executor = start();
    assert!(executor.push_transaction(&tx).is_err());
    assert!(matches!(executor.consume_messages(&[at(0)]), Err(ExecutionError::MessagesLate)));
}
