//! Execution of one block (`docs/formats.md`, section 4).
//!
//! 1. [`BlockExecutor::new`] stores the parent's hash (EIP-2935).
//! 2. [`BlockExecutor::consume_messages`] sets the clock and runs the block's messages.
//! 3. [`BlockExecutor::push_transaction`] runs the batch's transactions, one by one.
//! 4. [`BlockExecutor::finish`] says what came of it.

mod messages;

use alloc::vec::Vec;

use alloy_consensus::{Transaction, TxEnvelope, transaction::Recovered};
use alloy_primitives::{B256, Bloom, Log, U256};
use mezz_types::{HISTORY_STORAGE, InboxIndex, L1Facts, OUTBOX, OUTBOX_ROOT_SLOT};
use revm::context::{
    ContextTr, TxEnv,
    result::{ExecutionResult, Output},
};

use crate::{
    BlockEnv, BlockTransaction, Crypto, DataPrice, DataSize, ExecutedBlock, ExecutionError,
    InvalidTransaction, MessageOutcome, PushError, Receipt, StateReader, TransactionExtras,
    TransactionOutcome, check_transaction,
    engine::{Engine, call_result, engine, run},
    fees::Offer,
    handler::{RunError, Terms},
    overlay::{Overlay, ReadFailed},
    transaction,
};

/// Executes one block over a state that it only reads.
///
/// An error of the state is final: every later call answers [`ExecutionError::GivenUp`]. An
/// invalid transaction is not: the block goes on as if it had not been pushed.
pub struct BlockExecutor<'a, S: StateReader> {
    env: BlockEnv<'a>,
    crypto: &'a dyn Crypto,
    engine: Engine<'a, S, ()>,
    given_up: bool,
    messages_done: bool,
    next_inbox_index: InboxIndex,
    l1_facts: L1Facts,
    data_price: DataPrice,
    gas_used: u64,
    logs_bloom: Bloom,
    transactions: Vec<BlockTransaction>,
    receipts: Vec<Receipt>,
    extras: Vec<TransactionExtras>,
    messages: Vec<MessageOutcome>,
}

/// How a signed transaction pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DataFee {
    /// It came in a batch: it pays for its data.
    Charged,
    /// It was forced through L1, where its data was paid.
    PaidOnL1,
}

impl<'a, S: StateReader> BlockExecutor<'a, S> {
    /// Starts the block `env` on the state after its parent.
    ///
    /// # Errors
    /// [`ExecutionError::State`].
    pub fn new(
        env: BlockEnv<'a>,
        state: S,
        crypto: &'a dyn Crypto,
    ) -> Result<Self, ExecutionError<S::Error>> {
        let mut overlay = Overlay::new(state);
        let parent_number = env.number.get().saturating_sub(1);
        let slot = Overlay::<S>::history_slot(parent_number);
        overlay.set_slot(HISTORY_STORAGE, slot, U256::from_be_bytes(env.parent_hash.0));
        let facts = match overlay.l1_facts() {
            Ok(facts) => facts,
            Err(ReadFailed) => return Err(overlay.error()),
        };
        Ok(Self {
            env,
            crypto,
            engine: engine(&env, overlay, crypto, ()),
            given_up: false,
            messages_done: false,
            next_inbox_index: env.next_inbox_index(),
            l1_facts: facts,
            data_price: DataPrice::new(&env.config.fees, &facts),
            gas_used: 0,
            logs_bloom: Bloom::ZERO,
            transactions: Vec::new(),
            receipts: Vec::new(),
            extras: Vec::new(),
            messages: Vec::new(),
        })
    }

    /// Runs `transaction` if it is valid at this point.
    ///
    /// # Errors
    /// [`PushError::Invalid`] and [`PushError::DoesNotFit`] leave the block as it was;
    /// [`PushError::Block`] ends it.
    pub fn push_transaction(
        &mut self,
        transaction: &Recovered<TxEnvelope>,
    ) -> Result<TransactionOutcome, PushError<S::Error>> {
        self.check_alive().map_err(PushError::Block)?;
        self.messages_done = true;
        self.push_signed(transaction, DataFee::Charged)
    }

    /// Gas that transactions can still ask for.
    pub const fn gas_left(&self) -> u64 {
        self.env.gas_limit.saturating_sub(self.gas_used)
    }

    /// Wei per byte that the block's transactions pay for their data on L1.
    pub const fn data_price(&self) -> DataPrice {
        self.data_price
    }

    /// How many transactions are in the block.
    pub fn transaction_count(&self) -> usize {
        self.transactions.len()
    }

    /// Ends the block.
    ///
    /// # Errors
    /// [`ExecutionError::State`], or [`ExecutionError::GivenUp`] after it.
    pub fn finish(mut self) -> Result<ExecutedBlock, ExecutionError<S::Error>> {
        self.check_alive()?;
        let overlay = self.engine.ctx.db_mut();
        let outbox_root = match overlay.slot(OUTBOX, OUTBOX_ROOT_SLOT) {
            Ok(root) => B256::from(root),
            Err(ReadFailed) => return Err(overlay.error()),
        };
        let changes = match overlay.changes() {
            Ok(changes) => changes,
            Err(ReadFailed) => return Err(overlay.error()),
        };
        Ok(ExecutedBlock {
            number: self.env.number,
            parent_hash: self.env.parent_hash,
            timestamp: self.env.timestamp,
            gas_limit: self.env.gas_limit,
            base_fee: self.env.base_fee,
            transactions: self.transactions,
            receipts: self.receipts,
            extras: self.extras,
            messages: self.messages,
            changes,
            gas_used: self.gas_used,
            logs_bloom: self.logs_bloom,
            outbox_root,
            next_inbox_index: self.next_inbox_index,
            l1_facts: self.l1_facts,
        })
    }

