//! The engine: the only writer of blocks. Synchronous; the actor gives it a thread.
//!
//! # Rules
//! - E1 A block is durable before anybody is told of it.
//! - E2 What L1 accepted wins: blocks that a batch contradicts are taken back, and their
//!   transactions offered again.
//! - E3 A block that equals what a batch says, on an equal parent and equal messages, is not
//!   executed again: the transition is deterministic.
//! - E4 Transactions are on disk among those given back before the block that holds them goes.
//! - E5 A block consumes the messages that are stored when it is built, and no others.
//! - E6 The logs of blocks that are taken back are read before the blocks go, and told when they are gone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_consensus::{Header, Sealed, Transaction as _};
use alloy_primitives::{Address, B256};
use mezz_codec::BatchBlock;
use mezz_evm::{
    BlockEnv, BlockExecutor, Crypto, ExecutedBlock, PushError, Recording, SealedBlock, genesis,
};
use mezz_store::{
    BatchOutcome, Block, BlockRef, L1BlockRef, PoolJournal, Store, StoreReader, WitnessKeys,
};
use mezz_transition::{BatchInput, ChainHead};
use mezz_types::{
    Batch, BatchIndex, BlockNumber, ChainConfig, Commitment, InboxIndex, Message, Rules,
};
use tokio::sync::broadcast;

use super::{EngineError, convert::stored_block};
use crate::{
    SharedTransaction,
    news::{ChainEvent, LoggedBlock, TakenBack},
};

/// News that a subscriber may lag behind.
const EVENTS: usize = 1_024;

/// A block to be built from the pool.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Messages that it consumes.
    pub messages: Vec<Message>,
    /// Transactions to try, in order.
    pub candidates: Vec<SharedTransaction>,
}

/// A block that the sequencer announced.
#[derive(Clone, Debug)]
pub struct AnnouncedBlock {
    /// Its header.
    pub header: Sealed<Header>,
    /// What is in it.
    pub body: BatchBlock,
    /// The messages that it consumes.
    pub messages: Vec<Message>,
}

/// A block that was built.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// Its header.
    pub header: Arc<Sealed<Header>>,
    /// How many transactions it has, system transactions among them.
    pub transactions: usize,
    /// Next nonce of every sender in it, of messages and of signed transactions.
    pub nonces: Vec<(Address, u64)>,
    /// Candidates that can never run.
    pub invalid: Vec<B256>,
    /// How long it took.
    pub timing: BlockTiming,
}

/// How long a block took that was built here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockTiming {
    /// How many transactions it has.
    pub transactions: usize,
    /// Executing them.
    pub execute: Duration,
    /// Computing the state's root and writing everything to disk.
    pub commit: Duration,
}

/// What taking over a batch did.
#[derive(Clone, Debug)]
pub struct DerivedBatch {
    /// What the batch gave.
    pub outcome: BatchOutcome,
    /// New headers, if the chain did not have these blocks already.
    pub headers: Vec<Arc<Sealed<Header>>>,
    /// First block that was taken back for it, if any.
    pub taken_back: Option<BlockNumber>,
    /// Signed transactions of blocks taken back, oldest first.
    pub returned: Vec<SharedTransaction>,
}

/// What an engine is made of.
pub struct EngineParts {
    /// Where blocks go.
    pub store: Store,
    /// The chain.
    pub config: Arc<ChainConfig>,
    /// Signatures and precompiles.
    pub crypto: Arc<dyn Crypto>,
    /// Whether a witness of every block is kept until its batch is final.
    pub keep_witnesses: bool,
    /// Where transactions of blocks taken back are kept; none on a node that takes in none.
    pub journal: Option<Arc<PoolJournal>>,
}

/// The only writer of blocks.
pub struct EngineState {
    pub(super) store: Store,
    pub(super) reader: StoreReader,
    pub(super) config: Arc<ChainConfig>,
    pub(super) crypto: Arc<dyn Crypto>,
    keep_witnesses: bool,
    journal: Option<Arc<PoolJournal>>,
    head: Sealed<Header>,
    pub(super) events: broadcast::Sender<ChainEvent>,
}

