//! Replicas that follow the blocks which a sequencer signs.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Decodable as _;
use mezz_action_tests::{Account, ETHER, TestNode, World, WorldSettings, key};
use mezz_node::{BlockFeed, ChainView, FeedError, Followed, FollowerSettings, SignedBlock};
use mezz_types::BlockNumber;

const SEQUENCER: &str = "operator";

/// Changes what a feed hands out.
type Lie = dyn Fn(&ChainView, &mut Vec<SignedBlock>) + Send + Sync;

/// The sequencer's feed, in the same process.
struct Feed {
    view: ChainView,
    lie: Box<Lie>,
    asked: Mutex<Vec<u64>>,
}

impl Feed {
    fn honest(world: &World) -> Arc<Self> {
        Self::lying(world, |_, _| {})
    }

    fn lying(
        world: &World,
        lie: impl Fn(&ChainView, &mut Vec<SignedBlock>) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let view = world.node.parts().view.clone();
        Arc::new(Self { view, lie: Box::new(lie), asked: Mutex::default() })
    }
}

impl BlockFeed for Feed {
    fn blocks(
        &self,
        from: BlockNumber,
        _: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<SignedBlock>, FeedError>> + Send + '_>> {
        self.asked.lock().unwrap().push(from.get());
        let signer = key(SEQUENCER);
        let mut blocks = Vec::new();
        let mut at = from;
        while let Some(block) = SignedBlock::sign(&self.view, at, &signer).unwrap() {
            blocks.push(block);
            at = at.next();
        }
        (self.lie)(&self.view, &mut blocks);
        Box::pin(async move { Ok(blocks) })
    }
}

fn following(world: &mut World, feeds: &[Arc<Feed>]) -> TestNode {
    let sources = feeds.iter().map(|feed| Arc::clone(feed) as Arc<dyn BlockFeed>).collect();
    world.replica_following(FollowerSettings { sources, sequencer: key(SEQUENCER).address() })
}

async fn look(replica: &mut TestNode) -> Result<Followed, FeedError> {
    replica.parts_mut().follower.as_mut().expect("it follows").step().await
}

/// Two funded accounts, alice's handed out, and a block with their deposits.
async fn world() -> (World, Account) {
    let mut world = World::new(WorldSettings::default()).await;
    for name in ["alice", "bob"] {
        let account = world.account(name);
        world.act_deposit(&account.signer, account.address(), ETHER * U256::from(10)).await;
    }
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    let alice = world.account_now("alice");
    (world, alice)
}

