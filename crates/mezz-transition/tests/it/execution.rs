//! What runs, in which order, and with which facts.

use alloy_primitives::{Address, TxKind, U256};
use mezz_evm::{
    BlockTransaction, ExecutionError, ExtraData, MessageOutcome, PlainCrypto, SkipReason,
    StateReader,
};
use mezz_transition::{BatchInput, ChainHead, HeadError, TransitionError, apply_batch};
use mezz_types::{BatchIndex, INBOX_CLOCK, InboxIndex, SystemTransaction, clock_slot};

use crate::world::{ETHER, GENESIS_TIME as G, Key, World, block, transaction};
use alloy_eips::eip2718::Encodable2718;

const SHOP: Address = Address::repeat_byte(0x5e);

/// A chain where key 1 owns ten ether.
fn funded() -> (World, Key) {
    let key = Key::new(1);
    let mut world = World::new(&[]);
    world.deposit(key.address(), 10 * ETHER);
    world.batch(&[block(G + 10, 2)]);
    world.pass(10);
    (world, key)
}

#[test]
fn messages_run_before_transactions_in_their_order() {
    let (mut world, key) = funded();
    let rich = Key::new(2);
    let forced = rich.sign(transaction(0, TxKind::Call(SHOP), ETHER, &[]));
    // The forced transaction can pay only since the deposit before it ran; the batch's first
    // transaction only since the forced one left enough, and its second one follows in nonce.
    world.deposit(rich.address(), 2 * ETHER);
    world.force(300_000, forced.encoded_2718());
    let mut one = block(world.l1.timestamp, 3);
    one.transactions = vec![
        rich.sign(transaction(1, TxKind::Call(SHOP), ETHER / 2, &[])),
        key.sign(transaction(0, TxKind::Call(SHOP), ETHER, &[])),
    ];
    let outcome = world.batch(&[one.clone()]);
    let executed = &outcome.blocks[0].block;
    let expected = vec![
        MessageOutcome::Marker,
        MessageOutcome::Executed { position: 0 },
        MessageOutcome::Executed { position: 1 },
    ];
    assert_eq!(executed.messages, expected);
    let deposit = SystemTransaction::from_message(&world.inbox[3]).expect("a call");
    let hashes: Vec<_> = executed.transactions.iter().map(BlockTransaction::hash).collect();
    let signed = [forced, one.transactions[0].clone(), one.transactions[1].clone()];
    let signed = signed.iter().map(|transaction| *transaction.tx_hash());
    assert_eq!(hashes, std::iter::once(deposit.hash()).chain(signed).collect::<Vec<_>>());
    let shop = world.state.account(SHOP).expect("infallible").expect("was paid");
    assert_eq!(shop.balance, U256::from(2 * ETHER + ETHER / 2));
}

#[test]
fn messages_are_split_over_blocks_in_order() {
    let (mut world, _) = funded();
    let wallets = [3u8, 4, 5].map(Address::repeat_byte);
    for wallet in wallets {
        world.deposit(wallet, 1);
        world.pass(1);
    }
    let now = world.l1.timestamp;
    let blocks = [block(now, 0), block(now, 3), block(now, 0), block(now, 1)];
    let outcome = world.batch(&blocks);
    let next: Vec<_> = outcome.blocks.iter().map(|b| b.block.next_inbox_index.get()).collect();
    assert_eq!(next, [2, 5, 5, 6]);
    let credited = |at: usize, wallet: &Address| {
        let changes = &outcome.blocks[at].block.changes.leaves;
        changes.contains_key(&mezz_types::account_key(*wallet))
    };
    assert!(wallets[..2].iter().all(|wallet| credited(1, wallet)));
    assert!(!credited(1, &wallets[2]) && credited(3, &wallets[2]));
}

/// A block runs with the facts of the last message that it or an ancestor consumed.
#[test]
fn facts_are_those_of_the_last_message_consumed() {
    let (mut world, _) = funded();
    world.enqueue(|_| {});
    world.pass(10);
    world.enqueue(|_| {});
    world.pass(10);
    let now = world.l1.timestamp;
    let before = world.inbox[1].facts;
    let outcome = world.batch(&[block(now, 0), block(now, 2), block(now, 0), block(now, 1)]);
    let [second, third] = [world.inbox[3].facts, world.inbox[4].facts];
    assert_eq!(world.inbox.len(), 6);
    for (position, facts) in [before, second, second, third].into_iter().enumerate() {
        let sealed = &outcome.blocks[position];
        assert_eq!(sealed.block.l1_facts, facts, "block {position}");
        let extra = ExtraData::decode(&sealed.header.extra_data).expect("of this chain");
        assert_eq!(extra.l1_origin, facts.number);
    }
    let clock = |slot| world.state.storage(INBOX_CLOCK, slot).expect("infallible");
    assert_eq!(clock(clock_slot::NUMBER), U256::from(third.number.get()));
    assert_eq!(clock(clock_slot::TIMESTAMP), U256::from(third.timestamp));
    assert_eq!(clock(clock_slot::BASE_FEE), U256::from(third.base_fee));
    assert_eq!(clock(clock_slot::BLOB_BASE_FEE), U256::from(third.blob_base_fee));
    assert_eq!(clock(clock_slot::NEXT_INBOX_INDEX), U256::from(5));
    assert_ne!(third, world.l1, "the facts of acceptance are not the batch's own");
}

