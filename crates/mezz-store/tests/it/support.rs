//! A chain made of arbitrary state changes, and a model of what the store must say about it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use alloy_consensus::{Header, proofs::ordered_trie_root_with_encoder};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, LogData, U256, keccak256};
use mezz_store::{
    Block, BlockRef, Receipt, Store, StoreError, StoreOptions, StoreReader, WitnessKeys,
};
use mezz_trie::{PartialTrie, Witness};
use mezz_types::{BlockNumber, OutboxIndex, StateChanges, StateKey, Withdrawal, WithdrawalKind};

/// All leaves of a state.
pub(crate) type State = BTreeMap<StateKey, Vec<u8>>;

/// Identity of the tests' chain.
pub(crate) const IDENTITY: B256 = B256::repeat_byte(0x1d);

/// Sizes for tests.
pub(crate) fn options() -> StoreOptions {
    StoreOptions {
        head_buckets: 1_024,
        final_buckets: 1_024,
        page_cache_mib: 8,
        leaf_cache_mib: 8,
        database_cache_mib: 16,
        commit_threads: 2,
        reserve_mib: 0,
        history_window: 16,
        history_blocks: None,
        log_section_blocks: 4,
    }
}

/// Opens the store of the tests' chain.
pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, IDENTITY, options()).unwrap()
}

/// Numbers without end, the same ones for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    /// Starts at a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// The next number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

/// The key of a small number.
pub(crate) fn key(number: u64) -> StateKey {
    keccak256(number.to_be_bytes()).0
}

/// The root of a state, computed by the trie that knows no database.
pub(crate) fn root_of(state: &State) -> B256 {
    let changes: BTreeMap<_, _> =
        state.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
    let mut trie = PartialTrie::new([0; 32]);
    trie.update(&Witness::default(), &changes).unwrap().into()
}

/// A chain in a store, and what it must be.
pub(crate) struct Chain {
    /// The writer.
    pub(crate) store: Store,
    /// State after every block.
    pub(crate) states: Vec<State>,
    /// Every block.
    pub(crate) blocks: Vec<(BlockRef, Block)>,
    dice: Dice,
}

impl Chain {
    /// A chain of nothing but genesis.
    pub(crate) fn new(dir: &Path, seed: u64) -> Self {
        let mut chain = Self::empty(dir, seed);
        chain.grow(1);
        chain
    }

    /// A chain without genesis.
    pub(crate) fn empty(dir: &Path, seed: u64) -> Self {
        Self::with(open(dir), seed)
    }

    /// A chain without genesis in an open store.
    pub(crate) fn with(store: Store, seed: u64) -> Self {
        Self { store, states: Vec::new(), blocks: Vec::new(), dice: Dice::new(seed) }
    }

    /// The same chain in a copy of its directory.
    pub(crate) fn copy(&self, dir: &Path) -> Self {
        let (states, blocks) = (self.states.clone(), self.blocks.clone());
        Self { store: open(dir), states, blocks, dice: Dice(self.dice.0) }
    }

    /// Opens the directory again, as another process would.
    pub(crate) fn reopen(self, dir: &Path) -> Self {
        self.reopen_after(dir, |_| {})
    }

    /// The same, with something done to the directory in between.
    pub(crate) fn reopen_after(self, dir: &Path, change: impl FnOnce(&Path)) -> Self {
        let Self { store, states, blocks, dice } = self;
        drop(store);
        change(dir);
        Self { store: open(dir), states, blocks, dice }
    }

    /// A number that was not there before.
    pub(crate) fn salt(&mut self) -> u64 {
        self.dice.below(u64::MAX)
    }

    /// A handle that reads.
    pub(crate) fn reader(&self) -> StoreReader {
        self.store.reader()
    }

    /// The last block.
    pub(crate) fn head(&self) -> BlockRef {
        self.blocks.last().unwrap().0
    }