impl EngineState {
    /// Opens the chain, with its genesis block if the store is new.
    ///
    /// # Errors
    /// [`EngineError`] of the store.
    pub fn open(
        mut parts: EngineParts,
        accounts: &[mezz_evm::GenesisAccount],
    ) -> Result<Self, EngineError> {
        let reader = parts.store.reader();
        if reader.head()?.is_none() {
            let block = genesis(&parts.config, accounts);
            commit(&mut parts.store, block, None)?;
        }
        let head = head_header(&reader)?;
        let EngineParts { store, config, crypto, keep_witnesses, journal } = parts;
        let (events, _) = broadcast::channel(EVENTS);
        Ok(Self { store, reader, config, crypto, keep_witnesses, journal, head, events })
    }

    /// Header of the last block.
    pub const fn head(&self) -> &Sealed<Header> {
        &self.head
    }

    /// A handle that reads.
    pub const fn reader(&self) -> &StoreReader {
        &self.reader
    }

    /// The store's part about L1.
    pub fn l1(&self) -> mezz_store::L1Store {
        self.store.l1()
    }

    /// Builds a block on the head.
    ///
    /// # Errors
    /// [`EngineError`]; the head is unchanged then, unless the store stopped.
    pub fn build(&mut self, request: &BuildRequest) -> Result<BuiltBlock, EngineError> {
        let started = Instant::now();
        self.check_messages(&request.messages)?;
        let rules = self.rules_of_next_batch()?;
        let mut invalid = Vec::new();
        let config = Arc::clone(&self.config);
        let crypto = Arc::clone(&self.crypto);
        let env = BlockEnv::child(&config, rules, &self.head, request.timestamp)?;
        let view = self.head_view()?;
        let (executed, reads) = run(env, view, crypto.as_ref(), self.keep_witnesses, |executor| {
            executor.consume_messages(&request.messages)?;
            for candidate in &request.candidates {
                match executor.push_transaction(candidate) {
                    Ok(_) | Err(PushError::DoesNotFit { .. }) => {}
                    Err(PushError::Invalid(reason)) => {
                        if reason.is_permanent() {
                            invalid.push(*candidate.tx_hash());
                        }
                    }
                    Err(PushError::Block(error)) => return Err(error),
                }
            }
            Ok(())
        })?;
        let mut nonces = next_nonces(&executed);
        let senders = message_senders(&executed);
        let transactions = executed.transactions.len();
        let execute = started.elapsed();
        let header = self.append(executed, reads)?;
        let state = self.head_view()?;
        for sender in senders {
            nonces.push((sender, state.account(sender)?.map_or(0, |account| account.nonce)));
        }
        let commit = started.elapsed().saturating_sub(execute);
        let timing = BlockTiming { transactions, execute, commit };
        Ok(BuiltBlock { header, transactions, nonces, invalid, timing })
    }

    /// Takes a block that the sequencer announced, on a parent that is there; blocks above the parent are
    /// taken back, unless they are safe. Returns the hash that came out if it is not the announced one:
    /// nothing is appended then.
    ///
    /// # Errors
    /// [`EngineError::NoBlock`] if the parent is not there or what is to be replaced is safe,
    /// [`EngineError::StaleMessages`] if L1 took a message back meanwhile; others as of the store.
    pub fn follow(&mut self, announced: &AnnouncedBlock) -> Result<Option<B256>, EngineError> {
        let AnnouncedBlock { header, body, messages } = announced;
        let number = BlockNumber::new(header.number);
        if self.reader.block_hash(number)? == Some(header.hash()) {
            return Ok(None);
        }
        self.check_messages(messages)?;
        let safe = self.reader.safe()?.map_or(BlockNumber::ZERO, |safe| safe.number);
        let parent = number.prev();
        let there = self.reader.block_hash(parent)? == Some(header.parent_hash);
        if number <= safe || !there {
            return Err(EngineError::NoBlock { block: parent });
        }
        if parent.get() < self.head.number {
            tracing::warn!(from = %number, "the sequencer has built again: blocks are taken back");
            self.roll_back(parent)?;
        }
        let (mut executed, reads) = self.execute(self.rules_of_next_batch()?, body, messages)?;
        let changes = std::mem::take(&mut executed.changes);
        let prepared = self.store.prepare(changes, reads.as_ref())?;
        let sealed = executed.seal(B256::from(prepared.root()));
        if sealed.header.hash() != header.hash() {
            return Ok(Some(sealed.header.hash()));
        }
        let block = stored_block(&sealed)?;
        self.store.commit_block(prepared, &block)?;
        self.announce(sealed, block);
        Ok(None)
    }

