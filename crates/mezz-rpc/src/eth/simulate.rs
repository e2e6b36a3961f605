//! `eth_simulateV1`: blocks of calls that build on each other.

use alloy::{
    consensus::SignableTransaction as _,
    eips::{BlockId, BlockNumberOrTag},
    rpc::types::{
        TransactionRequest,
        simulate::{SimBlock, SimulatePayload},
    },
};
use alloy_consensus::{
    Header, Sealable as _, Sealed, TxEip1559, TxEip7702, TxEnvelope, transaction::Recovered,
};
use alloy_primitives::{Signature, U256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_evm::{
    Applied, BlockChanges, BlockEnv, BlockTransaction, Call, CallResult, InvalidTransaction,
    NextCall, Receipt, SimulationError, Simulator, TRANSACTION_GAS_CAP,
};
use mezz_store::{BlockRef, StoreError};
use mezz_types::BlockNumber;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::{RpcError, failed, halt_message, shortened},
    eth::{
        roots::Roots,
        state::{simulated, simulation, time_up},
    },
    json::{self, Place, quantity},
    limits::clock,
    overrides::{Layered, Overrides},
    register::method_async,
};

/// Times that a simulation is made whose state moves on.
const TRIES: usize = 3;
/// Seconds between simulated blocks that name no timestamp.
const BLOCK_SECS: u64 = 1;

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method_async(
        module,
        "eth_simulateV1",
        |params: (SimulatePayload, Option<BlockId>), context| async move {
            context
                .run_heavy(move |context| simulate(context, params.0, params.1.unwrap_or_default()))
                .await
        },
    )
}

fn coded(code: i32, message: impl Into<String>) -> RpcError {
    RpcError::Coded { code, message: message.into() }
}

/// What stays the same over all blocks of a request, and the gas that is left of it.
struct Run<'c> {
    context: &'c Context,
    validation: bool,
    full: bool,
    transfers: bool,
    gas_left: u64,
    roots: Roots,
    expired: &'c dyn Fn() -> bool,
}

fn simulate(context: &Context, payload: SimulatePayload, id: BlockId) -> Result<Value, RpcError> {
    use BlockNumberOrTag::{Latest, Pending};
    let newest = matches!(id, BlockId::Number(Latest | Pending));
    let expired = clock(context.limits.trace_time);
    for _ in 1..TRIES {
        let (answer, moved) = simulate_once(context, payload.clone(), id, &expired)?;
        // Blocks came while it ran, so that no trie is at its base: the newest one is another now.
        if !(moved && newest) {
            return Ok(answer);
        }
    }
    simulate_once(context, payload, id, &expired).map(|(answer, _)| answer)
}

/// The blocks, and whether their state roots are not known because the state moved on.
fn simulate_once(
    context: &Context,
    payload: SimulatePayload,
    id: BlockId,
    expired: &dyn Fn() -> bool,
) -> Result<(Value, bool), RpcError> {
    if payload.block_state_calls.is_empty() {
        return Err(RpcError::Params("blockStateCalls is empty".into()));
    }
    let base = context.known_block(id)?;
    let (hash, header) = context.header(base.number)?;
    let blocks = with_gaps(context, &header, payload.block_state_calls)?;
    let mut state = Layered::new(context.view.reader.state_at(base.number)?);
    let mut parent = Sealed::new_unchecked(header, hash);
    let mut run = Run {
        context,
        validation: payload.validation,
        full: payload.return_full_transactions,
        transfers: payload.trace_transfers,
        gas_left: context.limits.call_gas,
        roots: Roots::new(parent.state_root),
        expired,
    };
    let mut answers = Vec::with_capacity(blocks.len());
    for block in blocks {
        let (answer, header) = run.block(&mut state, &parent, block)?;
        answers.push(answer);
        parent = header;
    }
    Ok((Value::Array(answers), run.roots.moved))
}

/// The blocks of a request with the empty ones between them, each with number and timestamp.
fn with_gaps(
    context: &Context,
    base: &Header,
    wanted: Vec<SimBlock>,
) -> Result<Vec<SimBlock>, RpcError> {
    let too_many = || {
        let most = context.limits.simulated_blocks;
        coded(-38026, format!("too many blocks: at most {most}, empty ones between included"))
    };
    let (mut number, mut time) = (U256::from(base.number), base.timestamp);
    let mut blocks: Vec<SimBlock> = Vec::new();
    for mut block in wanted {
        let mut overrides = block.block_overrides.take().unwrap_or_default();
        let next = number.saturating_add(U256::ONE);
        let named = overrides.number.unwrap_or(next);
        if named < next {
            let text = format!("block numbers must be in order: {named} comes after {number}");
            return Err(coded(-38020, text));
        }
        let room = context.limits.simulated_blocks.saturating_sub(blocks.len());
        if named.saturating_sub(next) >= U256::from(room) {
            return Err(too_many());
        }
        while number.saturating_add(U256::ONE) < named {
            number = number.saturating_add(U256::ONE);
            time = time.saturating_add(BLOCK_SECS);
            let overrides = alloy::rpc::types::BlockOverrides::default();
            let overrides = overrides.with_number(number).with_time(time);
            blocks.push(SimBlock::default().with_block_overrides(overrides));
        }
        let named_time = overrides.time.unwrap_or_else(|| time.saturating_add(BLOCK_SECS));
        if named_time <= time {
            let text =
                format!("block timestamps must be in order: {named_time} comes after {time}");
            return Err(coded(-38021, text));
        }
        (number, time) = (named, named_time);
        overrides.number = Some(number);
        overrides.time = Some(time);
        block.block_overrides = Some(overrides);
        blocks.push(block);
    }
    Ok(blocks)
}