    /// The last state.
    pub(crate) fn state(&self) -> State {
        self.states.last().cloned().unwrap_or_default()
    }

    /// Changes that write, overwrite and remove leaves among 200 keys.
    pub(crate) fn changes(&mut self) -> StateChanges {
        let mut changes = StateChanges::default();
        for _ in 0..1 + self.dice.below(12) {
            let key = key(self.dice.below(200));
            let value = match self.dice.below(4) {
                0 => None,
                n => Some(vec![self.dice.below(256) as u8; 16 * n as usize]),
            };
            changes.leaves.insert(key, value);
        }
        let code = Bytes::from(self.dice.below(u64::MAX).to_be_bytes().to_vec());
        changes.codes.insert(keccak256(&code), code);
        changes
    }

    /// The block after the head with these changes.
    pub(crate) fn block(&mut self, changes: &StateChanges) -> (State, Block) {
        let mut state = self.state();
        for (key, value) in &changes.leaves {
            match value {
                Some(value) => state.insert(*key, value.clone()),
                None => state.remove(key),
            };
        }
        let number = self.blocks.len() as u64;
        let parent = self.blocks.last().map(|(block, _)| block.hash).unwrap_or_default();
        (state.clone(), block(number, parent, root_of(&state)))
    }

    /// Appends `count` blocks.
    pub(crate) fn grow(&mut self, count: usize) {
        for _ in 0..count {
            let changes = self.changes();
            self.append(changes, None).unwrap();
        }
    }

    /// Appends one block.
    pub(crate) fn append(
        &mut self,
        changes: StateChanges,
        reads: Option<&WitnessKeys>,
    ) -> Result<BlockRef, StoreError> {
        let (state, block) = self.block(&changes);
        let prepared = self.store.prepare(changes, reads)?;
        let block_ref = self.store.commit_block(prepared, &block)?;
        self.states.push(state);
        self.blocks.push((block_ref, block));
        Ok(block_ref)
    }

    /// Takes blocks back, in the store and in the model.
    pub(crate) fn rollback(&mut self, target: u64) {
        self.store.rollback_to(BlockNumber::new(target)).unwrap();
        self.forget_after(target);
    }

    /// Takes blocks back in the model.
    pub(crate) fn forget_after(&mut self, target: u64) {
        self.states.truncate(target as usize + 1);
        self.blocks.truncate(target as usize + 1);
    }

    /// Compares the whole store with the model.
    pub(crate) fn check(&self) {
        let reader = self.reader();
        assert_eq!(reader.head().unwrap(), Some(self.head()));
        for (at, block) in &self.blocks {
            check_block(&reader, *at, block);
        }
        let next = BlockNumber::new(self.blocks.len() as u64);
        assert_eq!(reader.header(next).unwrap(), None);
        let oldest = reader.oldest_state().unwrap().get();
        for (number, state) in self.states.iter().enumerate().skip(oldest as usize) {
            let view = reader.state_at(BlockNumber::new(number as u64)).unwrap();
            for key in (0..200).map(key) {
                assert_eq!(view.value(&key).unwrap().as_ref(), state.get(&key), "block {number}");
            }
        }
        let keys: Vec<_> = (0..200).map(key).collect();
        let proofs = reader.prove(mezz_store::ProofState::Head, &keys).unwrap();
        check_proofs(&proofs, self.states.last().unwrap());
        let last = reader.finalized().unwrap().unwrap().number;
        let proofs = reader.prove(mezz_store::ProofState::Final, &keys).unwrap();
        assert_eq!(proofs.block, last);
        check_proofs(&proofs, &self.states[last.get() as usize]);
    }
}

fn check_proofs(proofs: &mezz_store::StateProofs, state: &State) {
    assert_eq!(proofs.root, root_of(state));
    for proof in &proofs.proofs {
        assert_eq!(proof.value.as_ref(), state.get(&proof.key));
        let root = Witness::default()
            .add_path(&proof.key, &proof.siblings, proof.terminal, proof.value.clone())
            .unwrap();
        assert_eq!(B256::from(root), proofs.root);
    }
}