    /// Executes and appends one block that a batch describes, by the rules of the transition.
    fn import(
        &mut self,
        rules: Rules,
        block: &BatchBlock,
        messages: &[Message],
    ) -> Result<Arc<Sealed<Header>>, EngineError> {
        let (executed, reads) = self.execute(rules, block, messages)?;
        self.append(executed, reads)
    }

    fn execute(
        &self,
        rules: Rules,
        block: &BatchBlock,
        messages: &[Message],
    ) -> Result<(ExecutedBlock, Option<WitnessKeys>), EngineError> {
        let env = BlockEnv::child(&self.config, rules, &self.head, block.timestamp)?;
        let state = Recording::new(self.head_view()?);
        let crypto = self.crypto.as_ref();
        let executed = mezz_transition::execute_block(env, block, messages, &state, crypto)?;
        let reads = self.keep_witnesses.then(|| witness_keys(state.into_parts().1));
        Ok((executed, reads))
    }

    fn append(
        &mut self,
        executed: ExecutedBlock,
        reads: Option<WitnessKeys>,
    ) -> Result<Arc<Sealed<Header>>, EngineError> {
        let (sealed, block) = commit(&mut self.store, executed, reads.as_ref())?;
        Ok(self.announce(sealed, block))
    }

    /// E1: what is durable becomes the head, and is told.
    fn announce(&mut self, sealed: SealedBlock, block: Block) -> Arc<Sealed<Header>> {
        self.head = sealed.header;
        let header = Arc::new(self.head.clone());
        let logged =
            LoggedBlock::new(Arc::clone(&header), &block.transaction_hashes, block.receipts);
        // Nobody need listen.
        let _ = self.events.send(ChainEvent::Block(Arc::new(logged)));
        header
    }

    /// Takes over the next batch of L1: blocks that are there already stay (E3), others are taken
    /// back and replaced (E2). Sets the safe label.
    ///
    /// # Errors
    /// [`EngineError::ContradictsFinal`] is critical; others as of the store.
    pub fn derive(
        &mut self,
        batch: &Batch,
        bytes: &[u8],
        messages: &[Message],
    ) -> Result<DerivedBatch, EngineError> {
        let parent = self.batch_parent(batch.index)?;
        let commitment = self.commitment(BlockNumber::new(parent.number))?;
        let head = ChainHead::new(commitment, parent.inner().clone())?;
        let input = BatchInput { batch, bytes, messages };
        let plan = mezz_transition::plan_batch(&self.config, &head, &input);
        let rules = self.rules(batch.index)?;
        let mut derived = Replacement::default();
        let mut at = parent.number;
        let mut rest = messages;
        for planned in &plan.blocks {
            let count = usize::try_from(planned.message_count).unwrap_or(usize::MAX);
            let (consumed, left) = rest.split_at(count.min(rest.len()));
            rest = left;
            at = at.saturating_add(1);
            let number = BlockNumber::new(at);
            if derived.headers.is_empty() && self.has_block(number, planned)? {
                continue;
            }
            if derived.headers.is_empty() && self.head.number >= at {
                self.take_back(number.prev(), batch.index, &mut derived)?;
            }
            let header = self.import(rules, planned, consumed)?;
            derived.headers.push(header);
        }
        let last = BlockNumber::new(at);
        let outcome = BatchOutcome {
            first_block: BlockNumber::new(parent.number).next(),
            last_block: last,
            post: self.commitment(last)?,
            void: plan.void.map(|reason| reason.to_string()),
        };
        self.store.l1().set_outcome(batch.index, &outcome)?;
        self.store.set_safe(last)?;
        let Replacement { headers, taken_back, returned } = derived;
        Ok(DerivedBatch { outcome, headers, taken_back, returned })
    }

