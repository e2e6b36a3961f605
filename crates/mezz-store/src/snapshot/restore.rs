//! Making a store from a snapshot.
//!
//! It is made under another name and gets its own when all of it is durable, so that whatever interrupts it
//! leaves nothing that looks like a store.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use alloy_primitives::B256;
use mezz_types::{Account, BlockNumber, L1BlockNumber};

use super::{SnapshotOrigin, SnapshotSummary, check::Item, create::sync_parent, read_all};
use crate::{
    StoreError, StoreOptions,
    block::{StoredWithdrawal, encode_header},
    codec::encode_list,
    database::{CHAIN_FILE, Database, Write},
    io_uring::check_io_uring,
    outbox,
    store::{final_trie_options, head_trie_options},
    tables::{
        BATCHES, BODIES, CODES, HEADERS, MESSAGES, NUMBERS, OUTCOMES, RECEIPTS, WITHDRAWALS, meta,
    },
    trie::{Trie, Writes},
};

/// Entries of one commit of the database.
const ENTRIES_PER_COMMIT: usize = 4_096;
/// Leaves of one commit of the state.
const LEAVES_PER_COMMIT: usize = 20_000;

/// Makes a store in `dir` from the snapshot `from`, if it is of the chain `identity` or none is named.
/// The directory must be empty, or not be there. L1 is still to be asked about the claim that
/// the snapshot rests on; a store that nobody asked for is refused by those who use it.
///
/// # Errors
/// [`StoreError::NotEmpty`], [`StoreError::SnapshotChain`], [`StoreError::SnapshotDamaged`],
/// [`StoreError::SnapshotVersion`], [`StoreError::WrongRoot`], or a failure of the disk; nothing is left then.
pub fn restore_snapshot(
    from: &Path,
    dir: &Path,
    identity: Option<B256>,
    options: StoreOptions,
) -> Result<SnapshotSummary, StoreError> {
    check_io_uring()?;
    check_empty(dir)?;
    let mut name = dir.as_os_str().to_owned();
    name.push(".restoring");
    let making = PathBuf::from(name);
    let failed = |source| StoreError::File { path: making.clone(), source };
    if making.exists() {
        // An earlier attempt was interrupted.
        fs::remove_dir_all(&making).map_err(failed)?;
    }
    fs::create_dir_all(&making).map_err(failed)?;
    let made = fill(from, &making, identity, options).map_err(|error| error.or_full(&making));
    let placed = made.and_then(|summary| {
        if dir.exists() {
            fs::remove_dir(dir).map_err(failed)?;
        }
        fs::rename(&making, dir).map_err(failed)?;
        sync_parent(dir)?;
        Ok(summary)
    });
    if placed.is_err() {
        // The first failure is the one to tell of.
        let _ = fs::remove_dir_all(&making);
    }
    placed
}

fn check_empty(dir: &Path) -> Result<(), StoreError> {
    let mut entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(StoreError::File { path: dir.to_owned(), source }),
    };
    if entries.next().is_some() {
        return Err(StoreError::NotEmpty { dir: dir.to_owned() });
    }
    Ok(())
}

fn fill(
    from: &Path,
    dir: &Path,
    identity: Option<B256>,
    options: StoreOptions,
) -> Result<SnapshotSummary, StoreError> {
    // Who it says that it is of is known before anything is read; the database is told it once.
    let identity = match identity {
        Some(identity) => identity,
        None => super::identity_of(from)?,
    };
    let mut restorer = Restorer {
        database: Database::open(dir, CHAIN_FILE, identity, options.database_cache_mib)?,
        head: Trie::open(&dir.join("head"), head_trie_options(&options))?,
        finalized: Trie::open(&dir.join("final"), final_trie_options(&options))?,
        write: None,
        pending: 0,
        leaves: Writes::new(),
        resume: L1BlockNumber::ZERO,
        last: BlockNumber::ZERO,
    };
    let mut origin = None;
    let summary = read_all(from, Some(identity), |item| {
        if let Item::Origin(it) = &item {
            restorer.resume = it.resume;
            origin = Some(it.clone());
        }
        restorer.take(item)
    })?;
    let origin = origin.ok_or(StoreError::SnapshotDamaged { what: "it is empty" })?;
    restorer.finish(&summary, &origin)?;
    for path in [dir.join("head"), dir.join("final"), dir.to_owned()] {
        let synced = File::open(&path).and_then(|dir| dir.sync_all());
        synced.map_err(|source| StoreError::File { path, source })?;
    }
    Ok(summary)
}

struct Restorer {
    database: Database,
    head: Trie,
    finalized: Trie,
    write: Option<Write>,
    pending: usize,
    leaves: Writes,
    resume: L1BlockNumber,
    /// Of the last header.
    last: BlockNumber,
}

