//! The transactions of a past block, executed again.
//!
//! The rules are those of [`BlockExecutor`](crate::BlockExecutor); what it decides from the inbox
//! is known here from the receipts and the state after the block.

use alloc::{boxed::Box, collections::BTreeMap, string::ToString, vec::Vec};

use alloy_consensus::{Transaction as _, TxEnvelope, transaction::Recovered};
use alloy_primitives::U256;
use mezz_types::{
    HISTORY_STORAGE, INBOX_CLOCK, SYSTEM_TRANSACTION_TYPE, SystemTransaction, clock_slot,
};
use revm::{
    context::{ContextTr, JournalTr, TxEnv, result::ExecutionResult},
    handler::Handler as _,
    inspector::InspectorHandler as _,
    state::EvmState,
};

use super::{
    CallFrame, CallKind, PastTransaction, StepTrace, Trace, TraceBudget, TraceError, TraceKind,
    Traced,
    recorder::{Record, Recorder},
    state,
};
use crate::{
    BlockChanges, BlockEnv, BlockTransaction, Call, CallOutcome, CallResult, Crypto, DataPrice,
    ExecutionError, InvalidTransaction, MAX_INIT_CODE_BYTES, StateReader,
    engine::{Engine, engine},
    fees::Offer,
    handler::{RunError, Terms, TransactionHandler},
    overlay::{Overlay, ReadFailed},
    simulation::call_outcome,
    transaction,
};

/// Executes in one block on one state, and records.
pub struct Tracer<'a, S: StateReader> {
    env: BlockEnv<'a>,
    crypto: &'a dyn Crypto,
    engine: Engine<'a, S, Recorder<'a>>,
    gas_used: u64,
}

impl<'a, S: StateReader> Tracer<'a, S> {
    /// A tracer in `env` on `state`: a block and the state after it to trace calls, or a block and
    /// the state before it, with [`Tracer::open_block`], to trace its transactions.
    pub fn new(
        env: BlockEnv<'a>,
        state: S,
        crypto: &'a dyn Crypto,
        budget: TraceBudget<'a>,
    ) -> Self {
        let engine = engine(&env, Overlay::new(state), crypto, Recorder::new(budget));
        Self { env, crypto, engine, gas_used: 0 }
    }

    /// Does what the block did before its first transaction; `after` is the state after the block.
    ///
    /// # Errors
    /// [`TraceError::Block`].
    pub fn open_block(&mut self, after: &S) -> Result<(), TraceError<S::Error>> {
        let slot = Overlay::<S>::history_slot(self.env.number.get().saturating_sub(1));
        let hash = U256::from_be_bytes(self.env.parent_hash.0);
        let overlay = self.engine.ctx.db_mut();
        overlay.set_slot(HISTORY_STORAGE, slot, hash);
        // A block's messages set the clock once, before any of them runs.
        for slot in [
            clock_slot::NUMBER,
            clock_slot::TIMESTAMP,
            clock_slot::BASE_FEE,
            clock_slot::BLOB_BASE_FEE,
            clock_slot::NEXT_INBOX_INDEX,
        ] {
            let value = after.storage(INBOX_CLOCK, slot).map_err(ExecutionError::State)?;
            overlay.set_slot(INBOX_CLOCK, slot, value);
        }
        Ok(())
    }

    /// Makes the block say something else of itself.
    pub fn change_block(&mut self, changes: &BlockChanges) {
        let block = &mut self.engine.ctx.block;
        changes.apply(&mut self.env, block);
    }

