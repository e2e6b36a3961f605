//! What can go wrong in the store, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use mezz_types::BlockNumber;

/// What the caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Take a new view or a new transaction, and try again.
    Temporary,
    /// Stop: nothing that the program does can help.
    Critical,
}

/// Why the kernel refuses an io_uring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IoUringRefusal {
    /// `EPERM` or `EACCES`.
    #[error(
        "not permitted: set the sysctl kernel.io_uring_disabled=0, and in a container allow the \
         calls io_uring_setup, io_uring_enter and io_uring_register in its seccomp profile"
    )]
    Denied,
    /// `ENOSYS` or `EINVAL`.
    #[error("not supported: the state needs Linux 6.0 or newer, with io_uring compiled in")]
    Unsupported,
    /// `ENOMEM`.
    #[error("out of locked memory: raise `ulimit -l`")]
    LockedMemory,
    /// Any other error number.
    #[error("error number {errno}")]
    Errno {
        /// As the kernel gave it.
        errno: i32,
    },
}

/// Why the store cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory belongs to another chain.
    #[error(
        "{dir} holds another chain: expected {expected}, found {got}; start with --fresh to \
         discard it, or name another directory with --data",
        dir = dir.display()
    )]
    WrongChain {
        /// The directory.
        dir: PathBuf,
        /// Identity of the chain that was asked for.
        expected: B256,
        /// Identity of the chain that it holds.
        got: B256,
    },
    /// The directory was written by another version.
    #[error(
        "{dir} is in storage format {got}, this program reads {expected}; start with --fresh to \
         rebuild it from L1, or name another directory with --data",
        dir = dir.display()
    )]
    WrongFormat {
        /// The directory.
        dir: PathBuf,
        /// Format of this program.
        expected: u32,
        /// Format on disk.
        got: u32,
    },
    /// Another process has the directory open.
    #[error(
        "{dir} is in use by another process; stop it, or name another directory with --data",
        dir = dir.display()
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The state's I/O cannot start.
    #[error("io_uring is {refusal}")]
    IoUring {
        /// What the kernel said.
        refusal: IoUringRefusal,
    },
    /// A file could not be made, read or removed.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database of blocks failed.
    #[error("database, {operation}: {source}")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// Why it failed.
        source: Box<redb::Error>,
    },
    /// The state trie failed.
    #[error("state trie, {operation}: {source}")]
    Trie {
        /// What was being done.
        operation: &'static str,
        /// Why it failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Bytes on disk are not what this program writes.
    #[error("table {table} holds bytes that cannot be read: {reason}")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// Something that must be there is not.
    #[error("table {table} lacks entry {key}")]
    Missing {
        /// Which table.
        table: &'static str,
        /// Which entry.
        key: u64,
    },
    /// The trie's root belongs to no block that is stored.
    #[error(
        "the state in {instance} has root {got}, which no stored block has; start with --fresh to \
         rebuild it from L1"
    )]
    Diverged {
        /// `head` or `final`.
        instance: &'static str,
        /// The root found.
        got: B256,
    },
    /// Applying known changes gave another root than the header's.
    #[error("block {block} has state root {expected}, its changes give {got}")]
    WrongRoot {
        /// The block.
        block: BlockNumber,
        /// Root in its header.
        expected: B256,
        /// Root computed.
        got: B256,
    },
    /// The paths of a witness do not lead to the root that it is about.
    #[error("a witness of the state with root {expected} leads to {got}")]
    WitnessRoot {
        /// Root of the state.
        expected: B256,
        /// Where a path leads.
        got: B256,
    },
    /// A block does not follow the head.
    #[error(
        "block {got} on parent {got_parent} does not follow head {expected_parent}; expected {expected}"
    )]
    NotNext {
        /// Number that follows the head.
        expected: BlockNumber,
        /// Hash of the head; zero if there is none.
        expected_parent: B256,
        /// Number given.
        got: BlockNumber,
        /// Parent given.
        got_parent: B256,
    },
    /// A prepared state was made on a state that is no longer the head.
    #[error("changes were prepared on root {prepared}, the head has {head}")]
    StaleChanges {
        /// Root they were made on.
        prepared: B256,
        /// Root of the head.
        head: B256,
    },
    /// The state's hash table grew after changes were prepared: they name places in the old one.
    #[error("the state's hash table grew after the changes were prepared; prepare them again")]
    TableGrown,
    /// Lists of a block that belong together differ in length.
    #[error("a block with {transactions} transactions came with {got} {what}")]
    UnevenBlock {
        /// Number of transactions.
        transactions: usize,
        /// What there is another number of.
        what: &'static str,
        /// How many.
        got: usize,
    },
    /// A rollback would undo final blocks.
    #[error("cannot roll back to block {target}: block {finalized} is final")]
    BelowFinal {
        /// Block asked for.
        target: BlockNumber,
        /// Last final block.
        finalized: BlockNumber,
    },
    /// There is no such block.
    #[error("block {block} is unknown; the head is {head}")]
    UnknownBlock {
        /// Block asked for.
        block: BlockNumber,
        /// Last block.
        head: BlockNumber,
    },
    /// No block deployed this code.
    #[error("code {code_hash} is unknown")]
    UnknownCode {
        /// Its Keccak-256.
        code_hash: B256,
    },
    /// State that old is not kept.
    #[error("the state of block {block} is not kept; the oldest is that of block {oldest}")]
    OutsideHistory {
        /// Block asked for.
        block: BlockNumber,
        /// Oldest block whose state can be read.
        oldest: BlockNumber,
    },
    /// What the block held is not kept any more, or never was.
    #[error("pruned history unavailable: block {block} is not kept here; the oldest is {first}")]
    Pruned {
        /// Block asked for.
        block: BlockNumber,
        /// Oldest block that is kept, beside genesis.
        first: BlockNumber,
    },
    /// A snapshot would rest on nothing.
    #[error(
        "nothing of this chain is final by a claim yet, or its last final claim is still being taken over: a \
         snapshot rests on a final claim; wait until `mezz status` shows that more is final, and try again"
    )]
    NothingFinal,
    /// The file is not what a snapshot is.
    #[error(
        "the snapshot is damaged or was changed: {what}; take another copy or another snapshot"
    )]
    SnapshotDamaged {
        /// What is wrong.
        what: &'static str,
    },
    /// The file was written by another version.
    #[error(
        "the snapshot is in format {got}, this program reads {expected}: use the program that wrote it"
    )]
    SnapshotVersion {
        /// Format of this program.
        expected: u32,
        /// Format of the file.
        got: u32,
    },
    /// The snapshot is of another chain.
    #[error("the snapshot is of the chain {got}, not of {expected}")]
    SnapshotChain {
        /// The chain that was asked for.
        expected: B256,
        /// The chain that it is of.
        got: B256,
    },
    /// A snapshot goes into an empty directory.
    #[error(
        "{dir} is not empty: name a new directory with --data, or move away what is there",
        dir = dir.display()
    )]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// A rollback, or the end of the window, passed under a view.
    #[error("the state of block {block} went away while it was being read")]
    ViewExpired {
        /// Block of the view.
        block: BlockNumber,
    },
    /// L1 facts do not continue those stored.
    #[error("{what} {got} does not follow: expected {expected}")]
    L1Gap {
        /// What kind of fact.
        what: &'static str,
        /// Next one.
        expected: u64,
        /// The one given.
        got: u64,
    },
    /// The file system has no room for what must be written.
    #[error(
        "the disk is full: nothing more can be written to {dir}; what was accepted is there, and \
         nothing needs repair: make room and start the node again",
        dir = dir.display()
    )]
    DiskFull {
        /// The directory.
        dir: PathBuf,
    },
    /// The file system has less room than is kept in reserve.
    #[error(
        "the disk is nearly full: {free_mib} MiB are free at {dir}, {reserve_mib} MiB are kept in \
         reserve",
        dir = dir.display()
    )]
    Reserve {
        /// The directory.
        dir: PathBuf,
        /// What is free, MiB.
        free_mib: u64,
        /// What is kept, MiB.
        reserve_mib: u64,
    },
    /// An earlier durable write failed: what is on disk may be older than what was said.
    #[error("the store stopped after a write failed; restart")]
    Poisoned,
}

