//! L1 takes back blocks: after it, the node is what L1 says, and nothing honest became wrong.

use std::collections::BTreeSet;

use alloy::sol_types::SolCall as _;
use alloy_primitives::{Address, TxKind, U256, keccak256};
use mezz_action_tests::{
    Account, ETHER, TestNode, World, WorldSettings, check_in_machine, check_witnesses, key,
    withdrawal_proof,
};
use mezz_contracts::{Inbox, Outbox, Settlement, Vault};
use mezz_devl1::{Dropped, Reorg};
use mezz_l1::{L1Call, L1Error};
use mezz_node::{BatcherError, ProposerError};
use mezz_types::{BatchIndex, DataKind, OUTBOX, OUTBOX_COUNT_SLOT, OutboxIndex, Withdrawal};

/// The deepest reorganisation, L1 blocks: two epochs, within which L1 becomes final.
const DEEPEST: u64 = 64;
/// Depths after which a node derives the chain from nothing.
const AFRESH: [u64; 6] = [1, 2, 3, 8, 21, DEEPEST];
/// Transactions of one key that come back at most, for each of which what is to be done is decided again.
const PATIENCE: usize = 64;
/// Gas of a withdrawal on L2.
const WITHDRAW_GAS: u64 = 300_000;
/// How many of the last batches the machine judges at most.
const JUDGED: usize = 4;
/// Claims that one scenario makes at most.
const MANY: usize = 1_000;

/// What L1 was doing when it changed its mind.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Deposit,
    Batch,
    Claim,
    Withdrawal,
}

struct Scenario {
    world: World,
    /// Follows L1 through every reorganisation.
    replica: TestNode,
    alice: Account,
    /// How many withdrawals were sent: each has a target of its own.
    withdrawals: u64,
}

impl Scenario {
    async fn new(data: DataKind) -> Self {
        let settings =
            WorldSettings { data, finalized_depth: DEEPEST + 8, ..WorldSettings::default() };
        let mut world = World::new(settings).await;
        let replica = world.replica();
        let alice = world.account("alice");
        world.act_deposit(&alice.signer, alice.address(), ETHER * U256::from(100)).await;
        world.act_derive_all().await;
        world.act_l2_build().await.expect("a deposit is work");
        world.act_batch_all().await;
        // No reorganisation of this scenario goes so deep.
        world.act_l1_mine(DEEPEST + 1).await;
        world.act_derive_all().await;
        Self { world, replica, alice, withdrawals: 0 }
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

    /// Sends a withdrawal on L2.
    async fn withdraw(&mut self) {
        self.withdrawals += 1;
        let target = Address::from_word(keccak256(self.withdrawals.to_be_bytes()));
        let data = Outbox::withdrawEtherCall { target }.abi_encode().into();
        let amount = U256::from(self.withdrawals);
        // What an earlier reorganisation took back goes first.
        while self.world.act_l2_build().await.is_some_and(|built| built.transactions > 0) {}
        self.alice.nonce = self.world.node.nonce(self.alice.address());
        let call = self.alice.sign(TxKind::Call(OUTBOX), amount, data, WITHDRAW_GAS);
        self.world.act_send_l2(call).await;
        self.world.act_l2_build().await.expect("a withdrawal is work");
    }

    /// Claims what there is to claim, and makes final whatever is due. Transactions that came back are mined
    /// in place of new ones; what to do is decided again once they are read.
    async fn claim(&mut self) {
        self.world.act_derive_all().await;
        let mut overtaken = 0;
        loop {
            match self.world.try_propose().await {
                Ok(None) => return,
                Ok(Some(_)) => overtaken = 0,
                Err(ProposerError::L1(L1Error::Overtaken { .. })) if overtaken < PATIENCE => {
                    overtaken += 1;
                }
                Err(error) => panic!("L1 takes the move: {error}"),
            }
            self.world.act_derive_all().await;
        }
    }

    /// Posts what there is to post, in the same way. A batch may wait for the block that has a due message.
    async fn batch(&mut self) {
        self.world.act_l1_catch_up().await;
        let mut in_vain = 0;
        while self.world.node.safe() < self.world.node.head().0 {
            assert!(in_vain < PATIENCE, "a batch is posted at last");
            in_vain += 1;
            match self.world.try_batch().await {
                Ok(Some(_)) => in_vain = 0,
                Ok(None) => {
                    self.world.act_l2_build().await;
                    self.world.act_l1_catch_up().await;
                }
                Err(BatcherError::L1(L1Error::Overtaken { .. })) => {}
                Err(error) => panic!("L1 takes the batch: {error}"),
            }
            self.world.act_derive_all().await;
        }
    }

    /// Everything is claimed and final, and what is not paid yet is paid.
    async fn pay(&mut self) {
        self.claim().await;
        self.world.act_time_travel(self.world.chain.window_secs).await;
        self.claim().await;
        let last = self.world.node.parts().view.l1.last_final_claim().unwrap();
        let batch_end = last.expect("a claim is final").batch_end;
        for withdrawal in self.in_outbox() {
            if self.is_paid(withdrawal.index).await {
                continue;
            }
            let proof = withdrawal_proof(&self.world.node, withdrawal.index.get(), batch_end);
            let to = Some(self.world.chain.contracts.vault);
            let call = L1Call { to, data: proof.abi_encode().into(), ..L1Call::default() };
            self.world.l1.send(&key("carol"), call).await.expect("the vault pays");
        }
        self.world.act_derive_all().await;
    }

    /// The withdrawals of the node's chain.
    fn in_outbox(&self) -> Vec<Withdrawal> {
        let node = &self.world.node;
        let count = node.slot(OUTBOX, OUTBOX_COUNT_SLOT).to::<u64>();
        let stored = |index| node.parts().view.reader.withdrawal(OutboxIndex::new(index)).unwrap();
        (0..count)
            .map(|index| stored(index).expect("every withdrawal is kept").withdrawal)
            .collect()
    }

    async fn is_paid(&self, index: OutboxIndex) -> bool {
        let call = Vault::isPaidCall { index: index.get() };
        self.world.l1.view(self.world.chain.contracts.vault, call).await
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
            Stage::Withdrawal => {
                self.withdraw().await;
                assert!(!self.world.act_batch_all().await.is_empty());
                self.pay().await;
            }
        }
    }

