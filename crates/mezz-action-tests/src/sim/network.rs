//! The network that a seed makes, and what its nodes do in a step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use alloy::{consensus::TxEnvelope, rpc::types::TransactionReceipt, sol_types::SolCall as _};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use mezz_contracts::{Inbox, Vault};
use mezz_devl1::Reorg;
use mezz_l1::{L1Call, L1Error, NoJournal, SenderSettings, TxSender};
use mezz_node::{Followed, Progress};
use mezz_types::{DataKind, FEE_VAULT, OUTBOX};

use super::{
    dice::Dice,
    member::{Member, Parts, Who},
    timer::SimTimer,
};
use crate::{Account, ETHER, World, WorldSettings, key, token_init_code, withdrawal_proof};

/// Users of L2.
const USERS: usize = 6;
/// Steps of derivation in one go.
const FAR: usize = 10_000;
/// L2 gas of a deposit.
const DEPOSIT_GAS: u64 = 100_000;

/// What may be drawn about a network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) data: DataKind,
    pub(super) confirmations: u64,
    pub(super) finalized_depth: u64,
}

impl Drawn {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let data = if dice.percent(25) { DataKind::Blob } else { DataKind::Calldata };
        let confirmations = if dice.percent(30) { dice.between(1, 3) } else { 0 };
        let finalized_depth = dice.weighted(&[(2, 8), (4, 12), (2, 32), (1, 64)]);
        Self { data, confirmations, finalized_depth }
    }
}

/// What L1 has just seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Deposit,
    Batch,
    Claim,
    Payment,
}

pub(super) struct Network {
    pub(super) world: World,
    pub(super) members: Vec<Member>,
    pub(super) drawn: Drawn,
    pub(super) users: Vec<Account>,
    pub(super) token: Address,
    timer: Arc<SimTimer>,
    sender: SenderSettings,
    /// Transactions that the sequencer has taken in.
    pub(super) acknowledged: BTreeSet<B256>,
    /// Hashes of blocks that were final to anybody.
    pub(super) finals: BTreeMap<u64, B256>,
    /// What the batches read up to an L1 block lead to.
    pub(super) derived: BTreeMap<(B256, u64), B256>,
    /// No reorganisation of L1 goes below this block.
    pub(super) l1_final: u64,
    pub(super) news: Option<News>,
}

impl Network {
    pub(super) async fn new(drawn: Drawn) -> Result<Self, String> {
        let Drawn { data, confirmations, finalized_depth } = drawn;
        let settings = WorldSettings {
            data,
            confirmations,
            finalized_depth,
            keep_witnesses: false,
            ..WorldSettings::default()
        };
        let mut world = World::new(settings).await;
        world.node.close();
        let timer = Arc::new(SimTimer::default());
        let sender = SenderSettings {
            bump_after: Duration::from_millis(10),
            give_up_after: Duration::from_millis(25),
            ..world.node.config.sender
        };
        let roles = world.node.config.roles.clone();
        let parts = Parts {
            sequencer: roles.sequencer.expect("a world's node sequences"),
            batcher: roles.batcher.expect("a world's node posts"),
            proposer: roles.proposer.expect("a world's node claims"),
            sender,
            timer: Arc::clone(&timer),
            chain: Arc::default(),
        };
        let members = Who::ALL.map(|who| Member::open(&mut world, who, &parts)).into();
        let users: Vec<_> = (0..USERS).map(|at| world.account(&format!("user {at}"))).collect();
        let token = users[0].address().create(0);
        let mut network = Self {
            world,
            members,
            drawn,
            users,
            token,
            timer,
            sender,
            acknowledged: BTreeSet::new(),
            finals: BTreeMap::new(),
            derived: BTreeMap::new(),
            l1_final: 0,
            news: None,
        };
        network.begin().await?;
        Ok(network)
    }

    /// Gives the users money that no reorganisation takes back, and a token.
    async fn begin(&mut self) -> Result<(), String> {
        let receivers: Vec<_> = self.users.iter().map(Account::address).collect();
        for to in receivers.into_iter().chain([key("forcer").address()]) {
            let deposit = self.deposit("bob", to, ETHER * U256::from(100), Bytes::new()).await;
            deposit.map_err(|error| error.to_string())?;
        }
        self.world.l1.mine(self.drawn.finalized_depth + 1).await;
        self.derive(Who::Sequencer, FAR).await?;
        self.build().await?;
        let create = self.users[0].sign(TxKind::Create, U256::ZERO, token_init_code(), 200_000);
        self.offer(create, true).await;
        self.build().await?;
        for who in Who::ALL {
            self.derive(who, FAR).await?;
        }
        self.note_finality();
        Ok(())
    }

    pub(super) fn member(&self, who: Who) -> &Member {
        let found = self.members.iter().find(|member| member.who == who);
        found.expect("everybody is a member")
    }

