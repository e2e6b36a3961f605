//! What must hold after each step, and what must hold in the end.
//!
//! # Rules
//! - N1 Labels are in order; what is final stays final, and is the same block for everybody.
//! - N2 What two nodes have read from the same L1 gives the same commitment.
//! - N3 What the sequencer has acknowledged waits or is in a block.
//! - N4 Ether on L2 is what the consumed messages brought; what the outbox holds is what is to be paid.
//! - N5 In the end everybody is on one block, which is final, and a node that begins then derives it.
//! - N6 Claims of the honest proposer are what that node derives, and one bond is enough for them.
//! - N7 The vault holds what came in and was not paid; who withdrew has what was withdrawn.

use alloy_primitives::{Address, U256};
use mezz_contracts::{Settlement, Vault};
use mezz_types::{
    BatchIndex, INBOX_CLOCK, InboxIndex, OUTBOX, OUTBOX_COUNT_SLOT, OutboxIndex, clock_slot,
};

use super::{
    member::Who,
    network::{Network, TARGETS, target},
};
use crate::{TestNode, key};

/// Rounds in which a healed network comes to rest.
const ROUNDS: usize = 40;
/// Failures in a row after which a healed node does not recover by itself.
const PATIENCE: usize = 6;
/// Claims that one run makes at most.
const MANY: usize = 4_096;

