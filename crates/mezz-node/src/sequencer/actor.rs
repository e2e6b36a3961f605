//! The sequencer's loop.

use std::{sync::Arc, time::Duration};

use mezz_evm::BlockEnv;
use mezz_types::{BatchIndex, DataKind, Message};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{HeadView, L1View, SequencerSettings, propose};
use crate::{
    BlockNews, BuildRequest, BuiltBlock, CandidateLimits, ChainView, Clock, EngineError,
    EngineHandle, PoolHandle, batcher::Drafts, engine::next_inbox_index,
};

/// Between two looks at whether the blocks can be posted: it takes as long as making a batch.
const ASK_EVERY_MS: u64 = 10_000;

/// What a sequencer is made of.
pub struct SequencerParts {
    /// The chain.
    pub view: ChainView,
    /// Who writes blocks.
    pub engine: EngineHandle,
    /// What waits.
    pub pool: PoolHandle,
    /// How it paces itself.
    pub settings: SequencerSettings,
    /// What derivation knows of L1.
    pub l1: watch::Receiver<L1View>,
    /// This machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Where batches go: bounds what a block may hold.
    pub data: DataKind,
}

/// Builds blocks.
pub struct Sequencer {
    parts: SequencerParts,
    /// When it was last asked whether the blocks can be posted, milliseconds.
    asked_at_ms: Option<u64>,
}

impl Sequencer {
    /// Builds with these parts.
    pub const fn new(parts: SequencerParts) -> Self {
        Self { parts, asked_at_ms: None }
    }

    /// Builds the next block if the policy says so.
    ///
    /// # Errors
    /// As of the engine.
    pub async fn step(&mut self) -> Result<Option<BuiltBlock>, EngineError> {
        let l1_view = *self.parts.l1.borrow();
        if l1_view.seen_at_ms == 0 {
            return Ok(None);
        }
        self.take_back(l1_view).await?;
        let SequencerParts { view, engine, pool, settings, clock, data, .. } = &self.parts;
        let head = Arc::clone(&view.head.borrow());
        let head_view =
            HeadView { timestamp: head.timestamp, next_inbox_index: next_inbox_index(&head)? };
        let messages = self.messages(&head_view, &l1_view)?;
        let config = &view.config;
        let rules = config
            .rules_at(BatchIndex::ZERO)
            .ok_or(EngineError::NoRules { batch: BatchIndex::ZERO })?;
        let base_fee = BlockEnv::child(config, rules, &head, head.timestamp)?.base_fee();
        let limits = CandidateLimits {
            base_fee,
            gas: config.limits.batch_gas.saturating_sub(config.limits.batch_message_gas),
            count: usize::try_from(config.limits.batch_transactions).unwrap_or(usize::MAX),
            bytes: block_bytes(*data),
        };
        let candidates = pool.candidates(limits).await;
        let waiting = !candidates.is_empty();
        let now = clock.now_ms();
        let proposal = propose(settings, config, now, &l1_view, &head_view, &messages, waiting);
        let Some(proposal) = proposal else { return Ok(None) };
        let mut messages = messages;
        messages.truncate(proposal.messages);
        let request = BuildRequest { timestamp: proposal.timestamp, messages, candidates };
        let built = engine.build(request).await?;
        let news = BlockNews {
            nonces: built.nonces.clone(),
            invalid: built.invalid.clone(),
            returned: Vec::new(),
        };
        pool.block_built(news).await;
        Ok(Some(built))
    }

    /// S7.
    async fn take_back(&mut self, l1: L1View) -> Result<(), EngineError> {
        let SequencerParts { view, engine, pool, clock, data, .. } = &self.parts;
        let now = clock.now_ms();
        if self.asked_at_ms.is_some_and(|asked| now.saturating_sub(asked) < ASK_EVERY_MS) {
            return Ok(());
        }
        self.asked_at_ms = Some(now);
        let stuck = match (Drafts { view, l1, data: *data }).stuck() {
            Ok(stuck) => stuck,
            Err(error) => {
                tracing::debug!(%error, "not known whether the blocks can be posted");
                return Ok(());
            }
        };
        let Some((first, message)) = stuck else { return Ok(()) };
        let returned = engine.take_back_unposted(first.prev()).await?;
        tracing::warn!(
            %message, first = %first, transactions = returned.len(),
            "the blocks were not posted in time, and L1 takes none of them without a message that is due: they are \
             built anew, with the message first"
        );
        pool.block_built(BlockNews::of_returned(view, returned)?).await;
        Ok(())
    }

    fn messages(&self, head: &HeadView, l1: &L1View) -> Result<Vec<Message>, EngineError> {
        let limit = self.parts.view.config.limits.batch_messages.saturating_add(1);
        let end = head.next_inbox_index.get().saturating_add(limit).min(l1.consumable_end.get());
        let end = mezz_types::InboxIndex::new(end);
        if end <= head.next_inbox_index {
            return Ok(Vec::new());
        }
        let stored = self.parts.view.l1.messages(head.next_inbox_index, end)?;
        Ok(stored.into_iter().map(|stored| stored.message).collect())
    }
}

/// Bytes of transactions that one batch carries for certain, compressed or not.
const fn block_bytes(data: DataKind) -> usize {
    match data {
        DataKind::Calldata => 90_000,
        DataKind::Blob => 740_000,
    }
}

/// Builds blocks until `stop` says so.
///
/// # Errors
/// An [`EngineError`] that is not temporary: a sequencer whose engine fails must not go on.
pub async fn run_sequencer(
    mut sequencer: Sequencer,
    mut stop: watch::Receiver<bool>,
) -> Result<(), EngineError> {
    let mut ticks = interval(Duration::from_millis(sequencer.parts.settings.block_time_ms.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stop.borrow() {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => continue,
        }
        match sequencer.step().await {
            Ok(Some(built)) => tracing::debug!(
                block = built.header.number,
                transactions = built.transactions,
                "block built"
            ),
            Ok(None) => {}
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, "no block this time");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
