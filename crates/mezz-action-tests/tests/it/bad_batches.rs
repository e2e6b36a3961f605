//! Bytes that L1 accepts and that are no batch: each gives one default block, and the chain goes on.

use alloy::consensus::TxEnvelope;
use alloy_primitives::{Address, FixedBytes, TxKind, U256};
use mezz_action_tests::{
    Account, ETHER, World, WorldSettings, check_in_machine, check_witnesses, key,
};
use mezz_codec::BatchBlock;
use mezz_node::Progress;
use mezz_types::{BatchIndex, BlockNumber};

/// What a bad batch is made from.
struct Scene {
    /// Timestamp of the last block whose batch is on L1.
    parent: u64,
    /// Timestamp of L1's head.
    l1: u64,
    /// Messages that the batch must consume.
    messages: u64,
    /// Transactions that would be valid.
    transactions: Vec<TxEnvelope>,
    /// One that wants more gas than a batch has.
    greedy: TxEnvelope,
}

impl Scene {
    fn block(&self, timestamp: u64, message_count: u64) -> BatchBlock {
        BatchBlock { timestamp, message_count, transactions: self.transactions.clone() }
    }

    fn good(&self) -> Vec<u8> {
        encode(&[self.block(self.l1, self.messages)])
    }
}

fn encode(blocks: &[BatchBlock]) -> Vec<u8> {
    mezz_codec::encode(blocks).expect("the columns hold it")
}

/// A batch whose payload is so many zeros, and whose header promises `length`.
fn bomb(zeros: usize, length: u32) -> Vec<u8> {
    let mut bytes = vec![mezz_codec::VERSION, 1];
    bytes.extend(length.to_be_bytes());
    bytes.extend(miniz_oxide::deflate::compress_to_vec(&vec![0; zeros], 6));
    bytes
}

fn random(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}

type Bad = fn(&Scene) -> Vec<u8>;

/// Name, the rule that it breaks, and its bytes.
const BAD: [(&str, &str, Bad); 18] = [
    ("no bytes", "V1", |_| Vec::new()),
    ("random bytes", "V1", |_| random(1_000)),
    ("random bytes after a header", "V1", |_| {
        [vec![mezz_codec::VERSION, 0, 0, 0, 3, 232], random(1_000)].concat()
    }),
    ("a valid batch cut short", "V1", |scene| {
        let good = scene.good();
        good[..good.len() - 1].to_vec()
    }),
    ("a valid batch and a byte", "V1", |scene| [scene.good(), vec![0]].concat()),
    ("another version", "V1", |scene| {
        let mut bytes = scene.good();
        bytes[0] = 2;
        bytes
    }),
    ("a bomb that says so", "V1", |_| bomb(50_000_000, 50_000_000)),
    ("a bomb that promises little", "V1", |_| bomb(50_000_000, 1_000)),
    ("a bomb that promises everything", "V1", |_| bomb(1_000, u32::MAX)),
    ("no block", "V2", |_| encode(&[])),
    ("a message too many", "V2", |scene| encode(&[scene.block(scene.l1, scene.messages + 1)])),
    ("a message too few", "V2", |scene| encode(&[scene.block(scene.l1, scene.messages - 1)])),
    ("message counts without end", "V2", |scene| {
        encode(&[scene.block(scene.l1, u64::MAX), scene.block(scene.l1, u64::MAX)])
    }),
    ("time before the parent", "V3", |scene| {
        encode(&[scene.block(scene.parent - 1, scene.messages)])
    }),
    ("time that goes back", "V3", |scene| {
        encode(&[scene.block(scene.l1, scene.messages), scene.block(scene.l1 - 1, 0)])
    }),
    ("time after acceptance", "V3", |scene| {
        encode(&[scene.block(scene.l1 + 100_000, scene.messages)])
    }),
    ("time before a message", "V4", |scene| encode(&[scene.block(scene.parent, scene.messages)])),
    ("more gas than a batch has", "V6", |scene| {
        let mut block = scene.block(scene.l1, scene.messages);
        block.transactions.push(scene.greedy.clone());
        encode(&[block])
    }),
];