    /// Takes back every block above `target`, and returns the signed transactions that were in
    /// them.
    ///
    /// # Errors
    /// As of the store; below the last final block nothing is taken back.
    pub fn roll_back(
        &mut self,
        target: BlockNumber,
    ) -> Result<Vec<SharedTransaction>, EngineError> {
        let mut returned = Vec::new();
        let mut at = target.next();
        while at.get() <= self.head.number {
            returned.extend(self.signed_transactions(at)?);
            at = at.next();
        }
        self.keep(&returned)?;
        let news = self.news_of_rollback(target)?;
        self.store.rollback_to(target)?;
        self.head = head_header(&self.reader)?;
        if let Some(news) = news {
            // Nobody need listen.
            let _ = self.events.send(ChainEvent::TakenBack(Arc::new(news)));
        }
        Ok(returned)
    }

    /// Takes back the blocks after `posted`, and returns their signed transactions; if that is not the last
    /// block whose batch was taken over, nothing is done.
    ///
    /// # Errors
    /// As of [`EngineState::roll_back`].
    pub fn take_back_unposted(
        &mut self,
        posted: BlockNumber,
    ) -> Result<Vec<SharedTransaction>, EngineError> {
        let last = self.store.l1().last_outcome()?;
        let last = last.map_or(BlockNumber::ZERO, |(_, outcome)| outcome.last_block);
        if last == posted { self.roll_back(posted) } else { Ok(Vec::new()) }
    }

    /// E6.
    fn news_of_rollback(&self, target: BlockNumber) -> Result<Option<TakenBack>, EngineError> {
        let head = BlockNumber::new(self.head.number);
        let Some(hash) = self.reader.block_hash(target)?.filter(|_| target < head) else {
            return Ok(None);
        };
        Ok(Some(TakenBack::read(&self.reader, head, BlockRef { number: target, hash })?))
    }

    /// Follows L1 back to `ancestor`, where it has the messages before `kept`: takes back every block
    /// that consumed others, then what was stored of later L1 blocks, and sets the safe label back.
    /// Returns the signed transactions of those blocks.
    ///
    /// # Errors
    /// As of the store; below the last final block nothing is taken back.
    pub fn rewind(
        &mut self,
        kept: InboxIndex,
        ancestor: L1BlockRef,
    ) -> Result<Vec<SharedTransaction>, EngineError> {
        let head = BlockNumber::new(self.head.number);
        let target = last_block_before(&self.reader, head, kept)?;
        let returned = self.roll_back(target)?;
        let l1 = self.store.l1();
        l1.rollback_to(ancestor)?;
        let safe = l1.last_outcome()?.map_or(BlockNumber::ZERO, |(_, outcome)| outcome.last_block);
        self.store.set_safe(safe.min(BlockNumber::new(self.head.number)))?;
        Ok(returned)
    }

    /// E4.
    fn keep(&self, returned: &[SharedTransaction]) -> Result<(), EngineError> {
        use alloy_eips::Encodable2718 as _;
        let Some(journal) = self.journal.as_ref().filter(|_| !returned.is_empty()) else {
            return Ok(());
        };
        let kept: Vec<_> = returned.iter().map(|it| (*it.tx_hash(), it.encoded_2718())).collect();
        Ok(journal.keep_returned(&kept)?)
    }

