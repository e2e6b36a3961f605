//! The chain as readers see it: one version of everything, which never changes.

use std::sync::Arc;

use alloy::consensus::{Header, Transaction as _};
use alloy_primitives::{Address, B256};
use mezz_evm::{Crypto, EthereumChanges};

use super::{
    block::Block,
    build::{Attributes, Base, BuildError, Built, Rules, build},
    pool::Pool,
    transaction::CheckedTransaction,
};
use crate::state::WorldState;

/// Most events that a reader who was away can still learn of.
const MAX_EVENTS: usize = 16_384;

/// What happened to the chain.
#[derive(Clone, Debug)]
pub(crate) enum ChainEvent {
    /// A block became the head.
    Added(Arc<Block>),
    /// The head was taken away.
    Removed(Arc<Block>),
    /// A transaction waits.
    Waiting(Arc<CheckedTransaction>),
}

/// How far behind the head the labels are, and how much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depths {
    pub(crate) safe: u64,
    pub(crate) finalized: u64,
    pub(crate) states: u64,
    pub(crate) blobs: u64,
}

/// One version of the chain. A clone is cheap.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) rules: Rules,
    pub(crate) depths: Depths,
    /// Block n is at index n.
    blocks: imbl::Vector<Arc<Block>>,
    /// States after the last blocks, that of the head last, before edits.
    states: imbl::Vector<WorldState>,
    by_hash: imbl::HashMap<B256, u64>,
    by_transaction: imbl::HashMap<B256, (u64, usize)>,
    /// State of the head with the edits since.
    state: WorldState,
    edits: Arc<EthereumChanges>,
    pub(crate) pool: Pool,
    events: imbl::Vector<ChainEvent>,
    /// Number of the first event that is kept.
    first_event: u64,
    /// What the block after the head will have, as far as it is settled.
    pub(crate) next: NextBlock,
    /// Accounts that the operator speaks for without their keys.
    pub(crate) impersonated: imbl::HashSet<Address>,
    /// How often blocks were taken away.
    pub(crate) fork: u64,
}

/// What operators have said about the next block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NextBlock {
    /// What the chain's time is ahead of the clock, seconds.
    pub(crate) offset_secs: i64,
    pub(crate) timestamp: Option<u64>,
    pub(crate) base_fee: Option<u64>,
}

impl View {
    pub(crate) fn new(rules: Rules, depths: Depths, genesis: Block, state: WorldState) -> Self {
        let mut view = Self {
            rules,
            depths,
            blocks: imbl::Vector::new(),
            states: imbl::Vector::new(),
            by_hash: imbl::HashMap::new(),
            by_transaction: imbl::HashMap::new(),
            state: WorldState::default(),
            edits: Arc::default(),
            pool: Pool::default(),
            events: imbl::Vector::new(),
            first_event: 0,
            next: NextBlock::default(),
            impersonated: imbl::HashSet::new(),
            fork: 0,
        };
        view.append(Arc::new(genesis), state);
        view
    }

    pub(crate) fn head(&self) -> &Arc<Block> {
        self.blocks.last().expect("there is a genesis, and it is never taken away")
    }

    pub(crate) fn number(&self) -> u64 {
        self.head().number()
    }

    pub(crate) fn safe(&self) -> u64 {
        self.number().saturating_sub(self.depths.safe)
    }

