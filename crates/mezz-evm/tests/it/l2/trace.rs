//! Traces, seen from outside.

use alloy_eips::{eip2718::Encodable2718, eip7702::Authorization};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use mezz_evm::{
    BlockEnv, BlockTransaction, Call, CallKind, CallOptions, Exhausted, PastTransaction,
    PlainCrypto, StateOptions, StepOptions, Trace, TraceBudget, TraceError, TraceKind, Traced,
    Tracer,
};
use mezz_types::{FEE_VAULT, InboxIndex, Message, Rules};

use super::world::{Built, ETHER, Key, Leaves, World, deploying, push, store};

const TARGET: Address = Address::repeat_byte(0x77);
const INNER: Address = Address::repeat_byte(0x78);
const CALLS: TraceKind = TraceKind::Calls(CallOptions { logs: true, top_only: false });
const DIFF: TraceKind =
    TraceKind::State(StateOptions { diff: true, without_code: false, without_storage: false });

fn never() -> bool {
    false
}

fn always() -> bool {
    true
}

const PLENTY: TraceBudget<'static> =
    TraceBudget { steps: 1_000_000, bytes: 1 << 24, expired: &never };

fn steps() -> StepOptions {
    StepOptions { stack: true, memory: true, storage: true, return_data: true, limit: None }
}

fn all_steps() -> TraceKind {
    TraceKind::Steps(steps())
}

/// A world with a funded key, and a contract that logs, stores, and calls one that reverts.
fn world() -> (World, Key) {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), 10 * ETHER);
    // LOG0 of nothing, then revert with the word 0x2a.
    world.install(INNER, &[0x5f, 0x5f, 0xa0, 0x60, 0x2a, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xfd]);
    let call = [&[0x5f; 5], push(INNER).as_slice(), &[0x5a, 0xf1]].concat();
    // LOG0 of nothing; slot 0 becomes the result of the call.
    world.install(TARGET, &[&[0x5f, 0x5f, 0xa0], store(&call).as_slice()].concat());
    let marker = world.marker();
    world.block(&[marker], &[]);
    (world, key)
}

/// Executes the last block of `after` again on the state of `before`.
fn replay(
    before: &World,
    after: &World,
    built: &Built,
    kind: Option<TraceKind>,
) -> Vec<Option<Traced>> {
    let env = BlockEnv::of(&after.config, Rules::Osaka, &after.head).unwrap();
    let mut tracer = Tracer::new(env, &before.state, &PlainCrypto, PLENTY);
    tracer.open_block(&&after.state).unwrap();
    let block = &built.sealed.block;
    let entries = block.transactions.iter().zip(&block.extras).zip(&block.receipts);
    entries
        .map(|((transaction, extras), receipt)| {
            let past = PastTransaction { transaction, data_fee: extras.data_fee };
            let (outcome, traced) = match kind {
                None => (tracer.execute(&past).unwrap(), None),
                Some(kind) => {
                    let traced = tracer.trace(&past, kind).unwrap();
                    (traced.outcome.clone(), Some(traced))
                }
            };
            assert_eq!(outcome.gas_used, extras.gas_used, "{transaction:?}");
            assert_eq!(outcome.logs, receipt.logs());
            assert_eq!(outcome.result.is_success(), receipt.succeeded());
            traced
        })
        .collect()
}

fn traced(world: &World, call: &Call, kind: TraceKind) -> Trace {
    let mut tracer = Tracer::new(world.here(), &world.state, &PlainCrypto, PLENTY);
    tracer.trace_call(call, 1_000_000, kind).unwrap().trace
}

fn call_of(key: &Key) -> Call {
    Call { from: key.address(), to: TARGET.into(), ..Call::default() }
}

