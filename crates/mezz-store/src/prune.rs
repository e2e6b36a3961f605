//! Forgetting old blocks: their transactions, receipts and logs. Headers, withdrawals, codes and what was
//! learnt from L1 stay.
//!
//! Rules:
//! - A step is one transaction of the database: the rows go, and where history begins moves, together. Who
//!   reads sees both or neither.
//! - Sections of the index of logs go after that. One that a crash leaves covers blocks that nobody finds
//!   any more, and goes with the next step.
//! - The last final block and what comes after it stay: batches, rollbacks and replicas need them.

use std::sync::Arc;

use alloy_primitives::keccak256;
use mezz_types::BlockNumber;

use crate::{
    StoreError, blocks, log_index,
    shared::{Shared, final_block, history_from},
    tables::{BLOOMS, BODIES, RECEIPTS, TRANSACTIONS, meta},
};

/// Blocks that one step takes at most: the writer of blocks waits for as long.
const BLOCKS_PER_STEP: u64 = 64;
/// Transactions after which a step ends.
const TRANSACTIONS_PER_STEP: usize = 4_096;

/// The one who forgets old blocks.
pub struct HistoryPruner {
    shared: Arc<Shared>,
}

impl HistoryPruner {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Forgets some of the blocks that are older than [`crate::StoreOptions::history_blocks`] and final; says
    /// whether there are more.
    ///
    /// # Errors
    /// A failure of the disk, which stops the store.
    pub fn step(&mut self) -> Result<bool, StoreError> {
        let shared = &self.shared;
        shared.check_alive()?;
        let Some(kept) = shared.options.history_blocks else { return Ok(false) };
        let read = shared.database.read()?;
        let (Some(head), Some(finalized)) = (shared.tip()?, final_block(&read)?) else {
            return Ok(false);
        };
        let first = history_from(&read)?.max(BlockNumber::new(1));
        let wanted = head.number.get().saturating_add(1).saturating_sub(kept);
        let target = BlockNumber::new(wanted).min(finalized);
        if first >= target {
            log_index::remove_before(shared, first)?;
            return Ok(false);
        }
        let next = shared.durable(remove(shared, first, target))?;
        log_index::remove_before(shared, next)?;
        Ok(next < target)
    }
}

/// Removes blocks from `first` on, before `target`; where history begins then.
pub(crate) fn remove(
    shared: &Shared,
    first: BlockNumber,
    target: BlockNumber,
) -> Result<BlockNumber, StoreError> {
    let read = shared.database.read()?;
    let write = shared.database.write()?;
    let (mut at, mut transactions) = (first, 0usize);
    while at < target
        && at.distance_from(first) < BLOCKS_PER_STEP
        && transactions < TRANSACTIONS_PER_STEP
    {
        let number = at.get();
        if let Some(body) = blocks::body(&read, at)? {
            transactions = transactions.saturating_add(body.transactions.len());
            let mut table = write.table(TRANSACTIONS)?;
            for transaction in &body.transactions {
                table
                    .remove(&keccak256(transaction).0)
                    .map_err(StoreError::database("removing an entry"))?;
            }
        }
        for table in [BODIES, RECEIPTS] {
            write.remove(table, number)?;
        }
        write.remove(BLOOMS, number)?;
        at = at.next();
    }
    write.set_meta_block(meta::HISTORY_FROM, at)?;
    write.commit()?;
    Ok(at)
}