    /// E5: L1 may have taken messages back while the request was on its way.
    fn check_messages(&self, messages: &[Message]) -> Result<(), EngineError> {
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
            return Ok(());
        };
        let stale = EngineError::StaleMessages { first: first.index };
        let l1 = self.store.l1();
        let (end, _) = l1.inbox_end()?;
        if last.index >= end {
            return Err(stale);
        }
        let stored = l1.messages(first.index, last.index.next())?;
        let same = stored.len() == messages.len()
            && stored.iter().zip(messages).all(|(stored, message)| stored.message == *message);
        if same { Ok(()) } else { Err(stale) }
    }

    /// Makes `block` final.
    ///
    /// # Errors
    /// As of the store.
    pub fn finalize(&mut self, block: BlockNumber) -> Result<(), EngineError> {
        Ok(self.store.finalize(block)?)
    }

    /// The commitment of the chain after `block`.
    ///
    /// # Errors
    /// [`EngineError::NoBlock`], or as of the store.
    pub fn commitment(&self, block: BlockNumber) -> Result<Commitment, EngineError> {
        crate::view::commitment(&self.reader, block)
    }

    fn take_back(
        &mut self,
        target: BlockNumber,
        batch: BatchIndex,
        derived: &mut Replacement,
    ) -> Result<(), EngineError> {
        let finalized = self.reader.finalized()?.map_or(BlockNumber::ZERO, |at| at.number);
        if target < finalized {
            return Err(EngineError::ContradictsFinal { batch, block: finalized });
        }
        tracing::warn!(%batch, from = %target.next(), "L1 says otherwise: blocks are taken back");
        derived.taken_back = Some(target.next());
        derived.returned = self.roll_back(target)?;
        Ok(())
    }

    /// Header of the last block before `batch`.
    fn batch_parent(&self, batch: BatchIndex) -> Result<Sealed<Header>, EngineError> {
        let block = if batch == BatchIndex::ZERO {
            BlockNumber::ZERO
        } else {
            let l1 = self.store.l1();
            let expected = l1.last_outcome()?.map_or(BatchIndex::ZERO, |(last, _)| last.next());
            let before = l1.outcome(batch.prev())?;
            before.ok_or(EngineError::BatchOrder { expected, got: batch })?.last_block
        };
        self.header(block)
    }

    fn header(&self, block: BlockNumber) -> Result<Sealed<Header>, EngineError> {
        let (hash, header) = self.reader.header(block)?.ok_or(EngineError::NoBlock { block })?;
        Ok(Sealed::new_unchecked(header, hash))
    }

    /// E3: whether block `number` is what the plan says, and consumed these very messages.
    ///
    /// Messages are equal because a changed message rolls back every block that consumed the old
    /// one before the batch gets here (derivation, rule D3).
    fn has_block(&self, number: BlockNumber, planned: &BatchBlock) -> Result<bool, EngineError> {
        let Some((_, header)) = self.reader.header(number)? else { return Ok(false) };
        let before = self.header(number.prev())?;
        let consumed = next_inbox_index(&header)?.distance_from(next_inbox_index(&before)?);
        if header.timestamp != planned.timestamp || consumed != planned.message_count {
            return Ok(false);
        }
        let body = self.reader.body(number)?.ok_or(EngineError::NoBlock { block: number })?;
        let from_inbox = usize::try_from(body.from_inbox).unwrap_or(usize::MAX);
        let own = body.transactions.get(from_inbox..).unwrap_or_default();
        Ok(own.len() == planned.transactions.len()
            && own.iter().zip(&planned.transactions).all(|(bytes, transaction)| {
                alloy_primitives::keccak256(bytes) == *transaction.tx_hash()
            }))
    }

    fn signed_transactions(
        &self,
        number: BlockNumber,
    ) -> Result<Vec<SharedTransaction>, EngineError> {
        let body = self.reader.body(number)?.ok_or(EngineError::NoBlock { block: number })?;
        let from_inbox = usize::try_from(body.from_inbox).unwrap_or(usize::MAX);
        let own = body.transactions.get(from_inbox..).unwrap_or_default();
        let recovered = own.iter().filter_map(|bytes| {
            let transaction = mezz_evm::decode_transaction(bytes).ok()?;
            mezz_evm::recover(transaction, self.crypto.as_ref()).ok().map(Arc::new)
        });
        Ok(recovered.collect())
    }

    fn rules(&self, batch: BatchIndex) -> Result<Rules, EngineError> {
        self.config.rules_at(batch).ok_or(EngineError::NoRules { batch })
    }

    fn rules_of_next_batch(&self) -> Result<Rules, EngineError> {
        let last = self.store.l1().last_batch()?;
        self.rules(last.map_or(BatchIndex::ZERO, |last| last.batch.index.next()))
    }

    fn head_view(&self) -> Result<mezz_store::StateView, EngineError> {
        let block = BlockNumber::new(self.head.number);
        self.reader.state_at_head()?.ok_or(EngineError::NoBlock { block })
    }
}

