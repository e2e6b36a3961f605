//! Which blocks logged what: for each section of the chain, a sorted list of the names of addresses
//! and topics with the blocks that they are in.
//!
//! Rules:
//! - All of it follows from the receipts. It has a database of its own, so that no block waits for it,
//!   and what is missing or cannot be read is made anew.
//! - A section covers blocks that follow those of the one before, from the first block on whose receipts are kept. It is written once,
//!   in one transaction, when [`SECTION_BLOCKS`] blocks or [`SECTION_ENTRIES`] entries are there.
//! - A section says the hash of its last block. It counts only while the chain has that block, so that
//!   blocks that are taken back need no write here.
//! - What comes after the last section is held in memory under the same rule, and read again after a
//!   start. Blocks that neither covers are searched by their bloom filters.
//! - The index may name a block that has no such log, and never misses one that has.

use std::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};

use alloy_primitives::{B256, Bloom};
use mezz_types::BlockNumber;
use redb::ReadableTable as _;

use crate::{
    LogQuery, StoreError, blocks,
    database::Read,
    log_query::{LogEntry, LogName},
    shared::{Shared, check_kept, history_from},
    tables::{BLOOMS, LOG_ENTRIES, LOG_SECTIONS},
};

/// Blocks of a section at most.
const SECTION_BLOCKS: usize = 1_024;
/// Entries that end a section: with those of one more block, what is held in memory.
const SECTION_ENTRIES: usize = 1 << 20;
/// Entries in one value of the table: with key and overhead, a page of 4 KiB.
const RUN: usize = 500;
/// Bytes of an entry.
const ENTRY: usize = 8;
/// Blocks that a search looks at by their bloom filters in one go.
const SCANNED: u64 = 1_024;
/// Blocks found that end a step of a search.
const FOUND: usize = 256;

/// What is not in a section yet.
#[derive(Debug, Default)]
pub(crate) struct LogTail {
    /// First block.
    first: BlockNumber,
    /// Hashes of the blocks that are covered.
    hashes: Vec<B256>,
    /// Entries in the order of blocks.
    entries: Vec<LogEntry>,
}

impl LogTail {
    /// The block after the last one covered.
    fn next(&self) -> BlockNumber {
        BlockNumber::new(self.first.get().saturating_add(self.hashes.len() as u64))
    }

    fn is_full(&self, blocks: usize) -> bool {
        self.hashes.len() >= blocks.clamp(1, SECTION_BLOCKS)
            || self.entries.len() >= SECTION_ENTRIES
    }

    fn blocks(&self) -> Option<Covered> {
        let hash = *self.hashes.last()?;
        Some(Covered { first: self.first, last: self.next().prev(), hash })
    }

    /// Keeps as many blocks.
    fn truncate(&mut self, blocks: usize) {
        self.hashes.truncate(blocks);
        self.entries.retain(|entry| entry.place() < blocks);
    }

    fn find(&self, any: &[LogName], places: &mut Places) {
        for entry in &self.entries {
            if any.binary_search(&entry.name()).is_ok() {
                places.add(entry.place());
            }
        }
    }
}

/// Blocks that a section or the tail covers.
#[derive(Clone, Copy, Debug)]
struct Covered {
    first: BlockNumber,
    last: BlockNumber,
    /// Hash of the last one.
    hash: B256,
}

impl Covered {
    fn contains(&self, block: BlockNumber) -> bool {
        (self.first..=self.last).contains(&block)
    }

    /// Whether the chain still has these blocks.
    fn is_valid(&self, chain: &Read) -> Result<bool, StoreError> {
        Ok(blocks::hash(chain, self.last)? == Some(self.hash))
    }
}

/// A set of blocks of a section.
#[derive(Clone, Copy)]
struct Places([u64; SECTION_BLOCKS / 64]);

impl Places {
    const NONE: Self = Self([0; SECTION_BLOCKS / 64]);

    fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn contains(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    fn keep(&mut self, others: &Self) {
        self.0.iter_mut().zip(others.0).for_each(|(word, other)| *word &= other);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// How far the index is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogIndexStatus {
    /// Last block on disk.
    pub durable: Option<BlockNumber>,
    /// Last block in memory.
    pub last: Option<BlockNumber>,
}

/// One step of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBlocks {
    /// Blocks that may have a wanted log, ascending.
    pub blocks: Vec<BlockNumber>,
    /// Last block that was looked at.
    pub last: BlockNumber,
}

/// The one who brings the index up to the head.
pub struct LogIndexer {
    shared: Arc<Shared>,
}

impl LogIndexer {
    pub(crate) fn new(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let indexer = Self { shared };
        let kept = history_from(&indexer.shared.database.read()?)?;
        let first = last_section(&indexer.shared.logs.read()?)?
            .map_or(kept, |section| section.last.next().max(kept));
        *indexer.tail()? = LogTail { first, ..LogTail::default() };
        Ok(indexer)
    }

    /// Brings the index up to the head, as long as `go_on` says so; it is asked at each block.
    ///
    /// # Errors
    /// A failure of the disk. The store goes on without: blocks that the index does not have are
    /// searched one by one.
    pub fn advance(&mut self, go_on: impl Fn() -> bool) -> Result<(), StoreError> {
        self.drop_stale()?;
        let blocks = self.shared.options.log_section_blocks;
        while go_on() && self.add_block()? {
            if self.shared.log_tail()?.is_full(blocks) {
                self.write_section()?;
            }
        }
        Ok(())
    }

    fn tail(&self) -> Result<RwLockWriteGuard<'_, LogTail>, StoreError> {
        self.shared.log_tail.write().map_err(|_| StoreError::Poisoned)
    }

    /// Forgets what the chain no longer has.
    fn drop_stale(&self) -> Result<(), StoreError> {
        let chain = self.shared.database.read()?;
        let mut tail = self.tail()?;
        let mut valid = tail.hashes.len();
        while let Some(last) = valid.checked_sub(1) {
            let number = BlockNumber::new(tail.first.get().saturating_add(last as u64));
            if blocks::hash(&chain, number)?.as_ref() == tail.hashes.get(last) {
                break;
            }
            valid = last;
        }
        if valid < tail.hashes.len() {
            tail.truncate(valid);
        }
        while tail.hashes.is_empty()
            && let Some(section) = last_section(&self.shared.logs.read()?)?
            && !section.is_valid(&chain)?
        {
            remove_section(&self.shared, section.first)?;
            tail.first = section.first;
        }
        Ok(())
    }

    /// Adds the block after the last one; `false` if there is none yet.
    fn add_block(&self) -> Result<bool, StoreError> {
        self.shared.check_alive()?;
        let (next, place, before) = {
            let tail = self.shared.log_tail()?;
            (tail.next(), tail.hashes.len(), tail.blocks())
        };
        if self.shared.tip()?.is_none_or(|tip| tip.number < next) {
            return Ok(false);
        }
        let chain = self.shared.database.read()?;
        let Some(hash) = blocks::hash(&chain, next)? else { return Ok(false) };
        let before = match before {
            Some(before) => Some(before),
            None => last_section(&self.shared.logs.read()?)?,
        };
        // Blocks that were taken back meanwhile are forgotten first, at the next call.
        if before.is_some_and(|before| !before.is_valid(&chain).unwrap_or(false)) {
            return Ok(false);
        }
        let mut entries = Vec::new();
        if chain.get(BLOOMS, next.get())?.is_some() {
            let receipts = blocks::receipts(&chain, next)?.unwrap_or_default();
            let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
            entries.extend(logs.flat_map(LogName::of_log).map(|name| LogEntry::new(name, place)));
            entries.sort_unstable();
            entries.dedup();
        }
        let mut tail = self.tail()?;
        tail.hashes.push(hash);
        tail.entries.append(&mut entries);
        Ok(true)
    }

    /// Writes the tail as a section, and begins a new one.
    fn write_section(&self) -> Result<(), StoreError> {
        let (covered, mut entries) = {
            let tail = self.shared.log_tail()?;
            let Some(covered) = tail.blocks() else { return Ok(()) };
            (covered, tail.entries.clone())
        };
        entries.sort_unstable();
        let first = covered.first.get();
        let write = self.shared.logs.write()?;
        {
            let mut table = write.table(LOG_ENTRIES)?;
            for run in entries.chunks(RUN) {
                let lowest = run.first().map_or(0, |entry| entry.0);
                let bytes: Vec<_> = run.iter().flat_map(|entry| entry.0.to_be_bytes()).collect();
                table
                    .insert((first, lowest), bytes.as_slice())
                    .map_err(StoreError::database("writing the index of logs"))?;
            }
        }
        let value = [covered.last.get().to_be_bytes().as_slice(), &covered.hash.0].concat();
        write.put(LOG_SECTIONS, first, value.as_slice())?;
        write.commit()?;
        *self.tail()? = LogTail { first: covered.last.next(), ..LogTail::default() };
        Ok(())
    }
}

