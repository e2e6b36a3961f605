//! Writing a snapshot, while the chain goes on.
//!
//! Everything is read at one moment: the database in one transaction, and the final instance of the state
//! while it is kept from moving on. Blocks are built, derived and rolled back meanwhile; what becomes
//! final waits.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use mezz_types::{BlockNumber, L1BlockNumber, StateKey};
use redb::ReadableTable as _;

use super::{
    SnapshotOrigin, SnapshotSummary,
    format::{Kind, Writer},
    inspect_snapshot,
};
use crate::{
    StoreError, StoredBatch, StoredMessage,
    block::StoredWithdrawal,
    blocks,
    database::Read,
    shared::{Shared, final_block},
    tables::{BATCHES, BODIES, CODES, HEADERS, MESSAGES, WITHDRAWALS, meta},
};

/// Headers before the block that go with it, for what asks for recent ones.
const HEADERS_KEPT: u64 = 256;
/// Leaves that are read at once: the final instance is held for as long.
const LEAVES_PER_STEP: usize = 1_024;

type Out = Writer<BufWriter<File>>;

/// Writes the chain as of its last final block to `out`.
pub(crate) fn create(shared: &Shared, out: &Path) -> Result<SnapshotSummary, StoreError> {
    if out.exists() {
        let reason = "is there already: choose another name, or move it away";
        let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, reason);
        return Err(StoreError::File { path: out.to_owned(), source });
    }
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let written = write(shared, &partial);
    let placed = written.and_then(|()| {
        let file = |source| StoreError::File { path: out.to_owned(), source };
        // What a backup is worth shows when it is read.
        let summary = inspect_snapshot(&partial)?;
        fs::rename(&partial, out).map_err(file)?;
        sync_parent(out)?;
        Ok(summary)
    });
    if placed.is_err() {
        // The first failure is the one to tell of.
        let _ = fs::remove_file(&partial);
    }
    placed
}

/// Makes a name in a directory durable.
pub(super) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let synced = File::open(parent).and_then(|dir| dir.sync_all());
    synced.map_err(|source| StoreError::File { path: parent.to_owned(), source })
}

fn write(shared: &Shared, path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: path.to_owned(), source };
    // Finality waits for as long as this is held.
    let _held = shared.finality.lock().map_err(|_| StoreError::Poisoned)?;
    shared.check_alive()?;
    let read = shared.database.read()?;
    let block = final_block(&read)?.ok_or(StoreError::NothingFinal)?;
    let origin = SnapshotOrigin::find(&read, block)?;
    let expected = blocks::known_header(&read, block)?.state_root;
    let got = shared.finalized.root()?;
    if got != expected {
        return Err(StoreError::WrongRoot { block, expected, got });
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).open(path).map_err(failed)?;
    let identity = read.meta::<32>(meta::IDENTITY)?.map(B256::from).unwrap_or_default();
    let mut out = Writer::new(BufWriter::with_capacity(1 << 20, file), identity).map_err(failed)?;
    out.record(Kind::Origin, &[&origin.encode()]).map_err(failed)?;
    Source { read: &read, path }.write(&mut out, &origin, block)?;
    write_leaves(shared, &mut out, path)?;
    let missing = StoreError::Corrupt { table: "bodies", reason: "the last final block has none" };
    let body = read.get(BODIES, block.get())?.ok_or(missing)?;
    out.record(Kind::Body, &[body.value()]).map_err(failed)?;
    let (mut file, _) = out.finish().map_err(failed)?;
    file.flush().map_err(failed)?;
    file.get_ref().sync_all().map_err(failed)
}

fn write_leaves(shared: &Shared, out: &mut Out, path: &Path) -> Result<(), StoreError> {
    let mut next: Option<StateKey> = Some([0; 32]);
    while let Some(from) = next {
        let (leaves, after) = shared.finalized.leaves(from, LEAVES_PER_STEP)?;
        for (key, value) in leaves {
            let failed = |source| StoreError::File { path: path.to_owned(), source };
            out.record(Kind::Leaf, &[&key, &value]).map_err(failed)?;
        }
        next = after;
    }
    Ok(())
}

/// What the database has of it.
struct Source<'a> {
    read: &'a Read,
    path: &'a Path,
}