    fn check_alive(&self) -> Result<(), ExecutionError<S::Error>> {
        if self.given_up { Err(ExecutionError::GivenUp) } else { Ok(()) }
    }

    fn push_signed(
        &mut self,
        transaction: &Recovered<TxEnvelope>,
        data_fee: DataFee,
    ) -> Result<TransactionOutcome, PushError<S::Error>> {
        let signed = transaction.inner();
        check_transaction(self.env.config, signed)?;
        let (gas_limit, left) = (signed.gas_limit(), self.gas_left());
        if gas_limit > left {
            return Err(PushError::DoesNotFit { gas_limit, left });
        }
        let data_fee = match data_fee {
            DataFee::Charged => self.data_price.fee(DataSize::of(signed).billed_bytes()),
            DataFee::PaidOnL1 => U256::ZERO,
        };
        let offer = Offer::new(
            signed.max_fee_per_gas(),
            signed.max_priority_fee_per_gas(),
            gas_limit,
            self.env.base_fee,
            data_fee,
        )?;
        let terms = Terms {
            authorised: U256::from(signed.max_fee_per_gas()).saturating_mul(U256::from(gas_limit)),
            data_fee,
            minted: U256::ZERO,
            gas_charged: true,
            sender_checked: true,
        };
        let tx = self.signed_environment(transaction, offer);
        let result = self.run(tx, terms).map_err(|error| match error {
            Stopped::Invalid(invalid) => PushError::Invalid(invalid),
            Stopped::Block(error) => PushError::Block(error),
        })?;
        let price = offer.price(self.env.base_fee);
        let entry = BlockTransaction::Signed(transaction.clone());
        Ok(self.record(entry, result, price, data_fee))
    }

    fn signed_environment(&self, transaction: &Recovered<TxEnvelope>, offer: Offer) -> TxEnv {
        let signed = transaction.inner();
        let authorizations = signed.authorization_list().unwrap_or_default();
        TxEnv {
            tx_type: signed.tx_type().into(),
            caller: transaction.signer(),
            gas_limit: signed.gas_limit(),
            gas_price: offer.max_fee,
            kind: signed.kind(),
            value: signed.value(),
            data: signed.input().clone(),
            nonce: signed.nonce(),
            chain_id: signed.chain_id(),
            access_list: signed.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: offer.tip,
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: transaction::recovered(authorizations, self.crypto),
        }
    }

    fn run(&mut self, tx: TxEnv, terms: Terms) -> Result<ExecutionResult, Stopped<S::Error>> {
        let result = run(&mut self.engine, tx, terms);
        // Asked first: whatever the engine made of a failed read, the block ends.
        if let Some(failure) = self.engine.ctx.db_mut().take_failure() {
            self.given_up = true;
            return Err(Stopped::Block(ExecutionError::State(failure)));
        }
        let (result, state) = result.map_err(|error| match error {
            RunError::Invalid(invalid) => Stopped::Invalid(invalid),
            RunError::State(failed) => self.stop(failed),
            RunError::Engine(reason) => {
                self.given_up = true;
                Stopped::Block(ExecutionError::Engine { reason })
            }
        })?;
        self.engine.ctx.db_mut().commit(state);
        Ok(result)
    }

    /// After a read of the overlay failed.
    fn stop(&mut self, ReadFailed: ReadFailed) -> Stopped<S::Error> {
        self.given_up = true;
        Stopped::Block(self.engine.ctx.db_mut().error())
    }

    /// Puts an executed transaction into the block.
    fn record(
        &mut self,
        entry: BlockTransaction,
        result: ExecutionResult,
        effective_gas_price: u128,
        data_fee: U256,
    ) -> TransactionOutcome {
        let gas_used = result.tx_gas_used();
        let contract_address = match &result {
            ExecutionResult::Success { output: Output::Create(_, address), .. } => *address,
            _ => None,
        };
        let extras =
            TransactionExtras { gas_used, effective_gas_price, data_fee, contract_address };
        let (result, logs) = call_result(result);
        self.append(entry, result.is_success(), extras, logs);
        TransactionOutcome { result, extras }
    }

    fn append(
        &mut self,
        entry: BlockTransaction,
        succeeded: bool,
        extras: TransactionExtras,
        logs: Vec<Log>,
    ) {
        self.gas_used = self.gas_used.saturating_add(extras.gas_used);
        let receipt = Receipt::new(entry.kind(), succeeded, self.gas_used, logs);
        self.logs_bloom.accrue_bloom(receipt.bloom());
        self.transactions.push(entry);
        self.receipts.push(receipt);
        self.extras.push(extras);
    }
}

/// Why a transaction is not in the block.
enum Stopped<E> {
    Invalid(InvalidTransaction),
    Block(ExecutionError<E>),
}
