//! One step of derivation.

use std::sync::Arc;

use alloy::eips::BlockNumberOrTag;
use alloy_primitives::{B256, Bytes};
use mezz_l1::{BatchData, InboxTracker, L1Block, L1BlockRef, L1Client, L1Event, L1Log, Step};
use mezz_store::{
    ClaimEvent, ClaimOutcome, L1Position, L1Update, StoredBatch, StoredClaim, StoredMessage,
};
use mezz_types::{Batch, BatchIndex, DataVerdict, InboxIndex, L1BlockNumber, Message};
use tokio::sync::watch;

use super::DerivationError;
use crate::{
    BlockNews, ChainView, Clock, DerivedBatch, EngineHandle, L1View, PoolHandle, WrongFinalClaim,
};

/// Claims looked at when a range is contested: each costs its proposer a bond.
const CLAIMS_OF_A_RANGE: usize = 1_024;

/// L1 blocks whose hashes are kept, also if L1 says that they are finalized.
const KEPT_L1_BLOCKS: u64 = 256;

/// Between complaints about one wrong final claim, and turns to another L1 node because of it: as long as a node that
/// said something wrong is asked last.
const DOUBT_EVERY_MS: u64 = 60_000;

/// How L1 is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DerivationSettings {
    /// L1 block of the first contract: nothing earlier matters.
    pub start: L1BlockNumber,
    /// L1 blocks on top of a message before the sequencer consumes it.
    pub confirmations: u64,
    /// The chain's genesis hash: the batch accumulator at 0 and the root of the claim tree.
    pub genesis_hash: B256,
    /// What becomes of blobs.
    pub keep_blobs: BlobRetention,
}

/// How long blobs are kept on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlobRetention {
    /// Until their batch is final: as long as it can be disputed.
    #[default]
    UntilFinal,
    /// For whoever derives the chain from its beginning after L1 forgot them.
    Forever,
}

/// What derivation is made of.
pub struct DerivationParts {
    /// L1.
    pub client: L1Client,
    /// The chain.
    pub view: ChainView,
    /// Who writes blocks.
    pub engine: EngineHandle,
    /// Where transactions of blocks taken back go; none on a replica.
    pub pool: Option<PoolHandle>,
    /// How L1 is followed.
    pub settings: DerivationSettings,
    /// When L1 blocks were seen.
    pub clock: Arc<dyn Clock>,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is new on L1.
    Idle,
    /// An L1 block was read.
    L1Block(L1BlockNumber),
    /// A batch was taken over.
    Batch(BatchIndex),
    /// L1 took back blocks; reading goes on after this one.
    Rewound(L1BlockNumber),
}

/// Follows L1.
pub struct Derivation {
    pub(super) parts: DerivationParts,
    seen: watch::Sender<L1View>,
    finalized: Option<L1BlockNumber>,
    /// The last wrong final claim that was complained about, and when, milliseconds.
    doubted: Option<(WrongFinalClaim, u64)>,
}

impl Derivation {
    /// Goes on where the store left off.
    pub fn new(parts: DerivationParts) -> (Self, watch::Receiver<L1View>) {
        let (seen, view) = watch::channel(L1View::default());
        (Self { parts, seen, finalized: None, doubted: None }, view)
    }

    /// Does the next thing (D1).
    ///
    /// # Errors
    /// [`DerivationError`]; a temporary one is worth another try.
    pub async fn step(&mut self) -> Result<Progress, DerivationError> {
        self.check_origin().await?;
        if let Some(batch) = self.pending_batch()? {
            let index = batch.batch.index;
            return match self.take_over(batch).await {
                Ok(()) => Ok(Progress::Batch(index)),
                Err(error) => self.branched_off().await?.ok_or(error),
            };
        }
        let l1 = &self.parts.view.l1;
        let position = l1.cursor()?.map(seen);
        match self.parts.client.follow(position.as_ref(), self.parts.settings.start).await? {
            Step::Block(block) => {
                let number = block.at.number;
                self.accept(&block)?;
                self.publish_view(&block.at)?;
                self.finalize().await?;
                Ok(Progress::L1Block(number))
            }
            Step::AtHead => {
                if self.seen.borrow().seen_at_ms == 0
                    && let Some(at) = position
                {
                    self.refresh_view(&at).await?;
                }
                self.seen.send_if_modified(|view| !std::mem::replace(&mut view.caught_up, true));
                self.finalize().await?;
                Ok(Progress::Idle)
            }
            Step::Reorged => self.rewind().await,
        }
    }

    /// The first batch on L1 that was not taken over.
    fn pending_batch(&self) -> Result<Option<StoredBatch>, DerivationError> {
        let l1 = &self.parts.view.l1;
        let next = l1.last_outcome()?.map_or(BatchIndex::ZERO, |(last, _)| last.next());
        Ok(l1.batch(next)?)
    }