impl Run<'_> {
    fn block(
        &mut self,
        state: &mut Layered,
        parent: &Sealed<Header>,
        block: SimBlock,
    ) -> Result<(Value, Sealed<Header>), RpcError> {
        if (self.expired)() {
            return Err(time_up());
        }
        let below = state.depth();
        let overrides = Overrides { state: block.state_overrides, block: block.block_overrides };
        let mut changes = overrides.apply(state)?;
        if !self.validation {
            // Calls need not pay unless the request says what for.
            changes.base_fee = changes.base_fee.or(Some(0));
        }
        let internal = |error: String| RpcError::Internal(error);
        let (config, rules) = (&self.context.view.config, self.context.rules()?);
        let timestamp = changes.timestamp.unwrap_or(parent.timestamp);
        let env = BlockEnv::child(config, rules, parent, timestamp)
            .map_err(|error| internal(error.to_string()))?;
        let crypto = self.context.view.crypto.as_ref();
        let mut simulator = Simulator::new(env, &*state, crypto, self.expired)
            .map_err(|error| internal(error.to_string()))?;
        simulator.open_block();
        simulator.change_block(&changes);
        simulator.trace_transfers(self.transfers);
        let mut done = Done::default();
        for request in block.calls {
            self.call(&mut simulator, request, &mut done)?;
        }
        let (transactions, receipts) = (done.transactions.clone(), done.receipts());
        let block = simulator.finish_block(transactions, receipts).map_err(simulation)?;
        state.push(block.changes.clone());
        let writes = state.writes(below);
        let root = self.roots.after(&self.context.view.reader, writes.as_ref())?;
        let header = changed_header(block.seal(root).header.into_inner(), &changes);
        let header = header.seal_slow();
        Ok((done.answer(&header, self.full)?, header))
    }

    fn call(
        &mut self,
        simulator: &mut Simulator<'_, &Layered>,
        request: TransactionRequest,
        done: &mut Done,
    ) -> Result<(), RpcError> {
        let (asked_nonce, asked_gas) = (request.nonce, request.gas);
        let call = simulated(request)?;
        let nonce = match asked_nonce {
            Some(nonce) => nonce,
            None => simulator.nonce(call.from).map_err(simulation)?,
        };
        let left = simulator.block().gas_limit().saturating_sub(done.gas_used);
        let usual = if self.validation { left.min(TRANSACTION_GAS_CAP) } else { left };
        let asked = asked_gas.unwrap_or(usual);
        if asked > left {
            let text = format!("block gas limit reached: {asked} wanted, {left} left");
            return Err(coded(-38015, text));
        }
        let gas_limit = asked.min(self.gas_left);
        let next = NextCall { call: &call, gas_limit, nonce: self.validation.then_some(nonce) };
        let applied = simulator.apply(&next).map_err(invalid)?;
        self.gas_left = self.gas_left.saturating_sub(applied.outcome.gas_used);
        let chain_id = self.context.view.config.l2_chain_id;
        let transaction = unsigned(chain_id, nonce, gas_limit, &call)?;
        done.push(BlockTransaction::Signed(transaction), applied);
        Ok(())
    }
}

/// Why a call is not valid, in the codes that the method has for it.
fn invalid(error: SimulationError<StoreError>) -> RpcError {
    use InvalidTransaction as Reason;
    let SimulationError::Invalid(reason) = error else { return simulation(error) };
    let code = match &reason {
        Reason::NonceTooLow { .. } => -38010,
        Reason::NonceTooHigh { .. } => -38011,
        Reason::MaxFeeBelowBaseFee { .. } | Reason::DataFeeNotCovered { .. } => -38012,
        Reason::GasLimitBelowIntrinsic { .. } => -38013,
        Reason::Balance { .. } => -38014,
        Reason::GasLimitAboveBlock { .. } => -38015,
        Reason::SenderIsContract { .. } => -38024,
        Reason::InitCodeTooLong { .. } => -38025,
        _ => return reason.into(),
    };
    coded(code, RpcError::from(reason).to_string())
}

