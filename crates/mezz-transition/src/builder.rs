//! Which blocks of the chain go into one batch.

use alloc::vec::Vec;
use alloy_consensus::Transaction as _;
use mezz_codec::{BatchBlock, PayloadMeter};
use mezz_types::Limits;

use crate::rules::count;

/// A bound of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// [`Limits::batch_blocks`].
    Blocks,
    /// [`Limits::batch_transactions`].
    Transactions,
    /// [`Limits::batch_messages`].
    Messages,
    /// [`Limits::batch_gas`].
    Gas,
    /// [`Limits::batch_message_gas`].
    MessageGas,
    /// [`Limits::batch_bytes`], before compression.
    Bytes,
}

/// A block does not fit into the batch any more; the batch is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("with this block, {bound:?} of the batch would be {got}, at most {limit}")]
pub struct BatchFull {
    /// The bound that would be broken.
    pub bound: Bound,
    /// What it allows.
    pub limit: u64,
    /// What the batch would have.
    pub got: u64,
}

#[derive(Clone, Debug, Default)]
struct Totals {
    blocks: u64,
    transactions: u64,
    messages: u64,
    gas: u64,
    message_gas: u64,
    payload: PayloadMeter,
}

/// Collects blocks as long as all bounds of a batch hold, in the order of the chain: the same
/// blocks always give the same batches.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    limits: Limits,
    totals: Totals,
    blocks: Vec<BatchBlock>,
}

impl BatchBuilder {
    /// An empty batch.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            totals: Totals {
                blocks: 0,
                transactions: 0,
                messages: 0,
                gas: 0,
                message_gas: 0,
                payload: PayloadMeter::new(),
            },
            blocks: Vec::new(),
        }
    }

    /// Adds the next block; `message_gas` is the sum of the gas limits of the messages that it
    /// consumes.
    ///
    /// # Errors
    /// [`BatchFull`] if the block belongs into the next batch. If the batch is still empty, the
    /// block fits into none.
    pub fn push(&mut self, block: BatchBlock, message_gas: u64) -> Result<(), BatchFull> {
        let gas = block.transactions.iter().map(|tx| tx.gas_limit());
        let gas = gas.fold(message_gas, u64::saturating_add);
        let mut totals = self.totals.clone();
        totals.blocks = totals.blocks.saturating_add(1);
        totals.transactions = totals.transactions.saturating_add(count(block.transactions.len()));
        totals.messages = totals.messages.saturating_add(block.message_count);
        totals.gas = totals.gas.saturating_add(gas);
        totals.message_gas = totals.message_gas.saturating_add(message_gas);
        totals.payload.push(&block);
        self.check(&totals)?;
        self.totals = totals;
        self.blocks.push(block);
        Ok(())
    }

    fn check(&self, totals: &Totals) -> Result<(), BatchFull> {
        let limits = &self.limits;
        for (bound, got, limit) in [
            (Bound::Blocks, totals.blocks, limits.batch_blocks),
            (Bound::Transactions, totals.transactions, limits.batch_transactions),
            (Bound::Messages, totals.messages, limits.batch_messages),
            (Bound::Gas, totals.gas, limits.batch_gas),
            (Bound::MessageGas, totals.message_gas, limits.batch_message_gas),
            (Bound::Bytes, totals.payload.bytes(), limits.batch_bytes),
        ] {
            if got > limit {
                return Err(BatchFull { bound, limit, got });
            }
        }
        Ok(())
    }

    /// The blocks so far.
    pub fn blocks(&self) -> &[BatchBlock] {
        &self.blocks
    }

    /// Bytes of the batch before compression, at most.
    pub const fn payload_bytes(&self) -> u64 {
        self.totals.payload.bytes()
    }

    /// Messages that the batch consumes.
    pub const fn messages(&self) -> u64 {
        self.totals.messages
    }

    /// The batch, and an empty builder for the next one.
    pub fn take(&mut self) -> Vec<BatchBlock> {
        self.totals = Totals::default();
        core::mem::take(&mut self.blocks)
    }
}
