//! The tables about L1. One L1 block's facts and the cursor move together, so that a crash never
//! leaves half of a block.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use mezz_types::{BatchIndex, ClaimId, InboxIndex, L1BlockNumber};
use redb::ReadableTable as _;

use super::{
    BatchOutcome, ClaimOutcome, L1BlockRef, L1Position, StoredBatch, StoredClaim, StoredMessage,
    TransactionJournal,
};
use crate::{
    SnapshotOrigin, StoreError,
    database::{Read, Write},
    shared::Shared,
    tables::{BATCHES, ByNumber, CLAIM_BATCHES, CLAIMS, L1_BLOCKS, MESSAGES, META, OUTCOMES, meta},
};

/// Something that happened to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimEvent {
    /// It was proposed.
    Proposed(Box<StoredClaim>),
    /// A rival joined its range.
    Contested {
        /// The claim that was there, or the rival.
        id: ClaimId,
        /// Where.
        position: L1Position,
    },
    /// It ended.
    Ended {
        /// The claim.
        id: ClaimId,
        /// How.
        outcome: ClaimOutcome,
        /// Where.
        position: L1Position,
    },
}

/// The facts of a run of L1 blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Update {
    /// The blocks, consecutive, oldest first; the last one is where reading goes on.
    pub blocks: Vec<L1BlockRef>,
    /// Messages accepted in them, in order.
    pub messages: Vec<StoredMessage>,
    /// Batches accepted in them, in order.
    pub batches: Vec<StoredBatch>,
    /// What happened to claims in them, in order.
    pub claims: Vec<ClaimEvent>,
    /// L1 block that no reorganisation takes back any more: hashes before it are forgotten.
    pub finalized: Option<L1BlockNumber>,
}

/// The facts of L1.
#[derive(Clone)]
pub struct L1Store {
    shared: Arc<Shared>,
}

impl L1Store {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The journal of one sender's transactions.
    pub fn journal(&self, sender: Address) -> TransactionJournal {
        TransactionJournal::new(Arc::clone(&self.shared), sender)
    }

    fn read(&self) -> Result<Read, StoreError> {
        self.shared.check_alive()?;
        self.shared.database.read()
    }

    fn write(
        &self,
        change: impl FnOnce(&Write) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.shared.check_alive()?;
        let write = self.shared.database.write()?;
        // A refusal undoes the transaction; only a failing disk stops the store.
        change(&write)?;
        self.shared.durable(write.commit())
    }