/// Sends a transfer that the sequencer includes in a block of its own; gives its hash and what a bad batch needs.
async fn scene(world: &mut World, alice: &mut Account, to: Address) -> (TxEnvelope, Scene) {
    world.act_l1_catch_up().await;
    let transfer = alice.transfer(to, U256::from(1));
    world.act_send_l2(transfer.clone()).await;
    world.act_l2_build().await.expect("a transfer is work");
    // The last message is later than every L2 block.
    world.clock.advance_secs(30);
    world.act_deposit(&key("bob"), to, U256::from(1)).await;
    world.act_derive_all().await;
    let end = world.batch_end().await;
    let safe = BlockNumber::new(world.node.safe());
    let (_, parent) = world.node.parts().view.reader.header(safe).unwrap().unwrap();
    let mut mallory = world.account("mallory");
    let greedy = mallory.sign(TxKind::Call(to), U256::ZERO, [].into(), 1 << 40);
    let scene = Scene {
        parent: parent.timestamp,
        l1: world.l1.timestamp(),
        messages: end.messages - end.inbox_end,
        transactions: vec![transfer.clone()],
        greedy,
    };
    (transfer, scene)
}

/// The batch just taken over is void for a reason that begins with `rule`, and gave one default block.
fn assert_void(world: &World, name: &str, rule: &str, parent: u64) {
    let view = &world.node.parts().view;
    let (index, outcome) = view.l1.last_outcome().unwrap().unwrap();
    let void = outcome.void.unwrap_or_else(|| panic!("{name}: batch {index} was taken as valid"));
    assert!(void.starts_with(rule), "{name}: {void}");
    assert_eq!(outcome.first_block, outcome.last_block, "{name}");
    assert_eq!(world.node.head().0, outcome.last_block.get(), "{name}");
    let (_, header) = view.reader.header(outcome.last_block).unwrap().unwrap();
    let body = view.reader.body(outcome.last_block).unwrap().unwrap();
    assert_eq!(body.transactions.len(), usize::try_from(body.from_inbox).unwrap(), "{name}");
    let batch = view.l1.batch(index).unwrap().unwrap().batch;
    let last = view.l1.message(batch.inbox_end.prev()).unwrap().unwrap().message;
    assert_eq!(header.timestamp, parent.max(last.facts.timestamp), "{name}");
    assert_eq!(outcome.post.next_inbox_index, batch.inbox_end, "{name}");
}

/// What the bad batch contradicted was taken back; the sequencer includes it again, and the next batch is good.
async fn assert_goes_on(world: &mut World, name: &str, transfer: &TxEnvelope) {
    let hash = *transfer.tx_hash();
    assert_eq!(world.node.included(hash), None, "{name}: the block was not taken back");
    world.act_l2_build().await.unwrap_or_else(|| panic!("{name}: the transfer does not wait"));
    assert_eq!(world.node.included(hash), Some(true), "{name}");
    let posted = world.act_batch_all().await;
    assert_eq!(posted.len(), 1, "{name}");
    let (index, outcome) = world.node.parts().view.l1.last_outcome().unwrap().unwrap();
    assert_eq!((index, outcome.void), (posted[0].index, None), "{name}");
    assert_eq!(world.node.safe(), world.node.head().0, "{name}");
}

async fn funded(world: &mut World) -> Account {
    let alice = world.account("alice");
    world.act_deposit(&alice.signer, alice.address(), ETHER * U256::from(10)).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    world.act_batch_all().await;
    world.account_now("alice")
}

