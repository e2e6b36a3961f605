//! One instance of the state trie: NOMT with its SHA-256 hasher.
//!
//! A NOMT session keeps commits waiting for as long as it lives, so no session outlives the call
//! that makes it: reads at one block stay consistent through the history (see [`crate::StateView`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        RwLock, RwLockReadGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy_primitives::B256;
use mezz_types::StateKey;
use nomt::{
    FinishedSession, KeyReadWrite, Nomt, Options, SessionParams, WitnessMode,
    hasher::Sha2Hasher,
    proof::{PathProof, PathProofTerminal},
};

use mezz_trie::{PathError, Terminal, Witness};
use rustix::{fs::FallocateFlags, io::Errno};

use crate::{StateProof, StoreError};

/// NOMT's hash table, in the directory of an instance.
pub(crate) const TABLE_FILE: &str = "ht";
/// Buckets that a commit may need beside those for what it writes.
const SPARE_BUCKETS: usize = 64;
/// Leaves written for each new page, at least: a page is stored once it covers twenty leaves.
const WRITES_PER_PAGE: usize = 4;

/// Values to write, by key; `None` removes the leaf.
pub(crate) type Writes = BTreeMap<StateKey, Option<Vec<u8>>>;

/// Leaves in the order of their keys.
pub(crate) type Leaves = Vec<(StateKey, Vec<u8>)>;

/// Sizes of an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrieOptions {
    /// Buckets to start with.
    pub(crate) buckets: u32,
    /// MiB of trie pages in memory.
    pub(crate) page_cache_mib: usize,
    /// MiB of values in memory.
    pub(crate) leaf_cache_mib: usize,
    /// Threads that compute roots.
    pub(crate) threads: usize,
}

/// What happens to one batch of accesses: a root computed, nothing written.
pub(crate) struct PreparedTrie {
    session: FinishedSession,
    /// Which hash table its pages are placed in.
    table: u64,
    /// Value of every written key before.
    pub(crate) prior: Writes,
    /// Paths and values of every accessed key, if they were asked for.
    pub(crate) witness: Option<Witness>,
}

impl PreparedTrie {
    /// Root that it was computed from.
    pub(crate) fn prior_root(&self) -> B256 {
        self.session.prev_root().into_inner().into()
    }

    /// Root after the writes.
    pub(crate) fn root(&self) -> B256 {
        self.session.root().into_inner().into()
    }
}

/// An open NOMT database.
pub(crate) struct Trie {
    dir: PathBuf,
    options: TrieOptions,
    /// `None` only while the hash table grows, or after that failed.
    nomt: RwLock<Option<Nomt<Sha2Hasher>>>,
    /// How often the hash table was replaced.
    table: AtomicU64,
}

impl Trie {
    /// Opens or creates the instance in `dir`.
    ///
    /// The caller has asked [`check_io_uring`] before.
    pub(crate) fn open(dir: &Path, options: TrieOptions) -> Result<Self, StoreError> {
        let nomt = open_nomt(dir, &options, options.buckets)?;
        let nomt = RwLock::new(Some(nomt));
        Ok(Self { dir: dir.to_owned(), options, nomt, table: AtomicU64::new(0) })
    }

