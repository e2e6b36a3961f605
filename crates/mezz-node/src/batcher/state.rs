//! One look at what is to be posted.

use std::sync::Arc;

use alloy::sol_types::SolCall;
use alloy_primitives::{B256, Bytes};
use mezz_codec::{BLOB_CAPACITY, BatchBlock, MAX_BATCH_BLOBS};
use mezz_contracts::Inbox;
use mezz_l1::{Blob, L1Call, TxSender};
use mezz_transition::BatchBuilder;
use mezz_types::{BatchIndex, BlockNumber, DataKind, InboxIndex, L1BlockNumber, Message};
use tokio::sync::watch;

use super::BatcherError;
use crate::{ChainView, Clock, L1View, engine::next_inbox_index};

/// Calldata of one batch, bytes: what a guest fetches by hash (DESIGN: 96 KiB).
const CALLDATA_CAPACITY: usize = 98_304;
/// Gas of a blob batch: the call writes a fixed number of slots, whatever the blobs hold.
const BLOB_BATCH_GAS: u64 = 600_000;

/// How batches are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatcherSettings {
    /// Where the bytes go.
    pub data: DataKind,
    /// Milliseconds that a block with something in it waits at most.
    pub max_age_ms: u64,
    /// Seconds after which empty blocks are posted too, so that the operator does not count as
    /// silent.
    pub keepalive_secs: u64,
    /// The chain's genesis hash: parent of the first batch.
    pub genesis_hash: B256,
}

/// A batch that L1 accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its position.
    pub index: BatchIndex,
    /// First and last block.
    pub blocks: (BlockNumber, BlockNumber),
    /// Bytes as posted, before they are spread over blobs.
    pub bytes: usize,
    /// Gas that L1 took.
    pub gas_used: u64,
    /// Where it was accepted.
    pub l1_block: L1BlockNumber,
}

/// Posts blocks to L1.
pub struct Batcher {
    view: ChainView,
    sender: TxSender,
    settings: BatcherSettings,
    l1: watch::Receiver<L1View>,
    clock: Arc<dyn Clock>,
    waiting_since_ms: Option<u64>,
}

struct Pending {
    index: BatchIndex,
    parent: B256,
    first: BlockNumber,
    inbox_start: InboxIndex,
    posted_at: u64,
}

struct Draft {
    blocks: Vec<BatchBlock>,
    /// Last block and inbox end after each of them.
    ends: Vec<(BlockNumber, InboxIndex)>,
    full: bool,
    /// Whether anything but empty blocks is in it.
    work: bool,
}

impl Batcher {
    /// Posts with `sender`'s key.
    pub fn new(
        view: ChainView,
        sender: TxSender,
        settings: BatcherSettings,
        l1: watch::Receiver<L1View>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { view, sender, settings, l1, clock, waiting_since_ms: None }
    }

    /// Posts a batch if one is due (B3).
    ///
    /// # Errors
    /// [`BatcherError`]; a temporary one is worth another try.
    pub async fn step(&mut self) -> Result<Option<Posted>, BatcherError> {
        self.post(false).await
    }

    /// Posts what there is, due or not.
    ///
    /// # Errors
    /// As [`Batcher::step`].
    pub async fn flush(&mut self) -> Result<Option<Posted>, BatcherError> {
        self.post(true).await
    }

