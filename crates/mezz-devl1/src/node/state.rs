//! What the node can do to its chain. No threads, no sockets, no waiting: each call is one step.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use mezz_evm::{Crypto, EthereumAccountChange, EthereumChanges};

use crate::{
    accounts::DevAccounts,
    chain::{
        Admission, Attributes, Block, ChainEvent, CheckedTransaction, Depths, NextBlock, Pool,
        PoolError, Rules, View,
    },
    clock::Clock,
    config::DevL1Config,
    error::{ControlError, DevL1Error},
    genesis::genesis,
    log::{BlockLog, Entry, GenesisRecord, LogError, Place, Record},
};

/// Most versions of the chain that are kept to come back to.
const MAX_SNAPSHOTS: usize = 256;
/// Most blocks of one request.
const MAX_BLOCKS: u64 = 100_000;
/// Farthest that time can be moved at once, seconds: a thousand years.
const MAX_TRAVEL_SECS: u64 = 1 << 35;

/// What becomes of the transactions of blocks that are taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dropped {
    /// They wait again, so that the new blocks include them if they are still valid there.
    #[default]
    Remine,
    /// The new blocks are empty; after them the transactions wait again.
    Return,
    /// They are gone.
    Forget,
}

/// A reorganisation on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reorg {
    /// How many blocks are taken away; never one that is finalized.
    pub depth: u64,
    /// How many new ones come in their place; `None` for as many.
    pub blocks: Option<u64>,
    /// What becomes of the transactions.
    pub dropped: Dropped,
    /// By how many seconds the new blocks are later than those that they replace.
    pub delay_secs: u64,
}

impl Reorg {
    /// Replaces the last `depth` blocks by as many, with the same transactions where they are valid.
    pub const fn of_depth(depth: u64) -> Self {
        Self { depth, blocks: None, dropped: Dropped::Remine, delay_secs: 0 }
    }
}

/// A hand of the operator in the state.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    Balance(U256),
    Nonce(u64),
    Code(Bytes),
    Slot { slot: U256, value: U256 },
}

/// The chain, its log, and the versions to come back to.
#[derive(Debug)]
pub(crate) struct ChainState {
    view: View,
    log: Option<BlockLog>,
    unsaved: Vec<Record>,
    snapshots: BTreeMap<u64, View>,
    next_snapshot: u64,
    clock: Arc<dyn Clock>,
    crypto: Arc<dyn Crypto>,
}

