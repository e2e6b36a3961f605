//! A chain as of its last final block, in one file: backup, and start without what came before.
//!
//! The file is drawn in `docs/storage.md`. What is in it follows from the id of a final claim, which
//! only L1 can vouch for: a store made from it is of use once somebody has asked L1
//! ([`crate::L1Store::snapshot_origin`]).

mod check;
mod create;
mod format;
mod origin;
mod restore;

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use alloy_consensus::Header;
use alloy_primitives::B256;
use mezz_types::{BatchIndex, BlockNumber, ClaimId, L1BlockNumber};

use crate::{BlockRef, L1Position, StoreError};

use check::{Checker, Item};
pub(crate) use create::create;
use format::Reader;
pub use origin::SnapshotOrigin;
pub use restore::restore_snapshot;

/// What is in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// The chain.
    pub identity: B256,
    /// The block after which the chain is so.
    pub block: BlockRef,
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Root of the state.
    pub state_root: B256,
    /// The claim that made the block final.
    pub claim: ClaimId,
    /// One past the last batch that the claim covers.
    pub batch_end: BatchIndex,
    /// Where L1 made it final.
    pub finalized: L1Position,
    /// L1 block from which on L1 is read again.
    pub resume: L1BlockNumber,
    /// First header after genesis'.
    pub headers_from: BlockNumber,
    /// Headers, genesis' among them.
    pub headers: u64,
    /// Contract codes.
    pub codes: u64,
    /// Withdrawals.
    pub withdrawals: u64,
    /// Batches.
    pub batches: u64,
    /// Messages.
    pub messages: u64,
    /// Leaves of the state.
    pub leaves: u64,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// Its checksum.
    pub checksum: B256,
}

/// What was counted on the way.
#[derive(Clone, Copy, Default)]
struct Counts {
    headers_from: Option<BlockNumber>,
    headers: u64,
    codes: u64,
    withdrawals: u64,
    batches: u64,
    messages: u64,
    leaves: u64,
}

impl Counts {
    fn count(&mut self, item: &Item) {
        let counter = match item {
            Item::Header(block, _) => {
                if block.number > BlockNumber::ZERO && self.headers_from.is_none() {
                    self.headers_from = Some(block.number);
                }
                &mut self.headers
            }
            Item::Code(..) => &mut self.codes,
            Item::Withdrawal(_) => &mut self.withdrawals,
            Item::Batch(_) => &mut self.batches,
            Item::Message(_) => &mut self.messages,
            Item::Leaf(..) => &mut self.leaves,
            Item::Origin(_) | Item::Accumulator(_) | Item::Body(_) => return,
        };
        *counter = counter.saturating_add(1);
    }

    fn summary(
        self,
        identity: B256,
        origin: &SnapshotOrigin,
        (bytes, checksum): (u64, B256),
    ) -> Result<SnapshotSummary, StoreError> {
        let post = &origin.outcome.post;
        Ok(SnapshotSummary {
            identity,
            block: BlockRef { number: post.block_number, hash: post.block_hash },
            timestamp: post.timestamp,
            state_root: post.state_root,
            claim: origin.claim.id,
            batch_end: origin.batch_end(),
            finalized: origin.finalized()?,
            resume: origin.resume,
            headers_from: self.headers_from.unwrap_or_default(),
            headers: self.headers,
            codes: self.codes,
            withdrawals: self.withdrawals,
            batches: self.batches,
            messages: self.messages,
            leaves: self.leaves,
            bytes,
            checksum,
        })
    }
}

/// Reads a snapshot to its end, checks all but the state's root, and hands out what is in it.
fn read_all(
    from: &Path,
    identity: Option<B256>,
    mut take: impl FnMut(Item) -> Result<(), StoreError>,
) -> Result<SnapshotSummary, StoreError> {
    let failed = |source| StoreError::File { path: from.to_owned(), source };
    let file = File::open(from).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let input: &mut dyn Read = &mut BufReader::with_capacity(1 << 20, file);
    let mut reader = Reader::new(input)?;
    let got = reader.identity();
    if let Some(expected) = identity.filter(|expected| *expected != got) {
        return Err(StoreError::SnapshotChain { expected, got });
    }
    let mut checker = Checker::new(got);
    let mut counts = Counts::default();
    loop {
        match reader.next()? {
            Ok(record) => {
                let item = checker.take(record)?;
                counts.count(&item);
                take(item)?;
            }
            Err(checksum) => {
                let origin = checker.finish()?;
                return counts.summary(got, origin, (bytes, checksum));
            }
        }
    }
}

/// The chain that a snapshot says that it is of.
fn identity_of(from: &Path) -> Result<B256, StoreError> {
    let failed = |source| StoreError::File { path: from.to_owned(), source };
    let file = File::open(from).map_err(failed)?;
    Ok(Reader::new(BufReader::new(file))?.identity())
}

/// What a snapshot rests on, and the chain's first block as it has it; the rest of the file is not
/// looked at.
///
/// # Errors
/// As of [`inspect_snapshot`].
pub fn read_snapshot_origin(from: &Path) -> Result<(B256, SnapshotOrigin, Header), StoreError> {
    let failed = |source| StoreError::File { path: from.to_owned(), source };
    let file = File::open(from).map_err(failed)?;
    let mut reader = Reader::new(BufReader::new(file))?;
    let identity = reader.identity();
    let mut checker = Checker::new(identity);
    let empty = || StoreError::SnapshotDamaged { what: "it does not say what it rests on" };
    let mut origin = None;
    while let Ok(record) = reader.next()? {
        match checker.take(record)? {
            Item::Origin(it) => origin = Some(*it),
            Item::Header(_, genesis) => return Ok((identity, origin.ok_or_else(empty)?, *genesis)),
            _ => break,
        }
    }
    Err(empty())
}

/// Says what is in a snapshot. It is read to its end, and its checksum and all that can be checked
/// without the state are checked.
///
/// # Errors
/// [`StoreError::SnapshotDamaged`], [`StoreError::SnapshotVersion`], or a failure of the disk.
pub fn inspect_snapshot(from: &Path) -> Result<SnapshotSummary, StoreError> {
    read_all(from, None, |_| Ok(()))
}