    async fn post(&mut self, now: bool) -> Result<Option<Posted>, BatcherError> {
        // B1, also for what an earlier run of this node sent.
        let sent_in = self.sender.settle().await?.map(L1BlockNumber::new);
        let read = self.view.l1.cursor()?.map(|at| at.number);
        if sent_in.is_some() && read < sent_in {
            return Ok(None);
        }
        let Some(pending) = self.pending()? else { return Ok(None) };
        let view = *self.l1.borrow();
        let Some(draft) = self.draft(&pending, &view)? else { return Ok(None) };
        if !(now || self.is_due(&draft, &pending, &view)) {
            return Ok(None);
        }
        let (count, bytes) = fit(&draft, self.capacity())?;
        let (Some((last, inbox_end)), Some(last_block)) =
            (draft.ends.get(count - 1).copied(), draft.blocks.get(count - 1))
        else {
            return Ok(None);
        };
        if let Some(message) = self.due_message(pending.inbox_start, inbox_end, &view)? {
            if draft.full || count < draft.blocks.len() {
                return Err(BatcherError::MessageDue { message, blocks: (pending.first, last) });
            }
            return Ok(None);
        }
        let length = bytes.len();
        let call = self.call(&pending, inbox_end, last_block.timestamp, bytes)?;
        let receipt = self.sender.send(call).await?;
        let posted = Posted {
            index: pending.index,
            blocks: (pending.first, last),
            bytes: length,
            gas_used: receipt.gas_used,
            l1_block: L1BlockNumber::new(receipt.block_number.unwrap_or_default()),
        };
        self.waiting_since_ms = None;
        Ok(Some(posted))
    }

    /// What the next batch follows; `None` while derivation has not caught up (B1).
    fn pending(&self) -> Result<Option<Pending>, BatcherError> {
        let l1 = &self.view.l1;
        let Some(stored) = l1.last_batch()? else {
            return Ok(Some(Pending {
                index: BatchIndex::ZERO,
                parent: self.settings.genesis_hash,
                first: BlockNumber::new(1),
                inbox_start: InboxIndex::ZERO,
                posted_at: self.view.config.genesis_timestamp,
            }));
        };
        let Some(outcome) = l1.outcome(stored.batch.index)? else { return Ok(None) };
        Ok(Some(Pending {
            index: stored.batch.index.next(),
            parent: stored.hash,
            first: outcome.last_block.next(),
            inbox_start: stored.batch.inbox_end,
            posted_at: stored.batch.facts.timestamp,
        }))
    }

    /// The blocks that can be posted now, as many as one batch may hold.
    fn draft(&self, pending: &Pending, view: &L1View) -> Result<Option<Draft>, BatcherError> {
        let head = BlockNumber::new(self.view.head.borrow().number);
        let mut builder = BatchBuilder::new(self.view.config.limits);
        let mut draft = Draft { blocks: Vec::new(), ends: Vec::new(), full: false, work: false };
        let (mut at, mut start) = (pending.first, pending.inbox_start);
        while at <= head {
            let (block, end) = self.block(at, start)?;
            if block.timestamp > view.timestamp {
                break;
            }
            let stored = self.view.l1.messages(start, end)?;
            if InboxIndex::new(start.get().saturating_add(stored.len() as u64)) != end {
                // L1 is being followed back: the block will be taken back.
                break;
            }
            let messages: Vec<Message> = stored.into_iter().map(|it| it.message).collect();
            let marker = mezz_types::MessageKind::Marker;
            let work = !block.transactions.is_empty()
                || messages.iter().any(|message| message.kind != marker);
            let gas = messages.iter().fold(0u64, |gas, it| gas.saturating_add(it.gas_limit));
            if let Err(error) = builder.push(block, gas) {
                if draft.ends.is_empty() {
                    return Err(BatcherError::Block { block: at, reason: error.to_string() });
                }
                draft.full = true;
                break;
            }
            draft.work |= work;
            draft.ends.push((at, end));
            (at, start) = (at.next(), end);
        }
        draft.blocks = builder.take();
        Ok((!draft.blocks.is_empty()).then_some(draft))
    }

    /// B5: the first message that a batch of the messages from `start` to `end` leaves out, if the contract
    /// would have had room for it and no more patience.
    fn due_message(
        &self,
        start: InboxIndex,
        end: InboxIndex,
        view: &L1View,
    ) -> Result<Option<InboxIndex>, BatcherError> {
        let config = &self.view.config;
        let Some(next) = self.view.l1.message(end)? else { return Ok(None) };
        let taken = self.view.l1.messages(start, end)?;
        let gas = taken.iter().map(|stored| stored.message.gas_limit);
        let gas = gas.fold(next.message.gas_limit, u64::saturating_add);
        let fits = (taken.len() as u64) < config.limits.batch_messages
            && gas <= config.limits.batch_message_gas;
        let due = next.message.facts.timestamp.saturating_add(config.force_delay);
        Ok((fits && due <= view.timestamp).then_some(end))
    }