impl StoreError {
    /// What to do about it.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::ViewExpired { .. }
            | Self::OutsideHistory { .. }
            | Self::UnknownBlock { .. }
            | Self::StaleChanges { .. }
            | Self::Reserve { .. }
            | Self::Pruned { .. }
            | Self::NothingFinal
            | Self::TableGrown => Severity::Temporary,
            Self::WrongChain { .. }
            | Self::WrongFormat { .. }
            | Self::Locked { .. }
            | Self::IoUring { .. }
            | Self::File { .. }
            | Self::Database { .. }
            | Self::Trie { .. }
            | Self::Corrupt { .. }
            | Self::Missing { .. }
            | Self::Diverged { .. }
            | Self::WrongRoot { .. }
            | Self::WitnessRoot { .. }
            | Self::NotNext { .. }
            | Self::UnevenBlock { .. }
            | Self::UnknownCode { .. }
            | Self::BelowFinal { .. }
            | Self::L1Gap { .. }
            | Self::SnapshotDamaged { .. }
            | Self::SnapshotVersion { .. }
            | Self::SnapshotChain { .. }
            | Self::NotEmpty { .. }
            | Self::DiskFull { .. }
            | Self::Poisoned => Severity::Critical,
        }
    }

    /// The same error, or [`StoreError::DiskFull`] if that is its cause.
    pub(crate) fn or_full(self, dir: &Path) -> Self {
        if self.is_full() { Self::DiskFull { dir: dir.to_owned() } } else { self }
    }

    fn is_full(&self) -> bool {
        match self {
            Self::File { source, .. } => lacks_room(source),
            // It does not name its cause as a source.
            Self::Database { source, .. } => {
                matches!(source.as_ref(), redb::Error::Io(cause) if lacks_room(cause))
            }
            Self::Trie { source, .. } => {
                let first: &(dyn std::error::Error + 'static) = source.as_ref();
                std::iter::successors(Some(first), |error| error.source())
                    .filter_map(|error| error.downcast_ref::<io::Error>())
                    .any(lacks_room)
            }
            _ => false,
        }
    }

    pub(crate) fn database<E: Into<redb::Error>>(
        operation: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Database { operation, source: Box::new(source.into()) }
    }
}

fn lacks_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
