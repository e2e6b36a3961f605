//! How large a store is, and how fast it grows: estimates, from a few of its own rows.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use mezz_types::BlockNumber;
use redb::{ReadOnlyDatabase, ReadableDatabase as _};

use crate::{
    StoreError, blocks,
    codec::Map,
    database::{CHAIN_FILE, LOGS_FILE, POOL_FILE, Read},
    shared::{final_block, history_from, last_block},
    tables::{BODIES, ByNumber, HEADERS, RECEIPTS, REVERSE},
};

/// Blocks before the head over which growth is measured: half a day of blocks of a second.
const SPAN: u64 = 43_200;
/// Blocks of them that are looked at.
const SAMPLES: u64 = 64;
/// Bytes that a transaction takes in the index: hash, block and position.
const TRANSACTION_ROW: u64 = 44;
/// Bytes of a block's row by hash, and of its bloom filter if it has one.
const BLOCK_ROWS: u64 = 40 + 264;
/// Bytes of both state instances for a new leaf: key and value, and its share of a page, in which at least
/// twenty leaves are.
const LEAF_BYTES: u64 = 2 * (104 + 4_096 / 20);

/// What takes how much of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Files and directories of the store, with the bytes that they take.
    pub parts: Vec<(&'static str, u64)>,
    /// What growth was measured on; none if the chain is too young.
    pub growth: Option<Growth>,
    /// First block whose transactions, receipts and logs are kept.
    pub history_from: BlockNumber,
    /// Last block.
    pub head: BlockNumber,
    /// Last final block.
    pub finalized: BlockNumber,
}

impl Footprint {
    /// Bytes of all parts.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// What a block adds, on average over the last ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Blocks over which it was measured.
    pub blocks: u64,
    /// Seconds that passed between them.
    pub secs: u64,
    /// Bytes of transactions, receipts, logs and their indexes for each block.
    pub history_bytes: u64,
    /// Bytes for each block of what is kept for ever: header and state.
    pub lasting_bytes: u64,
}

impl Growth {
    /// Bytes that a day adds, with or without what history takes.
    pub fn bytes_per_day(&self, with_history: bool) -> u64 {
        let bytes = self.lasting_bytes + if with_history { self.history_bytes } else { 0 };
        let total = u128::from(bytes) * u128::from(self.blocks) * 86_400;
        u64::try_from(total / u128::from(self.secs.max(1))).unwrap_or(u64::MAX)
    }
}

/// The footprint of the store in `dir`, which nobody uses.
///
/// # Errors
/// [`StoreError::Database`] also if it is in use or was not closed.
pub fn footprint(dir: &Path) -> Result<Footprint, StoreError> {
    let path = dir.join(CHAIN_FILE);
    let database = ReadOnlyDatabase::open(path).map_err(StoreError::database("looking into it"))?;
    let read = database.begin_read().map_err(StoreError::database("beginning to read"))?;
    measure(dir, &Read::new(read))
}

/// Files and directories of the store in `dir`, with the bytes that they take on the disk.
pub fn disk_parts(dir: &Path) -> Vec<(&'static str, u64)> {
    let names = [CHAIN_FILE, LOGS_FILE, POOL_FILE, "head", "final"];
    names.into_iter().map(|name| (name, allocated(&dir.join(name)))).collect()
}

/// Bytes that a file, or all files of a directory, take on the disk; files may be sparse.
fn allocated(path: &Path) -> u64 {
    let Ok(metadata) = fs::metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.blocks().saturating_mul(512);
    }
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.blocks().saturating_mul(512))
        .sum()
}

pub(crate) fn measure(dir: &Path, read: &Read) -> Result<Footprint, StoreError> {
    let parts = disk_parts(dir);
    let history_from = history_from(read)?;
    let head = last_block(read)?.map_or(BlockNumber::ZERO, |last| last.number);
    let finalized = final_block(read)?.unwrap_or_default();
    let logs = parts.iter().find(|(name, _)| *name == LOGS_FILE).map_or(0, |(_, bytes)| *bytes);
    let first = head.get().saturating_sub(SPAN).max(history_from.get()).max(1);
    let mut growth = growth(read, first, head.get())?;
    if let Some(growth) = &mut growth {
        growth.history_bytes += logs / head.distance_from(history_from).max(1);
    }
    Ok(Footprint { parts, growth, history_from, head, finalized })
}

/// What a block adds, looking at some of those from `first` to `last`.
fn growth(read: &Read, first: u64, last: u64) -> Result<Option<Growth>, StoreError> {
    let count = last.saturating_sub(first);
    if count < SAMPLES {
        return Ok(None);
    }
    let timestamp = |number| {
        blocks::known_header(read, BlockNumber::new(number)).map(|header| header.timestamp)
    };
    let secs = timestamp(last)?.saturating_sub(timestamp(first)?);
    let (mut history, mut lasting) = (0u64, 0u64);
    let (mut leaves, mut looked) = (0u64, 0u64);
    for sample in 0..SAMPLES {
        let number = first + count * sample / SAMPLES + 1;
        let rows = [BODIES, RECEIPTS].map(|table| length(read, table, number));
        for row in rows {
            history += row?;
        }
        let body = blocks::body(read, BlockNumber::new(number))?;
        let transactions = body.map_or(0, |body| body.transactions.len() as u64);
        history += transactions * TRANSACTION_ROW + BLOCK_ROWS;
        lasting += length(read, HEADERS, number)?;
        // The same as far back as the window goes.
        let near = last.saturating_sub(sample);
        if let Some(new) = new_leaves(read, near)? {
            leaves += new;
            looked += 1;
        }
    }
    // A tree's pages are three quarters full.
    let (history, lasting) = (history / SAMPLES * 4 / 3, lasting / SAMPLES * 4 / 3);
    let state = leaves * LEAF_BYTES / looked.max(1);
    let growth =
        Growth { blocks: count, secs, history_bytes: history, lasting_bytes: lasting + state };
    Ok(Some(growth))
}

fn length(read: &Read, table: ByNumber, number: u64) -> Result<u64, StoreError> {
    Ok(read.get(table, number)?.map_or(0, |row| row.value().len() as u64))
}

/// Leaves that were not there before a block wrote them; none if that is not known any more.
fn new_leaves(read: &Read, number: u64) -> Result<Option<u64>, StoreError> {
    let Some(before) = read.get(REVERSE, number)? else { return Ok(None) };
    let mut new = 0;
    for entry in Map::parse("reverse", before.value())?.iter() {
        new += u64::from(entry?.1.is_none());
    }
    Ok(Some(new))
}
