//! Reading, from any thread, while the writer goes on.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use mezz_trie::{Terminal, Witness};
use mezz_types::{BlockNumber, OUTBOX, OUTBOX_ROOT_SLOT, OutboxIndex, StateChanges, StateKey};

use crate::{
    BlockRef, Body, Footprint, HistoryPruner, LogBlocks, LogIndexStatus, LogIndexer, LogQuery,
    Receipt, SnapshotSummary, StateView, StoreError, StoredTransaction,
    block::StoredWithdrawal,
    blocks,
    codec::Map,
    database::Read,
    footprint, log_index, outbox,
    shared::{Shared, check_kept, final_block, history_from, last_block},
    snapshot,
    tables::{BODIES, FORWARD, NUMBERS, TRANSACTIONS, WITHDRAWALS, WITNESSES, meta},
    view,
};

/// Blocks that the tries can be behind the tables: the head's by one, the final one's by what a claim
/// made final at once.
const MAX_TRIE_LAG: u64 = 4_096;

/// The path of one key in the state trie, and what is at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    /// The key.
    pub key: StateKey,
    /// Its value; `None` if it has no leaf.
    pub value: Option<Vec<u8>>,
    /// The leaf at the end of the path, which may have another key; `None` if nothing is there.
    pub terminal: Option<Terminal>,
    /// Siblings from the root down.
    pub siblings: Vec<[u8; 32]>,
}

/// Proofs of several keys, and the state that they are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProofs {
    /// The block after which the state is so.
    pub block: BlockNumber,
    /// Root of the state.
    pub root: B256,
    /// One proof for each key, in the order asked for.
    pub proofs: Vec<StateProof>,
}

/// Which state to prove in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofState {
    /// After the last block.
    Head,
    /// After the last final block.
    Final,
}

/// How full the hash tables of the two state instances are, buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Used by the head.
    pub head_occupied: usize,
    /// Available to the head before it grows.
    pub head_capacity: usize,
    /// Used by the final instance.
    pub final_occupied: usize,
    /// Available to the final instance before it grows.
    pub final_capacity: usize,
}

/// A handle that reads. Cheap to clone; every method sees what is committed when it is called.
#[derive(Clone)]
pub struct StoreReader {
    shared: Arc<Shared>,
}

impl StoreReader {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn read(&self) -> Result<Read, StoreError> {
        self.shared.check_alive()?;
        self.shared.database.read()
    }

    /// The last block; `None` before genesis.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`].
    pub fn head(&self) -> Result<Option<BlockRef>, StoreError> {
        self.shared.check_alive()?;
        self.shared.tip()
    }

    /// Whether a block is shown: not while its state is still on its way into the trie, so that
    /// whoever sees a receipt sees the balances after it.
    fn is_shown(&self, number: BlockNumber) -> Result<bool, StoreError> {
        Ok(self.shared.tip()?.is_some_and(|tip| number <= tip.number))
    }