    async fn take_over(&mut self, stored: StoredBatch) -> Result<(), DerivationError> {
        let batch = stored.batch;
        let bytes = self.batch_bytes(&batch, &stored.position).await?;
        let messages = self.messages(batch.inbox_start, batch.inbox_end)?;
        let derived = self.parts.engine.derive(batch, bytes, messages).await?;
        self.tell_pool(derived).await
    }

    /// The bytes that the batch's hash binds; none if they count as empty.
    async fn batch_bytes(
        &self,
        batch: &Batch,
        position: &L1Position,
    ) -> Result<Bytes, DerivationError> {
        if batch.verdict == DataVerdict::Empty {
            return Ok(Bytes::new());
        }
        let (transaction, in_block) = (position.transaction, position.block.hash);
        Ok(match self.parts.client.batch_data(batch, transaction, in_block).await? {
            BatchData::Calldata(bytes) => bytes.into(),
            BatchData::Blobs(blobs) => {
                let blobs: Vec<_> = blobs.iter().map(AsRef::as_ref).collect();
                mezz_codec::unpack_blobs(&blobs).unwrap_or_default().into()
            }
        })
    }

    fn messages(
        &self,
        start: InboxIndex,
        end: InboxIndex,
    ) -> Result<Vec<Message>, DerivationError> {
        let stored = self.parts.view.l1.messages(start, end)?;
        Ok(stored.into_iter().map(|stored| stored.message).collect())
    }

    async fn tell_pool(&self, derived: DerivedBatch) -> Result<(), DerivationError> {
        let Some(pool) = &self.parts.pool else { return Ok(()) };
        if derived.headers.is_empty() && derived.returned.is_empty() {
            return Ok(());
        }
        pool.block_built(BlockNews::of_returned(&self.parts.view, derived.returned)?).await;
        Ok(())
    }

    /// Checks an L1 block against the accumulators and stores what it says.
    fn accept(&mut self, block: &L1Block) -> Result<(), DerivationError> {
        let l1 = &self.parts.view.l1;
        let mut tracker = self.tracker()?;
        let at = mezz_store::L1BlockRef { number: block.at.number, hash: block.at.hash };
        // What is kept beyond the finalized block costs little, and a label can be forged.
        let deep = block.at.number.get().saturating_sub(KEPT_L1_BLOCKS);
        let finalized = self.finalized.map(|it| it.min(L1BlockNumber::new(deep)));
        let mut update = L1Update { blocks: vec![at], finalized, ..L1Update::default() };
        for L1Log { event, transaction, log_index } in &block.events {
            let position =
                L1Position { block: at, transaction: *transaction, log_index: *log_index };
            match event {
                L1Event::Message { message, accumulator } => {
                    tracker.message(&block.facts, message, *accumulator)?;
                    let (message, accumulator) = (message.clone(), *accumulator);
                    update.messages.push(StoredMessage { message, accumulator, position });
                }
                L1Event::Batch { batch, hash } => {
                    let accumulator_at = |index: InboxIndex| {
                        accumulator_at(&update.messages, index)
                            .or_else(|| stored_accumulator(l1, index))
                    };
                    tracker.batch(&block.facts, batch, *hash, accumulator_at)?;
                    update.batches.push(StoredBatch {
                        batch: batch.clone(),
                        hash: *hash,
                        position,
                    });
                }
                L1Event::RangeContested { parent, batch_end, rival } => {
                    for claim in l1.claims_from(*batch_end, CLAIMS_OF_A_RANGE)? {
                        if claim.parent == *parent && claim.batch_end == *batch_end {
                            update.claims.push(ClaimEvent::Contested { id: claim.id, position });
                        }
                    }
                    update.claims.push(ClaimEvent::Contested { id: *rival, position });
                }
                other => update.claims.extend(claim_event(other, position)),
            }
        }
        Ok(l1.apply(&update)?)
    }

    fn tracker(&self) -> Result<InboxTracker, DerivationError> {
        let l1 = &self.parts.view.l1;
        let mut tracker = InboxTracker::genesis(self.parts.settings.genesis_hash);
        (tracker.messages, tracker.accumulator) = l1.inbox_end()?;
        if let Some(last) = l1.last_batch()? {
            tracker.batches = last.batch.index.next();
            tracker.batch_accumulator = last.hash;
            tracker.consumed = last.batch.inbox_end;
        }
        Ok(tracker)
    }

    pub(super) async fn refresh_view(&self, at: &L1BlockRef) -> Result<(), DerivationError> {
        let tag = BlockNumberOrTag::Number(at.number.get());
        if let Some(block) = self.parts.client.block_at(tag).await?
            && block.hash == at.hash
        {
            self.publish_view(&block)?;
        }
        Ok(())
    }