    /// Executes the next transaction of the block without a record.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn execute(
        &mut self,
        past: &PastTransaction<'_>,
    ) -> Result<CallOutcome, TraceError<S::Error>> {
        Ok(self.next(past, None)?.0)
    }

    /// Executes the next transaction of the block and records it.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn trace(
        &mut self,
        past: &PastTransaction<'_>,
        kind: TraceKind,
    ) -> Result<Traced, TraceError<S::Error>> {
        let (outcome, trace) = self.next(past, Some(kind))?;
        Ok(Traced { outcome, trace: trace.unwrap_or(Trace::Steps(StepTrace::default())) })
    }

    /// Runs `call` with at most `gas_cap` and records it; the state is as before.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn trace_call(
        &mut self,
        call: &Call,
        gas_cap: u64,
        kind: TraceKind,
    ) -> Result<Traced, TraceError<S::Error>> {
        let gas_limit = call.gas_limit.map_or(gas_cap, |limit| limit.min(gas_cap));
        let facts = self.read(Overlay::l1_facts)?;
        let price = DataPrice::new(&self.env.config.fees, &facts);
        let (tx, terms) = call.charged(gas_limit, self.env.base_fee, price, self.crypto)?;
        let (result, state) = self.run(tx, terms, Some(kind))?;
        let trace = self.record(kind, &result, &state, gas_limit)?;
        Ok(Traced { outcome: call_outcome(result), trace })
    }

    fn next(
        &mut self,
        past: &PastTransaction<'_>,
        kind: Option<TraceKind>,
    ) -> Result<(CallOutcome, Option<Trace>), TraceError<S::Error>> {
        self.engine.inspector.look_at_clock();
        let (tx, terms) = match past.transaction {
            BlockTransaction::Signed(signed) => self.signed(signed, past.data_fee)?,
            BlockTransaction::System(system) if !self.can_run(system) => {
                return self.fail_unrun(system, kind);
            }
            BlockTransaction::System(system) => system_environment(system),
        };
        let gas_limit = tx.gas_limit;
        let ran = self.run(tx, terms, kind);
        let (result, state) = match (ran, past.transaction) {
            // Too little gas for its own data.
            (Err(TraceError::Invalid(_)), BlockTransaction::System(system)) => {
                return self.fail_unrun(system, kind);
            }
            (ran, _) => ran?,
        };
        let trace = match kind {
            Some(kind) => Some(self.record(kind, &result, &state, gas_limit)?),
            None => None,
        };
        self.engine.ctx.db_mut().commit(state);
        if let BlockTransaction::System(system) = past.transaction
            && !result.is_success()
        {
            self.read(|overlay| overlay.transfer(system.from, system.refund_to, system.value))?;
        }
        self.gas_used = self.gas_used.saturating_add(result.tx_gas_used());
        Ok((call_outcome(result), trace))
    }

    fn signed(
        &self,
        transaction: &Recovered<TxEnvelope>,
        data_fee: U256,
    ) -> Result<(TxEnv, Terms), InvalidTransaction> {
        let signed = transaction.inner();
        let (gas_limit, max_fee) = (signed.gas_limit(), signed.max_fee_per_gas());
        let tip = signed.max_priority_fee_per_gas();
        let offer = Offer::new(max_fee, tip, gas_limit, self.env.base_fee, data_fee)?;
        let authorizations = signed.authorization_list().unwrap_or_default();
        let tx = TxEnv {
            tx_type: signed.tx_type().into(),
            caller: transaction.signer(),
            gas_limit,
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
        };
        let authorised = U256::from(max_fee).saturating_mul(U256::from(gas_limit));
        let minted = U256::ZERO;
        let terms = Terms { authorised, data_fee, minted, gas_charged: true, sender_checked: true };
        Ok((tx, terms))
    }

    fn can_run(&self, system: &SystemTransaction) -> bool {
        system.gas_limit <= self.env.config.limits.message_gas
            && system.gas_limit <= self.env.gas_limit.saturating_sub(self.gas_used)
            && system.data.len() <= MAX_INIT_CODE_BYTES
    }

    /// A message that could not run: its nonce is counted and its value goes to `refundTo`.
    fn fail_unrun(
        &mut self,
        system: &SystemTransaction,
        kind: Option<TraceKind>,
    ) -> Result<(CallOutcome, Option<Trace>), TraceError<S::Error>> {
        let reason = "the message could not run".to_string();
        let before = self.read(|overlay| {
            let from = (system.from, overlay.account(system.from)?);
            let refunded = (system.refund_to, overlay.account(system.refund_to)?);
            Ok(BTreeMap::from([from, refunded]))
        })?;
        self.read(|overlay| {
            overlay.bump_nonce(system.from)?;
            overlay.credit(system.refund_to, system.value)
        })?;
        let trace = match kind {
            None => None,
            Some(TraceKind::Steps(_)) => Some(Trace::Steps(StepTrace::default())),
            Some(TraceKind::State(options)) => {
                let read = |overlay: &mut _| state::of_accounts(overlay, &before, options);
                Some(Trace::State(self.read(read)?))
            }
            Some(TraceKind::Calls(_)) => Some(Trace::Calls(Box::new(CallFrame {
                kind: if system.to.is_create() { CallKind::Create } else { CallKind::Call },
                from: system.from,
                to: system.to.to().copied(),
                value: Some(system.value),
                gas: system.gas_limit,
                input: system.data.clone(),
                error: Some(reason.clone()),
                ..CallFrame::default()
            }))),
        };
        let result = CallResult::Halt { reason };
        Ok((CallOutcome { result, gas_used: 0, logs: Vec::new() }, trace))
    }

    fn run(
        &mut self,
        tx: TxEnv,
        terms: Terms,
        kind: Option<TraceKind>,
    ) -> Result<(ExecutionResult, EvmState), TraceError<S::Error>> {
        self.engine.ctx.tx = tx;
        let mut handler = TransactionHandler::new(terms);
        let result = match kind {
            Some(kind) => {
                self.engine.inspector.start(kind);
                handler.inspect_run(&mut self.engine)
            }
            None => handler.run(&mut self.engine),
        };
        let state = self.engine.ctx.journal_mut().finalize();
        if let Some(failure) = self.engine.ctx.db_mut().take_failure() {
            return Err(ExecutionError::State(failure).into());
        }
        if let Some(exhausted) = self.engine.inspector.exhausted {
            return Err(exhausted.into());
        }
        let result = result.map_err(|error| match error {
            RunError::Invalid(invalid) => TraceError::Invalid(invalid),
            RunError::State(ReadFailed) => self.engine.ctx.db_mut().error().into(),
            RunError::Engine(reason) => ExecutionError::Engine { reason }.into(),
        })?;
        Ok((result, state))
    }

    /// What was recorded, before the overlay takes `state` in.
    fn record(
        &mut self,
        kind: TraceKind,
        result: &ExecutionResult,
        loaded: &EvmState,
        gas_limit: u64,
    ) -> Result<Trace, TraceError<S::Error>> {
        let trace = match (kind, self.engine.inspector.take()) {
            (TraceKind::State(options), _) => {
                let read = |overlay: &mut _| state::of_transaction(overlay, loaded, options);
                let trace = self.read(read)?;
                self.engine.inspector.hold(trace.size());
                Trace::State(trace)
            }
            (_, Record::Calls(calls)) => {
                let root = calls.finish(gas_limit, result.tx_gas_used());
                Trace::Calls(Box::new(root.unwrap_or_default()))
            }
            (_, Record::Steps(steps)) => Trace::Steps(steps.finish()),
            (_, Record::Nothing) => Trace::Steps(StepTrace::default()),
        };
        match self.engine.inspector.exhausted {
            Some(exhausted) => Err(exhausted.into()),
            None => Ok(trace),
        }
    }

    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Overlay<S>) -> Result<T, ReadFailed>,
    ) -> Result<T, TraceError<S::Error>> {
        let overlay = self.engine.ctx.db_mut();
        match read(overlay) {
            Ok(value) => Ok(value),
            Err(ReadFailed) => Err(overlay.error().into()),
        }
    }
}

fn system_environment(system: &SystemTransaction) -> (TxEnv, Terms) {
    let tx = TxEnv {
        tx_type: SYSTEM_TRANSACTION_TYPE,
        caller: system.from,
        gas_limit: system.gas_limit,
        gas_price: 0,
        kind: system.to,
        value: system.value,
        data: system.data.clone(),
        nonce: 0,
        chain_id: None,
        access_list: Default::default(),
        gas_priority_fee: None,
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: Vec::new(),
    };
    let terms = Terms {
        authorised: U256::ZERO,
        data_fee: U256::ZERO,
        minted: system.value,
        gas_charged: false,
        sender_checked: false,
    };
    (tx, terms)
}