    pub(crate) fn finalized(&self) -> u64 {
        self.number().saturating_sub(self.depths.finalized)
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Arc<Block>> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn block_by_hash(&self, hash: &B256) -> Option<&Arc<Block>> {
        self.block(*self.by_hash.get(hash)?)
    }

    /// The block of a transaction, and its place there.
    pub(crate) fn transaction(&self, hash: &B256) -> Option<(&Arc<Block>, usize)> {
        let (number, index) = self.by_transaction.get(hash)?;
        Some((self.block(*number)?, *index))
    }

    /// State of the head, with what was edited since.
    pub(crate) fn state(&self) -> &WorldState {
        &self.state
    }

    pub(crate) fn edits(&self) -> &Arc<EthereumChanges> {
        &self.edits
    }

    /// State after a block; `None` if it is not kept. That of the head has the edits.
    pub(crate) fn state_after(&self, number: u64) -> Option<&WorldState> {
        if number == self.number() {
            return Some(&self.state);
        }
        self.unedited_state_after(number)
    }

    fn unedited_state_after(&self, number: u64) -> Option<&WorldState> {
        let behind = usize::try_from(self.number().checked_sub(number)?).ok()?;
        self.states.get(self.states.len().checked_sub(behind + 1)?)
    }

    /// First block whose state is kept.
    pub(crate) fn oldest_state(&self) -> u64 {
        let kept = u64::try_from(self.states.len()).unwrap_or(u64::MAX);
        (self.number() + 1).saturating_sub(kept)
    }

    /// Events from number `from` on, and the number after the last; `None` if some of them are not kept.
    pub(crate) fn events_from(&self, from: u64) -> Option<(imbl::Vector<ChainEvent>, u64)> {
        let skip = usize::try_from(from.checked_sub(self.first_event)?).ok()?;
        (skip <= self.events.len())
            .then(|| (self.events.clone().split_off(skip), self.next_event()))
    }

    /// Number that the next event gets.
    pub(crate) fn next_event(&self) -> u64 {
        self.first_event + u64::try_from(self.events.len()).unwrap_or(u64::MAX)
    }

    /// Makes the block after the head, without keeping it.
    pub(crate) fn build_next(
        &self,
        crypto: &dyn Crypto,
        attributes: Attributes,
        pool: &Pool,
    ) -> Result<Built, BuildError> {
        let base = Base { parent: self.head(), state: &self.state, edits: &self.edits };
        build(&self.rules, crypto, base, attributes, pool)
    }

    /// Timestamp of the next block if it were made when the clock says `now`.
    pub(crate) fn next_timestamp(&self, now: u64) -> u64 {
        let earliest = self.head().header.timestamp.saturating_add(1);
        self.next
            .timestamp
            .unwrap_or_else(|| now.saturating_add_signed(self.next.offset_secs))
            .max(earliest)
    }

    /// Puts a block that stands on the head, with the state after it, on top.
    pub(crate) fn append(&mut self, block: Arc<Block>, state: WorldState) {
        let number = block.number();
        self.by_hash.insert(block.hash(), number);
        for (index, transaction) in block.transactions.iter().enumerate() {
            let hash = transaction.hash();
            self.by_transaction.insert(hash, (number, index));
            self.pool.remove(&hash);
        }
        self.state = state.clone();
        self.edits = Arc::default();
        self.states.push_back(state);
        let limit = usize::try_from(self.depths.states).unwrap_or(usize::MAX).max(1);
        while self.states.len() > limit {
            self.states.pop_front();
        }
        let senders = block.transactions.iter().map(|transaction| transaction.sender());
        self.pool.prune(senders, &self.state);
        self.note(ChainEvent::Added(block.clone()));
        self.blocks.push_back(block);
        self.drop_old_blobs();
    }

    /// Takes blocks away until `number` is the head; false, and nothing done, if the state after it is not kept.
    pub(crate) fn rewind(&mut self, number: u64) -> bool {
        let Some(state) = self.unedited_state_after(number).cloned() else { return false };
        while self.number() > number {
            let Some(block) = self.blocks.pop_back() else { break };
            self.states.pop_back();
            self.by_hash.remove(&block.hash());
            for transaction in &block.transactions {
                self.by_transaction.remove(&transaction.hash());
            }
            self.note(ChainEvent::Removed(block));
        }
        self.state = state;
        self.edits = Arc::default();
        self.fork += 1;
        true
    }

    /// Changes the state of the head by hand.
    pub(crate) fn edit(&mut self, changes: &EthereumChanges) {
        self.state.apply(changes);
        let edits = Arc::make_mut(&mut self.edits);
        for (address, change) in &changes.accounts {
            let entry = edits.accounts.entry(*address).or_default();
            entry.account = change.account;
            entry.slots.extend(change.slots.iter().map(|(slot, value)| (*slot, *value)));
        }
        edits.codes.extend(changes.codes.clone());
    }

    pub(crate) fn note(&mut self, event: ChainEvent) {
        self.events.push_back(event);
        while self.events.len() > MAX_EVENTS {
            self.events.pop_front();
            self.first_event += 1;
        }
    }

    /// Keeps the numbers of events growing across a return to an older version.
    pub(crate) fn continue_events_of(&mut self, other: &Self) {
        self.events = other.events.clone();
        self.first_event = other.first_event;
    }

    fn drop_old_blobs(&mut self) {
        let Some(old) = self.number().checked_sub(self.depths.blobs) else { return };
        let index = usize::try_from(old).expect("a number of a block in memory fits");
        let carries = |block: &Arc<Block>| block.transactions.iter().any(|tx| tx.blobs.is_some());
        if let Some(block) = self.blocks.get_mut(index)
            && carries(block)
        {
            let block = Arc::make_mut(block);
            for transaction in &mut block.transactions {
                Arc::make_mut(transaction).blobs = None;
            }
        }
    }
}

/// What a transaction pays for a unit of gas in the block of `header`, wei.
pub(crate) fn effective_gas_price(transaction: &CheckedTransaction, header: &Header) -> u128 {
    transaction.signed.effective_gas_price(header.base_fee_per_gas)
}