    /// Tells the sequencer how far L1 was read.
    fn publish_view(&self, at: &L1BlockRef) -> Result<(), DerivationError> {
        let l1 = &self.parts.view.l1;
        let deepest = at.number.get().saturating_sub(self.parts.settings.confirmations);
        let (mut end, _) = l1.inbox_end()?;
        while end > InboxIndex::ZERO
            && let Some(last) = l1.message(end.prev())?
            && last.position.block.number.get() > deepest
        {
            end = end.prev();
        }
        let seen_at_ms = self.parts.clock.now_ms().max(1);
        self.seen.send_modify(|view| {
            view.timestamp = at.timestamp;
            view.seen_at_ms = seen_at_ms;
            view.consumable_end = end;
        });
        Ok(())
    }

    /// D4.
    async fn finalize(&mut self) -> Result<(), DerivationError> {
        let tag = BlockNumberOrTag::Finalized;
        let Some(finalized) = self.parts.client.block_at(tag).await? else { return Ok(()) };
        let l1 = &self.parts.view.l1;
        // What is final on another chain says nothing of this one.
        if l1.l1_block(finalized.number)?.is_some_and(|ours| ours.hash != finalized.hash) {
            return Err(self.parts.client.contradiction(finalized.number).into());
        }
        self.finalized = Some(finalized.number);
        if let Some(wrong) = self.parts.view.wrong_final_claim()? {
            self.doubt(wrong);
            return Ok(());
        }
        if self.doubted.take().is_some() {
            tracing::info!("L1 does not show the wrong claim as final any more");
        }
        let Some(claim) = l1.last_final_claim()? else { return Ok(()) };
        let Some((ClaimOutcome::Final, position)) = &claim.outcome else { return Ok(()) };
        if position.block.number > finalized.number {
            return Ok(());
        }
        // The claim may be further than this node is.
        let Some(outcome) = l1.outcome(claim.batch_end.prev())? else { return Ok(()) };
        let known = self.parts.view.reader.finalized()?.map(|block| block.number);
        if known.is_none_or(|known| known < outcome.last_block) {
            let at = seen(position.block);
            if !self.parts.client.is_canonical(&at).await? {
                return Err(self.parts.client.contradiction(at.number).into());
            }
            self.parts.engine.finalize(outcome.last_block).await?;
            self.forget_blobs(claim.batch_end);
        }
        Ok(())
    }

    /// D9.
    fn doubt(&mut self, wrong: WrongFinalClaim) {
        let now = self.parts.clock.now_ms();
        let again = |(before, at): (WrongFinalClaim, u64)| {
            before != wrong || now.saturating_sub(at) >= DOUBT_EVERY_MS
        };
        if self.doubted.is_none_or(again) {
            tracing::error!("{wrong}");
            self.parts.client.doubt();
            self.doubted = Some((wrong, now));
        }
    }

    /// Nobody disputes what is final.
    fn forget_blobs(&self, end: BatchIndex) {
        let Some(archive) = self.parts.client.blob_archive() else { return };
        if self.parts.settings.keep_blobs == BlobRetention::Forever {
            return;
        }
        if let Err(error) = archive.forget_before(end) {
            tracing::warn!(%error, "blobs of final batches cannot be removed");
        }
    }
}

/// A block that was read, when its timestamp does not matter.
pub(super) const fn seen(at: mezz_store::L1BlockRef) -> L1BlockRef {
    L1BlockRef { number: at.number, hash: at.hash, timestamp: 0 }
}

fn accumulator_at(messages: &[StoredMessage], index: InboxIndex) -> Option<B256> {
    messages
        .iter()
        .find(|stored| stored.message.index.next() == index)
        .map(|stored| stored.accumulator)
}

fn stored_accumulator(l1: &mezz_store::L1Store, index: InboxIndex) -> Option<B256> {
    if index == InboxIndex::ZERO {
        return Some(B256::ZERO);
    }
    // A failing disk shows as a batch that does not continue, and is tried again.
    l1.message(index.prev()).ok().flatten().map(|stored| stored.accumulator)
}

fn claim_event(event: &L1Event, position: L1Position) -> Vec<ClaimEvent> {
    let ended = |id: &B256, outcome| vec![ClaimEvent::Ended { id: *id, outcome, position }];
    match event {
        L1Event::ClaimProposed(claim) => {
            let claim = StoredClaim {
                id: claim.id,
                parent: claim.parent,
                digest: claim.digest,
                post: claim.post,
                batch_end: claim.batch_end,
                line: claim.line,
                proposer: claim.proposer,
                window_end: claim.window_end,
                proposed: position,
                contested: None,
                outcome: None,
            };
            vec![ClaimEvent::Proposed(Box::new(claim))]
        }
        L1Event::ClaimLost { id } => ended(id, ClaimOutcome::Lost),
        L1Event::ClaimSuperseded { id } => ended(id, ClaimOutcome::Superseded),
        L1Event::ClaimFinalized { id, .. } => ended(id, ClaimOutcome::Final),
        L1Event::Message { .. }
        | L1Event::Batch { .. }
        | L1Event::RangeContested { .. }
        | L1Event::Withdrawn { .. } => Vec::new(),
    }
}