impl ChainState {
    /// A new chain, or the one in the data directory.
    pub(crate) fn open(config: &DevL1Config, accounts: &DevAccounts) -> Result<Self, DevL1Error> {
        let rules = Rules {
            chain_id: config.chain_id,
            gas_limit: config.gas_limit,
            blobs: config.blob_params,
        };
        let depths = Depths {
            safe: config.safe_depth,
            finalized: config.finalized_depth,
            states: config.state_history.max(1),
            blobs: config.blob_history,
            memory: usize::try_from(config.memory_mib)
                .unwrap_or(usize::MAX)
                .saturating_mul(1 << 20),
        };
        let log = config.data_dir.as_deref().map(BlockLog::open).transpose()?;
        let (log, entries) = log.map_or((None, Vec::new()), |(log, entries)| (Some(log), entries));
        let mut entries = entries.into_iter();
        let now = config.clock.unix_secs();
        let recorded = match entries.next() {
            None => None,
            Some(Entry::Genesis(recorded)) => Some(recorded),
            Some(_) => return Err(damaged(log.as_ref(), "no genesis at the beginning").into()),
        };
        let timestamp =
            recorded.map_or(config.genesis_timestamp.unwrap_or(now), |recorded| recorded.timestamp);
        let (block, state) = genesis(config, accounts, timestamp);
        let ours = GenesisRecord {
            version: GenesisRecord::VERSION,
            chain_id: config.chain_id,
            timestamp: config.genesis_timestamp.unwrap_or(timestamp),
            hash: block.hash(),
        };
        let mut view = View::new(rules, depths, block, state);
        if let Some(log) = &log {
            view.read_from(log.reader().clone());
        }
        let mut chain = Self {
            view,
            log,
            unsaved: Vec::new(),
            snapshots: BTreeMap::new(),
            next_snapshot: 1,
            clock: config.clock.clone(),
            crypto: config.crypto.clone(),
        };
        match recorded {
            None => chain.unsaved.push(Record::Genesis(ours)),
            Some(recorded) => {
                if let Some(log) = &chain.log {
                    same_chain(log.path(), recorded, ours)?;
                }
                chain.replay(entries)?;
            }
        }
        chain.save()?;
        Ok(chain)
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Puts everything that happened since the last call on disk. To be called before anybody learns of it.
    ///
    /// # Errors
    /// The chain must then not go on.
    pub(crate) fn save(&mut self) -> Result<(), LogError> {
        let records = core::mem::take(&mut self.unsaved);
        let Some(log) = &mut self.log else { return Ok(()) };
        if records.is_empty() {
            return Ok(());
        }
        let places = log.append(&records)?;
        for (record, place) in records.iter().zip(places) {
            if let Record::Block(block) = record {
                self.view.written(block.number(), block.hash(), place);
            }
        }
        self.view.shed();
        Ok(())
    }

    /// Takes a transaction into the pool.
    pub(crate) fn submit(&mut self, transaction: CheckedTransaction) -> Result<B256, PoolError> {
        let transaction = Arc::new(transaction);
        let hash = transaction.hash();
        if self.view.includes(&hash) {
            return Err(PoolError::AlreadyKnown);
        }
        self.add_to_pool(transaction.clone())?;
        self.view.note(ChainEvent::Waiting(transaction));
        Ok(hash)
    }

    /// Makes `count` blocks, `interval_secs` apart, and returns their hashes.
    pub(crate) fn mine(
        &mut self,
        count: u64,
        interval_secs: Option<u64>,
    ) -> Result<Vec<B256>, ControlError> {
        if count > MAX_BLOCKS {
            return Err(ControlError::TooManyBlocks { got: count, max: MAX_BLOCKS });
        }
        let mut hashes = Vec::new();
        for index in 0..count {
            let now = self.clock.unix_secs();
            let timestamp = match interval_secs {
                Some(interval) if index > 0 => {
                    let head = self.view.head().header.timestamp;
                    self.travelled(head, head.saturating_add(interval.max(1)))?
                }
                _ => self.view.next_timestamp(now),
            };
            let pool = self.view.pool.clone();
            hashes.push(self.build(timestamp, &pool)?);
        }
        Ok(hashes)
    }

    /// Moves the chain's time ahead of the clock; returns by how much it is now.
    pub(crate) fn increase_time(&mut self, secs: u64) -> Result<i64, ControlError> {
        let step = self.travelled(0, secs)?;
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.view.next.offset_secs = self.view.next.offset_secs.saturating_add(step);
        Ok(self.view.next.offset_secs)
    }

    /// Says what time the next block has; time goes on from there.
    pub(crate) fn set_next_timestamp(&mut self, timestamp: u64) -> Result<(), ControlError> {
        let head = self.view.head().header.timestamp;
        if timestamp <= head {
            return Err(ControlError::TimestampNotLater { got: timestamp, head });
        }
        self.travelled(head, timestamp)?;
        self.view.next.timestamp = Some(timestamp);
        Ok(())
    }

    /// Says what time it is for the chain.
    pub(crate) fn set_time(&mut self, timestamp: u64) -> Result<(), ControlError> {
        let head = self.view.head().header.timestamp;
        if timestamp < head {
            return Err(ControlError::TimestampNotLater { got: timestamp, head });
        }
        self.travelled(head, timestamp)?;
        self.view.next.offset_secs = offset(timestamp, self.clock.unix_secs());
        Ok(())
    }

    /// Says what base fee the next block has.
    pub(crate) fn set_next_base_fee(&mut self, base_fee: u64) {
        self.view.next.base_fee = Some(base_fee);
    }

    /// Replaces the last blocks.
    pub(crate) fn reorg(&mut self, reorg: Reorg) -> Result<B256, ControlError> {
        self.whole_or_not(|chain| chain.try_reorg(reorg))
    }

    fn try_reorg(&mut self, reorg: Reorg) -> Result<B256, ControlError> {
        let blocks = reorg.blocks.unwrap_or(reorg.depth);
        if blocks > MAX_BLOCKS {
            return Err(ControlError::TooManyBlocks { got: blocks, max: MAX_BLOCKS });
        }
        let replaced = self.take_away(reorg.depth)?;
        if reorg.dropped == Dropped::Remine {
            self.return_to_pool(&replaced);
        }
        for index in 0..blocks {
            let old = usize::try_from(index).ok().and_then(|index| replaced.get(index));
            let head = self.view.head().header.timestamp;
            let timestamp = match old {
                Some(old) => old
                    .header
                    .timestamp
                    .saturating_add(reorg.delay_secs)
                    .max(head.saturating_add(1)),
                None => self.view.next_timestamp(self.clock.unix_secs()),
            };
            self.travelled(head, timestamp)?;
            let pool = match reorg.dropped {
                Dropped::Return => Pool::default(),
                Dropped::Remine | Dropped::Forget => self.view.pool.clone(),
            };
            self.build(timestamp, &pool)?;
        }
        if reorg.dropped == Dropped::Return {
            self.return_to_pool(&replaced);
        }
        Ok(self.view.head().hash())
    }

    /// Replaces the last `depth` blocks by as many that hold just the given transactions, by their place.
    pub(crate) fn reorg_with(
        &mut self,
        depth: u64,
        transactions: Vec<(CheckedTransaction, u64)>,
    ) -> Result<B256, ControlError> {
        if let Some((_, block)) = transactions.iter().find(|(_, block)| *block >= depth) {
            return Err(ControlError::BlockOutsideReorg { block: *block, depth });
        }
        self.whole_or_not(|chain| {
            let replaced = chain.take_away(depth)?;
            for (index, old) in (0..).zip(&replaced) {
                let mut pool = Pool::default();
                for (transaction, _) in transactions.iter().filter(|(_, block)| *block == index) {
                    let (admission, state) = (chain.admission(), chain.view.state());
                    pool.add(Arc::new(transaction.clone()), admission, state)?;
                }
                let earliest = chain.view.head().header.timestamp.saturating_add(1);
                chain.build(old.header.timestamp.max(earliest), &pool)?;
            }
            Ok(chain.view.head().hash())
        })
    }

    /// Leaves the chain as it was if `act` fails half-way.
    fn whole_or_not<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let (view, unsaved) = (self.view.clone(), self.unsaved.len());
        act(self).inspect_err(|_| {
            self.view = view;
            self.unsaved.truncate(unsaved);
        })
    }

