//! L1 takes back blocks: after it, the node is what L1 says, and nothing honest became wrong.

use alloy_primitives::{Address, U256};
use mezz_action_tests::{
    Account, ETHER, TestNode, World, WorldSettings, check_in_machine, check_witnesses,
};
use mezz_contracts::{Inbox, Settlement, Vault};
use mezz_devl1::{Dropped, Reorg};
use mezz_types::{BatchIndex, DataKind};

/// Claims that one scenario makes at most.
const MANY: usize = 1_000;

/// What L1 was doing when it changed its mind.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Deposit,
    Batch,
    Claim,
}

struct Scenario {
    world: World,
    /// Follows L1 through every reorganisation.
    replica: TestNode,
    alice: Account,
}

impl Scenario {
    async fn new(data: DataKind) -> Self {
        let mut world = World::new(WorldSettings { data, ..WorldSettings::default() }).await;
        let replica = world.replica();
        let alice = world.account("alice");
        world.act_deposit(&alice.signer, alice.address(), ETHER * U256::from(100)).await;
        world.act_derive_all().await;
        world.act_l2_build().await.expect("a deposit is work");
        world.act_batch_all().await;
        // No reorganisation of this scenario goes so deep.
        world.act_l1_mine(6).await;
        world.act_derive_all().await;
        Self { world, replica, alice }
    }

    async fn send(&mut self) {
        self.alice.nonce = self.world.node.nonce(self.alice.address());
        let transfer = self.alice.transfer(Address::repeat_byte(0x70), U256::from(1));
        // It is refused if it waits already, taken back by an earlier reorganisation.
        let _ = self.world.try_send_l2(transfer).await;
        self.world.act_l2_build().await;
    }

    async fn deposit(&mut self) {
        let signer = self.alice.signer.clone();
        self.world.act_deposit(&signer, signer.address(), ETHER).await;
        self.world.act_derive_all().await;
        self.world.act_l2_build().await;
    }

    /// Brings the chain to the stage.
    async fn reach(&mut self, stage: Stage) {
        match stage {
            Stage::Deposit => {
                self.send().await;
                self.deposit().await;
            }
            Stage::Batch => {
                self.deposit().await;
                self.send().await;
                self.world.act_l1_catch_up().await;
                assert!(self.world.act_batch().await.is_some());
                self.world.act_derive_all().await;
            }
            Stage::Claim => {
                self.deposit().await;
                self.send().await;
                assert!(!self.world.act_batch_all().await.is_empty());
                assert!(self.world.act_propose().await.is_some());
                self.world.act_derive_all().await;
            }
        }
    }

    /// Whatever L1 did, the chain goes on: blocks are built, batched and claimed.
    async fn go_on(&mut self) {
        self.send().await;
        self.world.act_batch_all().await;
        while self.world.act_propose().await.is_some() {
            self.world.act_derive_all().await;
        }
        assert_eq!(self.world.node.safe(), self.world.node.head().0);
    }

    async fn assert_consistent(&mut self, at: &str) {
        self.world.act_derive_all().await;
        self.replica.derive_all().await.unwrap_or_else(|error| panic!("{at}: {error}"));
        let safe = self.world.node.safe();
        assert_eq!(self.replica.safe(), safe, "{at}: how far the replica is");
        assert_eq!(self.replica.block_hash(safe), self.world.node.block_hash(safe), "{at}");
        self.assert_inbox(at).await;
        self.assert_claims(at).await;
    }

    /// The node's messages and batches are those of L1.
    async fn assert_inbox(&self, at: &str) {
        let inbox = self.world.chain.contracts.inbox;
        let l1 = &self.world.node.parts().view.l1;
        let end = self.world.batch_end().await;
        let (count, accumulator) = l1.inbox_end().unwrap();
        let call = Inbox::accumulatorAtCall { index: end.messages };
        assert_eq!(count.get(), end.messages, "{at}: messages");
        assert_eq!(accumulator, self.world.l1.view(inbox, call).await, "{at}: messages");
        let last = l1.last_batch().unwrap().unwrap();
        assert_eq!(last.batch.index.get() + 1, end.batches, "{at}: batches");
        assert_eq!(last.hash, end.accumulator, "{at}: batches");
        let call = Vault::depositedCall { token: Address::ZERO };
        let held = self.world.l1.view(self.world.chain.contracts.vault, call).await;
        let messages = l1.messages(mezz_types::InboxIndex::ZERO, count).unwrap();
        let values = messages.iter().map(|stored| stored.message.value);
        assert_eq!(held, values.fold(U256::ZERO, |sum, value| sum + value), "{at}: money");
    }