/// A call as a transaction whose signature is zero.
fn unsigned(
    chain_id: u64,
    nonce: u64,
    gas_limit: u64,
    call: &Call,
) -> Result<Recovered<TxEnvelope>, RpcError> {
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let max_fee_per_gas = call.max_fee_per_gas.unwrap_or_default();
    let max_priority_fee_per_gas = call.max_priority_fee_per_gas.unwrap_or(max_fee_per_gas);
    let (value, input) = (call.value, call.data.clone());
    let access_list = call.access_list.clone();
    let envelope: TxEnvelope = if call.authorizations.is_empty() {
        let to = call.to;
        TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        }
        .into_signed(signature)
        .into()
    } else {
        let Some(to) = call.to.to().copied() else {
            let text = "a transaction with an authorizationList cannot create a contract";
            return Err(RpcError::Params(text.into()));
        };
        let authorization_list = call.authorizations.clone();
        TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            authorization_list,
            input,
        }
        .into_signed(signature)
        .into()
    };
    Ok(Recovered::new_unchecked(envelope, call.from))
}

/// The header with what the request wants in fields that execution does not decide.
fn changed_header(mut header: Header, changes: &BlockChanges) -> Header {
    header.beneficiary = changes.beneficiary.unwrap_or(header.beneficiary);
    header.mix_hash = changes.prev_randao.unwrap_or(header.mix_hash);
    header
}

/// What is done of a block.
#[derive(Default)]
struct Done {
    transactions: Vec<BlockTransaction>,
    applied: Vec<Applied>,
    gas_used: u64,
}

impl Done {
    fn push(&mut self, transaction: BlockTransaction, applied: Applied) {
        self.gas_used = self.gas_used.saturating_add(applied.outcome.gas_used);
        self.transactions.push(transaction);
        self.applied.push(applied);
    }

    fn receipts(&self) -> Vec<Receipt> {
        let mut gas_used = 0u64;
        let calls = self.transactions.iter().zip(&self.applied);
        calls
            .map(|(transaction, Applied { outcome, .. })| {
                gas_used = gas_used.saturating_add(outcome.gas_used);
                let succeeded = outcome.result.is_success();
                Receipt::new(transaction.kind(), succeeded, gas_used, outcome.logs.clone())
            })
            .collect()
    }

    /// The block as the method shows it.
    fn answer(&self, header: &Sealed<Header>, full: bool) -> Result<Value, RpcError> {
        let block = BlockRef { number: BlockNumber::new(header.number), hash: header.hash() };
        let base_fee = header.base_fee_per_gas.unwrap_or_default();
        let (mut transactions, mut calls, mut size) = (Vec::new(), Vec::new(), 0usize);
        let mut first_log = 0u64;
        for (index, (transaction, applied)) in
            (0u64..).zip(self.transactions.iter().zip(&self.applied))
        {
            let place = Place { block, index, base_fee, timestamp: header.timestamp };
            let bytes = transaction.encode_2718();
            size = size.saturating_add(bytes.len());
            transactions.push(if full {
                json::transaction(&bytes, transaction.sender(), Some(place))?
            } else {
                json!(transaction.hash())
            });
            let logs = applied.transfers.as_ref().unwrap_or(&applied.outcome.logs);
            let logs = logs.iter().zip(first_log..);
            let logs: Vec<Value> = logs
                .map(|(log, position)| json::log(log, place, transaction.hash(), position))
                .collect();
            first_log = first_log.saturating_add(logs.len() as u64);
            calls.push(call_answer(applied, logs));
        }
        let size = size.saturating_add(alloy::rlp::Encodable::length(header.inner()));
        let mut answer = json::block(header.hash(), header, size, transactions);
        if let Some(object) = answer.as_object_mut() {
            object.insert("calls".into(), Value::Array(calls));
        }
        Ok(answer)
    }
}

fn call_answer(applied: &Applied, logs: Vec<Value>) -> Value {
    let Applied { outcome, max_gas_used, transfers: _ } = applied;
    let mut answer = json!({
        "status": if outcome.result.is_success() { "0x1" } else { "0x0" },
        "returnData": "0x",
        "gasUsed": quantity(U256::from(outcome.gas_used)),
        "maxUsedGas": quantity(U256::from(*max_gas_used)),
        "logs": logs,
    });
    let (data, error) = match &outcome.result {
        CallResult::Success { output } => (json!(output), None),
        CallResult::Revert { output } => {
            let message = shortened(failed(outcome.result.clone()).to_string());
            (json!(output), Some(json!({ "code": 3, "message": message, "data": output })))
        }
        CallResult::Halt { reason } => {
            (json!("0x"), Some(json!({ "code": -32015, "message": halt_message(reason) })))
        }
    };
    if let Some(object) = answer.as_object_mut() {
        object.insert("returnData".into(), data);
        object.extend(error.map(|error| ("error".to_owned(), error)));
    }
    answer
}