    /// The last L1 block that was read.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn cursor(&self) -> Result<Option<L1BlockRef>, StoreError> {
        Ok(self.read()?.meta::<40>(meta::L1_CURSOR)?.map(decode_cursor))
    }

    /// What the snapshot rests on that this store was made from, if L1 was not asked about it yet. Until
    /// then nothing of the store is to be believed.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn snapshot_origin(&self) -> Result<Option<SnapshotOrigin>, StoreError> {
        let bytes = self.read()?.get(META, meta::SNAPSHOT)?;
        bytes.map(|bytes| SnapshotOrigin::decode(bytes.value())).transpose()
    }

    /// Writes down that L1 has the claim that the snapshot rests on as final; `before` is the L1 block before
    /// the one from which on L1 is read again.
    ///
    /// # Errors
    /// A failure of the disk, which stops the store.
    pub fn accept_snapshot(&self, before: L1BlockRef) -> Result<(), StoreError> {
        self.write(|write| {
            write.put(L1_BLOCKS, before.number.get(), &before.hash.0)?;
            write.set_meta(meta::L1_CURSOR, &encode_cursor(before))?;
            write.remove_meta(meta::SNAPSHOT)
        })
    }

    /// Hash of an L1 block that was read and is not final for long.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn l1_block(&self, number: L1BlockNumber) -> Result<Option<L1BlockRef>, StoreError> {
        let hash = self.read()?.get(L1_BLOCKS, number.get())?;
        Ok(hash.map(|hash| L1BlockRef { number, hash: B256::from(hash.value()) }))
    }

    /// Adds the facts of more L1 blocks.
    ///
    /// # Errors
    /// [`StoreError::L1Gap`] if blocks, messages or batches do not continue what is stored, with
    /// nothing done; or a failure of the disk, which stops the store.
    pub fn apply(&self, update: &L1Update) -> Result<(), StoreError> {
        let cursor = self.cursor()?;
        let read = self.read()?;
        self.write(|write| {
            write_blocks(write, cursor, update)?;
            let mut next = next_key(&read, MESSAGES)?;
            for message in &update.messages {
                check_next("message", &mut next, message.message.index.get())?;
                let index = message.message.index.get();
                write.put(MESSAGES, index, message.encode().as_slice())?;
            }
            let mut next = next_key(&read, BATCHES)?;
            for batch in &update.batches {
                check_next("batch", &mut next, batch.batch.index.get())?;
                write.put(BATCHES, batch.batch.index.get(), batch.encode().as_slice())?;
            }
            update.claims.iter().try_for_each(|event| apply_claim(write, event))
        })
    }

    /// Forgets what happened after `ancestor`, where L1 branched off, and goes on from there.
    ///
    /// # Errors
    /// A failure of the disk, which stops the store.
    pub fn rollback_to(&self, ancestor: L1BlockRef) -> Result<(), StoreError> {
        let keeps = |position: &L1Position| position.block.number <= ancestor.number;
        self.write(|write| {
            pop_while(write, MESSAGES, |bytes| {
                Ok(!keeps(&StoredMessage::decode(bytes)?.position))
            })?;
            pop_while(write, BATCHES, |bytes| Ok(!keeps(&StoredBatch::decode(bytes)?.position)))?;
            let next_batch = last_key(write, BATCHES)?.map_or(0, |last| last.saturating_add(1));
            let mut outcomes = write.table(OUTCOMES)?;
            outcomes
                .retain_in(next_batch.., |_, _| false)
                .map_err(StoreError::database("removing outcomes"))?;
            rollback_claims(write, keeps)?;
            let mut blocks = write.table(L1_BLOCKS)?;
            blocks
                .retain_in(ancestor.number.get().saturating_add(1).., |_, _| false)
                .map_err(StoreError::database("removing L1 blocks"))?;
            write.set_meta(meta::L1_CURSOR, &encode_cursor(ancestor))
        })
    }

    /// How many messages are stored, and the inbox accumulator there.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn inbox_end(&self) -> Result<(InboxIndex, B256), StoreError> {
        let read = self.read()?;
        let last = last_value(&read, MESSAGES, StoredMessage::decode)?;
        Ok(last.map_or((InboxIndex::ZERO, B256::ZERO), |last| {
            (last.message.index.next(), last.accumulator)
        }))
    }

    /// One message.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn message(&self, index: InboxIndex) -> Result<Option<StoredMessage>, StoreError> {
        let bytes = self.read()?.get(MESSAGES, index.get())?;
        bytes.map(|bytes| StoredMessage::decode(bytes.value())).transpose()
    }

    /// The messages from `start` on, at most up to `end` (not included).
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn messages(
        &self,
        start: InboxIndex,
        end: InboxIndex,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        range_values(&self.read()?, MESSAGES, start.get()..end.get(), StoredMessage::decode)
    }

    /// The last batch.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn last_batch(&self) -> Result<Option<StoredBatch>, StoreError> {
        last_value(&self.read()?, BATCHES, StoredBatch::decode)
    }

    /// One batch.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn batch(&self, index: BatchIndex) -> Result<Option<StoredBatch>, StoreError> {
        let bytes = self.read()?.get(BATCHES, index.get())?;
        bytes.map(|bytes| StoredBatch::decode(bytes.value())).transpose()
    }

    /// Writes down what deriving a batch gave.
    ///
    /// # Errors
    /// A failure of the disk, which stops the store.
    pub fn set_outcome(&self, index: BatchIndex, outcome: &BatchOutcome) -> Result<(), StoreError> {
        self.write(|write| write.put(OUTCOMES, index.get(), outcome.encode().as_slice()))
    }

    /// What deriving a batch gave.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn outcome(&self, index: BatchIndex) -> Result<Option<BatchOutcome>, StoreError> {
        let bytes = self.read()?.get(OUTCOMES, index.get())?;
        bytes.map(|bytes| BatchOutcome::decode(bytes.value())).transpose()
    }

    /// The last batch that was derived, and what it gave.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn last_outcome(&self) -> Result<Option<(BatchIndex, BatchOutcome)>, StoreError> {
        let read = self.read()?;
        let Some(table) = read.table(OUTCOMES)? else { return Ok(None) };
        let last = table.last().map_err(StoreError::database("reading the last entry"))?;
        last.map(|(index, bytes)| {
            Ok((BatchIndex::new(index.value()), BatchOutcome::decode(bytes.value())?))
        })
        .transpose()
    }

    /// The first batch whose outcome is stored: later than the chain's first one if the store was made from a
    /// snapshot.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn first_outcome(&self) -> Result<Option<BatchIndex>, StoreError> {
        let read = self.read()?;
        let Some(table) = read.table(OUTCOMES)? else { return Ok(None) };
        let first = table.first().map_err(StoreError::database("reading the first entry"))?;
        Ok(first.map(|(index, _)| BatchIndex::new(index.value())))
    }

    /// One claim.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn claim(&self, id: ClaimId) -> Result<Option<StoredClaim>, StoreError> {
        let read = self.read()?;
        let Some(batch_end) = read.get(CLAIM_BATCHES, &id.0)? else { return Ok(None) };
        let bytes = read.get(CLAIMS, &claim_key(batch_end.value(), id))?;
        bytes.map(|bytes| StoredClaim::decode(bytes.value())).transpose()
    }

    /// Claims whose batches end at `from` or later, nearest first, at most `limit`.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn claims_from(
        &self,
        from: BatchIndex,
        limit: usize,
    ) -> Result<Vec<StoredClaim>, StoreError> {
        let read = self.read()?;
        let Some(table) = read.table(CLAIMS)? else { return Ok(Vec::new()) };
        let first = claim_key(from.get(), B256::ZERO);
        let range =
            table.range::<&[u8; 40]>(&first..).map_err(StoreError::database("reading claims"))?;
        range
            .take(limit)
            .map(|entry| {
                let (_, bytes) = entry.map_err(StoreError::database("reading claims"))?;
                StoredClaim::decode(bytes.value())
            })
            .collect()
    }

    /// The final claim that covers the most batches.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn last_final_claim(&self) -> Result<Option<StoredClaim>, StoreError> {
        let read = self.read()?;
        let Some(table) = read.table(CLAIMS)? else { return Ok(None) };
        let entries = table.iter().map_err(StoreError::database("reading claims"))?;
        for entry in entries.rev() {
            let (_, bytes) = entry.map_err(StoreError::database("reading claims"))?;
            let claim = StoredClaim::decode(bytes.value())?;
            if matches!(claim.outcome, Some((ClaimOutcome::Final, _))) {
                return Ok(Some(claim));
            }
        }
        Ok(None)
    }
}

