//! What the next batch would hold.

use alloy_primitives::B256;
use mezz_codec::{BLOB_CAPACITY, BatchBlock, MAX_BATCH_BLOBS};
use mezz_transition::BatchBuilder;
use mezz_types::{BatchIndex, BlockNumber, DataKind, InboxIndex, Message};

use super::BatcherError;
use crate::{ChainView, L1View, engine::next_inbox_index};

/// Calldata of one batch, bytes: what a guest fetches by hash (DESIGN: 96 KiB).
const CALLDATA_CAPACITY: usize = 98_304;

/// Makes batches of what is not posted.
pub(crate) struct Drafts<'a> {
    pub(crate) view: &'a ChainView,
    /// What this node knows of L1.
    pub(crate) l1: L1View,
    pub(crate) data: DataKind,
}

/// What the next batch follows.
pub(super) struct Pending {
    pub(super) index: BatchIndex,
    /// Hash of the batch before; none if it is the first.
    pub(super) parent: Option<B256>,
    pub(super) first: BlockNumber,
    pub(super) inbox_start: InboxIndex,
    pub(super) posted_at: u64,
}

pub(super) struct Draft {
    blocks: Vec<BatchBlock>,
    /// Last block and inbox end after each of them.
    ends: Vec<(BlockNumber, InboxIndex)>,
    pub(super) full: bool,
    /// Whether anything but empty blocks is in it.
    pub(super) work: bool,
}

/// A batch that L1 would take.
pub(super) struct NextBatch {
    pub(super) last: BlockNumber,
    pub(super) inbox_end: InboxIndex,
    /// Timestamp of its last block.
    pub(super) not_before: u64,
    pub(super) bytes: Vec<u8>,
}

impl Drafts<'_> {
    /// What the next batch follows; `None` while derivation has not caught up (B1).
    pub(super) fn pending(&self) -> Result<Option<Pending>, BatcherError> {
        let l1 = &self.view.l1;
        let Some(stored) = l1.last_batch()? else {
            return Ok(Some(Pending {
                index: BatchIndex::ZERO,
                parent: None,
                first: BlockNumber::new(1),
                inbox_start: InboxIndex::ZERO,
                posted_at: self.view.config.genesis_timestamp,
            }));
        };
        let Some(outcome) = l1.outcome(stored.batch.index)? else { return Ok(None) };
        Ok(Some(Pending {
            index: stored.batch.index.next(),
            parent: Some(stored.hash),
            first: outcome.last_block.next(),
            inbox_start: stored.batch.inbox_end,
            posted_at: stored.batch.facts.timestamp,
        }))
    }

    /// The blocks that can be posted now, as many as one batch may hold.
    pub(super) fn draft(&self, pending: &Pending) -> Result<Option<Draft>, BatcherError> {
        let head = BlockNumber::new(self.view.head.borrow().number);
        let mut builder = BatchBuilder::new(self.view.config.limits);
        let mut draft = Draft { blocks: Vec::new(), ends: Vec::new(), full: false, work: false };
        let (mut at, mut start) = (pending.first, pending.inbox_start);
        while at <= head {
            let (block, end) = self.block(at, start)?;
            if block.timestamp > self.l1.timestamp {
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

    /// As much of the draft as one batch carries; none if it waits for the block that has a message which is due
    /// (B5).
    ///
    /// # Errors
    /// [`BatcherError::MessageDue`] if that block can be in no such batch, [`BatcherError::TooLarge`], or of the store.
    pub(super) fn fit(
        &self,
        pending: &Pending,
        draft: &Draft,
    ) -> Result<Option<NextBatch>, BatcherError> {
        let (count, bytes) = fit(draft, self.capacity())?;
        let (Some((last, inbox_end)), Some(last_block)) =
            (draft.ends.get(count - 1).copied(), draft.blocks.get(count - 1))
        else {
            return Ok(None);
        };
        if let Some(message) = self.due_message(pending.inbox_start, inbox_end)? {
            if draft.full || count < draft.blocks.len() {
                return Err(BatcherError::MessageDue { message, blocks: (pending.first, last) });
            }
            return Ok(None);
        }
        Ok(Some(NextBatch { last, inbox_end, not_before: last_block.timestamp, bytes }))
    }

    /// The first block after the last batch, and the message that is due, if no batch can have both: the
    /// blocks that were not posted have to be taken back.
    ///
    /// # Errors
    /// As of [`Drafts::fit`], but for that one.
    pub(crate) fn stuck(&self) -> Result<Option<(BlockNumber, InboxIndex)>, BatcherError> {
        let Some(pending) = self.pending()? else { return Ok(None) };
        let oldest = self.view.l1.message(pending.inbox_start)?;
        if !oldest.is_some_and(|oldest| self.is_due(&oldest.message)) {
            return Ok(None);
        }
        let Some(draft) = self.draft(&pending)? else { return Ok(None) };
        match self.fit(&pending, &draft) {
            Err(BatcherError::MessageDue { message, blocks: (first, _) }) => {
                Ok(Some((first, message)))
            }
            other => other.map(|_| None),
        }
    }

    /// The first message that a batch of the messages from `start` to `end` leaves out, if the contract
    /// would have had room for it and no more patience.
    fn due_message(
        &self,
        start: InboxIndex,
        end: InboxIndex,
    ) -> Result<Option<InboxIndex>, BatcherError> {
        let limits = self.view.config.limits;
        let Some(next) = self.view.l1.message(end)? else { return Ok(None) };
        let taken = self.view.l1.messages(start, end)?;
        let gas = taken.iter().map(|stored| stored.message.gas_limit);
        let gas = gas.fold(next.message.gas_limit, u64::saturating_add);
        let fits = (taken.len() as u64) < limits.batch_messages && gas <= limits.batch_message_gas;
        Ok((fits && self.is_due(&next.message)).then_some(end))
    }

    fn is_due(&self, message: &Message) -> bool {
        let due = message.facts.timestamp.saturating_add(self.view.config.force_delay);
        due <= self.l1.timestamp
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

    const fn capacity(&self) -> usize {
        match self.data {
            DataKind::Calldata => CALLDATA_CAPACITY,
            DataKind::Blob => MAX_BATCH_BLOBS * BLOB_CAPACITY - 4,
        }
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
