//! L1 nodes that lie, each way by name: nobody is led onto a wrong chain, and all is well again, by itself,
//! when they stop.
//!
//! A lie that shows is seen through by a node that has nothing but the liar: it waits. A lie that nothing in
//! it shows (whole blocks that were made up, a label that came too early) is what three nodes are for.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use alloy::sol_types::SolEvent as _;
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use mezz_action_tests::{
    ETHER, FINALIZED_DEPTH, Fork, Front, Liar, Lie, Manner, TestNode, World, WorldSettings, key,
};
use mezz_contracts::{Inbox, Settlement};
use mezz_l1::{Endpoint, L1Error, SystemTimer, Timer};
use mezz_node::{DerivationError, Progress, ProposerError};
use mezz_types::{
    BatchIndex, DataKind, InboxIndex, L1Facts, Message, MessageKind, next_accumulator,
};
use tokio::sync::Notify;

/// Errors in a row after which a node is not expected to come further by itself.
const PATIENCE: usize = 4;
/// Steps after which one that goes to and fro is left to it.
const STEPS: usize = 400;

/// Waits until an L1 node has been silent.
struct UntilSilent(Arc<Notify>);

impl Timer for UntilSilent {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.notified())
    }
}

/// A chain with deposits, batches, claims, and one final claim in a block of L1 that is not finalized.
async fn chain_of(data: DataKind) -> World {
    let mut world = World::new(WorldSettings { data, ..WorldSettings::default() }).await;
    let alice = world.account("alice");
    for _ in 0..3 {
        world.act_deposit(&alice.signer, alice.address(), ETHER * U256::from(2)).await;
        world.act_derive_all().await;
        world.act_l2_build().await.expect("a deposit is work");
        assert!(!world.act_batch_all().await.is_empty());
        assert!(world.act_propose().await.is_some());
        world.act_derive_all().await;
    }
    world.act_time_travel(world.chain.window_secs + 1).await;
    world.act_derive_all().await;
    assert!(world.act_propose().await.is_some(), "a claim becomes final");
    world.act_derive_all().await;
    assert_eq!(world.node.finalized(), 0, "L1 has not finalized that yet");
    world
}

async fn chain() -> World {
    chain_of(DataKind::Calldata).await
}

/// An L1 block in the midst of the chain.
fn middle(world: &World) -> u64 {
    world.chain.l1_start_block.get() + 8
}

/// Follows L1 until nothing is new, or it fails a few times in a row: the failures.
async fn derive(node: &mut TestNode) -> Vec<DerivationError> {
    let (mut failures, mut in_a_row) = (Vec::new(), 0);
    for _ in 0..STEPS {
        match node.parts_mut().derivation.step().await {
            Ok(Progress::Idle) => break,
            Ok(_) => in_a_row = 0,
            Err(error) => {
                assert!(error.is_temporary(), "{error}");
                failures.push(error);
                in_a_row += 1;
            }
        }
        if in_a_row == PATIENCE {
            break;
        }
    }
    failures
}

fn assert_on_the_way(node: &TestNode, world: &World, at: &str) {
    let (number, hash) = node.head();
    assert_eq!(world.node.block_hash(number), Some(hash), "{at}: block {number}");
    assert_eq!(node.finalized(), 0, "{at}");
}

/// It is where everybody is.
async fn assert_well(node: &mut TestNode, world: &World, at: &str) {
    node.derive_all().await.unwrap_or_else(|error| panic!("{at}: {error}"));
    assert_eq!(node.head(), world.node.head(), "{at}");
    let l1 = |node: &TestNode| node.parts().view.l1.inbox_end().expect("the store reads");
    assert_eq!(l1(node), l1(&world.node), "{at}: messages");
    assert_eq!(
        node.parts().view.l1.cursor().unwrap(),
        world.node.parts().view.l1.cursor().unwrap()
    );
}