fn check_block(reader: &StoreReader, at: BlockRef, block: &Block) {
    assert_eq!(reader.header(at.number).unwrap(), Some((at.hash, block.header.clone())));
    assert_eq!(reader.block_number(at.hash).unwrap(), Some(at.number));
    let body = reader.body(at.number).unwrap().unwrap();
    assert_eq!(
        (body.from_inbox, body.transactions),
        (block.from_inbox, block.transactions.clone())
    );
    assert_eq!(reader.receipts(at.number).unwrap(), Some(block.receipts.clone()));
    for (index, hash) in block.transaction_hashes.iter().enumerate() {
        let (found, receipt) = reader.receipt(*hash).unwrap().unwrap();
        assert_eq!((found.block, found.index as usize), (at, index));
        assert_eq!(found.bytes, block.transactions[index]);
        assert_eq!(receipt, block.receipts[index]);
    }
    for withdrawal in &block.withdrawals {
        let found = reader.withdrawal(withdrawal.index).unwrap().unwrap();
        assert_eq!((found.block, &found.withdrawal), (at.number, withdrawal));
    }
}

/// Some block with this root: every third one has logs, every fifth one no transactions.
pub(crate) fn block(number: u64, parent_hash: B256, state_root: B256) -> Block {
    let count = if number.is_multiple_of(5) { 0 } else { 3 };
    let transactions: Vec<_> = (0..count)
        .map(|index: u64| Bytes::from([parent_hash.0.as_slice(), &[index as u8]].concat()))
        .collect();
    let receipts: Vec<_> = (0..count).map(|index| receipt(number, index)).collect();
    let mut logs_bloom = Bloom::ZERO;
    for log in receipts.iter().flat_map(|receipt: &Receipt| &receipt.logs) {
        logs_bloom.accrue_log(log);
    }
    let transactions_root = ordered_trie_root_with_encoder(&transactions, |transaction, out| {
        out.extend_from_slice(transaction)
    });
    let header = Header {
        number,
        parent_hash,
        state_root,
        transactions_root,
        logs_bloom,
        ..Header::default()
    };
    Block {
        header,
        from_inbox: u32::from(count > 0),
        transaction_hashes: transactions.iter().map(keccak256).collect(),
        transactions,
        receipts,
        withdrawals: vec![withdrawal(number)],
    }
}

/// The address that logs in a block.
pub(crate) fn logger(number: u64) -> Address {
    Address::from_word(keccak256(number.to_be_bytes()))
}

fn receipt(number: u64, index: u64) -> Receipt {
    let log = Log {
        address: logger(number),
        data: LogData::new_unchecked(vec![B256::repeat_byte(7)], Bytes::from_static(&[1, 2])),
    };
    Receipt {
        kind: 2,
        success: index != 1,
        gas_used: 21_000 + number,
        cumulative_gas_used: (index + 1) * (21_000 + number),
        effective_gas_price: u128::MAX - u128::from(index),
        l1_data_fee: U256::MAX,
        from: Address::repeat_byte(index as u8),
        contract_address: (index == 2).then(|| logger(number)),
        first_log_index: index,
        logs: if number.is_multiple_of(3) { vec![log] } else { Vec::new() },
    }
}

fn withdrawal(number: u64) -> Withdrawal {
    Withdrawal {
        index: OutboxIndex::new(number),
        kind: WithdrawalKind::Call,
        sender: logger(number),
        target: Address::repeat_byte(2),
        token: Address::ZERO,
        amount: U256::from(number),
        data: Bytes::from_static(&[3, 4]),
    }
}

/// Keys that a run may have read.
pub(crate) fn reads(keys: impl IntoIterator<Item = u64>, codes: BTreeSet<B256>) -> WitnessKeys {
    WitnessKeys { keys: keys.into_iter().map(key).collect(), codes }
}