    /// Takes the last `depth` blocks away and puts nothing in their place; their transactions are gone.
    pub(crate) fn rollback(&mut self, depth: u64) -> Result<(), ControlError> {
        self.take_away(depth).map(drop)
    }

    /// Remembers this version of the chain.
    pub(crate) fn snapshot(&mut self) -> Result<u64, ControlError> {
        if self.snapshots.len() >= MAX_SNAPSHOTS {
            return Err(ControlError::TooManySnapshots { max: MAX_SNAPSHOTS });
        }
        let id = self.next_snapshot;
        self.next_snapshot += 1;
        self.snapshots.insert(id, self.view.clone());
        Ok(id)
    }

    /// Comes back to a remembered version, and forgets it and those after it. False if there is none.
    ///
    /// # Errors
    /// [`LogError`] if a block of before cannot be read; nothing is done then.
    pub(crate) fn revert(&mut self, id: u64) -> Result<bool, LogError> {
        let Some(mut target) = self.snapshots.get(&id).cloned() else { return Ok(false) };
        let same = |number: &u64| self.view.hash_of(*number) == target.hash_of(*number);
        let lower = self.view.number().min(target.number());
        let common = (0..=lower).rev().find(same).unwrap_or_default();
        let blocks = |view: &View, to: u64| {
            let numbers = common + 1..=to;
            numbers
                .filter_map(|number| view.block(number).transpose())
                .collect::<Result<Vec<Arc<Block>>, LogError>>()
        };
        let removed = blocks(&self.view, self.view.number())?;
        let added = blocks(&target, target.number())?;
        self.snapshots.split_off(&id);
        target.continue_events_of(&self.view);
        target.fork = self.view.fork + 1;
        for block in removed.into_iter().rev() {
            target.note(ChainEvent::Removed(block));
        }
        self.unsaved.push(Record::Rewind { to: common });
        for block in added {
            self.unsaved.push(Record::Block(block.clone()));
            target.note(ChainEvent::Added(block));
        }
        self.unsaved.push(Record::Edits(target.edits().clone()));
        self.view = target;
        Ok(true)
    }