async fn transfer(world: &mut World, alice: &mut Account, wei: u64) {
    let transfer = alice.transfer(Address::repeat_byte(7), U256::from(wei));
    world.act_send_l2(transfer).await;
    world.act_l2_build().await.expect("a transfer is work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_where_the_sequencer_is_before_l1_is() {
    let (mut world, mut alice) = world().await;
    for wei in 1..4 {
        transfer(&mut world, &mut alice, wei).await;
    }
    let feed = Feed::honest(&world);
    let mut replica = following(&mut world, &[Arc::clone(&feed)]);
    // The first block consumes a deposit that this node has not read yet.
    assert_eq!(look(&mut replica).await.unwrap(), Followed::AwaitsL1);
    replica.derive_all().await.unwrap();
    assert_eq!(look(&mut replica).await.unwrap(), Followed::Blocks(4));
    assert_eq!(look(&mut replica).await.unwrap(), Followed::Idle);
    assert_eq!(replica.head(), world.node.head());
    assert_eq!((replica.safe(), replica.balance(Address::repeat_byte(7))), (0, U256::from(6)));
    // The batch says the same: nothing is taken back.
    let mut news = replica.parts().view.subscribe();
    world.act_batch_all().await;
    replica.derive_all().await.unwrap();
    assert_eq!((replica.safe(), replica.head()), (4, world.node.head()));
    assert!(news.try_recv().is_err());
    transfer(&mut world, &mut alice, 9).await;
    assert_eq!(look(&mut replica).await.unwrap(), Followed::Blocks(1));
    assert_eq!(replica.head(), world.node.head());
    assert_eq!(*feed.asked.lock().unwrap(), [1, 1, 5, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_sequencer_signed_and_what_executes_to_it_is_followed() {
    let (mut world, mut alice) = world().await;
    transfer(&mut world, &mut alice, 1).await;
    let stranger = key("mallory");
    let resigned = |config_hash: fn(&ChainView) -> B256, signer: &'static str| {
        move |view: &ChainView, blocks: &mut Vec<SignedBlock>| {
            for block in blocks {
                let header = Header::decode(&mut block.header.as_ref()).unwrap();
                let transactions = block.transactions.clone();
                *block = SignedBlock::new(&header, transactions, config_hash(view), &key(signer))
                    .unwrap();
            }
        }
    };
    let feeds = [
        Feed::lying(&world, resigned(|view| view.config.hash(), "mallory")),
        // The sequencer's own key, on another chain.
        Feed::lying(&world, resigned(|_| B256::ZERO, SEQUENCER)),
        Feed::lying(&world, |_, blocks| blocks[0].header = vec![0xc0].into()),
        Feed::lying(&world, |_, blocks| blocks[0].signature = vec![0; 65].into()),
        Feed::lying(&world, |_, blocks| blocks.last_mut().unwrap().transactions.clear()),
        Feed::lying(&world, |_, blocks| {
            blocks.last_mut().unwrap().transactions[0] = vec![2, 0xc0].into();
        }),
        Feed::honest(&world),
    ];
    let mut replica = following(&mut world, &feeds);
    replica.derive_all().await.unwrap();
    let error = look(&mut replica).await.unwrap_err();
    let FeedError::Signer { got, .. } = error else { panic!("{error}") };
    assert_eq!(got, stranger.address());
    let error = look(&mut replica).await.unwrap_err();
    assert!(matches!(error, FeedError::Signer { number: 1, .. }), "{error}");
    for _ in 0..2 {
        let error = look(&mut replica).await.unwrap_err();
        assert!(matches!(error, FeedError::Malformed { .. }), "{error}");
        assert_eq!(replica.head().0, 0);
    }
    // The first block is whole, the second one is not what was signed.
    let error = look(&mut replica).await.unwrap_err();
    assert!(matches!(error, FeedError::WrongBlock { number: 2, .. }), "{error}");
    assert!(error.is_temporary());
    assert_eq!(replica.head().0, 1);
    let error = look(&mut replica).await.unwrap_err();
    assert!(matches!(error, FeedError::Malformed { .. }), "{error}");
    assert_eq!(look(&mut replica).await.unwrap(), Followed::Blocks(1));
    assert_eq!(replica.head(), world.node.head());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_built_again_replace_those_before_and_never_safe_ones() {
    let (mut world, mut alice) = world().await;
    let (kept, _) = world.node.parts().view.l1.inbox_end().unwrap();
    let carol = world.account("carol");
    world.act_deposit(&carol.signer, carol.address(), ETHER).await;
    world.act_derive_all().await;
    transfer(&mut world, &mut alice, 1).await;
    transfer(&mut world, &mut alice, 2).await;
    let feed = Feed::honest(&world);
    let mut replica = following(&mut world, &[feed]);
    replica.derive_all().await.unwrap();
    assert_eq!(look(&mut replica).await.unwrap(), Followed::Blocks(3));
    // The sequencer goes back to before carol's deposit, and builds three others.
    let parts = world.node.parts();
    let at = parts.view.l1.cursor().unwrap().expect("L1 was read");
    parts.engine.rewind(kept, at).await.unwrap();
    let mut bob = world.account_now("bob");
    for wei in [10, 20, 30] {
        transfer(&mut world, &mut bob, wei).await;
    }
    let again = Feed::honest(&world);
    let sources: Vec<Arc<dyn BlockFeed>> = vec![Arc::clone(&again) as _];
    let sequencer = key(SEQUENCER).address();
    replica.config.roles.follower = Some(FollowerSettings { sources, sequencer });
    replica.restart();
    replica.derive_all().await.unwrap();
    let mut news = replica.parts().view.subscribe();
    assert_eq!(look(&mut replica).await.unwrap(), Followed::Further);
    assert_eq!(look(&mut replica).await.unwrap(), Followed::Further);
    assert_eq!(look(&mut replica).await.unwrap(), Followed::Blocks(3));
    assert_eq!(*again.asked.lock().unwrap(), [4, 3, 2]);
    assert_eq!(replica.head(), world.node.head());
    let taken_back = news.try_recv().unwrap();
    assert!(
        matches!(taken_back, mezz_node::ChainEvent::TakenBack(ref taken) if taken.first().get() == 2),
        "{taken_back:?}"
    );
    // Once L1 has them, not even the sequencer can replace them.
    world.act_batch_all().await;
    replica.derive_all().await.unwrap();
    assert_eq!(replica.safe(), 4);
    let before = replica.head();
    let lie = Feed::lying(&world, |view, blocks| {
        let (_, mut header) = view.reader.header(BlockNumber::new(4)).unwrap().unwrap();
        header.gas_used += 1;
        let config_hash = view.config.hash();
        *blocks =
            vec![SignedBlock::new(&header, Vec::new(), config_hash, &key(SEQUENCER)).unwrap()];
    });
    replica.config.roles.follower = Some(FollowerSettings { sources: vec![lie], sequencer });
    replica.restart();
    let error = look(&mut replica).await.unwrap_err();
    assert!(matches!(error, FeedError::ContradictsL1 { number: 4 }), "{error}");
    assert_eq!(replica.head(), before);
}