fn write_blocks(
    write: &Write,
    cursor: Option<L1BlockRef>,
    update: &L1Update,
) -> Result<(), StoreError> {
    let mut at = cursor;
    for block in &update.blocks {
        if let Some(at) = at {
            check_next("L1 block", &mut at.number.next().get(), block.number.get())?;
        }
        write.put(L1_BLOCKS, block.number.get(), &block.hash.0)?;
        at = Some(*block);
    }
    if let Some(at) = at {
        write.set_meta(meta::L1_CURSOR, &encode_cursor(at))?;
    }
    if let Some(finalized) = update.finalized {
        let mut table = write.table(L1_BLOCKS)?;
        table
            .retain_in(..finalized.get(), |_, _| false)
            .map_err(StoreError::database("removing L1 blocks"))?;
    }
    Ok(())
}

fn check_next(what: &'static str, next: &mut u64, got: u64) -> Result<(), StoreError> {
    if got != *next {
        return Err(StoreError::L1Gap { what, expected: *next, got });
    }
    *next = next.saturating_add(1);
    Ok(())
}

fn apply_claim(write: &Write, event: &ClaimEvent) -> Result<(), StoreError> {
    match event {
        ClaimEvent::Proposed(claim) => write_claim(write, claim),
        ClaimEvent::Contested { id, position } => change_claim(write, *id, |claim| {
            claim.contested.get_or_insert(*position);
        }),
        ClaimEvent::Ended { id, outcome, position } => change_claim(write, *id, |claim| {
            claim.outcome = Some((*outcome, *position));
        }),
    }
}

fn write_claim(write: &Write, claim: &StoredClaim) -> Result<(), StoreError> {
    let batch_end = claim.batch_end.get();
    write.put(CLAIM_BATCHES, &claim.id.0, batch_end)?;
    write.put(CLAIMS, &claim_key(batch_end, claim.id), claim.encode().as_slice())
}