impl Restorer {
    fn take(&mut self, item: Item) -> Result<(), StoreError> {
        match item {
            Item::Header(block, header) => {
                let bytes = encode_header(block.hash, &header);
                self.last = block.number;
                let write = self.write()?;
                write.put(HEADERS, block.number.get(), bytes.as_slice())?;
                write.put(NUMBERS, &block.hash.0, block.number.get())
            }
            Item::Code(hash, code) => self.write()?.put(CODES, &hash.0, code.as_ref()),
            Item::Withdrawal(stored) => {
                let bytes = StoredWithdrawal::encode(stored.block, &stored.withdrawal);
                self.write()?.put(WITHDRAWALS, stored.withdrawal.index.get(), bytes.as_slice())
            }
            // What L1 accepted from there on is read again.
            Item::Batch(stored) if stored.position.block.number >= self.resume => Ok(()),
            Item::Message(stored) if stored.position.block.number >= self.resume => Ok(()),
            Item::Batch(stored) => {
                self.write()?.put(BATCHES, stored.batch.index.get(), stored.encode().as_slice())
            }
            Item::Message(stored) => {
                self.write()?.put(MESSAGES, stored.message.index.get(), stored.encode().as_slice())
            }
            Item::Accumulator(accumulator) => {
                self.write()?.set_meta(meta::FIRST_ACCUMULATOR, accumulator.as_slice())
            }
            Item::Leaf(key, value) => self.leaf(key, value),
            Item::Body(bytes) => {
                let block = self.last.get();
                self.write()?.put(BODIES, block, bytes.as_slice())
            }
            Item::Origin(_) => Ok(()),
        }
    }

    fn write(&mut self) -> Result<&Write, StoreError> {
        if self.pending >= ENTRIES_PER_COMMIT {
            self.commit()?;
        }
        self.pending += 1;
        if self.write.is_none() {
            self.write = Some(self.database.write()?);
        }
        Ok(self.write.as_ref().expect("made above"))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.pending = 0;
        self.write.take().map_or(Ok(()), Write::commit)
    }

    fn leaf(&mut self, key: [u8; 32], value: Vec<u8>) -> Result<(), StoreError> {
        if let Ok(account) = Account::decode(&value) {
            self.check_code(&account)?;
        }
        self.leaves.insert(key, Some(value));
        if self.leaves.len() >= LEAVES_PER_COMMIT { self.commit_leaves() } else { Ok(()) }
    }

    /// Codes come before leaves: one that an account names is there by now, or nowhere.
    fn check_code(&mut self, account: &Account) -> Result<(), StoreError> {
        if account.code_hash == mezz_types::code_hash_of_empty() {
            return Ok(());
        }
        self.commit()?;
        let found = self.database.read()?.get(CODES, &account.code_hash.0)?;
        if found.is_some() {
            return Ok(());
        }
        Err(StoreError::SnapshotDamaged { what: "the code of an account is missing or changed" })
    }

    fn commit_leaves(&mut self) -> Result<(), StoreError> {
        let leaves = std::mem::take(&mut self.leaves);
        self.head.apply(&leaves)?;
        self.finalized.apply(&leaves)?;
        Ok(())
    }

    fn finish(
        &mut self,
        summary: &SnapshotSummary,
        origin: &SnapshotOrigin,
    ) -> Result<(), StoreError> {
        self.commit()?;
        if !self.leaves.is_empty() {
            self.commit_leaves()?;
        }
        let block = summary.block.number;
        let header = crate::blocks::known_header(&self.database.read()?, block)?;
        let expected = header.state_root;
        for got in [self.head.root()?, self.finalized.root()?] {
            if got != expected {
                return Err(StoreError::WrongRoot { block, expected, got });
            }
        }
        let write = self.database.write()?;
        let last = summary.batch_end.prev().get();
        write.put(OUTCOMES, last, origin.outcome.encode().as_slice())?;
        write.set_meta_block(meta::SAFE, block)?;
        write.set_meta_block(meta::FINAL, block)?;
        outbox::put_root(&write, block, origin.outcome.post.outbox_root)?;
        write_history(&write, block, summary.headers_from)?;
        write.set_meta(meta::SNAPSHOT, &origin.encode())?;
        write.set_meta(meta::READY, &[1])?;
        write.commit()
    }
}

/// Genesis has an empty body, known without having it; of what comes after, the headers are there, and the
/// transactions of the last block.
fn write_history(
    write: &Write,
    block: BlockNumber,
    headers_from: BlockNumber,
) -> Result<(), StoreError> {
    let empty = encode_list(std::iter::empty::<&[u8]>());
    write.put(BODIES, 0, [[0; 4].as_slice(), &empty].concat().as_slice())?;
    write.put(RECEIPTS, 0, empty.as_slice())?;
    write.set_meta_block(meta::HISTORY_FROM, block.next())?;
    write.set_meta_block(meta::HEADERS_FROM, headers_from)
}