#[derive(Default)]
struct Replacement {
    headers: Vec<Arc<Sealed<Header>>>,
    taken_back: Option<BlockNumber>,
    returned: Vec<SharedTransaction>,
}

type Run<'a, 'b> = BlockExecutor<'a, &'b Recording<mezz_store::StateView>>;

/// Executes a block and says what it read, if that is wanted.
fn run(
    env: BlockEnv<'_>,
    view: mezz_store::StateView,
    crypto: &dyn Crypto,
    keep: bool,
    fill: impl FnOnce(&mut Run<'_, '_>) -> Result<(), mezz_evm::ExecutionError<mezz_store::StoreError>>,
) -> Result<(ExecutedBlock, Option<WitnessKeys>), EngineError> {
    let state = Recording::new(view);
    let mut executor = BlockExecutor::new(env, &state, crypto)?;
    fill(&mut executor)?;
    let executed = executor.finish()?;
    let reads = keep.then(|| witness_keys(state.into_parts().1));
    Ok((executed, reads))
}

fn witness_keys(reads: mezz_evm::Reads) -> WitnessKeys {
    WitnessKeys { keys: reads.keys(), codes: reads.codes }
}

fn commit(
    store: &mut Store,
    mut executed: ExecutedBlock,
    reads: Option<&WitnessKeys>,
) -> Result<(SealedBlock, Block), EngineError> {
    let changes = std::mem::take(&mut executed.changes);
    let prepared = store.prepare(changes, reads)?;
    let sealed = executed.seal(B256::from(prepared.root()));
    let block = stored_block(&sealed)?;
    store.commit_block(prepared, &block)?;
    Ok((sealed, block))
}

fn head_header(reader: &StoreReader) -> Result<Sealed<Header>, EngineError> {
    let zero = BlockNumber::ZERO;
    let BlockRef { number, .. } = reader.head()?.ok_or(EngineError::NoBlock { block: zero })?;
    let (hash, header) = reader.header(number)?.ok_or(EngineError::NoBlock { block: number })?;
    Ok(Sealed::new_unchecked(header, hash))
}

/// First inbox message that the chain up to this block has not consumed.
pub(crate) fn next_inbox_index(header: &Header) -> Result<InboxIndex, EngineError> {
    let number = header.number;
    let extra = mezz_evm::ExtraData::decode(&header.extra_data)
        .ok_or(mezz_evm::ParentError::ExtraData { number })?;
    Ok(extra.next_inbox_index)
}

/// The last block, from `head` down, that has consumed no message from `end` on.
pub(crate) fn last_block_before(
    reader: &StoreReader,
    head: BlockNumber,
    end: InboxIndex,
) -> Result<BlockNumber, EngineError> {
    let mut at = head;
    while at > BlockNumber::ZERO
        && let Some((_, header)) = reader.header(at)?
        && next_inbox_index(&header)? > end
    {
        at = at.prev();
    }
    Ok(at)
}

/// Who sent messages: each used up a nonce, whether it worked or not.
fn message_senders(executed: &ExecutedBlock) -> std::collections::BTreeSet<Address> {
    let senders = executed.transactions.iter().filter_map(|transaction| match transaction {
        mezz_evm::BlockTransaction::System(system) => Some(system.from),
        mezz_evm::BlockTransaction::Signed(_) => None,
    });
    senders.collect()
}

fn next_nonces(executed: &ExecutedBlock) -> Vec<(Address, u64)> {
    let mut nonces = std::collections::HashMap::new();
    for transaction in &executed.transactions {
        if let mezz_evm::BlockTransaction::Signed(signed) = transaction {
            nonces.insert(signed.signer(), signed.nonce().saturating_add(1));
        }
    }
    nonces.into_iter().collect()
}
