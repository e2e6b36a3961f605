//! What is read, what is written, and what happens when the state does not know.

use std::collections::BTreeSet;

use alloy_consensus::{TxEnvelope, transaction::Recovered};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, TxKind, U256};
use mezz_evm::{
    BlockExecutor, ExecutionError, PlainCrypto, PushError, Recording, SealedBlock, Simulator,
};
use mezz_types::{Account, FEE_VAULT, Message, MessageKind, account_key, storage_key};

use super::world::{ETHER, Key, Leaves, Unknown, World, deploying, push, store};

const TARGET: Address = Address::repeat_byte(0x77);
const HEIR: Address = Address::repeat_byte(0x88);

fn funded() -> (World, Key) {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), 100 * ETHER);
    (world, key)
}

#[test]
fn a_leaf_is_in_the_changes_only_if_its_value_differs() {
    let (mut world, key) = funded();
    // Slot 1: 5 → 6 → 5. Slot 2: 7 → 0. Slot 3: 0 → 9. Slot 4: 8 → 8. Slot 5: 0 → 1 → 0.
    let writes = [(1, 6), (1, 5), (2, 0), (3, 9), (4, 8), (5, 1), (5, 0)];
    let code: Vec<u8> =
        writes.iter().flat_map(|(slot, value)| [0x60, *value, 0x60, *slot, 0x55]).collect();
    world.install(TARGET, &code);
    for (slot, value) in [(1, 5), (2, 7), (4, 8)] {
        world.set_slot(TARGET, slot, value);
    }
    let tx = key.sign(world.eip1559(&key, TARGET.into(), &[]));
    let changes = world.block(&[], &[tx]).sealed.block.changes;
    let slot = |slot: u64| changes.leaves.get(&storage_key(TARGET, U256::from(slot)));
    assert_eq!(slot(1), None);
    assert_eq!(slot(2), Some(&None));
    assert_eq!(slot(3), Some(&Some(U256::from(9).to_be_bytes_vec())));
    assert_eq!(slot(4), None);
    assert_eq!(slot(5), None);
    let history = storage_key(mezz_types::HISTORY_STORAGE, U256::ZERO);
    let expected: BTreeSet<_> = [
        account_key(key.address()),
        account_key(FEE_VAULT),
        storage_key(TARGET, U256::from(2)),
        storage_key(TARGET, U256::from(3)),
        history,
    ]
    .into();
    assert_eq!(changes.leaves.keys().copied().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn an_account_that_ends_empty_has_no_leaf() {
    let (mut world, key) = funded();
    let empty = Address::repeat_byte(0x44);
    let tx = key.sign(world.eip1559(&key, empty.into(), &[]));
    let changes = world.block(&[], &[tx]).sealed.block.changes;
    assert!(!changes.leaves.contains_key(&account_key(empty)));
    // A message's value that passes through an account with nonce 0 leaves its nonce.
    let message = world.call_message(HEIR, TARGET, 1);
    world.block(&[message], &[]);
    assert_eq!(world.account(HEIR), Account { nonce: 1, ..Account::default() });
}

/// Init code that stores 1 in slot 0 and destroys itself in favour of [`HEIR`].
fn short_lived() -> Vec<u8> {
    [&[0x60, 0x01, 0x5f, 0x55], push(HEIR).as_slice(), &[0xff]].concat()
}

#[test]
fn a_contract_destroyed_where_it_was_created_leaves_nothing() {
    let (mut world, key) = funded();
    let mut tx = world.eip1559(&key, TxKind::Create, &short_lived());
    tx.value = U256::from(3);
    let created = key.address().create(0);
    let built = world.block(&[], &[key.sign(tx)]);
    assert!(built.pushed[0].as_ref().unwrap().result.is_success());
    let changes = &built.sealed.block.changes;
    assert!(!changes.leaves.contains_key(&account_key(created)));
    assert!(!changes.leaves.contains_key(&storage_key(created, U256::ZERO)));
    assert!(changes.codes.is_empty());
    assert_eq!(world.balance(HEIR), U256::from(3));
}

#[test]
fn a_contract_can_be_created_again_where_one_was_destroyed() {
    let (mut world, key) = funded();
    // CREATE2 with the call data as init code and salt 0, then slot 0 of this factory.
    // CALLDATASIZE, PUSH0, PUSH0, CALLDATACOPY, PUSH0, CALLDATASIZE, PUSH0, PUSH0, CREATE2
    world.install(TARGET, &store(&[0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x36, 0x5f, 0x5f, 0xf5]));
    let init = short_lived();
    let created = TARGET.create2_from_code(B256::ZERO, &init);
    let mut second = world.eip1559(&key, TARGET.into(), &init);
    second.nonce = 1;
    let transactions = [key.sign(world.eip1559(&key, TARGET.into(), &init)), key.sign(second)];
    let built = world.block(&[], &transactions);
    for pushed in &built.pushed {
        assert!(pushed.as_ref().unwrap().result.is_success());
    }
    assert_eq!(world.slot(TARGET, 0), U256::from_be_slice(created.as_slice()));
    assert!(!world.exists(created));
    assert_eq!(world.slot(created, 0), U256::ZERO);
    // 22,100 for the slot that was zero again both times, and the same for all else.
    let gas: Vec<_> =
        built.pushed.iter().map(|pushed| pushed.as_ref().unwrap().extras.gas_used).collect();
    // The factory's own slot is set by the first and unchanged by the second: 22,100 against 2,200.
    assert_eq!(gas[0] - gas[1], 19_900);
}

#[test]
fn an_older_contract_that_destroys_itself_only_gives_its_ether() {
    let (mut world, key) = funded();
    let code = [push(HEIR).as_slice(), &[0xff]].concat();
    world.install(TARGET, &code);
    world.fund(TARGET, 9);
    world.set_slot(TARGET, 0, 5);
    world.call(&key, TARGET, &[]);
    assert_eq!(world.balance(HEIR), U256::from(9));
    assert_eq!(world.balance(TARGET), U256::ZERO);
    assert_eq!(world.code(TARGET).as_ref(), code);
    assert_eq!(world.slot(TARGET, 0), U256::from(5));
}

#[test]
fn code_is_in_the_changes_once_and_only_when_it_is_new_to_its_account() {
    let (mut world, key) = funded();
    let init = deploying(&[0x60, 0x01]);
    let creation = |nonce| {
        let mut tx = world.eip1559(&key, TxKind::Create, &init);
        tx.nonce = nonce;
        key.sign(tx)
    };
    let changes = world.block(&[], &[creation(0), creation(1)]).sealed.block.changes;
    assert_eq!(changes.codes.len(), 1);
    let created = key.address().create(0);
    let changes = {
        let tx = key.sign(world.eip1559(&key, created.into(), &[]));
        world.block(&[], &[tx]).sealed.block.changes
    };
    assert!(changes.codes.is_empty());
}

/// A block in which everything happens.
fn busy(world: &mut World) -> (Vec<Message>, Vec<Recovered<TxEnvelope>>) {
    let (key, other) = (Key::new(1), Key::new(2));
    world.fund(key.address(), 100 * ETHER);
    // BLOCKHASH(0) + BALANCE(HEIR) + SLOAD(3) into slot 0, and a call of the next contract.
    let callee = Address::repeat_byte(0x79);
    let code = [
        &[0x5f, 0x40],
        push(HEIR).as_slice(),
        &[0x31, 0x01, 0x60, 0x03, 0x54, 0x01],
        store(&[]).as_slice(),
        // CALL(gas, callee, 0, 0, 0, 0, 0)
        &[0x5f, 0x5f, 0x5f, 0x5f, 0x5f],
        push(callee).as_slice(),
        &[0x5a, 0xf1],
    ]
    .concat();
    world.install(TARGET, &code);
    world.install(callee, &store(&[0x33]));
    world.set_slot(TARGET, 3, 33);
    world.fund(HEIR, 44);
    let call = world.call_message(Address::repeat_byte(0x33), TARGET, 1);
    let reverting =
        Message { gas_limit: 22_000, ..world.call_message(Address::repeat_byte(0x34), TARGET, 1) };
    let mut messages = vec![call, reverting, world.marker()];
    let first = messages[0].index.get();
    for (message, at) in messages.iter_mut().zip(first..) {
        message.index = mezz_types::InboxIndex::new(at);
    }
    let with_nonce = |mut tx: alloy_consensus::TxEip1559, nonce| {
        tx.nonce = nonce;
        key.sign(tx)
    };
    let authorization =
        other.authorize(Authorization { chain_id: U256::ZERO, address: callee, nonce: 0 });
    let mut delegating = world.eip7702(&key, other.address(), vec![authorization]);
    delegating.nonce = 3;
    let transactions = vec![
        with_nonce(world.eip1559(&key, TARGET.into(), &[]), 0),
        with_nonce(world.eip1559(&key, TxKind::Create, &deploying(&store(&[0x42]))), 1),
        with_nonce(world.eip1559(&key, key.address().create(1).into(), &[]), 2),
        key.sign(delegating),
        with_nonce(world.eip1559(&key, TxKind::Create, &short_lived()), 4),
        // Not valid: skipped, but its sender is read.
        Key::new(7).sign(world.eip1559(&Key::new(7), TARGET.into(), &[])),
    ];
    (messages, transactions)
}

fn execute(
    world: &World,
    state: &Leaves,
    messages: &[Message],
    transactions: &[Recovered<TxEnvelope>],
) -> Result<SealedBlock, ExecutionError<Unknown>> {
    Ok(world.execute_on(state, messages, transactions)?.sealed)
}

#[test]
fn whichever_read_fails_the_block_ends_with_that_error() {
    let mut world = World::new();
    let (messages, transactions) = busy(&mut world);
    let state = world.state.clone();
    state.reads_left.set(Some(u64::MAX));
    execute(&world, &state, &messages, &transactions).unwrap();
    let reads = u64::MAX - state.reads_left.get().unwrap();
    assert!(reads > 20, "{reads}");
    for allowed in 0..reads {
        let state = world.state.clone();
        state.reads_left.set(Some(allowed));
        match execute(&world, &state, &messages, &transactions) {
            Err(ExecutionError::State(Unknown::Planned)) => {}
            other => panic!("after {allowed} of {reads} reads: {other:?}"),
        }
    }
    let state = world.state.clone();
    state.reads_left.set(Some(reads));
    execute(&world, &state, &messages, &transactions).unwrap();
}

#[test]
fn what_was_recorded_is_all_that_is_needed_and_every_part_of_it_is() {
    let mut world = World::new();
    let (messages, transactions) = busy(&mut world);
    let recording = Recording::new(world.state.clone());
    let full = world.execute_on(&recording, &messages, &transactions).unwrap().sealed;
    let (_, reads) = recording.into_parts();
    let keys = reads.keys();
    for key in full.block.changes.leaves.keys() {
        assert!(keys.contains(key), "a written leaf that was not read");
    }
    let witness = |without_key: Option<&[u8; 32]>, without_code: Option<&B256>| {
        let known: BTreeSet<_> =
            keys.iter().filter(|key| Some(*key) != without_key).copied().collect();
        let leaves = world.state.leaves.iter().filter(|(key, _)| known.contains(*key));
        let codes = world
            .state
            .codes
            .iter()
            .filter(|(hash, _)| reads.codes.contains(*hash) && Some(*hash) != without_code);
        Leaves {
            leaves: leaves.map(|(key, value)| (*key, value.clone())).collect(),
            codes: codes.map(|(hash, code)| (*hash, code.clone())).collect(),
            known: Some(known),
            reads_left: Default::default(),
        }
    };
    let again = execute(&world, &witness(None, None), &messages, &transactions).unwrap();
    assert_eq!(again, full);
    for key in &keys {
        match execute(&world, &witness(Some(key), None), &messages, &transactions) {
            Err(ExecutionError::State(Unknown::Leaf(missing))) => assert_eq!(missing, *key),
            other => panic!("{other:?}"),
        }
    }
    assert!(!reads.codes.is_empty());
    for hash in &reads.codes {
        match execute(&world, &witness(None, Some(hash)), &messages, &transactions) {
            Err(ExecutionError::State(Unknown::Code(missing))) => assert_eq!(missing, *hash),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn after_a_failed_read_the_executor_answers_nothing_more() {
    let (world, key) = funded();
    let tx = key.sign(world.eip1559(&key, TARGET.into(), &[]));
    let message = Message { kind: MessageKind::Marker, ..world.marker() };
    world.state.reads_left.set(Some(5));
    let state = world.state.clone();
    let mut executor = BlockExecutor::new(world.env(), &state, &PlainCrypto).unwrap();
    let failed = loop {
        match executor.push_transaction(&tx) {
            Ok(_) => continue,
            Err(error) => break error,
        }
    };
    assert!(matches!(failed, PushError::Block(ExecutionError::State(Unknown::Planned))));
    state.reads_left.set(None);
    assert!(matches!(
        executor.push_transaction(&tx),
        Err(PushError::Block(ExecutionError::GivenUp))
    ));
    assert!(matches!(executor.consume_messages(&[message]), Err(ExecutionError::GivenUp)));
    assert!(matches!(executor.finish(), Err(ExecutionError::GivenUp)));
}

#[test]
fn a_simulation_ends_with_the_state_s_error_too() {
    let mut world = World::new();
    busy(&mut world);
    let call =
        mezz_evm::Call { from: Key::new(1).address(), to: TARGET.into(), ..Default::default() };
    let run = |state: &Leaves| {
        Simulator::new(world.here(), state, &PlainCrypto, &|| false)
            .map_err(|error| error.to_string())?
            .call(&call, 1_000_000)
            .map_err(|error| error.to_string())
    };
    let state = world.state.clone();
    state.reads_left.set(Some(u64::MAX));
    run(&state).unwrap();
    let reads = u64::MAX - state.reads_left.get().unwrap();
    for allowed in 0..reads {
        state.reads_left.set(Some(allowed));
        assert_eq!(run(&state), Err("state: Planned".to_string()), "{allowed}");
    }
}

#[test]
fn the_same_block_twice_is_the_same_block() {
    let mut world = World::new();
    let (messages, transactions) = busy(&mut world);
    let one = execute(&world, &world.state, &messages, &transactions).unwrap();
    let two = execute(&world, &world.state, &messages, &transactions).unwrap();
    assert_eq!(one, two);
    assert_eq!(one.block.transactions.len(), 2 + 5);
}