/// One that lies from the beginning, and one that begins when the node has seen everything: neither leads a
/// node astray that has nothing else, and it goes on when they stop. How often the first one was caught.
async fn alone(world: &mut World, lie: Lie) -> Vec<DerivationError> {
    let at = format!("{lie:?}");
    let liar = Liar::new(world.l1.handler(), lie.clone());
    let mut node = world.replica_on(Endpoint::in_process(liar.clone()));
    let failures = derive(&mut node).await;
    assert_on_the_way(&node, world, &at);
    liar.tell(Lie::Nothing);
    // Where more was shown than there is, L1 grows before that is gone.
    world.act_l1_mine(1).await;
    world.act_derive_all().await;
    assert_well(&mut node, world, &at).await;
    liar.tell(lie);
    derive(&mut node).await;
    assert_eq!(node.head(), world.node.head(), "{at}: afterwards");
    world.act_l1_mine(1).await;
    derive(&mut node).await;
    assert_eq!(node.head(), world.node.head(), "{at}: afterwards, with news");
    liar.tell(Lie::Nothing);
    world.act_l1_mine(1).await;
    world.act_derive_all().await;
    assert_well(&mut node, world, &at).await;
    failures
}

/// Alone, and caught.
async fn caught_alone(world: &mut World, lie: Lie) {
    let at = format!("{lie:?}");
    assert!(!alone(world, lie).await.is_empty(), "{at}: nothing was noticed");
}

/// One liar, two honest ones: nothing is lost but requests.
async fn among_three(world: &mut World, lie: Lie) {
    let at = format!("{lie:?}");
    let honest = || Endpoint::in_process(world.l1.handler());
    let liar = Endpoint::in_process(Liar::new(world.l1.handler(), lie));
    let nodes = vec![liar, honest(), honest()];
    let several = Endpoint::several(nodes, None, Arc::new(SystemTimer)).expect("two of three");
    let mut node = world.replica_on(several);
    derive(&mut node).await;
    assert_eq!(node.head(), world.node.head(), "{at}");
    assert_eq!(node.finalized(), world.node.finalized(), "{at}");
}

/// One liar that shows, and one honest one to turn to.
async fn one_of_two(world: &mut World, lie: Lie) {
    let at = format!("{lie:?}");
    let liar = Endpoint::in_process(Liar::new(world.l1.handler(), lie));
    let nodes = vec![liar, Endpoint::in_process(world.l1.handler())];
    let several = Endpoint::several(nodes, None, Arc::new(SystemTimer)).expect("one of two");
    let mut node = world.replica_on(several);
    derive(&mut node).await;
    assert_eq!(node.head(), world.node.head(), "{at}");
}

/// The three of them.
async fn shows(lie: impl Fn(&World) -> Lie) {
    let mut world = chain().await;
    let lie = lie(&world);
    caught_alone(&mut world, lie.clone()).await;
    one_of_two(&mut world, lie.clone()).await;
    among_three(&mut world, lie).await;
}