    /// Changes an account by hand, at once.
    pub(crate) fn edit(&mut self, address: Address, edit: Edit) {
        let mut account = self.view.state().account_or_empty(address);
        let mut change = EthereumAccountChange::default();
        let mut changes = EthereumChanges::default();
        match edit {
            Edit::Balance(balance) => account.balance = balance,
            Edit::Nonce(nonce) => account.nonce = nonce,
            Edit::Code(code) => {
                account.code_hash = keccak256(&code);
                if !code.is_empty() {
                    changes.codes.insert(account.code_hash, code);
                }
            }
            Edit::Slot { slot, value } => {
                change.slots.insert(slot, value);
                if account.is_empty() {
                    // EIP-161 would take an account that has nothing but storage away.
                    account.nonce = 1;
                }
            }
        }
        change.account = (!account.is_empty()).then_some(account);
        changes.accounts.insert(address, change);
        self.view.edit(&changes);
        self.unsaved.push(Record::Edits(self.view.edits().clone()));
    }

    /// Speaks for an account without its key, or stops to.
    pub(crate) fn impersonate(&mut self, address: Address, on: bool) {
        if on {
            self.view.impersonated.insert(address);
        } else {
            self.view.impersonated.remove(&address);
        }
    }

    /// Takes a transaction out of the pool.
    pub(crate) fn drop_transaction(&mut self, hash: B256) -> bool {
        self.view.pool.remove(&hash).is_some()
    }

    /// Takes everything out of the pool.
    pub(crate) fn drop_all_transactions(&mut self) {
        self.view.pool = Pool::default();
    }

    fn admission(&self) -> Admission {
        Admission {
            chain_id: self.view.rules.chain_id,
            block_gas: self.view.rules.gas_limit,
            max_blobs: self.view.rules.blobs.max_blobs_per_tx,
        }
    }

    fn add_to_pool(&mut self, transaction: Arc<CheckedTransaction>) -> Result<(), PoolError> {
        let admission = self.admission();
        let mut pool = self.view.pool.clone();
        pool.add(transaction, admission, self.view.state())?;
        self.view.pool = pool;
        Ok(())
    }

    fn return_to_pool(&mut self, blocks: &[Arc<Block>]) {
        for transaction in blocks.iter().flat_map(|block| &block.transactions) {
            if let Err(error) = self.add_to_pool(transaction.clone()) {
                tracing::debug!(hash = %transaction.hash(), %error, "not taken back");
            }
        }
    }

    /// Takes the last `depth` blocks away, and returns them, lowest first.
    fn take_away(&mut self, depth: u64) -> Result<Vec<Arc<Block>>, ControlError> {
        let head = self.view.number();
        let finalized = self.view.finalized();
        let max = head - finalized;
        if depth == 0 || depth > max {
            return Err(ControlError::ReorgDepth { got: depth, max, head, finalized });
        }
        let to = head - depth;
        let blocks = (to + 1..=head).filter_map(|number| self.view.block(number).transpose());
        let blocks = blocks.collect::<Result<_, _>>()?;
        if !self.view.rewind(to)? {
            return Err(ControlError::StateNotKept {
                number: to,
                oldest: self.view.oldest_state(),
            });
        }
        self.unsaved.push(Record::Rewind { to });
        Ok(blocks)
    }

    fn build(&mut self, timestamp: u64, pool: &Pool) -> Result<B256, ControlError> {
        let next = self.view.next;
        let attributes = Attributes { timestamp, base_fee: next.base_fee, fork: self.view.fork };
        let built = self.view.build_next(&*self.crypto, attributes, pool)?;
        for hash in &built.refused {
            self.view.pool.remove(hash);
        }
        let offset_secs = match next.timestamp {
            Some(timestamp) => offset(timestamp, self.clock.unix_secs()),
            None => next.offset_secs,
        };
        self.view.next = NextBlock { offset_secs, timestamp: None, base_fee: None };
        let block = Arc::new(built.block);
        let hash = block.hash();
        self.unsaved.push(Record::Block(block.clone()));
        self.view.append(block, built.state);
        Ok(hash)
    }

