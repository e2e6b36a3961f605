//! The one writer of blocks and state.
//!
//! Rules:
//! - A block goes into the database first, durably, with the changes that it makes to the state
//!   and the values that they replace; then into the head instance of the state. A crash in between
//!   leaves the head instance behind, and opening the store brings it up (see `recovery.rs`).
//! - A rollback is written down first, then the head instance goes back, then the blocks go.
//! - Finality is written down first, then the final instance goes forward, then what only
//!   unfinal blocks need goes.
//! - After a failed write, nothing works until the store is opened again.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, TryLockError, atomic::Ordering},
};

use alloy_primitives::B256;
use mezz_trie::Witness;
use mezz_types::{BlockNumber, StateChanges, StateKey};

use crate::{
    Block, BlockRef, StoreError, StoreOptions, StoreReader, blocks,
    codec::Map,
    database::{CHAIN_FILE, Database, LOGS_FILE, Write},
    filter::Filter,
    io_uring::check_io_uring,
    outbox, recovery,
    shared::{Shared, final_block},
    tables::{FILTERS, FORWARD, REVERSE, WITNESSES, meta},
    trie::{PreparedTrie, Trie, TrieOptions, Writes},
    view,
};

/// Most entries that one commit takes out of a table, so that no block waits for a long clean-up.
const PRUNED_PER_COMMIT: usize = 64;
/// Memory for pages of the index of logs, MiB.
const LOGS_CACHE_MIB: usize = 32;
/// Leaves that one commit of the final instance holds at most, except within one block.
const LEAVES_PER_STEP: usize = 20_000;

/// What a run read of the state: the contents of its witness, beside what it wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WitnessKeys {
    /// Keys of the trie.
    pub keys: BTreeSet<StateKey>,
    /// Codes, by Keccak-256.
    pub codes: BTreeSet<B256>,
}

/// The state after a block that is not committed: its root is known, nothing is written.
/// Dropping it undoes nothing, since nothing was done.
pub struct PreparedState {
    trie: PreparedTrie,
    changes: StateChanges,
    witness: Option<Witness>,
}

impl PreparedState {
    /// Root of the state that it was prepared on.
    pub fn prior_root(&self) -> B256 {
        self.trie.prior_root()
    }

    /// Root of the state.
    pub fn root(&self) -> B256 {
        self.trie.root()
    }

    /// The witness, if one was asked for.
    pub const fn witness(&self) -> Option<&Witness> {
        self.witness.as_ref()
    }
}

/// The writer. There is one for each directory; any number of [`StoreReader`]s go with it.
pub struct Store {
    pub(crate) shared: Arc<Shared>,
}

impl Store {
    /// Opens or creates the store of the chain `identity` in `dir`, and finishes what a crash
    /// interrupted.
    ///
    /// # Errors
    /// [`StoreError::WrongChain`], [`StoreError::WrongFormat`], [`StoreError::Locked`],
    /// [`StoreError::IoUring`], [`StoreError::Diverged`], [`StoreError::DiskFull`], or another failure
    /// of the disk.
    pub fn open(dir: &Path, identity: B256, options: StoreOptions) -> Result<Self, StoreError> {
        check_io_uring()?;
        std::fs::create_dir_all(dir)
            .map_err(|source| StoreError::File { path: dir.to_owned(), source })?;
        Database::open(dir, CHAIN_FILE, identity, options.database_cache_mib)
            .and_then(|database| Self::open_with(database, dir, options))
            .map_err(|error| error.or_full(dir))
    }