/// Changes a claim that is stored; the root of the tree is not, and nothing happens to it.
fn change_claim(
    write: &Write,
    id: ClaimId,
    change: impl FnOnce(&mut StoredClaim),
) -> Result<(), StoreError> {
    let batches = write.table(CLAIM_BATCHES)?;
    let failed = StoreError::database("reading a claim");
    let Some(batch_end) = batches.get(&id.0).map_err(failed)?.map(|found| found.value()) else {
        return Ok(());
    };
    drop(batches);
    let key = claim_key(batch_end, id);
    let table = write.table(CLAIMS)?;
    let failed = StoreError::database("reading a claim");
    let bytes = table.get(&key).map_err(failed)?.map(|found| found.value().to_vec());
    drop(table);
    let missing = StoreError::Missing { table: "claims", key: batch_end };
    let mut claim = StoredClaim::decode(&bytes.ok_or(missing)?)?;
    change(&mut claim);
    write_claim(write, &claim)
}

/// Claims are few, and an old one may have ended in an L1 block that went away: all are looked at.
fn rollback_claims(write: &Write, keeps: impl Fn(&L1Position) -> bool) -> Result<(), StoreError> {
    let mut claims = Vec::new();
    {
        let table = write.table(CLAIMS)?;
        let entries = table.iter().map_err(StoreError::database("reading claims"))?;
        for entry in entries {
            let (_, bytes) = entry.map_err(StoreError::database("reading claims"))?;
            claims.push(StoredClaim::decode(bytes.value())?);
        }
    }
    for mut claim in claims {
        let before = (claim.contested, claim.outcome);
        claim.contested = claim.contested.filter(&keeps);
        claim.outcome = claim.outcome.filter(|(_, position)| keeps(position));
        if !keeps(&claim.proposed) {
            write.remove(CLAIMS, &claim_key(claim.batch_end.get(), claim.id))?;
            write.remove(CLAIM_BATCHES, &claim.id.0)?;
        } else if before != (claim.contested, claim.outcome) {
            write_claim(write, &claim)?;
        }
    }
    Ok(())
}

/// `batch end (8, BE) ‖ id (32)`: claims lie in the order of their batches.
pub(crate) fn claim_key(batch_end: u64, id: ClaimId) -> [u8; 40] {
    let mut key = [0; 40];
    let (first, second) = key.split_at_mut(8);
    first.copy_from_slice(&batch_end.to_be_bytes());
    second.copy_from_slice(id.as_slice());
    key
}

/// `number (8, BE) ‖ hash (32)`.
fn encode_cursor(block: L1BlockRef) -> [u8; 40] {
    claim_key(block.number.get(), block.hash)
}

fn decode_cursor(bytes: [u8; 40]) -> L1BlockRef {
    let [a, b, c, d, e, f, g, h, hash @ ..] = bytes;
    let number = L1BlockNumber::new(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
    L1BlockRef { number, hash: B256::from(hash) }
}

fn next_key(read: &Read, table: ByNumber) -> Result<u64, StoreError> {
    let Some(table) = read.table(table)? else { return Ok(0) };
    let last = table.last().map_err(StoreError::database("reading the last entry"))?;
    Ok(last.map_or(0, |(key, _)| key.value().saturating_add(1)))
}

fn last_key(write: &Write, table: ByNumber) -> Result<Option<u64>, StoreError> {
    let table = write.table(table)?;
    let last = table.last().map_err(StoreError::database("reading the last entry"))?;
    Ok(last.map(|(key, _)| key.value()))
}

fn last_value<T>(
    read: &Read,
    table: ByNumber,
    decode: impl Fn(&[u8]) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let Some(table) = read.table(table)? else { return Ok(None) };
    let last = table.last().map_err(StoreError::database("reading the last entry"))?;
    last.map(|(_, bytes)| decode(bytes.value())).transpose()
}

fn range_values<T>(
    read: &Read,
    table: ByNumber,
    range: std::ops::Range<u64>,
    decode: impl Fn(&[u8]) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let Some(table) = read.table(table)? else { return Ok(Vec::new()) };
    let entries = table.range(range).map_err(StoreError::database("reading a range"))?;
    entries
        .map(|entry| {
            let (_, bytes) = entry.map_err(StoreError::database("reading a range"))?;
            decode(bytes.value())
        })
        .collect()
}

/// Removes entries from the end of a table for as long as `gone` says so.
fn pop_while(
    write: &Write,
    table: ByNumber,
    gone: impl Fn(&[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut table = write.table(table)?;
    loop {
        let last = table.last().map_err(StoreError::database("reading the last entry"))?;
        let last = last.map(|(key, bytes)| Ok((key.value(), gone(bytes.value())?))).transpose()?;
        let Some((key, true)) = last else { return Ok(()) };
        table.remove(key).map_err(StoreError::database("removing an entry"))?;
    }
}