#[test]
fn what_is_not_valid_is_skipped() {
    let (mut world, key) = funded();
    let pauper = Key::new(9);
    let good = |nonce| key.sign(transaction(nonce, TxKind::Call(SHOP), 1, &[]));
    let mut foreign = transaction(1, TxKind::Call(SHOP), 1, &[]);
    foreign.chain_id = 1;
    let mut hungry = transaction(1, TxKind::Call(SHOP), 1, &[]);
    hungry.gas_limit = 30_000_001;
    let mut one = block(world.l1.timestamp, 1);
    one.transactions = vec![
        good(1),
        pauper.sign(transaction(0, TxKind::Call(SHOP), 1, &[])),
        good(0),
        good(0),
        key.sign(foreign),
        key.sign(hungry),
        good(1),
    ];
    let expected = vec![*one.transactions[2].tx_hash(), *one.transactions[6].tx_hash()];
    let outcome = world.batch(&[one]);
    assert_eq!(outcome.void, None);
    let executed = &outcome.blocks[0].block;
    let hashes: Vec<_> = executed.transactions.iter().map(BlockTransaction::hash).collect();
    assert_eq!(hashes, expected);
}

#[test]
fn a_forced_transaction_that_is_none_leaves_no_trace() {
    let (mut world, _) = funded();
    world.force(100_000, vec![0xff; 40]);
    let outcome = world.batch(&[block(world.l1.timestamp, 2)]);
    let executed = &outcome.blocks[0].block;
    assert!(executed.transactions.is_empty());
    let skipped = MessageOutcome::Skipped {
        reason: SkipReason::Decode(
            mezz_evm::decode_transaction(&[0xff; 40]).expect_err("no transaction"),
        ),
    };
    assert_eq!(executed.messages, [MessageOutcome::Marker, skipped]);
}

#[test]
fn arguments_that_do_not_belong_together_are_refused() {
    let (world, _) = funded();
    let posted = world.post(1, crate::world::Data::Calldata(vec![]), |_| {});
    let apply = |head: &ChainHead, config: &_, messages: &[_]| {
        let input = BatchInput { batch: &posted.batch, bytes: &[], messages };
        let mut state = world.state.clone();
        apply_batch(config, head, &input, &mut state, &PlainCrypto).map(|outcome| outcome.post)
    };
    let none = apply(&world.head, &world.config, &[]);
    assert!(matches!(none, Err(TransitionError::Messages { got: 0, .. })), "{none:?}");
    let other = apply(&world.head, &world.config, &world.inbox[..1]);
    let (expected, got) = (InboxIndex::new(2), InboxIndex::ZERO);
    assert!(
        matches!(
            other,
            Err(TransitionError::Execution(ExecutionError::MessageOrder { expected: e, got: g }))
                if e == expected && g == got
        ),
        "{other:?}"
    );
    let genesis = World::new(&[]).head;
    let early = apply(&genesis, &world.config, &world.inbox[2..3]);
    assert!(matches!(early, Err(TransitionError::InboxStart { .. })), "{early:?}");
    let mut lawless = world.config.clone();
    lawless.forks[0].from_batch = BatchIndex::new(2);
    let batch = BatchIndex::new(1);
    let unruled = apply(&world.head, &lawless, &world.inbox[2..3]);
    assert!(
        matches!(unruled, Err(TransitionError::NoRules { batch: at }) if at == batch),
        "{unruled:?}"
    );
}

#[test]
fn a_head_is_a_commitment_and_its_header() {
    let (world, _) = funded();
    let commitment = *world.head.commitment();
    let header = world.head.header().inner().clone();
    let rlp = alloy_rlp::encode(&header);
    assert_eq!(ChainHead::open(commitment, &rlp), Ok(world.head.clone()));
    let mut other = header;
    other.gas_used += 1;
    let (expected, got) = (commitment.block_hash, other.hash_slow());
    let wrong = HeadError::Hash { expected, got };
    assert_eq!(ChainHead::new(commitment, other.clone()), Err(wrong));
    assert_eq!(ChainHead::open(commitment, &alloy_rlp::encode(&other)), Err(wrong));
    let mut longer = rlp;
    longer.push(0);
    let mut named = commitment;
    named.block_hash = alloy_primitives::keccak256(&longer);
    let bytes = longer.len();
    assert_eq!(ChainHead::open(named, &longer), Err(HeadError::Malformed { bytes }));
}