    /// The last block whose batch is on L1.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn safe(&self) -> Result<Option<BlockRef>, StoreError> {
        let read = self.read()?;
        let number = read.meta_block(meta::SAFE)?;
        block_ref(&read, number)
    }

    /// The last final block.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn finalized(&self) -> Result<Option<BlockRef>, StoreError> {
        let read = self.read()?;
        let number = final_block(&read)?;
        block_ref(&read, number)
    }

    /// Hash of a block.
    ///
    /// # Errors
    /// [`StoreError::Pruned`], or a failure of the disk.
    pub fn block_hash(&self, number: BlockNumber) -> Result<Option<B256>, StoreError> {
        if !self.is_shown(number)? {
            return Ok(None);
        }
        let read = self.read()?;
        let hash = blocks::hash(&read, number)?;
        if hash.is_none() {
            check_kept(number, read.meta_block(meta::HEADERS_FROM)?.unwrap_or_default())?;
        }
        Ok(hash)
    }

    /// Number of the block with this hash.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn block_number(&self, hash: B256) -> Result<Option<BlockNumber>, StoreError> {
        let number = self.read()?.get(NUMBERS, &hash.0)?.map(|it| BlockNumber::new(it.value()));
        match number {
            Some(number) if self.is_shown(number)? => Ok(Some(number)),
            _ => Ok(None),
        }
    }

    /// Hash and header of a block.
    ///
    /// # Errors
    /// [`StoreError::Pruned`], or a failure of the disk.
    pub fn header(&self, number: BlockNumber) -> Result<Option<(B256, Header)>, StoreError> {
        if !self.is_shown(number)? {
            return Ok(None);
        }
        let read = self.read()?;
        let header = blocks::header(&read, number)?;
        if header.is_none() {
            check_kept(number, read.meta_block(meta::HEADERS_FROM)?.unwrap_or_default())?;
        }
        Ok(header)
    }

    /// Transactions of a block.
    ///
    /// # Errors
    /// [`StoreError::Pruned`], or a failure of the disk.
    pub fn body(&self, number: BlockNumber) -> Result<Option<Body>, StoreError> {
        if !self.is_shown(number)? {
            return Ok(None);
        }
        let read = self.read()?;
        check_body_kept(&read, number)?;
        blocks::body(&read, number)
    }

    /// Receipts of a block.
    ///
    /// # Errors
    /// [`StoreError::Pruned`], or a failure of the disk.
    pub fn receipts(&self, number: BlockNumber) -> Result<Option<Vec<Receipt>>, StoreError> {
        if !self.is_shown(number)? {
            return Ok(None);
        }
        let read = self.read()?;
        check_kept(number, history_from(&read)?)?;
        blocks::receipts(&read, number)
    }

    /// Where the transaction with this hash is, and its bytes.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn transaction(&self, hash: B256) -> Result<Option<StoredTransaction>, StoreError> {
        let found = find_transaction(&self.read()?, hash)?;
        match found {
            Some(found) if self.is_shown(found.block.number)? => Ok(Some(found)),
            _ => Ok(None),
        }
    }

    /// One transaction of a block.
    ///
    /// # Errors
    /// [`StoreError::Pruned`], or a failure of the disk.
    pub fn transaction_at(
        &self,
        number: BlockNumber,
        index: u32,
    ) -> Result<Option<Bytes>, StoreError> {
        let read = self.read()?;
        check_body_kept(&read, number)?;
        blocks::transaction(&read, number, index)
    }

    /// The receipt of the transaction with this hash, and the transaction.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn receipt(&self, hash: B256) -> Result<Option<(StoredTransaction, Receipt)>, StoreError> {
        let read = self.read()?;
        let Some(found) = find_transaction(&read, hash)? else { return Ok(None) };
        if !self.is_shown(found.block.number)? {
            return Ok(None);
        }
        let missing = StoreError::Missing { table: "receipts", key: found.block.number.get() };
        let receipt = blocks::receipt(&read, found.block.number, found.index)?.ok_or(missing)?;
        Ok(Some((found, receipt)))
    }

    /// The blocks from `from` to `to` (included) that may have a wanted log, as far as one step goes:
    /// to the last block of what comes back, which is `to` or the head when there are no more.
    ///
    /// # Errors
    /// [`StoreError::Pruned`], or a failure of the disk.
    pub fn log_blocks(
        &self,
        query: &LogQuery,
        from: BlockNumber,
        to: BlockNumber,
    ) -> Result<LogBlocks, StoreError> {
        self.shared.check_alive()?;
        let to = to.min(self.shared.tip()?.map_or(BlockNumber::ZERO, |tip| tip.number));
        log_index::search(&self.shared, query, from, to)
    }

    /// Who brings the index of logs up to the head. There is one holder at a time.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn log_indexer(&self) -> Result<LogIndexer, StoreError> {
        LogIndexer::new(Arc::clone(&self.shared))
    }

    /// Who forgets old blocks, if the options say so. There is one holder at a time.
    pub fn history_pruner(&self) -> HistoryPruner {
        HistoryPruner::new(Arc::clone(&self.shared))
    }

    /// How far the index of logs is.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn log_index(&self) -> Result<LogIndexStatus, StoreError> {
        log_index::status(&self.shared)
    }

    /// The state after the last block; `None` before genesis.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`].
    pub fn state_at_head(&self) -> Result<Option<StateView>, StoreError> {
        let generation = self.shared.generation.load(Ordering::Acquire);
        let Some(head) = self.head()? else { return Ok(None) };
        Ok(Some(StateView::new(Arc::clone(&self.shared), head, generation)))
    }

    /// The state after an earlier block.
    ///
    /// # Errors
    /// [`StoreError::UnknownBlock`], [`StoreError::OutsideHistory`], or a failure of the disk.
    pub fn state_at(&self, number: BlockNumber) -> Result<StateView, StoreError> {
        let generation = self.shared.generation.load(Ordering::Acquire);
        let head = self.head()?.map_or(BlockNumber::ZERO, |head| head.number);
        let unknown = StoreError::UnknownBlock { block: number, head };
        if number > head {
            return Err(unknown);
        }
        let Some(hash) = self.block_hash(number)? else { return Err(unknown) };
        let oldest = self.oldest_state()?;
        if number < oldest {
            return Err(StoreError::OutsideHistory { block: number, oldest });
        }
        let block = BlockRef { number, hash };
        Ok(StateView::new(Arc::clone(&self.shared), block, generation))
    }

    /// The oldest block whose state can be read.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`].
    pub fn oldest_state(&self) -> Result<BlockNumber, StoreError> {
        let history = self.shared.history.read().map_err(|_| StoreError::Poisoned)?;
        Ok(history.oldest())
    }

    /// The code with this Keccak-256.
    ///
    /// # Errors
    /// [`StoreError::UnknownCode`], or a failure of the disk.
    pub fn code(&self, code_hash: B256) -> Result<Bytes, StoreError> {
        view::code(&self.shared, code_hash)
    }

    /// What a block that is not final changed in the state; the codes are not included.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn changes(&self, number: BlockNumber) -> Result<Option<StateChanges>, StoreError> {
        let Some(bytes) = self.read()?.get(FORWARD, number.get())? else { return Ok(None) };
        let mut changes = StateChanges::default();
        for entry in Map::parse("forward", bytes.value())?.iter() {
            let (key, value) = entry?;
            changes.leaves.insert(key, value.map(<[u8]>::to_vec));
        }
        Ok(Some(changes))
    }

    /// The witness of a block that is not final, if one was stored.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn witness(&self, number: BlockNumber) -> Result<Option<Witness>, StoreError> {
        let Some(bytes) = self.read()?.get(WITNESSES, number.get())? else { return Ok(None) };
        let reason = "not a witness";
        Witness::decode(bytes.value())
            .map(Some)
            .map_err(|_| StoreError::Corrupt { table: "witnesses", reason })
    }

    /// One withdrawal of the outbox.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn withdrawal(&self, index: OutboxIndex) -> Result<Option<StoredWithdrawal>, StoreError> {
        let bytes = self.read()?.get(WITHDRAWALS, index.get())?;
        bytes.map(|bytes| StoredWithdrawal::decode(bytes.value())).transpose()
    }

    /// The root of the outbox after `block`, also where the state after it is not kept any more.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn outbox_root(&self, block: BlockNumber) -> Result<B256, StoreError> {
        if let Some(root) = outbox::root_at(&self.read()?, block)? {
            return Ok(root);
        }
        // The directory is older than the table.
        Ok(self.state_at(block)?.storage(OUTBOX, OUTBOX_ROOT_SLOT)?.into())
    }

    /// How many withdrawals the outbox has after `block`.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn outbox_count(&self, block: BlockNumber) -> Result<u64, StoreError> {
        outbox::count_at(&self.read()?, block)
    }

    /// The paths of `keys` in the head or the final state, all in one and the same state.
    ///
    /// Blocks are durable before the trie has them, so the state that is proven may be one that was the
    /// newest a moment ago; `block` says which it is.
    ///
    /// # Errors
    /// [`StoreError::ViewExpired`] if the trie was rolled back while it was read, or a failure of the
    /// disk.
    pub fn prove(&self, state: ProofState, keys: &[StateKey]) -> Result<StateProofs, StoreError> {
        self.shared.check_alive()?;
        let trie = match state {
            ProofState::Head => &self.shared.head,
            ProofState::Final => &self.shared.finalized,
        };
        let (root, proofs) = trie.prove(keys)?;
        // Read after the trie: whatever block it is at is stored by now.
        let read = self.read()?;
        let newest = match state {
            ProofState::Head => last_block(&read)?.map(|last| last.number),
            ProofState::Final => final_block(&read)?,
        };
        let newest = newest.unwrap_or_default();
        let block = block_with_root(&read, newest, root)?;
        Ok(StateProofs {
            block: block.ok_or(StoreError::ViewExpired { block: newest })?,
            root,
            proofs,
        })
    }

    /// Writes the chain as of its last final block to a new file. Blocks are built and followed
    /// meanwhile; what becomes final waits.
    ///
    /// # Errors
    /// [`StoreError::NothingFinal`], [`StoreError::File`] also if there is such a file, or another
    /// failure of the disk.
    pub fn write_snapshot(&self, out: &Path) -> Result<SnapshotSummary, StoreError> {
        snapshot::create(&self.shared, out)
    }

    /// The first block whose body, receipts and logs are kept, beside genesis.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn history_from(&self) -> Result<BlockNumber, StoreError> {
        history_from(&self.read()?)
    }

    /// How large the store is, and how fast it grows: an estimate.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn footprint(&self) -> Result<Footprint, StoreError> {
        footprint::measure(&self.shared.dir, &self.read()?)
    }

    /// How full the hash tables are.
    ///
    /// # Errors
    /// [`StoreError::Poisoned`].
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let (head_occupied, head_capacity) = self.shared.head.buckets()?;
        let (final_occupied, final_capacity) = self.shared.finalized.buckets()?;
        Ok(Usage { head_occupied, head_capacity, final_occupied, final_capacity })
    }
}