fn remove_section(shared: &Shared, first: BlockNumber) -> Result<(), StoreError> {
    let write = shared.logs.write()?;
    write
        .table(LOG_ENTRIES)?
        .retain_in((first.get(), 0)..=(first.get(), u64::MAX), |_, _| false)
        .map_err(StoreError::database("removing from the index of logs"))?;
    write.remove(LOG_SECTIONS, first.get())?;
    write.commit()
}

/// Removes sections all of whose blocks are before `kept`.
pub(crate) fn remove_before(shared: &Shared, kept: BlockNumber) -> Result<(), StoreError> {
    while let Some(oldest) = first_section(&shared.logs.read()?)?
        && oldest.last < kept
    {
        remove_section(shared, oldest.first)?;
    }
    Ok(())
}

fn section(first: u64, value: &[u8]) -> Result<Covered, StoreError> {
    let reason = "not a block and its hash";
    let corrupt = StoreError::Corrupt { table: "log-sections", reason };
    match value.split_first_chunk::<8>() {
        Some((last, hash)) if hash.len() == 32 => Ok(Covered {
            first: BlockNumber::new(first),
            last: BlockNumber::new(u64::from_be_bytes(*last)),
            hash: B256::from_slice(hash),
        }),
        _ => Err(corrupt),
    }
}

/// The section with the highest blocks of those that begin at `at` or before.
fn section_at(logs: &Read, at: BlockNumber) -> Result<Option<Covered>, StoreError> {
    let Some(table) = logs.table(LOG_SECTIONS)? else { return Ok(None) };
    let failed = "reading the index of logs";
    let mut range = table.range(..=at.get()).map_err(StoreError::database(failed))?;
    let Some(entry) = range.next_back() else { return Ok(None) };
    let (first, value) = entry.map_err(StoreError::database(failed))?;
    section(first.value(), value.value()).map(Some)
}

fn first_section(logs: &Read) -> Result<Option<Covered>, StoreError> {
    let Some(table) = logs.table(LOG_SECTIONS)? else { return Ok(None) };
    let first = table.first().map_err(StoreError::database("reading the index of logs"))?;
    first.map(|(first, value)| section(first.value(), value.value())).transpose()
}

fn last_section(logs: &Read) -> Result<Option<Covered>, StoreError> {
    section_at(logs, BlockNumber::new(u64::MAX))
}

pub(crate) fn status(shared: &Shared) -> Result<LogIndexStatus, StoreError> {
    let durable = last_section(&shared.logs.read()?)?.map(|section| section.last);
    let last = shared.log_tail()?.blocks().map(|covered| covered.last);
    Ok(LogIndexStatus { durable, last: last.or(durable) })
}

/// The blocks from `from` to `to` that may have a wanted log, as far as one step goes.
pub(crate) fn search(
    shared: &Shared,
    query: &LogQuery,
    from: BlockNumber,
    to: BlockNumber,
) -> Result<LogBlocks, StoreError> {
    let search = Search { chain: shared.database.read()?, logs: shared.logs.read()?, query };
    let kept = history_from(&search.chain)?;
    // Genesis logs nothing, so that a search that begins there wants what comes after it.
    check_kept(from.max(BlockNumber::new(1)).min(to), kept)?;
    let names = query.names();
    let mut found = Vec::new();
    let mut at = from;
    while at <= to && found.len() < FOUND {
        let last = match search.source(shared, at)? {
            Source::Section(covered) if !names.is_empty() => {
                let last = covered.last.min(to);
                search.in_section(covered, &names, (at, last), &mut found)?;
                last
            }
            Source::Tail(tail) if !names.is_empty() => {
                let last = tail.next().prev().min(to);
                let find = |any: &[LogName], places: &mut Places| {
                    tail.find(any, places);
                    Ok(())
                };
                collect(tail.first, places(&names, find)?, (at, last), &mut found);
                last
            }
            _ => {
                // A stretch that ends where what is covered may begin again.
                let end = at.get() | (SCANNED - 1);
                let last = BlockNumber::new(end).min(to);
                search.by_blooms((at, last), &mut found)?;
                last
            }
        };
        at = last.next();
    }
    Ok(LogBlocks { blocks: found, last: at.prev().min(to) })
}