    fn nomt(&self) -> Result<Guard<'_>, StoreError> {
        let guard = self.nomt.read().map_err(|_| StoreError::Poisoned)?;
        if guard.is_none() { Err(StoreError::Poisoned) } else { Ok(Guard(guard)) }
    }

    /// Root of the state; zero if it is empty.
    pub(crate) fn root(&self) -> Result<B256, StoreError> {
        Ok(self.nomt()?.get().root().into_inner().into())
    }

    /// Value at `key` now.
    pub(crate) fn read(&self, key: &StateKey) -> Result<Option<Vec<u8>>, StoreError> {
        let nomt = self.nomt()?;
        let session = nomt.get().begin_session(SessionParams::default());
        session.read(*key).map_err(failed("reading a value"))
    }

    /// Paths of `keys` with their values, and the root that they lead to.
    pub(crate) fn prove(&self, keys: &[StateKey]) -> Result<(B256, Vec<StateProof>), StoreError> {
        let nomt = self.nomt()?;
        let session = nomt.get().begin_session(SessionParams::default());
        let proofs: Result<_, StoreError> = keys
            .iter()
            .map(|key| {
                let value = session.read(*key).map_err(failed("reading a value"))?;
                let path = session.prove(*key).map_err(failed("proving a key"))?;
                Ok(state_proof(*key, value, path))
            })
            .collect();
        Ok((session.prev_root().into_inner().into(), proofs?))
    }

    /// Leaves from `from` on in the order of keys, at most `limit`, and where to go on; `None` at the end.
    pub(crate) fn leaves(
        &self,
        from: StateKey,
        limit: usize,
    ) -> Result<(Leaves, Option<StateKey>), StoreError> {
        let nomt = self.nomt()?;
        let session = nomt.get().begin_session(SessionParams::default());
        let mut leaves = Vec::new();
        let mut next = Some(from);
        while let Some(at) = next.filter(|_| leaves.len() < limit) {
            let path = session.prove(at).map_err(failed("walking the state"))?;
            if let PathProofTerminal::Leaf(leaf) = &path.terminal
                && leaf.key_path >= from
            {
                let value = session.read(leaf.key_path).map_err(failed("reading a value"))?;
                let gone = StoreError::Corrupt { table: "state", reason: "a leaf has no value" };
                leaves.push((leaf.key_path, value.ok_or(gone)?));
            }
            next = next_subtree(&at, &path.siblings);
        }
        Ok((leaves, next))
    }

    /// Computes the root after `writes`; with `reads`, also a witness of those keys and the written
    /// ones.
    pub(crate) fn prepare(
        &self,
        writes: &Writes,
        reads: Option<&BTreeSet<StateKey>>,
    ) -> Result<PreparedTrie, StoreError> {
        self.make_room(writes.len())?;
        let nomt = self.nomt()?;
        let table = self.table.load(Ordering::Acquire);
        let mode = match reads {
            Some(_) => WitnessMode::read_write(),
            None => WitnessMode::disabled(),
        };
        let session = nomt.get().begin_session(SessionParams::default().witness_mode(mode));
        for key in writes.keys() {
            session.warm_up(*key);
        }
        let mut prior = Writes::new();
        let mut accesses = BTreeMap::new();
        for (key, value) in writes {
            let before = session.read(*key).map_err(failed("reading a value"))?;
            // The trie fails on writes that change nothing if there are no others.
            let access = if before == *value {
                KeyReadWrite::Read(before.clone())
            } else {
                KeyReadWrite::ReadThenWrite(before.clone(), value.clone())
            };
            accesses.insert(*key, access);
            prior.insert(*key, before);
        }
        let mut values = Writes::new();
        if let Some(reads) = reads {
            for key in reads.iter().filter(|key| !writes.contains_key(*key)) {
                let value = session.read(*key).map_err(failed("reading a value"))?;
                accesses.insert(*key, KeyReadWrite::Read(value.clone()));
                values.insert(*key, value);
            }
            values.extend(prior.iter().map(|(key, value)| (*key, value.clone())));
        }
        let mut session = session
            .finish(accesses.into_iter().collect())
            .map_err(failed("computing the state root"))?;
        let paths = session.take_witness().map(|witness| witness.path_proofs);
        let root = session.prev_root().into_inner();
        let witness = paths.map(|paths| collect_witness(root, paths, &values)).transpose()?;
        Ok(PreparedTrie { session, table, prior, witness })
    }

    /// Whether a prepared state fits the hash table as it is now.
    pub(crate) fn fits(&self, prepared: &PreparedTrie) -> bool {
        prepared.table == self.table.load(Ordering::Acquire)
    }

    /// Makes a prepared state durable.
    pub(crate) fn commit(&self, prepared: PreparedTrie) -> Result<(), StoreError> {
        if !self.fits(&prepared) {
            return Err(StoreError::TableGrown);
        }
        let nomt = self.nomt()?;
        let committed = prepared.session.commit(nomt.get());
        // So boxed, its cause is still there to be asked for: a disk that is full is one.
        let committed =
            committed.map_err(|it| it.reallocate_into_boxed_dyn_error_without_backtrace());
        committed.map_err(failed("committing the state"))
    }

    /// Applies `writes` at once and returns the new root.
    pub(crate) fn apply(&self, writes: &Writes) -> Result<B256, StoreError> {
        let prepared = self.prepare(writes, None)?;
        let root = prepared.root();
        self.commit(prepared)?;
        Ok(root)
    }

    /// Occupied and available buckets of the hash table.
    pub(crate) fn buckets(&self) -> Result<(usize, usize), StoreError> {
        let utilization = self.nomt()?.get().hash_table_utilization();
        Ok((utilization.occupied, utilization.capacity))
    }

    /// Replaces the hash table, which is bounded, by one that stays at most three quarters full when
    /// `writes` more leaves come. A table that ran full in the middle of a commit would fail it.
    fn make_room(&self, writes: usize) -> Result<(), StoreError> {
        let (occupied, capacity) = self.buckets()?;
        let needed =
            occupied.saturating_add(writes / WRITES_PER_PAGE).saturating_add(SPARE_BUCKETS);
        let mut wanted = capacity.max(1);
        while wanted / 4 * 3 < needed {
            wanted = wanted.saturating_mul(2);
        }
        if wanted == capacity {
            return Ok(());
        }
        tracing::info!(dir = %self.dir.display(), occupied, capacity, wanted, "growing the state's hash table");
        let buckets = u32::try_from(wanted).unwrap_or(u32::MAX);
        let mut guard = self.nomt.write().map_err(|_| StoreError::Poisoned)?;
        self.table.fetch_add(1, Ordering::AcqRel);
        drop(guard.take());
        nomt::grow_hashtable(&nomt_options(&self.dir, &self.options, buckets))
            .map_err(|it| it.reallocate_into_boxed_dyn_error_without_backtrace())
            .map_err(failed("growing the hash table"))?;
        *guard = Some(open_nomt(&self.dir, &self.options, buckets)?);
        Ok(())
    }
}

