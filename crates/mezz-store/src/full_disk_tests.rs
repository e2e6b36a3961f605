//! The disk fills: from some write on, every one fails for want of room, the first of them half-way.
//! Whatever was said to be done before is there when there is room again.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use mezz_types::BlockNumber;
use redb::backends::FileBackend;
use rustix::fs::FallocateFlags;

use crate::{
    Block, PoolUpdate, Severity, Store, StoreError,
    database::{CHAIN_FILE, Database, POOL_FILE},
    pool::PoolJournal,
    tests::support::{Chain, IDENTITY, State, options},
    trie::TABLE_FILE,
};

/// How often a disk can still be written to.
#[derive(Clone, Debug)]
struct Room(Arc<AtomicI64>);

impl Room {
    fn endless() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MAX)))
    }

    /// After `writes` more there is none.
    fn end_after(&self, writes: i64) {
        self.0.store(writes, Ordering::Release);
    }

    fn take(&self) -> io::Result<()> {
        let left = self.0.fetch_sub(1, Ordering::AcqRel);
        if left > 0 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

/// A file on such a disk.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    room: Room,
}

impl Disk {
    fn open(path: &Path, room: &Room) -> Self {
        let mut how = File::options();
        let file = how.read(true).write(true).create(true).truncate(false).open(path).unwrap();
        Self { file: FileBackend::new(file).unwrap(), room: room.clone() }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        // Shrinking needs no room.
        if len > self.file.len()? {
            self.room.take()?;
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if let Err(full) = self.room.take() {
            self.file.write(offset, &data[..data.len() / 2])?;
            return Err(full);
        }
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

fn chain_on(dir: &Path, room: &Room, seed: u64) -> Chain {
    let disk = Disk::open(&dir.join(CHAIN_FILE), room);
    let database = Database::on(disk, dir, IDENTITY).unwrap();
    Chain::with(Store::open_with(database, dir, options()).unwrap(), seed)
}

/// The first of `steps` blocks whose write fails, which must say that the disk is full; what comes
/// after it is refused with the same words.
fn first_failure(chain: &mut Chain, steps: usize) -> Option<(State, Block)> {
    for _ in 0..steps {
        let changes = chain.changes();
        let (state, block) = chain.block(&changes);
        let Err(error) = chain.append(changes, None) else { continue };
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        assert_eq!(error.severity(), Severity::Critical);
        assert!(error.to_string().contains("make room"), "{error}");
        let later = chain.reader().head().unwrap_err();
        assert!(matches!(later, StoreError::DiskFull { .. }), "{later}");
        return Some((state, block));
    }
    None
}

#[test]
fn blocks_outlive_a_full_disk_at_every_write() {
    let mut failures = 0;
    for writes in (0..90).step_by(3) {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::endless();
        let mut chain = chain_on(dir.path(), &room, 81);
        chain.grow(5);
        room.end_after(writes);
        let failed = first_failure(&mut chain, 4);
        let mut chain = chain.reopen(dir.path());
        let head = chain.reader().head().unwrap().unwrap();
        if let Some((state, block)) = failed {
            failures += 1;
            // The room may have ended after what makes the block durable: then it is there, and whole.
            if head.number.get() == block.header.number {
                chain.states.push(state);
                chain.blocks.push((head, block));
            }
        }
        chain.check();
        chain.grow(3);
        chain.check();
    }
    assert!(failures > 10, "the disk was full only {failures} times");
}

#[test]
fn finality_and_rollbacks_outlive_a_full_disk_at_every_write() {
    let mut failures = [0, 0];
    for writes in 0..30 {
        for (what, failed) in failures.iter_mut().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            let room = Room::endless();
            let mut chain = chain_on(dir.path(), &room, 82);
            chain.grow(8);
            room.end_after(writes);
            let done = match what {
                0 => chain.store.finalize(BlockNumber::new(4)),
                _ => chain.store.rollback_to(BlockNumber::new(4)).map(drop),
            };
            if let Err(error) = &done {
                assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
                *failed += 1;
            }
            let mut chain = chain.reopen(dir.path());
            // A move that was not said to be done is done or not begun.
            let head = chain.reader().head().unwrap().unwrap().number.get();
            assert!(head == 4 || (head == 7 && (what == 0 || done.is_err())), "{head}");
            chain.forget_after(head);
            chain.check();
            chain.store.finalize(BlockNumber::new(4)).unwrap();
            chain.grow(2);
            chain.check();
        }
    }
    assert!(failures.iter().all(|failed| *failed > 2), "{failures:?}");
}

#[test]
fn waiting_transactions_outlive_a_full_disk_at_every_write() {
    let mut failures = 0;
    for writes in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::endless();
        let store = Store::open(dir.path(), IDENTITY, options()).unwrap();
        let disk = Disk::open(&dir.path().join(POOL_FILE), &room);
        let database = Database::on(disk, dir.path(), IDENTITY).unwrap();
        let journal = PoolJournal::on(&store, database);
        room.end_after(writes);
        let mut accepted = Vec::new();
        for arrival in 0..12u64 {
            let entry = (arrival, vec![arrival as u8; 2_000]);
            let update = PoolUpdate { arrived: vec![entry.clone()], ..PoolUpdate::default() };
            match journal.write(&update) {
                Ok(()) => accepted.push(entry),
                Err(error) => {
                    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
                    failures += 1;
                    break;
                }
            }
        }
        drop((journal, store));
        let store = Store::open(dir.path(), IDENTITY, options()).unwrap();
        let entries = store.pool_journal().unwrap().entries().unwrap();
        // One whose answer was the failure may be there.
        assert_eq!(entries[..accepted.len()], accepted[..]);
        assert!(entries.len() <= accepted.len() + 1);
    }
    assert!(failures > 10, "the disk was full only {failures} times");
}

#[test]
fn room_is_kept_in_reserve() {
    let dir = tempfile::tempdir().unwrap();
    let everything = crate::StoreOptions { reserve_mib: u64::MAX, ..options() };
    let store = Store::open(dir.path(), IDENTITY, everything).unwrap();
    let journal = store.pool_journal().unwrap();
    let error = journal.check_room().unwrap_err();
    assert!(matches!(error, StoreError::Reserve { reserve_mib: u64::MAX, .. }), "{error}");
    assert_eq!(error.severity(), Severity::Temporary);
    // What was accepted still gets to the disk.
    let update = PoolUpdate { arrived: vec![(0, vec![1])], ..PoolUpdate::default() };
    journal.write(&update).unwrap();
    drop((journal, store));
    let store = Store::open(dir.path(), IDENTITY, options()).unwrap();
    store.pool_journal().unwrap().check_room().unwrap();
}

/// Where nothing is kept, a page is not there: the space of the table is not taken.
fn make_sparse(table: &Path) {
    let bytes = std::fs::read(table).unwrap();
    let file = File::options().write(true).open(table).unwrap();
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    for (page, at) in bytes.chunks(4_096).zip((0..).step_by(4_096)) {
        if page.iter().all(|byte| *byte == 0) {
            rustix::fs::fallocate(&file, flags, at, page.len() as u64).unwrap();
        }
    }
}

#[test]
fn a_hash_table_has_all_its_space_before_anything_is_written_to_it() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().unwrap();
    let lacks = |table: &Path| {
        let metadata = std::fs::metadata(table).unwrap();
        metadata.len().saturating_sub(metadata.blocks() * 512)
    };
    let tables = ["head", "final"].map(|name| dir.path().join(name).join(TABLE_FILE));
    drop(Store::open(dir.path(), IDENTITY, options()).unwrap());
    for table in &tables {
        assert_eq!(lacks(table), 0, "{}", table.display());
    }
    // As of a version that took it as it went.
    let before = tables.each_ref().map(|table| std::fs::read(table).unwrap());
    for table in &tables {
        make_sparse(table);
        assert!(lacks(table) > 1 << 20, "{}", table.display());
    }
    drop(Store::open(dir.path(), IDENTITY, options()).unwrap());
    for (table, bytes) in tables.iter().zip(before) {
        assert_eq!(lacks(table), 0, "{}", table.display());
        assert!(std::fs::read(table).unwrap() == bytes, "{} is another", table.display());
    }
}