    /// `to`, if it is not too far from `from`.
    fn travelled(&self, from: u64, to: u64) -> Result<u64, ControlError> {
        let secs = to.saturating_sub(from);
        if secs > MAX_TRAVEL_SECS {
            return Err(ControlError::TooFar { secs, max: MAX_TRAVEL_SECS });
        }
        Ok(to)
    }

    /// Does again what the log says: first it is found out which blocks remain, then they are put in place.
    fn replay(&mut self, entries: impl Iterator<Item = Entry>) -> Result<(), DevL1Error> {
        let genesis = self.view.head().hash();
        let mut blocks: Vec<(B256, Place)> = Vec::new();
        let mut edits = Arc::default();
        let mut rewinds = 0;
        for entry in entries {
            match entry {
                Entry::Genesis(_) => return Err(self.damaged("a second genesis").into()),
                Entry::Block { number, hash, parent, place } => {
                    let head = blocks.last().map_or(genesis, |(hash, _)| *hash);
                    if (head, blocks.len() as u64 + 1) != (parent, number) {
                        return Err(self.damaged("a block that does not follow its parent").into());
                    }
                    blocks.push((hash, place));
                    edits = Arc::default();
                }
                Entry::Edits(changes) => edits = changes,
                Entry::Rewind { to } => {
                    let kept = usize::try_from(to).unwrap_or(usize::MAX);
                    if kept > blocks.len() {
                        return Err(self.damaged("a way back to an unknown block").into());
                    }
                    blocks.truncate(kept);
                    edits = Arc::default();
                    rewinds += 1;
                }
            }
        }
        for (hash, place) in blocks {
            let Some(log) = &self.log else { break };
            let block = Arc::new(log.reader().block(place)?);
            let number = block.number();
            let mut state = self.view.state().clone();
            state.apply(&block.edits);
            state.apply(&block.changes);
            self.view.append(block, state);
            self.view.written(number, hash, place);
            self.view.shed();
        }
        let head = self.view.head().clone();
        if self.view.state().root() != head.header.state_root {
            return Err(self.damaged("its state does not have the root in its last header").into());
        }
        self.view.edit(&edits);
        self.view.fork = rewinds;
        // A chain that was ahead of the clock when it stopped goes on from where it was.
        let ahead = offset(head.header.timestamp, self.clock.unix_secs());
        self.view.next.offset_secs = ahead.max(0);
        tracing::info!(number = head.number(), hash = %head.hash(), "chain continued");
        Ok(())
    }

    fn damaged(&self, reason: &str) -> LogError {
        damaged(self.log.as_ref(), reason)
    }
}

fn damaged(log: Option<&BlockLog>, reason: &str) -> LogError {
    LogError::Damaged {
        path: log.map(|log| log.path().to_owned()).unwrap_or_default(),
        at: 0,
        reason: reason.to_owned(),
    }
}

/// By how many seconds `timestamp` is ahead of `now`.
fn offset(timestamp: u64, now: u64) -> i64 {
    let difference = i128::from(timestamp) - i128::from(now);
    i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
}

/// Checks that a log was begun with the configuration that it is opened with.
fn same_chain(path: &Path, found: GenesisRecord, ours: GenesisRecord) -> Result<(), LogError> {
    let differs = |what, found: String, expected: String| LogError::AnotherChain {
        path: path.to_owned(),
        what,
        found,
        expected,
    };
    let numbers = [
        ("the version", found.version, ours.version),
        ("the chain id", found.chain_id, ours.chain_id),
        ("the genesis timestamp", found.timestamp, ours.timestamp),
    ];
    for (what, found, expected) in numbers {
        if found != expected {
            return Err(differs(what, found.to_string(), expected.to_string()));
        }
    }
    if found.hash != ours.hash {
        return Err(differs("the genesis hash", found.hash.to_string(), ours.hash.to_string()));
    }
    Ok(())
}
