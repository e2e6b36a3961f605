//! One look at what is to be posted.

use std::sync::Arc;

use alloy::sol_types::SolCall;
use alloy_primitives::{B256, Bytes};
use mezz_contracts::Inbox;
use mezz_l1::{Blob, L1Call, TxSender};
use mezz_types::{BatchIndex, BlockNumber, DataKind, InboxIndex, L1BlockNumber};
use tokio::sync::watch;

use super::{
    BatcherError,
    draft::{Draft, Drafts, NextBatch, Pending},
};
use crate::{ChainView, Clock, L1View};

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
        let view = *self.l1.borrow();
        let chain = self.view.clone();
        let drafts = Drafts { view: &chain, l1: view, data: self.settings.data };
        let Some(pending) = drafts.pending()? else { return Ok(None) };
        let Some(draft) = drafts.draft(&pending)? else { return Ok(None) };
        if !(now || self.is_due(&draft, &pending, &view)) {
            return Ok(None);
        }
        let Some(NextBatch { last, inbox_end, not_before, bytes }) =
            drafts.fit(&pending, &draft)?
        else {
            return Ok(None);
        };
        let length = bytes.len();
        let call = self.call(&pending, inbox_end, not_before, bytes)?;
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
            parent: pending.parent.unwrap_or(self.settings.genesis_hash),
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