#[test]
fn a_block_of_every_kind_of_transaction_comes_out_the_same_again() {
    let (mut world, key) = world();
    let owner = Key::new(2);
    let sender = Address::repeat_byte(0x33);
    world.fund(owner.address(), ETHER);
    let before = world.clone();
    let forced = before.legacy(&owner, Address::repeat_byte(0x11));
    let forced = owner.sign(forced).inner().encoded_2718();
    let creation =
        Message { data: deploying(&[0x00]).into(), ..world.call_message(sender, TARGET, 0) };
    let messages: Vec<Message> = [
        world.call_message(sender, TARGET, 7),
        // Reverts, so that its value goes to `refund_to`.
        world.call_message(sender, INNER, 9),
        // Cannot run at all.
        Message { gas_limit: 20_000, ..world.call_message(sender, TARGET, 5) },
        Message { kind: mezz_types::MessageKind::Create, ..creation },
        world.forced_message(100_000, forced),
    ]
    .into_iter()
    .zip(world.next_index().get()..)
    .map(|(message, at)| Message { index: InboxIndex::new(at), ..message })
    .collect();
    let authorization =
        owner.authorize(Authorization { chain_id: U256::ZERO, address: TARGET, nonce: 1 });
    let mut transactions = vec![key.sign(world.eip1559(&key, TARGET.into(), &[1, 2, 3]))];
    let mut next = world.eip1559(&key, TxKind::Create, &deploying(&[0x00]));
    next.nonce += 1;
    transactions.push(key.sign(next));
    let mut delegating = world.eip7702(&key, owner.address(), vec![authorization]);
    delegating.nonce += 2;
    transactions.push(key.sign(delegating));
    let built = world.block(&messages, &transactions);
    assert_eq!(built.sealed.block.transactions.len(), 8);
    assert!(built.pushed.iter().all(Result::is_ok));
    for kind in [None, Some(CALLS), Some(DIFF), Some(all_steps())] {
        replay(&before, &world, &built, kind);
    }
    // The differences, put together, are the block's: sender, vault and contract among them.
    let traces = replay(&before, &world, &built, Some(DIFF));
    let mut seen = std::collections::BTreeMap::new();
    for traced in traces.into_iter().flatten() {
        let Trace::State(state) = traced.trace else { panic!("another trace") };
        for (address, facts) in state.post.unwrap() {
            if let Some(balance) = facts.balance {
                seen.insert(address, balance);
            }
        }
    }
    for address in [key.address(), FEE_VAULT, Address::repeat_byte(0xfe), TARGET] {
        assert_eq!(seen.get(&address), Some(&world.balance(address)), "{address}");
    }
}

#[test]
fn the_tree_of_calls_shows_who_called_whom_and_what_came_of_it() {
    let (world, key) = world();
    let Trace::Calls(root) = traced(&world, &call_of(&key), CALLS) else { panic!("no calls") };
    assert_eq!((root.kind, root.from, root.to), (CallKind::Call, key.address(), Some(TARGET)));
    assert_eq!(root.gas, 1_000_000);
    assert_eq!((root.error.as_deref(), root.logs.len(), root.calls.len()), (None, 1, 1));
    let inner = &root.calls[0];
    assert_eq!((inner.from, inner.to), (TARGET, Some(INNER)));
    assert_eq!(inner.error.as_deref(), Some("execution reverted"));
    assert_eq!(U256::from_be_slice(&inner.output), U256::from(0x2a));
    assert!(inner.logs.is_empty(), "what it logged was undone");
    assert!(inner.gas_used < 1_000 && inner.gas > 900_000, "{inner:?}");
    let top = TraceKind::Calls(CallOptions { logs: false, top_only: true });
    let Trace::Calls(root) = traced(&world, &call_of(&key), top) else { panic!("no calls") };
    assert!(root.calls.is_empty() && root.logs.is_empty());
    let creation = Call { to: TxKind::Create, data: deploying(&[0xfe]).into(), ..call_of(&key) };
    let Trace::Calls(root) = traced(&world, &creation, CALLS) else { panic!("no calls") };
    assert_eq!(root.kind, CallKind::Create);
    assert_eq!(root.to, Some(key.address().create(world.nonce(&key))));
    assert_eq!(root.output, Bytes::from_static(&[0xfe]));
}

#[test]
fn steps_show_stack_memory_and_storage_as_they_were() {
    let (mut world, key) = world();
    world.set_slot(TARGET, 5, 7);
    // PUSH1 5, SLOAD, PUSH0, MSTORE, PUSH1 9, PUSH1 6, SSTORE, STOP
    let code = [0x60, 0x05, 0x54, 0x5f, 0x52, 0x60, 0x09, 0x60, 0x06, 0x55, 0x00];
    world.install(TARGET, &code);
    let Trace::Steps(trace) = traced(&world, &call_of(&key), all_steps()) else { panic!() };
    let names: Vec<_> = trace.steps.iter().map(|step| step.op).collect();
    let expected = ["PUSH1", "SLOAD", "PUSH0", "MSTORE", "PUSH1", "PUSH1", "SSTORE", "STOP"];
    assert_eq!(names, expected);
    let slots = |entries: &[(u64, u64)]| {
        Some(entries.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect())
    };
    let load = &trace.steps[1];
    assert_eq!((load.pc, load.depth, load.gas_cost), (2, 1, 2_100));
    assert_eq!(load.stack, Some(vec![U256::from(5)]));
    assert_eq!(load.storage, slots(&[(5, 7)]));
    assert_eq!(trace.steps[4].memory.as_ref().map(|memory| memory[31]), Some(7));
    assert_eq!(trace.steps[6].storage, slots(&[(5, 7), (6, 9)]));
    assert_eq!(trace.steps[0].gas - trace.steps[1].gas, trace.steps[0].gas_cost);
    let few = StepOptions { limit: Some(3), ..StepOptions::default() };
    let Trace::Steps(trace) = traced(&world, &call_of(&key), TraceKind::Steps(few)) else {
        panic!()
    };
    assert_eq!(trace.steps.len(), 3);
    assert!(trace.steps.iter().all(|step| step.stack.is_none() && step.memory.is_none()));
    // An opcode that fails says so.
    world.install(TARGET, &[0x50]);
    let Trace::Steps(trace) = traced(&world, &call_of(&key), all_steps()) else { panic!() };
    assert_eq!(trace.steps[0].error.as_deref(), Some("stack underflow"));
}

