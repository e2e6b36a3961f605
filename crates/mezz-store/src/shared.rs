//! What the writer and the readers have in common.

use std::{
    path::PathBuf,
    sync::{Mutex, OnceLock, RwLock, RwLockReadGuard, atomic::AtomicU64},
};

use mezz_types::BlockNumber;

use crate::{
    BlockRef, StoreError, StoreOptions,
    block::decode_header_hash,
    database::{Database, Read},
    history::History,
    log_index::LogTail,
    tables::{HEADERS, meta},
    trie::Trie,
};

pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) options: StoreOptions,
    pub(crate) database: Database,
    /// The index of logs.
    pub(crate) logs: Database,
    /// What the index does not have on disk yet.
    pub(crate) log_tail: RwLock<LogTail>,
    /// State after the last block.
    pub(crate) head: Trie,
    /// State after the last final block.
    pub(crate) finalized: Trie,
    /// Covers a block before the head instance does.
    pub(crate) history: RwLock<History>,
    /// The last block whose state the head instance has.
    pub(crate) tip: RwLock<Option<BlockRef>>,
    /// Changes whenever blocks are taken back: views made before are then of no use.
    pub(crate) generation: AtomicU64,
    /// Held while the final instance moves, and by who needs it to stay where it is.
    pub(crate) finality: Mutex<()>,
    stopped: OnceLock<Stopped>,
}

/// Why nothing works any more.
#[derive(Clone, Copy)]
enum Stopped {
    DiskFull,
    WriteFailed,
}

impl Shared {
    pub(crate) fn new(
        dir: PathBuf,
        options: StoreOptions,
        [database, logs]: [Database; 2],
        head: Trie,
        finalized: Trie,
    ) -> Self {
        Self {
            dir,
            options,
            database,
            logs,
            log_tail: RwLock::default(),
            head,
            finalized,
            history: RwLock::default(),
            tip: RwLock::default(),
            generation: AtomicU64::new(0),
            finality: Mutex::new(()),
            stopped: OnceLock::new(),
        }
    }

    /// Refuses everything after a failed write.
    pub(crate) fn check_alive(&self) -> Result<(), StoreError> {
        match self.stopped.get() {
            None => Ok(()),
            Some(Stopped::DiskFull) => Err(StoreError::DiskFull { dir: self.dir.clone() }),
            Some(Stopped::WriteFailed) => Err(StoreError::Poisoned),
        }
    }

    /// Passes the result of a durable write through; after a failure, nothing works any more.
    pub(crate) fn durable<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let error = match result {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        tracing::error!(%error, dir = %self.dir.display(), "a write failed; the store stops");
        let error = error.or_full(&self.dir);
        let why = match error {
            StoreError::DiskFull { .. } => Stopped::DiskFull,
            _ => Stopped::WriteFailed,
        };
        // The first failure is the one to tell of.
        let _ = self.stopped.set(why);
        Err(error)
    }

    /// Whether the file system has the room that is kept in reserve for what was accepted.
    pub(crate) fn check_room(&self) -> Result<(), StoreError> {
        // Whether a write succeeds is for the write to say.
        let Ok(stat) = rustix::fs::statvfs(&self.dir) else { return Ok(()) };
        let free_mib = stat.f_bavail.saturating_mul(stat.f_frsize) >> 20;
        let reserve_mib = self.options.reserve_mib;
        if free_mib >= reserve_mib {
            return Ok(());
        }
        Err(StoreError::Reserve { dir: self.dir.clone(), free_mib, reserve_mib })
    }

    pub(crate) fn log_tail(&self) -> Result<RwLockReadGuard<'_, LogTail>, StoreError> {
        self.log_tail.read().map_err(|_| StoreError::Poisoned)
    }

    pub(crate) fn tip(&self) -> Result<Option<BlockRef>, StoreError> {
        Ok(*self.tip.read().map_err(|_| StoreError::Poisoned)?)
    }

    pub(crate) fn set_tip(&self, tip: Option<BlockRef>) -> Result<(), StoreError> {
        *self.tip.write().map_err(|_| StoreError::Poisoned)? = tip;
        Ok(())
    }
}

/// The last block in the database.
pub(crate) fn last_block(read: &Read) -> Result<Option<BlockRef>, StoreError> {
    use redb::ReadableTable as _;

    let Some(table) = read.table(HEADERS)? else { return Ok(None) };
    let last = table.last().map_err(StoreError::database("reading the last header"))?;
    let Some((number, bytes)) = last else { return Ok(None) };
    let hash = decode_header_hash(bytes.value())?;
    Ok(Some(BlockRef { number: BlockNumber::new(number.value()), hash }))
}

/// First block whose body, receipts and logs are there, beside genesis.
pub(crate) fn history_from(read: &Read) -> Result<BlockNumber, StoreError> {
    Ok(read.meta_block(meta::HISTORY_FROM)?.unwrap_or_default())
}

/// Refuses a block between genesis and `first`, which are not there any more.
pub(crate) fn check_kept(block: BlockNumber, first: BlockNumber) -> Result<(), StoreError> {
    if block == BlockNumber::ZERO || block >= first {
        return Ok(());
    }
    Err(StoreError::Pruned { block, first })
}

/// The last final block; `None` before genesis is stored.
pub(crate) fn final_block(read: &Read) -> Result<Option<BlockNumber>, StoreError> {
    read.meta_block(meta::FINAL)
}