struct Search<'a> {
    chain: Read,
    logs: Read,
    query: &'a LogQuery,
}

/// What knows the logs of a block.
enum Source<'a> {
    Section(Covered),
    Tail(RwLockReadGuard<'a, LogTail>),
    Blooms,
}

/// The blocks that have one of each list's names.
fn places(
    names: &[Vec<LogName>],
    find: impl Fn(&[LogName], &mut Places) -> Result<(), StoreError>,
) -> Result<Places, StoreError> {
    let mut all: Option<Places> = None;
    for any in names {
        let mut places = Places::NONE;
        find(any, &mut places)?;
        if let Some(before) = &all {
            places.keep(before);
        }
        if places.is_empty() {
            return Ok(places);
        }
        all = Some(places);
    }
    Ok(all.unwrap_or(Places::NONE))
}

fn collect(
    first: BlockNumber,
    places: Places,
    (at, last): (BlockNumber, BlockNumber),
    found: &mut Vec<BlockNumber>,
) {
    let numbers = (at.get()..=last.get()).map(BlockNumber::new);
    found.extend(numbers.filter(|number| {
        usize::try_from(number.distance_from(first)).is_ok_and(|place| places.contains(place))
    }));
}

impl Search<'_> {
    fn source<'s>(&self, shared: &'s Shared, at: BlockNumber) -> Result<Source<'s>, StoreError> {
        if let Some(section) = section_at(&self.logs, at)?
            && section.contains(at)
        {
            let valid = section.is_valid(&self.chain)?;
            return Ok(if valid { Source::Section(section) } else { Source::Blooms });
        }
        let tail = shared.log_tail()?;
        match tail.blocks() {
            Some(covered) if covered.contains(at) && covered.is_valid(&self.chain)? => {
                Ok(Source::Tail(tail))
            }
            _ => Ok(Source::Blooms),
        }
    }

    fn in_section(
        &self,
        covered: Covered,
        names: &[Vec<LogName>],
        range: (BlockNumber, BlockNumber),
        found: &mut Vec<BlockNumber>,
    ) -> Result<(), StoreError> {
        let find = |any: &[LogName], places: &mut Places| {
            any.iter().try_for_each(|name| self.find(covered.first, *name, places))
        };
        collect(covered.first, places(names, find)?, range, found);
        Ok(())
    }

    /// Adds the blocks of a section that have a name.
    fn find(
        &self,
        section: BlockNumber,
        name: LogName,
        places: &mut Places,
    ) -> Result<(), StoreError> {
        let Some(table) = self.logs.table(LOG_ENTRIES)? else { return Ok(()) };
        let failed = "reading the index of logs";
        let (lowest, highest) = LogEntry::range(name);
        let section = section.get();
        let runs = table
            .range((section, 0)..=(section, highest.0))
            .map_err(StoreError::database(failed))?;
        for run in runs.rev() {
            let (key, value) = run.map_err(StoreError::database(failed))?;
            let (entries, rest) = value.value().as_chunks::<ENTRY>();
            if !rest.is_empty() {
                let reason = "not whole entries";
                return Err(StoreError::Corrupt { table: "log-entries", reason });
            }
            let entry = |bytes: &[u8; ENTRY]| LogEntry(u64::from_be_bytes(*bytes));
            let from = entries.partition_point(|bytes| entry(bytes) < lowest);
            let matching = entries.iter().skip(from).map(entry);
            matching.take_while(|it| *it <= highest).for_each(|it| places.add(it.place()));
            if key.value().1 < lowest.0 {
                break;
            }
        }
        Ok(())
    }

    fn by_blooms(
        &self,
        (at, last): (BlockNumber, BlockNumber),
        found: &mut Vec<BlockNumber>,
    ) -> Result<(), StoreError> {
        let Some(table) = self.chain.table(BLOOMS)? else { return Ok(()) };
        let failed = "reading bloom filters";
        let range = table.range(at.get()..=last.get()).map_err(StoreError::database(failed))?;
        for entry in range {
            let (number, bloom) = entry.map_err(StoreError::database(failed))?;
            if self.query.may_match(&Bloom::from(bloom.value())) {
                found.push(BlockNumber::new(number.value()));
            }
        }
        Ok(())
    }
}
