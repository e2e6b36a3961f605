//! Rule P7: the pool on disk.
//!
//! One thread writes. While the disk is busy its mailbox fills; the next write takes all of it.

use std::sync::Arc;

use alloy_primitives::B256;
use mezz_evm::{check_transaction, decode_transaction, recover};
use mezz_store::{PoolJournal, PoolUpdate, StateView};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{Pool, PoolError, PoolLimits, PoolTransaction, SharedTransaction};
use crate::{ChainView, EngineError};

/// Writes that may wait for the disk. An arrival that finds no place is refused; departures and
/// transactions of blocks taken back wait for one.
pub(super) const MAILBOX: usize = 16_384;
/// Transactions in one write at most, so that the first does not wait for a flood behind it.
const GROUP: usize = 4_096;

/// Something to write.
pub(super) struct Entry {
    /// What arrived, if anything, with its sender's place to wait.
    pub(super) arrived: Option<(PoolTransaction, Option<Answer>)>,
    /// Arrivals that left.
    pub(super) departed: Vec<u64>,
    /// A transaction of a block taken back that waits again, or never will.
    pub(super) settled: Option<B256>,
}

/// Where a sender waits for the answer.
pub(super) type Answer = oneshot::Sender<Result<B256, PoolError>>;

/// Writes until the pool ends. Tells senders and subscribers of what is on disk.
pub(super) fn run_journal(
    journal: &PoolJournal,
    mut entries: mpsc::Receiver<Entry>,
    arrivals: &broadcast::Sender<SharedTransaction>,
) {
    while let Some(first) = entries.blocking_recv() {
        let mut group = vec![first];
        while group.len() < GROUP
            && let Ok(next) = entries.try_recv()
        {
            group.push(next);
        }
        let written = journal.write(&update(&group));
        for (transaction, answer) in group.into_iter().filter_map(|entry| entry.arrived) {
            let result = match &written {
                Ok(()) => Ok(transaction.hash),
                // The store has stopped and said why; everything else of the node stops over it.
                Err(_) => Err(PoolError::Unstored),
            };
            if let Some(answer) = answer {
                if result.is_ok() {
                    // Nobody may be listening.
                    let _ = arrivals.send(transaction.transaction);
                }
                let _ = answer.send(result);
            }
        }
    }
}

fn update(group: &[Entry]) -> PoolUpdate {
    use alloy_eips::Encodable2718 as _;
    let mut update = PoolUpdate::default();
    for entry in group {
        if let Some((transaction, _)) = &entry.arrived {
            update.arrived.push((transaction.arrival, transaction.transaction.encoded_2718()));
        }
        update.departed.extend_from_slice(&entry.departed);
        update.settled.extend(entry.settled);
    }
    update
}

/// The pool as it was before the node stopped, without what blocks took since and with what blocks
/// gave back before anybody could tell the pool.
///
/// # Errors
/// A failure of the disk.
pub fn restore_pool(
    limits: PoolLimits,
    journal: &PoolJournal,
    view: &ChainView,
) -> Result<Pool, EngineError> {
    let mut pool = Pool::new(limits);
    let entries = journal.entries()?;
    let Some(head) = view.reader.head()? else { return Ok(pool) };
    let state = view.reader.state_at(head.number)?;
    let found = entries.len();
    for (arrival, bytes) in entries {
        // What a block of another version of the rules took may be refused now.
        let Some(transaction) = checked(&bytes, view) else {
            pool.discard(arrival);
            continue;
        };
        let nonce = state.account(transaction.signer())?.unwrap_or_default().nonce;
        // A refusal is stale: it is in a block, or was replaced.
        let _ = pool.restore(arrival, transaction, nonce);
    }
    take_back(&mut pool, journal, view, &state)?;
    if found > 0 {
        tracing::info!(found, waiting = pool.len(), "transactions that waited are back");
    }
    Ok(pool)
}

/// Lets transactions of blocks that were taken back wait again. Those whose block is there after all
/// are used up.
fn take_back(
    pool: &mut Pool,
    journal: &PoolJournal,
    view: &ChainView,
    state: &StateView,
) -> Result<(), EngineError> {
    use alloy_consensus::Transaction as _;
    let (mut returned, mut update) = (Vec::new(), PoolUpdate::default());
    for (hash, bytes) in journal.returned()? {
        update.settled.push(hash);
        returned.extend(checked(&bytes, view).map(|transaction| (transaction, bytes)));
    }
    returned.sort_by_key(|(transaction, _)| transaction.nonce());
    for (transaction, bytes) in returned {
        let nonce = state.account(transaction.signer())?.unwrap_or_default().nonce;
        if let Ok(entry) = pool.take_back(transaction, nonce) {
            update.arrived.push((entry.arrival, bytes));
        }
    }
    if !update.settled.is_empty() {
        journal.write(&update)?;
    }
    Ok(())
}

fn checked(bytes: &[u8], view: &ChainView) -> Option<SharedTransaction> {
    let transaction = decode_transaction(bytes).ok()?;
    check_transaction(&view.config, &transaction).ok()?;
    recover(transaction, view.crypto.as_ref()).ok().map(Arc::new)
}
