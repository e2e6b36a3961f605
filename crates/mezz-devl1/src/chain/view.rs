//! The chain as readers see it: one version of everything, which never changes.

use std::sync::Arc;

use alloy::consensus::{Header, Transaction as _};
use alloy_primitives::{Address, B256, Bloom};
use mezz_evm::{Crypto, EthereumChanges};

use super::{
    block::Block,
    blocks::Blocks,
    build::{Attributes, Base, BuildError, Built, Rules, build},
    pool::Pool,
    transaction::CheckedTransaction,
};
use crate::{
    log::{LogError, LogReader, Place},
    state::WorldState,
};

/// Most events that a reader who was away can still learn of.
const MAX_EVENTS: usize = 16_384;
/// What the blocks and transactions of those events weigh at most, bytes: twelve minutes of a chain that takes
/// in 500 transfers a second, when filters are forgotten after five.
const MAX_EVENTS_WEIGHT: usize = 32 << 20;

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

impl ChainEvent {
    fn weight(&self) -> usize {
        match self {
            Self::Added(block) | Self::Removed(block) => block.weight(),
            Self::Waiting(transaction) => transaction.weight(),
        }
    }
}

/// How far behind the head the labels are, and how much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depths {
    pub(crate) safe: u64,
    pub(crate) finalized: u64,
    pub(crate) states: u64,
    pub(crate) blobs: u64,
    /// What the blocks in memory may weigh once they are on disk, bytes.
    pub(crate) memory: usize,
}

/// One version of the chain. A clone is cheap.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) rules: Rules,
    pub(crate) depths: Depths,
    blocks: Blocks,
    /// States after the last blocks, that of the head last, before edits.
    states: imbl::Vector<WorldState>,
    by_hash: imbl::HashMap<B256, u64>,
    by_transaction: imbl::HashMap<B256, (u64, usize)>,
    /// State of the head with the edits since.
    state: WorldState,
    edits: Arc<EthereumChanges>,
    pub(crate) pool: Pool,
    events: imbl::Vector<ChainEvent>,
    events_weight: usize,
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
        let genesis = Arc::new(genesis);
        let mut view = Self {
            rules,
            depths,
            blocks: Blocks::new(genesis.clone(), depths.memory),
            states: imbl::Vector::unit(state.clone()),
            by_hash: imbl::HashMap::unit(genesis.hash(), 0),
            by_transaction: imbl::HashMap::new(),
            state,
            edits: Arc::default(),
            pool: Pool::default(),
            events: imbl::Vector::new(),
            events_weight: 0,
            first_event: 0,
            next: NextBlock::default(),
            impersonated: imbl::HashSet::new(),
            fork: 0,
        };
        view.note(ChainEvent::Added(genesis));
        view
    }

    pub(crate) const fn head(&self) -> &Arc<Block> {
        self.blocks.head()
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

    /// The block with this number.
    ///
    /// # Errors
    /// As for all that gives blocks: [`LogError`] if it is not in memory and the log cannot be read.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Arc<Block>>, LogError> {
        self.blocks.block(number)
    }

    pub(crate) fn block_by_hash(&self, hash: &B256) -> Result<Option<Arc<Block>>, LogError> {
        self.by_hash.get(hash).map_or(Ok(None), |number| self.block(*number))
    }

    /// The hash of the block with this number.
    pub(crate) fn hash_of(&self, number: u64) -> Option<B256> {
        self.blocks.hash(number)
    }

    /// Whether the block may have logs that `wanted` means, as far as its bloom filter tells.
    pub(crate) fn may_have_logs(&self, number: u64, wanted: impl FnOnce(Bloom) -> bool) -> bool {
        self.blocks.may_have_logs(number, wanted)
    }

    /// The block of a transaction, and its place there.
    pub(crate) fn transaction(&self, hash: &B256) -> Result<Option<(Arc<Block>, usize)>, LogError> {
        let Some((number, index)) = self.by_transaction.get(hash) else { return Ok(None) };
        Ok(self.block(*number)?.map(|block| (block, *index)))
    }

    /// Whether a transaction is in a block.
    pub(crate) fn includes(&self, hash: &B256) -> bool {
        self.by_transaction.contains_key(hash)
    }

    /// Says where blocks are read that memory does not hold.
    pub(crate) fn read_from(&mut self, log: LogReader) {
        self.blocks.read_from(log);
    }

    /// Says where a block was written.
    pub(crate) fn written(&mut self, number: u64, hash: B256, place: Place) {
        self.blocks.written(number, hash, place);
    }

    /// Lets go of what is on disk and too much for memory.
    pub(crate) fn shed(&mut self) {
        self.blocks.shed();
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
        self.blocks.append(block);
        if let Some(old) = self.number().checked_sub(self.depths.blobs) {
            self.blocks.forget_blobs(old);
        }
    }

    /// Takes blocks away until `number` is the head; false, and nothing done, if the state after it is not kept.
    pub(crate) fn rewind(&mut self, number: u64) -> Result<bool, LogError> {
        let Some(state) = self.unedited_state_after(number).cloned() else { return Ok(false) };
        let Some(head) = self.block(number)? else { return Ok(false) };
        let removed = (number + 1..=self.number()).rev();
        let removed: Vec<_> = removed
            .filter_map(|number| self.block(number).transpose())
            .collect::<Result<_, _>>()?;
        for block in removed {
            self.states.pop_back();
            self.by_hash.remove(&block.hash());
            for transaction in &block.transactions {
                self.by_transaction.remove(&transaction.hash());
            }
            self.note(ChainEvent::Removed(block));
        }
        self.blocks.truncate(head);
        self.state = state;
        self.edits = Arc::default();
        self.fork += 1;
        Ok(true)
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
        self.events_weight += event.weight();
        self.events.push_back(event);
        while self.events.len() > MAX_EVENTS || self.events_weight > MAX_EVENTS_WEIGHT {
            let Some(event) = self.events.pop_front() else { break };
            self.events_weight = self.events_weight.saturating_sub(event.weight());
            self.first_event += 1;
        }
    }

    /// Keeps the numbers of events growing across a return to an older version.
    pub(crate) fn continue_events_of(&mut self, other: &Self) {
        self.events = other.events.clone();
        self.events_weight = other.events_weight;
        self.first_event = other.first_event;
    }
}

/// What a transaction pays for a unit of gas in the block of `header`, wei.
pub(crate) fn effective_gas_price(transaction: &CheckedTransaction, header: &Header) -> u128 {
    transaction.signed.effective_gas_price(header.base_fee_per_gas)
}