    fn block(
        &self,
        number: BlockNumber,
        start: InboxIndex,
    ) -> Result<(BatchBlock, InboxIndex), BatcherError> {
        let unreadable = |reason: String| BatcherError::Block { block: number, reason };
        let reader = &self.view.reader;
        // It was there when the head was looked at: L1 took something back meanwhile.
        let gone = || BatcherError::Gone { block: number };
        let (_, header) = reader.header(number)?.ok_or_else(gone)?;
        let body = reader.body(number)?.ok_or_else(gone)?;
        let end = next_inbox_index(&header).map_err(|error| unreadable(error.to_string()))?;
        let from_inbox = usize::try_from(body.from_inbox).unwrap_or(usize::MAX);
        let transactions = body
            .transactions
            .get(from_inbox..)
            .unwrap_or_default()
            .iter()
            .map(|bytes| mezz_evm::decode_transaction(bytes))
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(error.to_string()))?;
        let message_count = end.distance_from(start);
        Ok((BatchBlock { timestamp: header.timestamp, message_count, transactions }, end))
    }

    /// B3.
    fn is_due(&mut self, draft: &Draft, pending: &Pending, view: &L1View) -> bool {
        if draft.full {
            return true;
        }
        let now = self.clock.now_ms();
        if !draft.work {
            self.waiting_since_ms = None;
            return view.timestamp
                >= pending.posted_at.saturating_add(self.settings.keepalive_secs);
        }
        let since = *self.waiting_since_ms.get_or_insert(now);
        now.saturating_sub(since) >= self.settings.max_age_ms
    }

    const fn capacity(&self) -> usize {
        match self.settings.data {
            DataKind::Calldata => CALLDATA_CAPACITY,
            DataKind::Blob => MAX_BATCH_BLOBS * BLOB_CAPACITY - 4,
        }
    }

    fn call(
        &self,
        pending: &Pending,
        inbox_end: InboxIndex,
        not_before: u64,
        bytes: Vec<u8>,
    ) -> Result<L1Call, BatcherError> {
        let accumulator = match inbox_end {
            InboxIndex::ZERO => B256::ZERO,
            end => self
                .view
                .l1
                .message(end.prev())?
                .map(|stored| stored.accumulator)
                .unwrap_or_default(),
        };
        let input = Inbox::BatchInput {
            parent: pending.parent,
            inboxEnd: inbox_end.get(),
            inboxAccumulator: accumulator,
            notBefore: not_before,
        };
        let to = Some(self.view.contracts.inbox);
        Ok(match self.settings.data {
            DataKind::Calldata => {
                let data = Inbox::postBatchCall { input, data: Bytes::from(bytes) }.abi_encode();
                L1Call { to, data: data.into(), ..L1Call::default() }
            }
            DataKind::Blob => {
                let data = Inbox::postBatchBlobsCall { input }.abi_encode();
                let blobs = mezz_codec::pack_blobs(&bytes)?;
                let blobs = blobs.into_iter().map(|blob| Blob::new((*blob).into())).collect();
                let gas_limit = Some(BLOB_BATCH_GAS);
                L1Call { to, data: data.into(), blobs, gas_limit, ..L1Call::default() }
            }
        })
    }
}

/// The most blocks of the draft whose encoding fits, at least one, and the encoding.
fn fit(draft: &Draft, capacity: usize) -> Result<(usize, Vec<u8>), BatcherError> {
    let mut count = draft.blocks.len();
    loop {
        let bytes = mezz_codec::encode(draft.blocks.get(..count).unwrap_or_default())?;
        let got = bytes.len();
        if got <= capacity {
            return Ok((count, bytes));
        }
        if count <= 1 {
            let block = draft.ends.first().map(|(block, _)| *block).unwrap_or_default();
            return Err(BatcherError::TooLarge { block, got, capacity });
        }
        // In proportion, and always fewer.
        let share = count.saturating_mul(capacity) / got.max(1);
        count = share.clamp(1, count - 1);
    }
}