/// Access to an open database.
struct Guard<'a>(RwLockReadGuard<'a, Option<Nomt<Sha2Hasher>>>);

impl Guard<'_> {
    fn get(&self) -> &Nomt<Sha2Hasher> {
        self.0.as_ref().expect("checked when the guard was made, and it holds the lock")
    }
}

/// The first key after the subtree at the end of a path, where the trie is not empty. `siblings` are those
/// of the path to `at`, from the root down.
fn next_subtree(at: &StateKey, siblings: &[[u8; 32]]) -> Option<StateKey> {
    let depth = siblings.iter().enumerate().rev().find_map(|(depth, sibling)| {
        let is_left = at[depth / 8] & (0x80 >> (depth % 8)) == 0;
        (is_left && *sibling != [0; 32]).then_some(depth)
    })?;
    let (mut next, _) = key_range(at, depth);
    next[depth / 8] |= 0x80 >> (depth % 8);
    Some(next)
}

fn failed<E>(operation: &'static str) -> impl FnOnce(E) -> StoreError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |source| StoreError::Trie { operation, source: source.into() }
}

fn nomt_options(dir: &Path, options: &TrieOptions, buckets: u32) -> Options {
    let mut nomt = Options::new();
    nomt.path(dir);
    nomt.hashtable_buckets(buckets);
    // `allocate_table` does it for every file system, and for tables that are there.
    nomt.preallocate_ht(false);
    nomt.commit_concurrency(options.threads.max(1));
    nomt.io_workers(1);
    nomt.page_cache_size(options.page_cache_mib);
    nomt.leaf_cache_size(options.leaf_cache_mib);
    nomt
}

fn open_nomt(
    dir: &Path,
    options: &TrieOptions,
    buckets: u32,
) -> Result<Nomt<Sha2Hasher>, StoreError> {
    let nomt = Nomt::open(nomt_options(dir, options, buckets))
        .map_err(|it| it.reallocate_into_boxed_dyn_error_without_backtrace())
        .map_err(failed("opening the state"))?;
    allocate_table(dir).map_err(failed("allocating the hash table"))?;
    Ok(nomt)
}

/// Takes the space of the whole hash table.
///
/// NOMT writes to it after a commit is decided, and does not look whether that works: in a sparse file on a full
/// disk, pages would be missing from then on.
fn allocate_table(dir: &Path) -> io::Result<()> {
    let table = File::options().write(true).open(dir.join(TABLE_FILE))?;
    let length = table.metadata()?.len();
    match rustix::fs::fallocate(&table, FallocateFlags::empty(), 0, length) {
        Ok(()) => table.sync_all(),
        Err(Errno::OPNOTSUPP) => {
            tracing::warn!(
                dir = %dir.display(),
                "this file system cannot set space aside: the state may be damaged when the disk is full"
            );
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn terminal(terminal: PathProofTerminal) -> Option<Terminal> {
    match terminal {
        PathProofTerminal::Leaf(leaf) => {
            Some(Terminal { key: leaf.key_path, value_hash: leaf.value_hash })
        }
        PathProofTerminal::Terminator(_) => None,
    }
}

fn state_proof(key: StateKey, value: Option<Vec<u8>>, path: PathProof) -> StateProof {
    StateProof { key, value, terminal: terminal(path.terminal), siblings: path.siblings }
}

/// All nodes on the paths of the keys of `values`, and the values. NOMT gives one path for each
/// place where lookups ended, which several keys may share.
fn collect_witness(
    root: [u8; 32],
    paths: Vec<nomt::WitnessedPath>,
    values: &Writes,
) -> Result<Witness, StoreError> {
    let mut witness = Witness::default();
    for path in paths {
        let (first, last) = key_range(&path.path.raw_path(), path.inner.siblings.len());
        let terminal = terminal(path.inner.terminal);
        let mut add = |key: &StateKey, value: Option<Vec<u8>>| {
            let got = witness
                .add_path(key, &path.inner.siblings, terminal, value)
                .map_err(failed::<PathError>("collecting a witness"))?;
            if got == root {
                return Ok(());
            }
            Err(StoreError::WitnessRoot { expected: root.into(), got: got.into() })
        };
        for (key, value) in values.range(first..=last) {
            add(key, value.clone())?;
        }
    }
    Ok(witness)
}

/// The smallest and the largest key that share the first `depth` bits of `path`.
fn key_range(path: &StateKey, depth: usize) -> (StateKey, StateKey) {
    let (mut first, mut last) = (*path, *path);
    for (position, (low, high)) in first.iter_mut().zip(last.iter_mut()).enumerate() {
        let kept = depth.saturating_sub(position * 8).min(8);
        let free = 0xffu16.checked_shr(u32::try_from(kept).unwrap_or(8)).unwrap_or(0) as u8;
        *low &= !free;
        *high |= free;
    }
    (first, last)
}