/// That of a snapshot's block is kept though what belongs to it is not.
fn check_body_kept(read: &Read, number: BlockNumber) -> Result<(), StoreError> {
    match read.get(BODIES, number.get())? {
        Some(_) => Ok(()),
        None => check_kept(number, history_from(read)?),
    }
}

fn block_ref(read: &Read, number: Option<BlockNumber>) -> Result<Option<BlockRef>, StoreError> {
    let Some(number) = number else { return Ok(None) };
    Ok(blocks::hash(read, number)?.map(|hash| BlockRef { number, hash }))
}

/// The last block not after `newest` that has this state root, of as many as the trie may be behind.
fn block_with_root(
    read: &Read,
    newest: BlockNumber,
    root: B256,
) -> Result<Option<BlockNumber>, StoreError> {
    let oldest = newest.get().saturating_sub(MAX_TRIE_LAG);
    for number in (oldest..=newest.get()).rev().map(BlockNumber::new) {
        if blocks::known_header(read, number)?.state_root == root {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

fn find_transaction(read: &Read, hash: B256) -> Result<Option<StoredTransaction>, StoreError> {
    let Some((number, index)) = read.get(TRANSACTIONS, &hash.0)?.map(|found| found.value()) else {
        return Ok(None);
    };
    let number = BlockNumber::new(number);
    let missing = |table| StoreError::Missing { table, key: number.get() };
    let block =
        BlockRef { number, hash: blocks::hash(read, number)?.ok_or_else(|| missing("headers"))? };
    let bytes = blocks::transaction(read, number, index)?.ok_or_else(|| missing("bodies"))?;
    Ok(Some(StoredTransaction { block, index, bytes }))
}