    /// L1 holds the claims that the node knows, and each of them is true.
    async fn assert_claims(&self, at: &str) {
        let settlement = self.world.chain.contracts.settlement;
        let l1 = &self.world.node.parts().view.l1;
        let known = l1.claims_from(BatchIndex::ZERO, MANY).unwrap();
        let lines = self.world.l1.view(settlement, Settlement::lineCountCall {}).await;
        assert!(lines <= 1, "{at}: one bond is enough for an honest proposer, there are {lines}");
        for claim in known {
            let call = Settlement::claimCall { id: claim.id };
            let on_l1 = self.world.l1.view(settlement, call).await;
            assert_eq!(on_l1.post, claim.post, "{at}: claim {}", claim.id);
            let outcome = l1.outcome(claim.batch_end.prev()).unwrap().unwrap();
            assert_eq!(on_l1.post, outcome.post.hash(), "{at}: a claim became wrong");
        }
    }
}

async fn reorganise(stage: Stage, data: DataKind) {
    let mut scenario = Scenario::new(data).await;
    for dropped in [Dropped::Remine, Dropped::Return, Dropped::Forget] {
        for depth in 1..=5 {
            let at = format!("{stage:?}, {dropped:?}, {depth} blocks");
            scenario.reach(stage).await;
            // The stage's block is among those that go, the deeper ones with what led to it.
            scenario.world.act_l1_mine(depth / 2).await;
            scenario.world.act_derive_all().await;
            scenario.replica.derive_all().await.unwrap();
            let reorg = Reorg { depth, blocks: None, dropped, delay_secs: depth % 2 * 3 };
            scenario.world.act_l1_reorg(reorg).await;
            scenario.assert_consistent(&at).await;
            if depth == 3 {
                scenario.world.act_restart_node();
            }
            scenario.go_on().await;
            scenario.assert_consistent(&at).await;
            assert_eq!(scenario.replica.head(), scenario.world.node.head(), "{at}");
        }
    }
    let mut fresh = scenario.world.replica();
    fresh.derive_all().await.expect("the replica follows L1");
    assert_eq!(fresh.head(), scenario.world.node.head());
    assert_eq!(check_witnesses(&fresh), fresh.head().0);
    assert_eq!(check_witnesses(&scenario.world.node), fresh.head().0);
    let batches = scenario.world.batch_end().await.batches;
    check_in_machine(&scenario.world, &fresh, batches.saturating_sub(4)..batches).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_takes_back_deposits() {
    reorganise(Stage::Deposit, DataKind::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_takes_back_batches() {
    reorganise(Stage::Batch, DataKind::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_takes_back_batches_in_blobs() {
    reorganise(Stage::Batch, DataKind::Blob).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_takes_back_claims() {
    reorganise(Stage::Claim, DataKind::Calldata).await;
}

/// L1 becomes shorter than it was, and grows again by other blocks: until it has, nothing says that what
/// was there is gone.
#[tokio::test(flavor = "multi_thread")]
async fn l1_becomes_shorter() {
    let mut scenario = Scenario::new(DataKind::Calldata).await;
    for depth in 1..=5 {
        let at = format!("{depth} blocks shorter");
        scenario.reach(Stage::Claim).await;
        let before = scenario.world.node.head();
        let reorg = Reorg { depth, blocks: Some(0), dropped: Dropped::Forget, delay_secs: 0 };
        scenario.world.act_l1_reorg(reorg).await;
        assert_eq!(scenario.world.act_derive_all().await, [], "{at}");
        assert_eq!(scenario.world.node.head(), before, "{at}");
        scenario.world.act_l1_mine(depth + 1).await;
        scenario.go_on().await;
        scenario.assert_consistent(&at).await;
    }
}
