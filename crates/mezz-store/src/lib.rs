//! State, blocks, receipts, indexes and history on disk.
//!
//! A store is a directory: `head/` and `final/` hold the state in NOMT, after the last block and
//! after the last final one; `pool.redb` holds what waits for a block, `logs.redb` where logs are,
//! `chain.redb` everything else.
//! Its layout is drawn in `docs/storage.md`. One [`Store`] writes blocks and state, one [`L1Store`] keeps what was learnt
//! from L1, any number of [`StoreReader`]s read.

mod block;
mod blocks;
mod codec;
mod database;
mod error;
mod filter;
mod footprint;
mod history;
mod inspect;
mod io_uring;
mod l1;
mod log_index;
mod log_query;
mod options;
mod outbox;
mod pool;
mod prune;
mod reader;
mod recovery;
mod shared;
mod snapshot;
mod store;
mod tables;
mod trie;
mod view;

// The tests' support is shared with the tests outside.
#[cfg(test)]
extern crate self as mezz_store;
#[cfg(test)]
mod full_disk_tests;
#[cfg(test)]
mod power_tests;
#[cfg(test)]
mod tests;

pub use block::{Block, BlockRef, Body, Receipt, StoredTransaction, StoredWithdrawal};
pub use error::{IoUringRefusal, Severity, StoreError};
pub use footprint::{Footprint, Growth, disk_parts, footprint};
pub use inspect::{Holding, inspect};
pub use io_uring::check_io_uring;
pub use l1::{
    BatchOutcome, ClaimEvent, ClaimOutcome, L1BlockRef, L1Position, L1Store, L1Update, StoredBatch,
    StoredClaim, StoredMessage, TransactionJournal,
};
pub use log_index::{LogBlocks, LogIndexStatus, LogIndexer};
pub use log_query::LogQuery;
pub use options::StoreOptions;
pub use pool::{PoolJournal, PoolUpdate};
pub use prune::HistoryPruner;
pub use reader::{ProofState, StateProof, StateProofs, StoreReader, Usage};
pub use snapshot::{
    SnapshotOrigin, SnapshotSummary, inspect_snapshot, read_snapshot_origin, restore_snapshot,
};
pub use store::{PreparedState, Store, WitnessKeys};
pub use view::StateView;