async fn assert_replica_agrees(world: &mut World) {
    let mut replica = world.replica();
    replica.derive_all().await.expect("the replica follows L1");
    assert_eq!(replica.head(), world.node.head());
    assert_eq!(check_witnesses(&replica), world.node.head().0);
    let batches = world.batch_end().await.batches;
    check_in_machine(world, &replica, 0..batches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_batch_gives_a_default_block() {
    let mut world = World::new(WorldSettings::default()).await;
    let mut alice = funded(&mut world).await;
    let to = Address::repeat_byte(0x70);
    for (name, rule, bad) in BAD {
        let (transfer, scene) = scene(&mut world, &mut alice, to).await;
        let end = world.batch_end().await.messages;
        let posted = world.try_post(&key("operator"), end, bad(&scene)).await;
        posted.unwrap_or_else(|error| panic!("{name}: {error}"));
        let progress = world.act_derive_all().await;
        assert!(progress.iter().any(|it| matches!(it, Progress::Batch(_))), "{name}");
        assert_void(&world, name, rule, scene.parent);
        assert_goes_on(&mut world, name, &transfer).await;
    }
    assert_eq!(world.node.balance(to), U256::from(2 * BAD.len()));
    assert_replica_agrees(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_left_for_too_late_a_block_makes_the_batch_void() {
    let mut world = World::new(WorldSettings::default()).await;
    let mut alice = funded(&mut world).await;
    let to = Address::repeat_byte(0x70);
    let (transfer, _) = scene(&mut world, &mut alice, to).await;
    let (end, parent) = (world.batch_end().await, world.node.safe());
    world.act_time_travel(world.chain.config.force_delay + 60).await;
    let (_, header) =
        world.node.parts().view.reader.header(BlockNumber::new(parent)).unwrap().unwrap();
    let late = |message_count| BatchBlock {
        timestamp: world.l1.timestamp(),
        message_count,
        transactions: Vec::new(),
    };
    let bytes = encode(&[late(0), late(end.messages - end.inbox_end)]);
    world.try_post(&key("operator"), end.messages, bytes).await.expect("L1 accepts it");
    world.act_derive_all().await;
    assert_void(&world, "overdue", "V5", header.timestamp);
    assert_goes_on(&mut world, "overdue", &transfer).await;
    assert_replica_agrees(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_that_hold_no_bytes_make_the_batch_void() {
    let mut world = World::new(WorldSettings::default()).await;
    let mut alice = funded(&mut world).await;
    let to = Address::repeat_byte(0x70);
    let mut high = FixedBytes::<131_072>::ZERO;
    high[32] = 1;
    let mut long = FixedBytes::<131_072>::ZERO;
    long[1..5].copy_from_slice(&[0xff; 4]);
    let mut padded = FixedBytes::<131_072>::ZERO;
    padded[131_071] = 1;
    for (name, blob) in [("high byte", high), ("long", long), ("padding", padded)] {
        let (transfer, scene) = scene(&mut world, &mut alice, to).await;
        let end = world.batch_end().await.messages;
        let posted = world.try_post_blobs(&key("operator"), end, vec![Box::new(blob)]).await;
        posted.unwrap_or_else(|error| panic!("{name}: {error}"));
        world.act_derive_all().await;
        assert_void(&world, name, "V1", scene.parent);
        assert_goes_on(&mut world, name, &transfer).await;
    }
    assert_replica_agrees(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_are_not_valid_are_skipped_and_the_rest_runs() {
    let mut world = World::new(WorldSettings::default()).await;
    let mut alice = funded(&mut world).await;
    let to = Address::repeat_byte(0x70);
    let mut pauper = world.account("pauper");
    let mut early = alice.clone();
    early.nonce += 5;
    let mut foreign = alice.clone();
    foreign.chain_id += 1;
    world.act_l1_catch_up().await;
    let transactions = vec![
        pauper.transfer(to, U256::from(1)),
        early.transfer(to, U256::from(2)),
        foreign.transfer(to, U256::from(4)),
        alice.transfer(to, U256::from(8)),
    ];
    let end = world.batch_end().await;
    let message_count = end.messages - end.inbox_end;
    let block = BatchBlock { timestamp: world.l1.timestamp(), message_count, transactions };
    let posted = world.try_post(&key("operator"), end.messages, encode(&[block])).await;
    posted.expect("L1 accepts it");
    world.act_derive_all().await;
    let outcome = world.node.parts().view.l1.outcome(BatchIndex::new(end.batches)).unwrap();
    assert_eq!(outcome.unwrap().void, None);
    assert_eq!(world.node.balance(to), U256::from(8));
    assert_replica_agrees(&mut world).await;
}