    pub(super) fn member_mut(&mut self, who: Who) -> &mut Member {
        let found = self.members.iter_mut().find(|member| member.who == who);
        found.expect("everybody is a member")
    }

    /// Starts whoever is stopped.
    pub(super) fn start_all(&mut self) {
        self.members.iter_mut().filter(|member| !member.open).for_each(Member::start);
    }

    /// Every address of L2 that can have ether.
    pub(super) fn purses(&self) -> Vec<Address> {
        let named =
            ["forcer", "bob", "carol", "mallory", "anybody"].map(|name| key(name).address());
        let others = [FEE_VAULT, OUTBOX, self.token, sink(0), sink(1)];
        self.users.iter().map(Account::address).chain(named).chain(others).collect()
    }

    pub(super) fn note_finality(&mut self) {
        let deep = self.world.l1.head().saturating_sub(self.drawn.finalized_depth);
        self.l1_final = self.l1_final.max(deep);
    }

    /// A transaction on L1 by somebody who is no node.
    pub(super) async fn call_l1(
        &mut self,
        name: &str,
        call: L1Call,
    ) -> Result<TransactionReceipt, L1Error> {
        self.world.clock.advance_secs(1);
        self.world.l1.mine_on_demand(false).await;
        let provider = self.world.l1.provider.clone();
        let sender = TxSender::new(provider, key(name), self.sender, Arc::new(NoJournal));
        sender.with_timer(Arc::clone(&self.timer) as _).send(call).await
    }

    pub(super) async fn deposit(
        &mut self,
        by: &str,
        to: Address,
        amount: U256,
        data: Bytes,
    ) -> Result<TransactionReceipt, L1Error> {
        let fee = self.world.message_fee(DEPOSIT_GAS).await;
        let data = Vault::depositEtherCall { to, amount, gasLimit: DEPOSIT_GAS, data };
        let to = Some(self.world.chain.contracts.vault);
        let data = data.abi_encode().into();
        self.news = Some(News::Deposit);
        self.call_l1(by, L1Call { to, value: amount + fee, data, ..L1Call::default() }).await
    }

    pub(super) async fn force(
        &mut self,
        by: &str,
        signed: Bytes,
    ) -> Result<TransactionReceipt, L1Error> {
        let fee = self.world.message_fee(DEPOSIT_GAS).await;
        let data = Inbox::sendForcedCall { gasLimit: DEPOSIT_GAS, signedTransaction: signed };
        let to = Some(self.world.chain.contracts.inbox);
        let data = data.abi_encode().into();
        self.news = Some(News::Deposit);
        self.call_l1(by, L1Call { to, value: fee, data, ..L1Call::default() }).await
    }

    /// The nonce that a user's next transaction has.
    pub(super) async fn next_nonce(&self, user: Address) -> u64 {
        let node = &self.member(Who::Sequencer).node;
        let pool = node.parts().pool.as_ref().expect("the sequencer has a pool");
        pool.pending_nonce(user, node.nonce(user)).await
    }

    /// Offers a transaction to the sequencer. Whether it must not be lost if it is acknowledged.
    pub(super) async fn offer(&mut self, signed: TxEnvelope, keep: bool) -> String {
        let node = &self.member(Who::Sequencer).node;
        let crypto = &node.config.crypto;
        let recovered = mezz_evm::recover(signed, crypto.as_ref()).expect("it is signed");
        let nonce = node.nonce(recovered.signer());
        let pool = node.parts().pool.as_ref().expect("the sequencer has a pool");
        match pool.insert(Arc::new(recovered), nonce).await {
            Ok(hash) => {
                if keep {
                    self.acknowledged.insert(hash);
                }
                format!("acknowledged {hash}")
            }
            Err(error) => format!("refused: {error}"),
        }
    }

    pub(super) async fn build(&mut self) -> Result<String, String> {
        self.world.clock.advance_secs(1);
        let node = &mut self.member_mut(Who::Sequencer).node;
        let sequencer = node.parts_mut().sequencer.as_mut().expect("the sequencer builds");
        match sequencer.step().await {
            Ok(Some(built)) => {
                let number = built.header.number;
                Ok(format!("block {number} of {} {}", built.transactions, built.header.hash()))
            }
            Ok(None) => Ok("nothing to build".into()),
            Err(error) if error.is_temporary() => Ok(format!("later: {error}")),
            Err(error) => Err(format!("the sequencer gave up: {error}")),
        }
    }