    /// Opens or creates the state beside an open database.
    pub(crate) fn open_with(
        database: Database,
        dir: &Path,
        options: StoreOptions,
    ) -> Result<Self, StoreError> {
        let file_error = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::File { path, source }
        };
        let identity = database.read()?.meta::<32>(meta::IDENTITY)?;
        let identity = identity.map(B256::from).unwrap_or_default();
        let logs = Database::open_derived(dir, LOGS_FILE, identity, LOGS_CACHE_MIB)?;
        let instances = [dir.join("head"), dir.join("final")];
        if database.read()?.meta::<1>(meta::READY)?.is_none() {
            // A crash while they were first made leaves them half-made and empty.
            for path in instances.iter().filter(|path| path.exists()) {
                std::fs::remove_dir_all(path).map_err(file_error(path))?;
            }
        }
        let [head, finalized] = instances;
        let head = Trie::open(&head, head_trie_options(&options))?;
        let finalized = Trie::open(&finalized, final_trie_options(&options))?;
        let write = database.write()?;
        write.set_meta(meta::READY, &[1])?;
        write.commit()?;
        let shared =
            Arc::new(Shared::new(dir.to_owned(), options, [database, logs], head, finalized));
        recovery::recover(&shared)?;
        Ok(Self { shared })
    }

    /// A handle that reads.
    pub fn reader(&self) -> StoreReader {
        StoreReader::new(Arc::clone(&self.shared))
    }

    /// A handle that keeps what was learnt from L1.
    pub fn l1(&self) -> crate::L1Store {
        crate::L1Store::new(Arc::clone(&self.shared))
    }

    /// The journal of the transactions that wait for a block. There is one holder at a time.
    ///
    /// # Errors
    /// As of [`Store::open`], about its file.
    pub fn pool_journal(&self) -> Result<crate::PoolJournal, StoreError> {
        let identity = self.shared.database.read()?.meta::<32>(meta::IDENTITY)?;
        let identity = identity.map(B256::from).unwrap_or_default();
        crate::PoolJournal::open(Arc::clone(&self.shared), identity)
    }

    /// Computes the state after `changes` to the head; with `reads`, also its witness.
    ///
    /// # Errors
    /// [`StoreError::UnknownCode`] if `reads` names one that is not there, or a failure of the disk.
    pub fn prepare(
        &self,
        changes: StateChanges,
        reads: Option<&WitnessKeys>,
    ) -> Result<PreparedState, StoreError> {
        self.shared.check_alive()?;
        let mut trie = self.shared.head.prepare(&changes.leaves, reads.map(|reads| &reads.keys))?;
        let mut witness = trie.witness.take();
        if let (Some(witness), Some(reads)) = (&mut witness, reads) {
            for code_hash in &reads.codes {
                match view::code(&self.shared, *code_hash) {
                    // A block may read code and deploy the same again, so being new says nothing.
                    Ok(code) => {
                        witness.add_code(code);
                    }
                    Err(StoreError::UnknownCode { .. })
                        if changes.codes.contains_key(code_hash) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(PreparedState { trie, changes, witness })
    }

    /// Appends a block with the state that was prepared for it. When this returns, it is durable.
    ///
    /// # Errors
    /// [`StoreError::NotNext`], [`StoreError::WrongRoot`], [`StoreError::StaleChanges`],
    /// [`StoreError::TableGrown`] or [`StoreError::UnevenBlock`], with nothing done; or a failure of the disk, which stops the
    /// store.
    pub fn commit_block(
        &mut self,
        state: PreparedState,
        block: &Block,
    ) -> Result<BlockRef, StoreError> {
        let block_ref = self.write_block(&state, block)?;
        self.apply_block(state, block_ref)?;
        if block_ref.number == BlockNumber::ZERO {
            // Genesis is final by definition.
            self.finalize(BlockNumber::ZERO)?;
        }
        Ok(block_ref)
    }

    /// First half of a commit: the block is durable, the head instance does not have it.
    pub(crate) fn write_block(
        &mut self,
        state: &PreparedState,
        block: &Block,
    ) -> Result<BlockRef, StoreError> {
        let shared = &self.shared;
        shared.check_alive()?;
        let tip = shared.tip()?;
        check_next(tip, block)?;
        check_root(block, state)?;
        check_prepared_on(shared.head.root()?, state)?;
        if !shared.head.fits(&state.trie) {
            return Err(StoreError::TableGrown);
        }
        let block_ref = BlockRef {
            number: BlockNumber::new(block.header.number),
            hash: block.header.hash_slow(),
        };
        let filter = Filter::new(state.trie.prior.keys());
        let result = (|| {
            let write = shared.database.write()?;
            blocks::write(&write, block_ref, block)?;
            write_changes(&write, block_ref.number, state, &filter)?;
            let kept = block_ref.number.get().saturating_sub(shared.options.history_window);
            prune_history(&write, BlockNumber::new(kept).prev())?;
            write.commit()
        })();
        shared.durable(result)?;
        let mut history = shared.history.write().map_err(|_| StoreError::Poisoned)?;
        if block_ref.number > BlockNumber::ZERO {
            history.push(block_ref.number, filter, shared.options.history_window.max(1));
        }
        Ok(block_ref)
    }

    /// Second half of a commit.
    pub(crate) fn apply_block(
        &mut self,
        state: PreparedState,
        block: BlockRef,
    ) -> Result<(), StoreError> {
        self.shared.durable(self.shared.head.commit(state.trie))?;
        self.shared.set_tip(Some(block))
    }

    /// Takes back every block after `target`.
    ///
    /// # Errors
    /// [`StoreError::BelowFinal`] or [`StoreError::UnknownBlock`] with nothing done; or a failure of
    /// the disk, which stops the store.
    pub fn rollback_to(&mut self, target: BlockNumber) -> Result<BlockRef, StoreError> {
        self.shared.check_alive()?;
        let read = self.shared.database.read()?;
        let finalized = final_block(&read)?.unwrap_or_default();
        if target < finalized {
            return Err(StoreError::BelowFinal { target, finalized });
        }
        let head = self.shared.tip()?.map_or(BlockNumber::ZERO, |tip| tip.number);
        let Some(hash) = blocks::hash(&read, target)? else {
            return Err(StoreError::UnknownBlock { block: target, head });
        };
        let block = BlockRef { number: target, hash };
        if target == head {
            return Ok(block);
        }
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        self.shared.durable(recovery::begin_rollback(&self.shared, target))?;
        self.shared.durable(recovery::finish_rollback(&self.shared, target))?;
        self.shared.set_tip(Some(block))?;
        self.shared.history.write().map_err(|_| StoreError::Poisoned)?.truncate(target);
        // Once more: a view made while the blocks were going may have seen half of it.
        self.shared.generation.fetch_add(1, Ordering::AcqRel);
        Ok(block)
    }

    /// Says that the batch of `block` is on L1.
    ///
    /// # Errors
    /// [`StoreError::UnknownBlock`], or a failure of the disk, which stops the store.
    pub fn set_safe(&mut self, block: BlockNumber) -> Result<(), StoreError> {
        self.check_known(block)?;
        let write = self.shared.database.write()?;
        self.shared.durable(write.set_meta_block(meta::SAFE, block).and_then(|()| write.commit()))
    }

    /// Makes `block` and all before it final, and moves the final instance there. Nothing can roll
    /// them back any more. An earlier block than the last final one changes nothing. While a snapshot
    /// is written, nothing is done: say it again later.
    ///
    /// # Errors
    /// [`StoreError::UnknownBlock`], or a failure of the disk, which stops the store.
    pub fn finalize(&mut self, block: BlockNumber) -> Result<(), StoreError> {
        self.check_known(block)?;
        let shared = Arc::clone(&self.shared);
        let _moving = match shared.finality.try_lock() {
            Ok(moving) => moving,
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Poisoned(_)) => return Err(StoreError::Poisoned),
        };
        loop {
            let at = final_block(&self.shared.database.read()?)?;
            if at.is_some_and(|at| at >= block) {
                return Ok(());
            }
            let first = at.map_or(BlockNumber::ZERO, BlockNumber::next);
            let (target, writes) = self.final_step(first, block)?;
            shared.durable(recovery::begin_finality(&shared, target))?;
            shared.durable(shared.finalized.apply(&writes))?;
            shared.durable(recovery::finish_finality(&shared, target))?;
        }
    }

    /// What one commit of the final instance brings in: the last block of it, and the leaves.
    fn final_step(
        &self,
        first: BlockNumber,
        last: BlockNumber,
    ) -> Result<(BlockNumber, Writes), StoreError> {
        let read = self.shared.database.read()?;
        let mut writes = Writes::new();
        let mut at = first;
        loop {
            collect(&read, (FORWARD, "forward"), at, &mut writes)?;
            if at == last || writes.len() >= LEAVES_PER_STEP {
                return Ok((at, writes));
            }
            at = at.next();
        }
    }

    fn check_known(&self, block: BlockNumber) -> Result<(), StoreError> {
        self.shared.check_alive()?;
        match self.shared.tip()? {
            Some(tip) if tip.number >= block => Ok(()),
            tip => {
                let head = tip.map_or(BlockNumber::ZERO, |tip| tip.number);
                Err(StoreError::UnknownBlock { block, head })
            }
        }
    }
}

pub(crate) const fn head_trie_options(options: &StoreOptions) -> TrieOptions {
    TrieOptions {
        buckets: options.head_buckets,
        page_cache_mib: options.page_cache_mib,
        leaf_cache_mib: options.leaf_cache_mib,
        threads: options.commit_threads,
    }
}

pub(crate) const fn final_trie_options(options: &StoreOptions) -> TrieOptions {
    TrieOptions {
        buckets: options.final_buckets,
        page_cache_mib: 16,
        leaf_cache_mib: 16,
        threads: 1,
    }
}

/// Adds the entries of a block's `FORWARD` or `REVERSE` to `writes`, over what is there.
pub(crate) fn collect(
    read: &crate::database::Read,
    (table, name): (crate::tables::ByNumber, &'static str),
    block: BlockNumber,
    writes: &mut Writes,
) -> Result<(), StoreError> {
    let missing = StoreError::Missing { table: name, key: block.get() };
    let bytes = read.get(table, block.get())?.ok_or(missing)?;
    for entry in Map::parse(name, bytes.value())?.iter() {
        let (key, value) = entry?;
        writes.insert(key, value.map(<[u8]>::to_vec));
    }
    Ok(())
}

fn check_next(tip: Option<BlockRef>, block: &Block) -> Result<(), StoreError> {
    let (expected, expected_parent) = match tip {
        Some(tip) => (tip.number.next(), tip.hash),
        None => (BlockNumber::ZERO, B256::ZERO),
    };
    let (got, got_parent) = (BlockNumber::new(block.header.number), block.header.parent_hash);
    if got != expected || got_parent != expected_parent {
        return Err(StoreError::NotNext { expected, expected_parent, got, got_parent });
    }
    let transactions = block.transactions.len();
    let uneven = |what, got| StoreError::UnevenBlock { transactions, what, got };
    match (block.transaction_hashes.len(), block.receipts.len()) {
        (hashes, _) if hashes != transactions => Err(uneven("hashes", hashes)),
        (_, receipts) if receipts != transactions => Err(uneven("receipts", receipts)),
        _ => Ok(()),
    }
}

fn check_root(block: &Block, state: &PreparedState) -> Result<(), StoreError> {
    let (expected, got) = (block.header.state_root, state.root());
    if got == expected {
        return Ok(());
    }
    Err(StoreError::WrongRoot { block: BlockNumber::new(block.header.number), expected, got })
}

fn check_prepared_on(head: B256, state: &PreparedState) -> Result<(), StoreError> {
    let prepared = state.prior_root();
    if prepared == head { Ok(()) } else { Err(StoreError::StaleChanges { prepared, head }) }
}

fn write_changes(
    write: &Write,
    block: BlockNumber,
    state: &PreparedState,
    filter: &Filter,
) -> Result<(), StoreError> {
    let encode = |writes: &Writes| {
        crate::codec::encode_map(writes.iter().map(|(key, value)| (key, value.as_deref())))
    };
    let number = block.get();
    write.put(FORWARD, number, encode(&state.changes.leaves).as_slice())?;
    outbox::write_root(write, block, &state.changes)?;
    if block > BlockNumber::ZERO {
        write.put(REVERSE, number, encode(&state.trie.prior).as_slice())?;
        write.put(FILTERS, number, filter.as_bytes())?;
    }
    for (hash, code) in &state.changes.codes {
        write.put(crate::tables::CODES, &hash.0, code.as_ref())?;
    }
    if let Some(witness) = &state.witness {
        write.put(WITNESSES, number, witness.encode().as_slice())?;
    }
    Ok(())
}

/// Removes the values that blocks up to `last` replaced, a bounded number at a time, as far as the
/// blocks are final.
pub(crate) fn prune_history(write: &Write, last: BlockNumber) -> Result<(), StoreError> {
    let last = match write.meta_block(meta::FINAL)? {
        Some(finalized) => last.min(finalized),
        None => return Ok(()),
    };
    for table in [REVERSE, FILTERS] {
        blocks::prune(write, table, last, PRUNED_PER_COMMIT)?;
    }
    Ok(())
}