/// An operator's node that has nothing but a liar: it does its work as far as it can, and nothing that it
/// does on a wrong belief lasts.
async fn operator(world: &mut World, lie: Lie) {
    let at = format!("{lie:?}");
    let liar = Liar::new(world.l1.handler(), lie);
    world.node.close();
    let honest = std::mem::replace(&mut world.node.config.l1, Endpoint::in_process(liar.clone()));
    world.node.restart();
    let transfer = world.account_now("alice").transfer(Address::repeat_byte(0x70), U256::from(1));
    world.act_send_l2(transfer).await;
    for _ in 0..2 {
        derive(&mut world.node).await;
        world.act_l2_build().await;
        if let Err(error) = world.try_batch().await {
            assert!(error.is_temporary(), "{at}: {error}");
        }
        if let Err(error) = world.try_propose().await {
            assert!(error.is_temporary(), "{at}: {error}");
        }
    }
    liar.tell(Lie::Nothing);
    world.act_derive_all().await;
    world.act_l2_build().await;
    world.act_batch_all().await;
    while world.act_propose().await.is_some() {
        world.act_derive_all().await;
    }
    assert_eq!(world.node.safe(), world.node.head().0, "{at}");
    world.node.close();
    world.node.config.l1 = honest;
    world.node.restart();
    let mut fresh = world.replica();
    assert_well(&mut fresh, world, &at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_hash() {
    shows(|world| Lie::BlockHash(middle(world))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_parent() {
    shows(|world| Lie::Parent(middle(world))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_block() {
    shows(|world| Lie::OtherBlock(middle(world))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_logs() {
    shows(|_| Lie::MissingLog).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_logs() {
    shows(|_| Lie::InventedLog).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_logs() {
    shows(|_| Lie::ChangedLog).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reordered_logs() {
    shows(|_| Lie::ReorderedLogs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calldata() {
    shows(|_| Lie::Calldata).await;
}

/// The receipts root does not hold the hashes of transactions: the node finds the right one by itself.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_transaction_hashes() {
    for data in [DataKind::Calldata, DataKind::Blob] {
        let mut world = chain_of(data).await;
        assert!(alone(&mut world, Lie::OtherTransactions).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_head() {
    let mut world = chain().await;
    let lie = Lie::StaleHead(middle(&world));
    alone(&mut world, lie.clone()).await;
    among_three(&mut world, lie.clone()).await;
    operator(&mut world, lie).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_answers() {
    shows(|_| Lie::Oversized).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors() {
    shows(|_| Lie::Errors).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage() {
    shows(|_| Lie::Garbage).await;
}

/// The operator's own node, with each kind of lie that shows.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_a_liar() {
    let mut world = chain().await;
    let head = world.l1.head();
    for lie in [
        Lie::BlockHash(middle(&world)),
        Lie::Parent(head),
        Lie::OtherBlock(head),
        Lie::MissingLog,
        Lie::Errors,
    ] {
        operator(&mut world, lie).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_blobs() {
    let mut world = chain_of(DataKind::Blob).await;
    let front = Front::start(&world.l1.beacon, Manner::WrongBytes).await;
    let l1 = world.l1.endpoint.clone();
    let mut node = world.replica_through(l1.clone(), vec![front.url.clone()]);
    let failures = derive(&mut node).await;
    let lacks =
        |error: &DerivationError| matches!(error, DerivationError::L1(L1Error::Data { .. }));
    assert!(!failures.is_empty() && failures.iter().all(lacks), "{failures:?}");
    assert_eq!(node.head().0, 0);
    front.behave(Manner::Honest);
    assert_well(&mut node, &world, "alone").await;
    front.behave(Manner::WrongBytes);
    let both = vec![front.url.clone(), world.l1.beacon.clone()];
    let mut node = world.replica_through(l1.clone(), both);
    assert_eq!(derive(&mut node).await.len(), 0);
    assert_well(&mut node, &world, "one of two").await;
    // A node of another chain: it answers, with blobs of its own or none.
    let other = World::new(WorldSettings::default()).await;
    let both = vec![other.l1.beacon.clone(), world.l1.beacon.clone()];
    let mut node = world.replica_through(l1, both);
    assert_eq!(derive(&mut node).await.len(), 0);
    assert_well(&mut node, &world, "another chain's").await;
}

/// A real server that refuses for a while, and one that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn busy_or_dead() {
    let mut world = chain().await;
    for manner in [Manner::Busy, Manner::Dead] {
        let front = Front::start(&world.l1.url(), manner).await;
        let through = Endpoint::parse(front.url.as_str()).expect("it is a URL");
        let mut node = world.replica_on(through.clone());
        assert_eq!(derive(&mut node).await.len(), PATIENCE, "{manner:?}");
        front.behave(Manner::Honest);
        assert_well(&mut node, &world, "alone").await;
        front.behave(manner);
        assert!(!derive(&mut node).await.is_empty(), "{manner:?}: afterwards");
        assert_eq!(node.head(), world.node.head());
        let nodes = vec![through, Endpoint::in_process(world.l1.handler())];
        let several = Endpoint::several(nodes, None, Arc::new(SystemTimer)).expect("one of two");
        let (mut node, asked) = (world.replica_on(several), front.asked());
        assert_eq!(derive(&mut node).await.len(), 0, "{manner:?}");
        assert_well(&mut node, &world, "one of two").await;
        assert!(front.asked() > asked, "{manner:?}: it was asked first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_answers() {
    let mut world = chain().await;
    let liar = Liar::new(world.l1.handler(), Lie::Silent);
    let timer = Arc::new(UntilSilent(liar.silent.clone()));
    let nodes = vec![Endpoint::in_process(liar), Endpoint::in_process(world.l1.handler())];
    let several = Endpoint::several(nodes, None, timer).expect("one of two");
    let mut node = world.replica_on(several);
    assert_eq!(derive(&mut node).await.len(), 0);
    assert_eq!(node.head(), world.node.head());
}

/// Alone it is believed, and what it says is true, only too early.
#[tokio::test(flavor = "multi_thread")]
async fn forged_finality() {
    let mut world = chain().await;
    among_three(&mut world, Lie::Finalized).await;
    let liar = Liar::new(world.l1.handler(), Lie::Finalized);
    let mut node = world.replica_on(Endpoint::in_process(liar.clone()));
    assert_eq!(derive(&mut node).await.len(), 0);
    assert!(node.finalized() > 0);
    liar.tell(Lie::Nothing);
    world.act_l1_mine(FINALIZED_DEPTH).await;
    world.act_derive_all().await;
    assert_well(&mut node, &world, "honest again").await;
    assert_eq!(node.finalized(), world.node.finalized());
}

/// What is final on another chain is not taken for final on this one.
#[tokio::test(flavor = "multi_thread")]
async fn finality_of_another_chain() {
    let mut world = chain().await;
    let head = world.l1.head();
    let fork = Fork::invent(&world.l1, head - 3, 4, |_| Vec::new()).await;
    let liar = Liar::new(world.l1.handler(), Lie::Label("finalized", fork));
    let mut node = world.replica_on(Endpoint::in_process(liar.clone()));
    assert!(!derive(&mut node).await.is_empty());
    assert_on_the_way(&node, &world, "one label of another chain");
    liar.tell(Lie::Nothing);
    assert_well(&mut node, &world, "honest again").await;
}

/// A chain from before what a node remembers: the node waits for its own to come back.
#[tokio::test(flavor = "multi_thread")]
async fn deep_fork() {
    let mut world = chain().await;
    world.act_l1_mine(300).await;
    world.act_derive_all().await;
    let head = world.l1.head();
    let fork = Fork::invent(&world.l1, head - 280, 300, |_| Vec::new()).await;
    let liar = Liar::new(world.l1.handler(), Lie::Nothing);
    let mut node = world.replica_on(Endpoint::in_process(liar.clone()));
    assert_well(&mut node, &world, "honest").await;
    liar.tell(Lie::Fork(fork.clone()));
    let failures = derive(&mut node).await;
    let deep = |error: &DerivationError| matches!(error, DerivationError::TooDeep { .. });
    assert!(failures.len() == PATIENCE && failures.iter().all(deep), "{failures:?}");
    assert_eq!(node.head(), world.node.head());
    node.restart();
    assert_eq!(derive(&mut node).await.len(), PATIENCE, "a restart changes nothing");
    liar.tell(Lie::Nothing);
    assert_well(&mut node, &world, "honest again").await;
    among_three(&mut world, Lie::Fork(fork)).await;
}

/// What is final is not taken back, whatever L1 shows.
#[tokio::test(flavor = "multi_thread")]
async fn fork_below_what_is_final() {
    let mut world = chain().await;
    world.act_l1_mine(FINALIZED_DEPTH).await;
    world.act_derive_all().await;
    assert!(world.node.finalized() > 0);
    let start = world.chain.l1_start_block.get();
    let count = world.l1.head() + 5 - start;
    let fork = Fork::invent(&world.l1, start + 1, count, |_| Vec::new()).await;
    let liar = Liar::new(world.l1.handler(), Lie::Nothing);
    let mut node = world.replica_on(Endpoint::in_process(liar.clone()));
    assert_well(&mut node, &world, "honest").await;
    liar.tell(Lie::Fork(fork));
    let failures = derive(&mut node).await;
    let kept = |error: &DerivationError| matches!(error, DerivationError::FinalTakenBack { .. });
    assert!(failures.len() == PATIENCE && failures.iter().all(kept), "{failures:?}");
    assert_eq!(node.head(), world.node.head());
    liar.tell(Lie::Nothing);
    assert_well(&mut node, &world, "honest again").await;
}

/// Two chains in turns.
#[tokio::test(flavor = "multi_thread")]
async fn flips_between_two_chains() {
    let mut world = chain().await;
    for from in [middle(&world), world.l1.head()] {
        let count = world.l1.head() + 5 - from;
        let fork = Fork::invent(&world.l1, from, count, |_| Vec::new()).await;
        let liar = Liar::new(world.l1.handler(), Lie::Flip(fork.clone()));
        let mut node = world.replica_on(Endpoint::in_process(liar.clone()));
        derive(&mut node).await;
        // It may have been shown less than there is, but nothing that is not.
        assert_on_the_way(&node, &world, "in turns");
        liar.tell(Lie::Nothing);
        assert_well(&mut node, &world, "honest again").await;
        among_three(&mut world, Lie::Flip(fork.clone())).await;
        operator(&mut world, Lie::Flip(fork)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invented_block() {
    let mut world = chain().await;
    alone(&mut world, Lie::InventedBlock).await;
    among_three(&mut world, Lie::InventedBlock).await;
}

/// A deposit that nobody made, in a flawless block. An operator with nothing but the liar gives out money on
/// L2 that is not there; L1 takes none of it, and it is gone when the liar stops.
#[tokio::test(flavor = "multi_thread")]
async fn invented_deposit() {
    let mut world = chain().await;
    let mallory = key("mallory").address();
    let inbox = world.chain.contracts.inbox;
    let (count, accumulator) = world.node.parts().view.l1.inbox_end().unwrap();
    let deposit = |facts: &L1Facts| vec![enqueued(inbox, facts, count, accumulator, mallory)];
    let fork = Fork::invent(&world.l1, world.l1.head() + 1, 3, deposit).await;
    among_three(&mut world, Lie::Fork(fork.clone())).await;

    let liar = Liar::new(world.l1.handler(), Lie::Fork(fork));
    world.node.close();
    let honest = std::mem::replace(&mut world.node.config.l1, Endpoint::in_process(liar.clone()));
    world.node.restart();
    assert_eq!(derive(&mut world.node).await.len(), 0);
    world.clock.advance_secs(60);
    world.act_l2_build().await.expect("a deposit is work");
    assert!(world.node.balance(mallory) > U256::ZERO, "alone it is believed");
    let refused = world.try_batch().await;
    assert!(!matches!(refused, Ok(Some(_))), "{refused:?}");
    liar.tell(Lie::Nothing);
    world.act_l1_mine(1).await;
    world.act_derive_all().await;
    assert_eq!(world.node.balance(mallory), U256::ZERO);
    world.node.close();
    world.node.config.l1 = honest;
    world.node.restart();
    operator(&mut world, Lie::Nothing).await;
}

fn enqueued(
    inbox: Address,
    facts: &L1Facts,
    index: InboxIndex,
    accumulator: B256,
    to: Address,
) -> Log {
    let message = Message {
        kind: MessageKind::Call,
        index,
        facts: *facts,
        sender: to,
        to,
        refund_to: to,
        value: ETHER * U256::from(1_000_000),
        gas_limit: 100_000,
        data: Bytes::new(),
    };
    let accumulator = next_accumulator(accumulator, message.hash());
    let message = Inbox::Message {
        kind: message.kind.to_byte(),
        index: index.get(),
        facts: facts_of(facts),
        sender: to,
        to,
        refundTo: to,
        value: message.value,
        gasLimit: message.gas_limit,
        data: Bytes::new(),
    };
    let event = Inbox::MessageEnqueued { index: index.get(), accumulator, message };
    Log { address: inbox, data: event.encode_log_data() }
}

fn facts_of(facts: &L1Facts) -> Inbox::L1Facts {
    Inbox::L1Facts {
        number: facts.number.get(),
        timestamp: facts.timestamp,
        baseFee: facts.base_fee,
        blobBaseFee: facts.blob_base_fee,
    }
}

/// A final claim that contradicts the batches, in a flawless block. Nothing becomes final by it; the node goes on,
/// says that it is wrong, and is well again when the liar is honest or another node is asked.
#[tokio::test(flavor = "multi_thread")]
async fn forged_final_claim() {
    let mut world = chain().await;
    world.act_l1_mine(FINALIZED_DEPTH).await;
    world.act_derive_all().await;
    let finalized = world.node.finalized();
    assert!(finalized > 0, "a true claim is final");
    let (settlement, end) = (world.chain.contracts.settlement, last_batch_end(&world));
    let forged = |_: &L1Facts| forged_claim(settlement, end);
    // Long enough for L1 to show the forged block as finalized.
    let fork = Fork::invent(&world.l1, world.l1.head() + 1, FINALIZED_DEPTH + 3, forged).await;
    among_three(&mut world, Lie::Fork(fork.clone())).await;

    let liar = Liar::new(world.l1.handler(), Lie::Nothing);
    let mut node = world.replica_on(Endpoint::in_process(liar.clone()));
    assert_well(&mut node, &world, "honest").await;
    for label in ["latest", "finalized"] {
        liar.tell(if label == "latest" {
            Lie::Fork(fork.clone())
        } else {
            Lie::ForkWithLabel(label, fork.clone())
        });
        assert_eq!(derive(&mut node).await.len(), 0, "{label}: it follows L1");
        let cursor = node.parts().view.l1.cursor().unwrap().expect("it read L1");
        assert_eq!(cursor.number.get(), fork.end(), "{label}");
        let wrong = node.parts().view.wrong_final_claim().unwrap().expect("it shows");
        assert_eq!((wrong.claim, wrong.batch_end), (FORGED, end));
        assert_eq!(node.head(), world.node.head(), "{label}");
        assert_eq!(node.finalized(), finalized, "{label}: nothing more is final");
        node.restart();
        assert_eq!(derive(&mut node).await.len(), 0, "{label}: a restart changes nothing");
        assert_eq!(node.finalized(), finalized, "{label}");
    }
    liar.tell(Lie::Nothing);
    // L1 is shorter than it was said to be, and grows.
    world.act_l1_mine(FINALIZED_DEPTH + 4).await;
    world.act_derive_all().await;
    assert_well(&mut node, &world, "honest again").await;
    assert_eq!(node.parts().view.wrong_final_claim().unwrap(), None);
    assert_eq!(node.finalized(), world.node.finalized());
}

/// The liar is asked first: when its claim shows, the other node is asked, and the false blocks are taken back.
#[tokio::test(flavor = "multi_thread")]
async fn forged_final_claim_of_one_of_two() {
    let mut world = chain().await;
    let (settlement, end) = (world.chain.contracts.settlement, last_batch_end(&world));
    let from = world.l1.head() + 1;
    let fork = Fork::invent(&world.l1, from, 3, |_| forged_claim(settlement, end)).await;
    world.act_l1_mine(3).await;
    world.act_derive_all().await;
    let liar = Liar::new(world.l1.handler(), Lie::Fork(fork));
    let nodes = vec![Endpoint::in_process(liar), Endpoint::in_process(world.l1.handler())];
    let several = Endpoint::several(nodes, None, Arc::new(SystemTimer)).expect("one of two");
    let mut node = world.replica_on(several);
    derive(&mut node).await;
    assert_well(&mut node, &world, "the other was asked").await;
    assert_eq!(node.parts().view.wrong_final_claim().unwrap(), None);
}

/// A proposer does not claim on top of what contradicts it, and claims again when that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_proposer_waits_while_a_forged_claim_is_final() {
    let mut world = chain().await;
    let (settlement, end) = (world.chain.contracts.settlement, last_batch_end(&world));
    let from = world.l1.head() + 1;
    let fork = Fork::invent(&world.l1, from, 3, |_| forged_claim(settlement, end)).await;
    let liar = Liar::new(world.l1.handler(), Lie::Fork(fork));
    world.node.close();
    let honest = std::mem::replace(&mut world.node.config.l1, Endpoint::in_process(liar.clone()));
    world.node.restart();
    assert_eq!(derive(&mut world.node).await.len(), 0);
    let refused = world.try_propose().await;
    assert!(
        matches!(&refused, Err(error @ ProposerError::WrongFinalClaim(wrong))
            if error.is_temporary() && wrong.claim == FORGED),
        "{refused:?}"
    );
    liar.tell(Lie::Nothing);
    world.act_l1_mine(4).await;
    world.act_derive_all().await;
    world.node.close();
    world.node.config.l1 = honest;
    world.node.restart();
    operator(&mut world, Lie::Nothing).await;
}

/// The id of the claim that nobody made.
const FORGED: B256 = B256::repeat_byte(0xbd);

fn last_batch_end(world: &World) -> BatchIndex {
    let last = world.node.parts().view.l1.last_batch().unwrap().expect("there are batches");
    last.batch.index.next()
}

/// A claim, and its finality, in one block.
fn forged_claim(settlement: Address, end: BatchIndex) -> Vec<Log> {
    let post = B256::repeat_byte(0xba);
    let proposed = Settlement::ClaimProposed {
        id: FORGED,
        parent: B256::ZERO,
        proposer: key("mallory").address(),
        batchEnd: end.get(),
        post,
        digest: B256::ZERO,
        line: 0,
        windowEnd: 0,
    };
    let finalized = Settlement::ClaimFinalized { id: FORGED, batchEnd: end.get(), post };
    [proposed.encode_log_data(), finalized.encode_log_data()]
        .map(|data| Log { address: settlement, data })
        .to_vec()
}

/// A batch whose bytes nobody has, in a flawless block: a node that has read it is not stuck with it.
#[tokio::test(flavor = "multi_thread")]
async fn invented_batch_without_data() {
    let mut world = chain().await;
    let inbox = world.chain.contracts.inbox;
    let last = world.node.parts().view.l1.last_batch().unwrap().expect("there are batches");
    let batch = |facts: &L1Facts| {
        let batch = mezz_types::Batch {
            parent: last.hash,
            index: last.batch.index.next(),
            data_hash: B256::repeat_byte(0xbd),
            facts: *facts,
            inbox_start: last.batch.inbox_end,
            ..last.batch.clone()
        };
        vec![accepted(inbox, &batch)]
    };
    let fork = Fork::invent(&world.l1, world.l1.head() + 1, 3, batch).await;
    among_three(&mut world, Lie::Fork(fork.clone())).await;
    let liar = Liar::new(world.l1.handler(), Lie::Fork(fork));
    let mut node = world.replica_on(Endpoint::in_process(liar.clone()));
    assert_eq!(derive(&mut node).await.len(), PATIENCE);
    assert_eq!(node.head(), world.node.head());
    node.restart();
    liar.tell(Lie::Nothing);
    // L1 is shorter than it was said to be, and grows.
    world.act_l1_mine(1).await;
    world.act_derive_all().await;
    assert_well(&mut node, &world, "honest again").await;
}

fn accepted(inbox: Address, batch: &mezz_types::Batch) -> Log {
    let fields = Inbox::Batch {
        parent: batch.parent,
        index: batch.index.get(),
        dataKind: batch.data_kind.to_byte(),
        verdict: batch.verdict.to_byte(),
        dataHash: batch.data_hash,
        facts: facts_of(&batch.facts),
        inboxStart: batch.inbox_start.get(),
        inboxEnd: batch.inbox_end.get(),
        inboxAccumulator: batch.inbox_accumulator,
        oldestUnconsumedTimestamp: batch.oldest_unconsumed_timestamp,
        poster: batch.poster,
    };
    let event =
        Inbox::BatchAccepted { index: batch.index.get(), hash: batch.hash(), batch: fields };
    Log { address: inbox, data: event.encode_log_data() }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_liars_of_three_stop_the_node_but_do_not_lead_it_astray() {
    let mut world = chain().await;
    for lie in [Lie::Errors, Lie::BlockHash(0), Lie::Garbage] {
        let liar = || Endpoint::in_process(Liar::new(world.l1.handler(), lie.clone()));
        let nodes = vec![liar(), liar(), Endpoint::in_process(world.l1.handler())];
        let several = Endpoint::several(nodes, None, Arc::new(SystemTimer)).expect("two of three");
        let mut node = world.replica_on(several);
        assert_eq!(derive(&mut node).await.len(), PATIENCE, "{lie:?}");
        assert_on_the_way(&node, &world, &format!("{lie:?}"));
        assert_eq!(node.head().0, 0, "{lie:?}");
    }
}