impl Source<'_> {
    fn put(&self, out: &mut Out, kind: Kind, bytes: &[u8]) -> Result<(), StoreError> {
        let failed = |source| StoreError::File { path: self.path.to_owned(), source };
        out.record(kind, &[bytes]).map_err(failed)
    }

    fn write(
        &self,
        out: &mut Out,
        origin: &SnapshotOrigin,
        block: BlockNumber,
    ) -> Result<(), StoreError> {
        self.headers(out, block)?;
        self.codes(out)?;
        self.withdrawals(out, block)?;
        self.batches(out, origin)?;
        self.messages(out, origin)
    }

    fn headers(&self, out: &mut Out, block: BlockNumber) -> Result<(), StoreError> {
        let Some(table) = self.read.table(HEADERS)? else { return Ok(()) };
        let first = block.get().saturating_sub(HEADERS_KEPT).max(1);
        let failed = "reading headers";
        let genesis = table.range(0..1).map_err(StoreError::database(failed))?;
        let last = table.range(first..=block.get()).map_err(StoreError::database(failed))?;
        for entry in genesis.chain(last) {
            let (_, bytes) = entry.map_err(StoreError::database(failed))?;
            self.put(out, Kind::Header, bytes.value())?;
        }
        Ok(())
    }

    fn codes(&self, out: &mut Out) -> Result<(), StoreError> {
        let Some(table) = self.read.table(CODES)? else { return Ok(()) };
        let failed = "reading codes";
        for entry in table.iter().map_err(StoreError::database(failed))? {
            let (_, code) = entry.map_err(StoreError::database(failed))?;
            self.put(out, Kind::Code, code.value())?;
        }
        Ok(())
    }

    fn withdrawals(&self, out: &mut Out, block: BlockNumber) -> Result<(), StoreError> {
        let Some(table) = self.read.table(WITHDRAWALS)? else { return Ok(()) };
        let failed = "reading withdrawals";
        for entry in table.iter().map_err(StoreError::database(failed))? {
            let (_, bytes) = entry.map_err(StoreError::database(failed))?;
            if StoredWithdrawal::decode(bytes.value())?.block > block {
                break;
            }
            self.put(out, Kind::Withdrawal, bytes.value())?;
        }
        Ok(())
    }

    /// From the last batch before the L1 block from which on L1 is read again.
    fn batches(&self, out: &mut Out, origin: &SnapshotOrigin) -> Result<(), StoreError> {
        let Some(table) = self.read.table(BATCHES)? else { return Ok(()) };
        let end = origin.batch_end().get();
        let at = |bytes: &[u8]| Ok(StoredBatch::decode(bytes)?.position.block.number);
        let first = first_needed(&table, end, origin.resume, at)?;
        let failed = "reading batches";
        for entry in table.range(first..end).map_err(StoreError::database(failed))? {
            let (_, bytes) = entry.map_err(StoreError::database(failed))?;
            self.put(out, Kind::Batch, bytes.value())?;
        }
        Ok(())
    }

    /// The same of the messages up to those that the claim's last batch consumed.
    fn messages(&self, out: &mut Out, origin: &SnapshotOrigin) -> Result<(), StoreError> {
        let Some(table) = self.read.table(MESSAGES)? else { return Ok(()) };
        let end = origin.batch.batch.inbox_end.get();
        let at = |bytes: &[u8]| Ok(StoredMessage::decode(bytes)?.position.block.number);
        let first = first_needed(&table, end, origin.resume, at)?;
        if let Some(before) = self.accumulator_before(first)? {
            self.put(out, Kind::Accumulator, before.as_slice())?;
        }
        let failed = "reading messages";
        for entry in table.range(first..end).map_err(StoreError::database(failed))? {
            let (_, bytes) = entry.map_err(StoreError::database(failed))?;
            self.put(out, Kind::Message, bytes.value())?;
        }
        Ok(())
    }

    /// The inbox accumulator before message `index`.
    fn accumulator_before(&self, index: u64) -> Result<Option<B256>, StoreError> {
        let Some(before) = index.checked_sub(1) else { return Ok(None) };
        if let Some(bytes) = self.read.get(MESSAGES, before)? {
            return Ok(Some(StoredMessage::decode(bytes.value())?.accumulator));
        }
        // The store was made from a snapshot, and begins with this message.
        let first = self.read.meta::<32>(meta::FIRST_ACCUMULATOR)?;
        let missing = StoreError::Missing { table: "messages", key: before };
        first.map(B256::from).ok_or(missing).map(Some)
    }
}

/// The last entry before `end` that L1 accepted before block `resume`, or the first one that there is.
fn first_needed(
    table: &redb::ReadOnlyTable<u64, &'static [u8]>,
    end: u64,
    resume: L1BlockNumber,
    accepted: impl Fn(&[u8]) -> Result<L1BlockNumber, StoreError>,
) -> Result<u64, StoreError> {
    let failed = "reading back from the end";
    let mut first = end;
    for entry in table.range(..end).map_err(StoreError::database(failed))?.rev() {
        let (index, bytes) = entry.map_err(StoreError::database(failed))?;
        first = index.value();
        if accepted(bytes.value())? < resume {
            break;
        }
    }
    Ok(first)
}