    /// Whatever L1 did, the chain goes on: blocks are built, batched and claimed.
    async fn go_on(&mut self) {
        self.send().await;
        self.batch().await;
        self.claim().await;
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
        self.assert_money(at).await;
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
    }

    /// The vault holds what was deposited less what it paid, to the wei; who was paid was paid once; and the
    /// bonds are those of the lines.
    async fn assert_money(&self, at: &str) {
        let (l1, contracts) = (&self.world.l1, &self.world.chain.contracts);
        let inbox = &self.world.node.parts().view.l1;
        let (count, _) = inbox.inbox_end().unwrap();
        let messages = inbox.messages(mezz_types::InboxIndex::ZERO, count).unwrap();
        let values = messages.iter().map(|stored| stored.message.value);
        let mut owed = values.fold(U256::ZERO, |sum, value| sum + value);
        let mut targets = BTreeSet::new();
        for withdrawal in self.in_outbox() {
            assert!(targets.insert(withdrawal.target), "{at}: {withdrawal:?} is there twice");
            let paid = self.is_paid(withdrawal.index).await;
            let expected = if paid { withdrawal.amount } else { U256::ZERO };
            assert_eq!(l1.balance(withdrawal.target).await, expected, "{at}: {withdrawal:?}");
            owed -= expected;
        }
        let call = Vault::depositedCall { token: Address::ZERO };
        assert_eq!(l1.view(contracts.vault, call).await, owed, "{at}: what the vault says");
        assert_eq!(l1.balance(contracts.vault).await, owed, "{at}: what the vault holds");
        let lines = l1.view(contracts.settlement, Settlement::lineCountCall {}).await;
        let bonds = self.world.chain.bond_wei * U256::from(lines);
        assert_eq!(l1.balance(contracts.settlement).await, bonds, "{at}: bonds");
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

/// What becomes of the transactions of reorganisations of one depth: everything there is for small ones,
/// one of each in turn for others.
fn fates(depth: u64) -> Vec<Dropped> {
    match (depth, depth % 3) {
        (..=3, _) => vec![Dropped::Remine, Dropped::Return, Dropped::Forget],
        (_, 0) => vec![Dropped::Remine],
        (_, 1) => vec![Dropped::Return],
        _ => vec![Dropped::Forget],
    }
}

async fn reorganise(stage: Stage, data: DataKind) {
    let mut scenario = Scenario::new(data).await;
    for depth in 1..=DEEPEST {
        for dropped in fates(depth) {
            let at = format!("{stage:?}, {dropped:?}, {depth} blocks");
            scenario.reach(stage).await;
            // The stage's block is among those that go, the deeper ones with what led to it.
            scenario.world.act_l1_mine(depth / 2).await;
            scenario.world.act_derive_all().await;
            scenario.replica.derive_all().await.unwrap();
            let reorg = Reorg { depth, blocks: None, dropped, delay_secs: depth % 2 * 3 };
            scenario.world.act_l1_reorg(reorg).await;
            scenario.assert_consistent(&at).await;
            if depth % 4 == 3 {
                scenario.world.act_restart_node();
            }
            scenario.go_on().await;
            if matches!(stage, Stage::Withdrawal) {
                scenario.pay().await;
            }
            scenario.assert_consistent(&at).await;
            assert_eq!(scenario.replica.head(), scenario.world.node.head(), "{at}");
        }
        if AFRESH.contains(&depth) {
            let mut fresh = scenario.world.replica();
            fresh.derive_all().await.expect("the replica follows L1");
            assert_eq!(fresh.head(), scenario.world.node.head(), "{stage:?}, {depth}: afresh");
        }
    }
    scenario.go_on().await;
    let mut fresh = scenario.world.replica();
    fresh.derive_all().await.expect("the replica follows L1");
    assert_eq!(fresh.head(), scenario.world.node.head());
    for node in [&fresh, &scenario.world.node] {
        assert_eq!(check_witnesses(node), node.head().0 - node.finalized());
    }
    let batches = scenario.world.batch_end().await.batches;
    let outcome = |batch| fresh.parts().view.l1.outcome(BatchIndex::new(batch)).unwrap().unwrap();
    let unfinal = |batch: &u64| outcome(*batch).first_block.get() > fresh.finalized();
    let judged = (0..batches).rev().take(JUDGED).take_while(unfinal).count() as u64;
    check_in_machine(&scenario.world, &fresh, batches - judged..batches).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn l1_takes_back_withdrawals() {
    reorganise(Stage::Withdrawal, DataKind::Calldata).await;
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
