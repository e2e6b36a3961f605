//! One look at the claim tree.

use alloy::sol_types::SolCall;
use alloy_primitives::{B256, U256};
use mezz_contracts::Settlement;
use mezz_l1::{L1Call, TxSender};
use mezz_store::{ClaimOutcome, StoredClaim};
use mezz_types::{BatchIndex, ClaimId, L1BlockNumber};
use tokio::sync::watch;

use super::ProposerError;
use crate::{ChainView, L1View};

/// Claims looked at beyond the tip: each costs its proposer a bond or extends a line.
const LOOK_AHEAD: usize = 4_096;

/// How claims are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposerSettings {
    /// Seconds between claims, unless [`ProposerSettings::max_batches`] are waiting.
    pub interval_secs: u64,
    /// Batches that one claim may cover.
    pub max_batches: u64,
    /// Bond of a line, wei.
    pub bond: U256,
    /// The chain's genesis hash: the root of the claim tree.
    pub genesis_hash: B256,
}

/// What the proposer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// It claimed.
    Proposed {
        /// One past the last batch covered.
        batch_end: BatchIndex,
        /// Gas that L1 took.
        gas_used: u64,
    },
    /// It made a claim final.
    Finalized {
        /// Which.
        id: ClaimId,
        /// One past its last batch.
        batch_end: BatchIndex,
        /// Gas that L1 took.
        gas_used: u64,
    },
}

/// Claims and finalizes.
pub struct Proposer {
    view: ChainView,
    sender: TxSender,
    settings: ProposerSettings,
    l1: watch::Receiver<L1View>,
}

/// A node of the claim tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tip {
    id: ClaimId,
    batch_end: BatchIndex,
    /// Whether the sender's own bond is on it.
    own: bool,
    /// When its window ends; zero for the root.
    window_end: u64,
}

impl Proposer {
    /// Claims with `sender`'s key.
    pub const fn new(
        view: ChainView,
        sender: TxSender,
        settings: ProposerSettings,
        l1: watch::Receiver<L1View>,
    ) -> Self {
        Self { view, sender, settings, l1 }
    }

    /// Makes the next move, if one is due.
    ///
    /// # Errors
    /// [`ProposerError`]; a temporary one is worth another try.
    pub async fn step(&mut self) -> Result<Option<Move>, ProposerError> {
        // C5.
        let moved_in = self.sender.settle().await?.map(L1BlockNumber::new);
        let read = self.view.l1.cursor()?.map(|at| at.number);
        if moved_in.is_some() && read < moved_in {
            return Ok(None);
        }
        let root = self.root()?;
        let path = self.path(root)?;
        let now = self.l1.borrow().timestamp;
        if let Some(claim) = path.first()
            && claim.contested.is_none()
            && now >= claim.window_end
        {
            return self.finalize(claim).await.map(Some);
        }
        let tip = path.last().map_or(root, |claim| self.tip(claim));
        self.propose(tip, now).await
    }

    /// The last final claim, or the root of the tree.
    fn root(&self) -> Result<Tip, ProposerError> {
        let Some(claim) = self.view.l1.last_final_claim()? else {
            let id = self.settings.genesis_hash;
            return Ok(Tip { id, batch_end: BatchIndex::ZERO, own: false, window_end: 0 });
        };
        match self.view.wrong_final_claim()? {
            Some(wrong) => Err(wrong.into()),
            None => Ok(self.tip(&claim)),
        }
    }

    fn tip(&self, claim: &StoredClaim) -> Tip {
        Tip {
            id: claim.id,
            batch_end: claim.batch_end,
            own: claim.proposer == self.sender.address(),
            window_end: claim.window_end,
        }
    }

    /// The longest path of living claims from `root` on that agree with this node (C2, C3).
    fn path(&self, root: Tip) -> Result<Vec<StoredClaim>, ProposerError> {
        let mut path: Vec<StoredClaim> = Vec::new();
        let mut parent = root.id;
        // Claims come by their batch end, and a child's is beyond its parent's.
        for claim in self.view.l1.claims_from(root.batch_end.next(), LOOK_AHEAD)? {
            let dead =
                matches!(claim.outcome, Some((ClaimOutcome::Lost | ClaimOutcome::Superseded, _)));
            if claim.parent != parent || dead {
                continue;
            }
            let outcome = self.view.l1.outcome(claim.batch_end.prev())?;
            if outcome.is_some_and(|outcome| outcome.post.hash() == claim.post) {
                parent = claim.id;
                path.push(claim);
            }
        }
        Ok(path)
    }

    async fn finalize(&mut self, claim: &StoredClaim) -> Result<Move, ProposerError> {
        let data = Settlement::finalizeCall { id: claim.id }.abi_encode().into();
        let to = Some(self.view.contracts.settlement);
        let receipt = self.sender.send(L1Call { to, data, ..L1Call::default() }).await?;
        let (id, batch_end) = (claim.id, claim.batch_end);
        Ok(Move::Finalized { id, batch_end, gas_used: receipt.gas_used })
    }

    async fn propose(&mut self, tip: Tip, now: u64) -> Result<Option<Move>, ProposerError> {
        let Some((last, _)) = self.view.l1.last_outcome()? else { return Ok(None) };
        let available = last.next().distance_from(tip.batch_end);
        if available == 0 {
            return Ok(None);
        }
        let oldest = self.view.l1.batch(tip.batch_end)?;
        let waited = oldest.map_or(0, |oldest| now.saturating_sub(oldest.batch.facts.timestamp));
        if available < self.settings.max_batches && waited < self.settings.interval_secs {
            return Ok(None);
        }
        let batch_end =
            BatchIndex::new(tip.batch_end.get() + available.min(self.settings.max_batches));
        let (Some(stored), Some(outcome)) =
            (self.view.l1.batch(batch_end.prev())?, self.view.l1.outcome(batch_end.prev())?)
        else {
            return Ok(None);
        };
        let input = Settlement::ProposeInput {
            parent: tip.id,
            batchEnd: batch_end.get(),
            post: outcome.post.hash(),
            batchAccumulator: stored.hash,
            inboxAccumulator: stored.batch.inbox_accumulator,
        };
        // The bond of the line moves along; a new line posts one.
        let value = if tip.own { U256::ZERO } else { self.settings.bond };
        let data = Settlement::proposeCall { input }.abi_encode().into();
        let to = Some(self.view.contracts.settlement);
        let receipt = self.sender.send(L1Call { to, value, data, ..L1Call::default() }).await?;
        Ok(Some(Move::Proposed { batch_end, gas_used: receipt.gas_used }))
    }
}
