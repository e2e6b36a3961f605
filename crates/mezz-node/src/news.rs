//! News of the chain: blocks that came, and blocks that went, with their logs.

use std::sync::Arc;

use alloy_consensus::{Header, Sealed};
use alloy_primitives::{B256, Log, keccak256};
use mezz_store::{BlockRef, Receipt, StoreError, StoreReader};
use mezz_types::BlockNumber;

/// Bytes that news of blocks taken back hold at most.
const TAKEN_BACK_BYTES: usize = 32 << 20;
/// What a block or a log holds beside its data, about.
const OVERHEAD: usize = 1 << 10;

/// News of the chain, in the order in which it happened. A subscriber that falls behind loses the oldest.
#[derive(Clone, Debug)]
pub enum ChainEvent {
    /// A block became the head.
    Block(Arc<LoggedBlock>),
    /// Blocks were taken back.
    TakenBack(Arc<TakenBack>),
}

/// A block and its logs.
#[derive(Clone, Debug)]
pub struct LoggedBlock {
    /// Its header.
    pub header: Arc<Sealed<Header>>,
    /// Its logs, in order.
    pub logs: Vec<PlacedLog>,
}

/// A log and where it is in its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedLog {
    /// The log.
    pub log: Log,
    /// Hash of the transaction that left it.
    pub transaction: B256,
    /// Position of that transaction in the block.
    pub transaction_index: u64,
    /// Position of the log in the block.
    pub log_index: u64,
}

/// Blocks that were taken back.
#[derive(Clone, Debug)]
pub struct TakenBack {
    /// The head after that.
    pub head: BlockRef,
    /// The blocks, newest first; none if there were more, or larger ones, than memory is given for.
    pub blocks: Option<Vec<LoggedBlock>>,
    /// Bytes that they hold, about.
    pub bytes: usize,
}

impl LoggedBlock {
    pub(crate) fn new(
        header: Arc<Sealed<Header>>,
        hashes: &[B256],
        receipts: Vec<Receipt>,
    ) -> Self {
        let parts = (0..).zip(hashes.iter().copied()).zip(receipts);
        let logs = parts.flat_map(|((transaction_index, transaction), receipt)| {
            let indexed = receipt.logs.into_iter().zip(receipt.first_log_index..);
            indexed.map(move |(log, log_index)| PlacedLog {
                log,
                transaction,
                transaction_index,
                log_index,
            })
        });
        Self { header, logs: logs.collect() }
    }

    /// The block of this number as it is stored; `None` if there is none.
    fn stored(reader: &StoreReader, number: BlockNumber) -> Result<Option<Self>, StoreError> {
        let Some((hash, header)) = reader.header(number)? else { return Ok(None) };
        let (Some(body), Some(receipts)) = (reader.body(number)?, reader.receipts(number)?) else {
            return Ok(None);
        };
        let hashes: Vec<B256> = body.transactions.iter().map(keccak256).collect();
        let header = Arc::new(Sealed::new_unchecked(header, hash));
        Ok(Some(Self::new(header, &hashes, receipts)))
    }

    /// Bytes that it holds, about.
    pub fn bytes(&self) -> usize {
        let logs = self.logs.iter().map(|it| it.log.data.data.len().saturating_add(OVERHEAD));
        logs.fold(OVERHEAD, usize::saturating_add)
    }
}

impl TakenBack {
    /// What a rollback from `head` to `target` takes back; to be read before it.
    pub(crate) fn read(
        reader: &StoreReader,
        head: BlockNumber,
        target: BlockRef,
    ) -> Result<Self, StoreError> {
        Self::read_within(reader, head, target, TAKEN_BACK_BYTES)
    }

    fn read_within(
        reader: &StoreReader,
        head: BlockNumber,
        target: BlockRef,
        most: usize,
    ) -> Result<Self, StoreError> {
        let (mut blocks, mut bytes) = (Vec::new(), 0usize);
        let mut at = head;
        while at > target.number {
            let block = LoggedBlock::stored(reader, at)?;
            bytes = bytes.saturating_add(block.as_ref().map_or(0, LoggedBlock::bytes));
            let Some(block) = block.filter(|_| bytes <= most) else {
                return Ok(Self { head: target, blocks: None, bytes: 0 });
            };
            blocks.push(block);
            at = at.prev();
        }
        Ok(Self { head: target, blocks: Some(blocks), bytes })
    }

    /// The first block that is gone.
    pub const fn first(&self) -> BlockNumber {
        self.head.number.next()
    }
}