#[test]
fn the_state_before_and_the_difference_hold_what_was_touched_and_no_more() {
    let (mut world, key) = world();
    // Slot 5 is read and slot 6 written.
    let code = [0x60, 0x05, 0x54, 0x50, 0x60, 0x09, 0x60, 0x06, 0x55, 0x00];
    world.install(TARGET, &code);
    world.set_slot(TARGET, 5, 7);
    let before = world.clone();
    let transaction = key.sign(world.eip1559(&key, TARGET.into(), &[]));
    let built = world.block(&[], &[transaction]);
    let all = TraceKind::State(StateOptions::default());
    let state = |kind| match replay(&before, &world, &built, Some(kind)).remove(0).unwrap().trace {
        Trace::State(state) => state,
        other => panic!("{other:?}"),
    };
    let trace = state(all);
    assert_eq!(trace.post, None);
    let target = &trace.pre[&TARGET];
    assert_eq!(target.code, Some(Bytes::copy_from_slice(&code)));
    let slots = |entries: &[(u64, u64)]| {
        entries.iter().map(|(slot, value)| (U256::from(*slot), U256::from(*value))).collect()
    };
    assert_eq!(target.storage, slots(&[(5, 7), (6, 0)]));
    assert_eq!(trace.pre[&key.address()].balance, Some(before.balance(key.address())));
    let trace = state(DIFF);
    let post = trace.post.unwrap();
    assert!(trace.pre[&TARGET].storage.is_empty(), "it was nothing before");
    assert_eq!(post[&TARGET].storage, slots(&[(6, 9)]));
    assert_eq!((post[&TARGET].balance, post[&TARGET].nonce), (None, None));
    let sender = &post[&key.address()];
    assert_eq!(sender.balance, Some(world.balance(key.address())));
    assert_eq!(sender.nonce, Some(1));
}

#[test]
fn a_trace_that_is_too_long_is_given_up() {
    let (mut world, key) = world();
    // Loops until its gas is gone: JUMPDEST, PUSH1 0, JUMP
    world.install(TARGET, &[0x5b, 0x60, 0x00, 0x56]);
    let refused = |budget, kind| {
        let mut tracer = Tracer::new(world.here(), &world.state, &PlainCrypto, budget);
        match tracer.trace_call(&call_of(&key), 1_000_000, kind) {
            Err(TraceError::Exhausted(bound)) => bound,
            other => panic!("{other:?}"),
        }
    };
    let few = TraceBudget { steps: 100, ..PLENTY };
    assert_eq!(refused(few, CALLS), Exhausted::Steps { limit: 100 });
    let small = TraceBudget { bytes: 10_000, ..PLENTY };
    assert_eq!(refused(small, all_steps()), Exhausted::Bytes { limit: 10_000 });
    let late = TraceBudget { expired: &always, ..PLENTY };
    assert_eq!(refused(late, CALLS), Exhausted::Time);
    let tiny = TraceBudget { bytes: 10, ..PLENTY };
    assert_eq!(refused(tiny, DIFF), Exhausted::Bytes { limit: 10 });
}

#[test]
fn what_is_not_valid_has_no_trace() {
    let (world, _) = world();
    let nobody = Key::new(9);
    let call = Call { value: U256::from(1), ..call_of(&nobody) };
    let state: &Leaves = &world.state;
    let mut tracer = Tracer::new(world.here(), state, &PlainCrypto, PLENTY);
    assert!(matches!(tracer.trace_call(&call, 1_000_000, CALLS), Err(TraceError::Invalid(_))));
    let transaction =
        BlockTransaction::Signed(nobody.sign(world.eip1559(&nobody, TARGET.into(), &[])));
    let past = PastTransaction { transaction: &transaction, data_fee: U256::ZERO };
    assert!(matches!(tracer.trace(&past, CALLS), Err(TraceError::Invalid(_))));
}