    /// Follows L1 for so many steps at most.
    pub(super) async fn derive(&mut self, who: Who, steps: usize) -> Result<String, String> {
        let node = &mut self.member_mut(who).node;
        let mut done = Vec::new();
        for _ in 0..steps.min(FAR) {
            match node.parts_mut().derivation.step().await {
                Ok(Progress::Idle) => break,
                Ok(progress) => done.push(progress),
                Err(error) if error.is_temporary() => return Ok(format!("later: {error}")),
                Err(error) => return Err(format!("{who:?} does not follow L1: {error}")),
            }
        }
        Ok(format!("{} steps, last {:?}", done.len(), done.last()))
    }

    pub(super) async fn follow(&mut self, who: Who) -> Result<String, String> {
        let node = &mut self.member_mut(who).node;
        let follower = node.parts_mut().follower.as_mut().expect("it follows");
        let mut blocks = 0;
        for _ in 0..FAR {
            match follower.step().await {
                Ok(Followed::Blocks(more)) => blocks += more,
                Ok(Followed::Further) => {}
                Ok(waits) => return Ok(format!("{blocks} blocks, {waits:?}")),
                Err(error) if error.is_temporary() => return Ok(format!("later: {error}")),
                Err(error) => return Err(format!("{who:?} does not follow the feed: {error}")),
            }
        }
        Err(format!("{who:?} comes to no end with the feed"))
    }

    pub(super) async fn post(&mut self, now: bool) -> Result<String, String> {
        self.world.clock.advance_secs(1);
        let node = &mut self.member_mut(Who::Batcher).node;
        let batcher = node.parts_mut().batcher.as_mut().expect("the batcher posts");
        let posted = if now { batcher.flush().await } else { batcher.step().await };
        match posted {
            Ok(Some(posted)) => {
                self.news = Some(News::Batch);
                Ok(format!("{posted:?}"))
            }
            Ok(None) => Ok("nothing to post".into()),
            Err(error) if error.is_temporary() => Ok(format!("later: {error}")),
            Err(error) => Err(format!("the batcher gave up: {error}")),
        }
    }

    pub(super) async fn claim(&mut self) -> Result<String, String> {
        self.world.clock.advance_secs(1);
        let node = &mut self.member_mut(Who::Proposer).node;
        let proposer = node.parts_mut().proposer.as_mut().expect("the proposer claims");
        match proposer.step().await {
            Ok(Some(made)) => {
                self.news = Some(News::Claim);
                Ok(format!("{made:?}"))
            }
            Ok(None) => Ok("nothing to claim".into()),
            Err(error) if error.is_temporary() => Ok(format!("later: {error}")),
            Err(error) => Err(format!("the proposer gave up: {error}")),
        }
    }

    /// Has the vault pay the first withdrawal that a final claim proves and that is not paid, as the
    /// proposer knows them; none if there is none.
    pub(super) async fn pay(&mut self) -> Result<Option<String>, String> {
        let node = &self.member(Who::Proposer).node;
        let view = &node.parts().view;
        let broken = |error: mezz_store::StoreError| error.to_string();
        let Some(claim) = view.l1.last_final_claim().map_err(broken)? else { return Ok(None) };
        let outcome = view.l1.outcome(claim.batch_end.prev()).map_err(broken)?;
        let Some(outcome) = outcome else { return Ok(None) };
        let state = view.reader.state_at(outcome.post.block_number).map_err(broken)?;
        let count = state.storage(OUTBOX, mezz_types::OUTBOX_COUNT_SLOT).map_err(broken)?;
        for index in 0..count.to::<u64>() {
            let vault = self.world.chain.contracts.vault;
            if self.world.l1.view(vault, Vault::isPaidCall { index }).await {
                continue;
            }
            let proof = withdrawal_proof(node, index, claim.batch_end);
            let call =
                L1Call { to: Some(vault), data: proof.abi_encode().into(), ..L1Call::default() };
            let paid = self.call_l1("carol", call).await;
            self.news = Some(News::Payment);
            let told = match paid {
                Ok(_) => format!("withdrawal {index} paid"),
                Err(error) => format!("withdrawal {index}: {error}"),
            };
            return Ok(Some(told));
        }
        Ok(None)
    }

    /// Replaces as many of the last blocks of L1 as are not final: how many.
    pub(super) async fn reorganise(&mut self, reorg: Reorg) -> String {
        self.note_finality();
        let most = self.world.l1.head().saturating_sub(self.l1_final);
        let reorg = Reorg { depth: reorg.depth.min(most), ..reorg };
        if reorg.depth == 0 {
            return "all of L1 is final".into();
        }
        self.world.l1.reorg(reorg).await;
        format!("{} blocks replaced", reorg.depth)
    }
}

/// An address of nobody.
pub(super) fn sink(index: u8) -> Address {
    Address::repeat_byte(0x50 + index)
}

/// How many receive withdrawals on L1.
pub(super) const TARGETS: u8 = 6;

/// Who receives withdrawals on L1.
pub(super) fn target(index: u8) -> Address {
    Address::repeat_byte(0xd0 + index)
}