macro_rules! must {
    ($holds:expr, $($said:tt)*) => {
        if !$holds {
            return Err(format!($($said)*));
        }
    };
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Network {
    /// N1 to N4.
    pub(super) async fn check(&mut self) -> Result<(), String> {
        for who in Who::ALL {
            if self.member(who).open {
                self.check_labels(who)?;
                self.check_derived(who)?;
                self.check_ether(&self.member(who).node).map_err(|it| format!("{who:?}: {it}"))?;
            }
        }
        self.check_acknowledged().await
    }

    fn check_labels(&mut self, who: Who) -> Result<(), String> {
        let node = &self.member(who).node;
        let (head, safe, finalized) = (node.head().0, node.safe(), node.finalized());
        must!(
            finalized <= safe && safe <= head,
            "N1 {who:?}: final {finalized}, safe {safe}, head {head}"
        );
        let known = self.member(who).finalized;
        must!(known <= finalized, "N1 {who:?}: block {known} was final, now {finalized} is");
        let hash = node.block_hash(finalized);
        let hash = hash.ok_or_else(|| format!("N1 {who:?}: final block {finalized} is gone"))?;
        let first = *self.finals.entry(finalized).or_insert(hash);
        must!(first == hash, "N1 {who:?}: final block {finalized} is {hash}, was {first}");
        self.member_mut(who).finalized = finalized;
        Ok(())
    }

    fn check_derived(&mut self, who: Who) -> Result<(), String> {
        let l1 = &self.member(who).node.parts().view.l1;
        let (Some(cursor), Some((batch, outcome))) =
            (l1.cursor().map_err(text)?, l1.last_outcome().map_err(text)?)
        else {
            return Ok(());
        };
        let (key, post) = ((cursor.hash, batch.get()), outcome.post.hash());
        let first = *self.derived.entry(key).or_insert(post);
        must!(first == post, "N2 {who:?}: batch {batch} leads to {post}, elsewhere to {first}");
        Ok(())
    }

    async fn check_acknowledged(&self) -> Result<(), String> {
        if !self.member(Who::Sequencer).open {
            return Ok(());
        }
        let node = &self.member(Who::Sequencer).node;
        let pool = node.parts().pool.as_ref().expect("the sequencer has a pool");
        for hash in &self.acknowledged {
            if node.included(*hash).is_none() && pool.get(*hash).await.is_none() {
                return Err(format!("N3: transaction {hash} was acknowledged and is lost"));
            }
        }
        Ok(())
    }

    /// N4, at the head.
    fn check_ether(&self, node: &TestNode) -> Result<(), String> {
        let next = node.slot(INBOX_CLOCK, clock_slot::NEXT_INBOX_INDEX).to::<u64>();
        let l1 = &node.parts().view.l1;
        let messages = l1.messages(InboxIndex::ZERO, InboxIndex::new(next)).map_err(text)?;
        must!(
            messages.len() as u64 == next,
            "N4: {next} messages consumed, {} known",
            messages.len()
        );
        let sum = |values: &mut dyn Iterator<Item = U256>| values.fold(U256::ZERO, |a, b| a + b);
        let came = sum(&mut messages.iter().map(|stored| stored.message.value));
        let held = sum(&mut self.purses().into_iter().map(|purse| node.balance(purse)));
        must!(came == held, "N4: {came} wei came, {held} are there");
        let owed: U256 = withdrawals(node)?.into_iter().map(|(_, amount)| amount).sum();
        let kept = node.balance(OUTBOX);
        must!(owed == kept, "N4: {owed} wei are to be paid, the outbox holds {kept}");
        Ok(())
    }

    /// Heals everything, lets everybody finish, and checks N5 to N7.
    pub(super) async fn finish(&mut self) -> Result<(), String> {
        for who in Who::ALL {
            self.heal(who);
        }
        self.start_all();
        self.check().await?;
        self.world.l1.mine_on_demand(false).await;
        self.come_to_rest().await?;
        self.settle().await?;
        self.check().await?;
        self.check_agreement().await?;
        self.check_claims().await?;
        self.check_vault().await
    }

    /// All that waits is in blocks, all blocks are in batches, and everybody knows them.
    async fn come_to_rest(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS {
            self.world.l1.mine(1).await;
            self.read_all().await?;
            for _ in 0..ROUNDS {
                if !self.build().await?.starts_with("block") {
                    break;
                }
            }
            self.world.l1.mine(1 + self.drawn.confirmations).await;
            self.read_all().await?;
            self.post(true).await?;
            self.read_all().await?;
            let sequencer = &self.member(Who::Sequencer).node;
            let waiting = self.acknowledged.iter().any(|hash| sequencer.included(*hash).is_none());
            let (head, hash) = sequencer.head();
            let all = self
                .members
                .iter()
                .all(|member| member.node.safe() == head && member.node.head() == (head, hash));
            if all && !waiting {
                return Ok(());
            }
        }
        let ends: Vec<_> = self.members.iter().map(|it| (it.node.head(), it.node.safe())).collect();
        Err(format!("N5: a healed network does not come to rest: {ends:?}"))
    }

    /// Everybody reads L1 and the feed to their ends.
    async fn read_all(&mut self) -> Result<(), String> {
        for who in Who::ALL {
            let mut last = String::new();
            for failures in 0.. {
                must!(failures < PATIENCE, "N5 {who:?} is healed and does not recover: {last}");
                last = self.derive(who, usize::MAX).await?;
                if who.follows() {
                    let followed = self.follow(who).await?;
                    if followed.starts_with("later") {
                        last = followed;
                    }
                }
                if !last.starts_with("later") {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Claims everything, lets it become final, and pays what is to be paid.
    async fn settle(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS {
            for _ in 0..ROUNDS {
                if self.claim().await?.starts_with("nothing") {
                    break;
                }
                self.world.l1.mine(1).await;
                self.read_all().await?;
            }
            let claimed = self.world.chain.window_secs;
            self.world.act_time_travel(claimed).await;
            self.read_all().await?;
            let l1 = &self.member(Who::Proposer).node.parts().view.l1;
            let batches = l1.last_batch().map_err(text)?.map_or(0, |it| it.batch.index.get() + 1);
            let last = l1.last_final_claim().map_err(text)?;
            if last.map_or(0, |claim| claim.batch_end.get()) == batches {
                break;
            }
        }
        self.world.l1.mine(self.drawn.finalized_depth + 1).await;
        self.read_all().await?;
        for _ in 0..MANY {
            match self.pay().await? {
                None => return Ok(()),
                Some(told) => must!(told.ends_with("paid"), "N7: {told}"),
            }
        }
        Err("N7: there is no end to what is to be paid".into())
    }

    /// N5.
    async fn check_agreement(&mut self) -> Result<(), String> {
        let mut fresh = self.world.replica();
        fresh.derive_all().await.map_err(text)?;
        self.check_ether(&fresh).map_err(|it| format!("a new node: {it}"))?;
        let end = fresh.head();
        for member in &self.members {
            let (head, finalized) = (member.node.head(), member.node.finalized());
            let who = member.who;
            must!(head == end, "N5: a new node derives {end:?}, {who:?} has {head:?}");
            must!(finalized == end.0, "N5 {who:?}: {finalized} is final, {} is not", end.0);
        }
        for number in 0..=end.0 {
            let (ours, theirs) =
                (fresh.block_hash(number), self.member(Who::Sequencer).node.block_hash(number));
            must!(ours == theirs, "N5: block {number} is {ours:?} or {theirs:?}");
        }
        Ok(())
    }

    /// N6.
    async fn check_claims(&self) -> Result<(), String> {
        let l1 = &self.member(Who::Derived).node.parts().view.l1;
        let honest = key("proposer").address();
        for claim in l1.claims_from(BatchIndex::ZERO, MANY).map_err(text)? {
            let outcome = l1.outcome(claim.batch_end.prev()).map_err(text)?;
            let derived = outcome.map(|outcome| outcome.post.hash());
            let right = derived == Some(claim.post);
            must!(right || claim.proposer != honest, "N6: claim {} is wrong", claim.id);
        }
        let settlement = self.world.chain.contracts.settlement;
        let lines = self.world.l1.view(settlement, Settlement::lineCountCall {}).await;
        let (mut bonds, mut of_honest) = (U256::ZERO, 0);
        for id in 1..=lines {
            let line = self.world.l1.view(settlement, Settlement::lineCall { id }).await;
            let honest = line.owner == honest;
            of_honest += u64::from(honest);
            must!(line.bonded || !honest, "N6: the honest proposer lost the bond of line {id}");
            bonds += if line.bonded { self.world.chain.bond_wei } else { U256::ZERO };
        }
        must!(of_honest <= 1, "N6: the honest proposer put up {of_honest} bonds");
        let held = self.world.l1.balance(settlement).await;
        must!(held == bonds, "N6: {bonds} wei of bonds, the settlement holds {held}");
        Ok(())
    }

    /// N7.
    async fn check_vault(&self) -> Result<(), String> {
        let node = &self.member(Who::Derived).node;
        let l1 = &node.parts().view.l1;
        let (end, _) = l1.inbox_end().map_err(text)?;
        let messages = l1.messages(InboxIndex::ZERO, end).map_err(text)?;
        let came: U256 = messages.iter().map(|stored| stored.message.value).sum();
        let paid = withdrawals(node)?;
        let went: U256 = paid.iter().map(|(_, amount)| *amount).sum();
        let vault = self.world.chain.contracts.vault;
        let counted =
            self.world.l1.view(vault, Vault::depositedCall { token: Address::ZERO }).await;
        let held = self.world.l1.balance(vault).await;
        must!(
            counted == came - went && held == counted,
            "N7: {came} wei came, {went} went, the vault counts {counted} and holds {held}"
        );
        for index in 0..TARGETS {
            let to = target(index);
            let due: U256 =
                paid.iter().filter(|(there, _)| *there == to).map(|(_, amount)| *amount).sum();
            let has = self.world.l1.balance(to).await;
            must!(has == due, "N7: {to} has {has} wei, {due} were withdrawn to it");
        }
        Ok(())
    }

    /// Where everybody is, for the audit.
    pub(super) fn standing(&self) -> String {
        let mut told = String::new();
        for member in &self.members {
            told.push_str(&format!(" {:?}", member.who));
            if member.open {
                let (head, hash) = member.node.head();
                let (safe, finalized) = (member.node.safe(), member.node.finalized());
                told.push_str(&format!(" {finalized}/{safe}/{head} {hash}"));
            }
        }
        told
    }
}

/// Receiver and amount of every withdrawal at the head.
fn withdrawals(node: &TestNode) -> Result<Vec<(Address, U256)>, String> {
    let count = node.slot(OUTBOX, OUTBOX_COUNT_SLOT).to::<u64>();
    let stored = |index| {
        let stored = node.parts().view.reader.withdrawal(OutboxIndex::new(index)).map_err(text)?;
        let stored = stored.ok_or_else(|| format!("N4: withdrawal {index} is not kept"))?;
        Ok((stored.withdrawal.target, stored.withdrawal.amount))
    };
    (0..count).map(stored).collect()
}
