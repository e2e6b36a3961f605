//! `debug_trace*`: what transactions and calls did, step by step.
//!
//! A past transaction is executed again on the state before its block, so that only blocks of the
//! history window can be traced; what comes out is checked against the receipt.

mod json;
mod options;

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    rpc::types::TransactionRequest,
};
use alloy_consensus::{Header, transaction::Recovered};
use alloy_primitives::{B256, Bytes, keccak256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_evm::{
    BlockTransaction, CallOutcome, ExecutionError, Exhausted, PastTransaction, TraceError, Tracer,
    decode_transaction,
};
use mezz_store::{Receipt, StateView, StoreError};
use mezz_types::{BlockNumber, SYSTEM_TRANSACTION_TYPE, SystemTransaction};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::RpcError,
    eth::state::simulated,
    overrides::{Layered, Overrides},
    register::method_async,
};
use options::{Options, Plan};

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method_async(
        module,
        "debug_traceTransaction",
        |params: (B256, Option<Options>), context| async move {
            context
                .run_heavy(move |context| transaction(context, params.0, &plan(context, params.1)?))
                .await
        },
    )?;
    block_method::<BlockNumberOrTag>(module, "debug_traceBlockByNumber")?;
    block_method::<B256>(module, "debug_traceBlockByHash")?;
    method_async(
        module,
        "debug_traceCall",
        |params: (TransactionRequest, Option<BlockId>, Option<Options>), context| async move {
            context
                .run_heavy(move |context| {
                    call(context, params.0, params.1.unwrap_or_default(), params.2)
                })
                .await
        },
    )
}

/// Adds a method that traces a block, named by an `I`.
fn block_method<I: Into<BlockId> + DeserializeOwned + Send + 'static>(
    module: &mut RpcModule<Context>,
    name: &'static str,
) -> Result<(), RegisterMethodError> {
    method_async(module, name, |params: (I, Option<Options>), context| async move {
        context
            .run_heavy(move |context| block(context, params.0.into(), &plan(context, params.1)?))
            .await
    })
}

fn plan(context: &Context, options: Option<Options>) -> Result<Plan, RpcError> {
    options.unwrap_or_default().plan(&context.limits)
}

/// A block, to be executed again.
struct PastBlock {
    header: Header,
    transactions: Vec<Bytes>,
    receipts: Vec<Receipt>,
    before: StateView,
    after: StateView,
}

impl PastBlock {
    fn read(context: &Context, number: BlockNumber) -> Result<Self, RpcError> {
        let Some(parent) = number.get().checked_sub(1) else {
            return Err(RpcError::Refused("genesis is not traceable".into()));
        };
        let reader = &context.view.reader;
        let (_, header) = context.header(number)?;
        let body = reader.body(number)?.ok_or(RpcError::UnknownBlock)?;
        let receipts = reader.receipts(number)?.ok_or(RpcError::UnknownBlock)?;
        let before = reader.state_at(BlockNumber::new(parent))?;
        let after = reader.state_at(number)?;
        Ok(Self { header, transactions: body.transactions, receipts, before, after })
    }

    fn replay<'a>(
        &self,
        context: &'a Context,
        plan: &'a Plan,
        expired: &'a dyn Fn() -> bool,
    ) -> Result<Tracer<'a, StateView>, RpcError> {
        let env = context.block_env(&self.header)?;
        let crypto = context.view.crypto.as_ref();
        let mut tracer = Tracer::new(env, self.before.clone(), crypto, plan.budget(expired));
        tracer.open_block(&self.after).map_err(failure)?;
        Ok(tracer)
    }
}

fn transaction(context: &Context, hash: B256, plan: &Plan) -> Result<Value, RpcError> {
    let Some(found) = context.view.reader.transaction(hash)? else {
        return Err(RpcError::Refused("transaction not found".into()));
    };
    let block = PastBlock::read(context, found.block.number)?;
    let expired = plan.clock();
    let mut tracer = block.replay(context, plan, &expired)?;
    let wanted = found.index as usize;
    for (position, (bytes, receipt)) in block.transactions.iter().zip(&block.receipts).enumerate() {
        let entry = entry(bytes, receipt)?;
        let past = PastTransaction { transaction: &entry, data_fee: receipt.l1_data_fee };
        if position == wanted {
            let traced = tracer.trace(&past, plan.kind).map_err(failure)?;
            agree(&traced.outcome, receipt)?;
            return Ok(json::traced(&traced));
        }
        agree(&tracer.execute(&past).map_err(failure)?, receipt)?;
    }
    Err(RpcError::Internal("the transaction is not in its block".into()))
}

fn block(context: &Context, id: BlockId, plan: &Plan) -> Result<Value, RpcError> {
    let block = PastBlock::read(context, context.known_block(id)?.number)?;
    let expired = plan.clock();
    let mut tracer = block.replay(context, plan, &expired)?;
    let mut answers = Vec::with_capacity(block.transactions.len());
    for (bytes, receipt) in block.transactions.iter().zip(&block.receipts) {
        let entry = entry(bytes, receipt)?;
        let past = PastTransaction { transaction: &entry, data_fee: receipt.l1_data_fee };
        let traced = tracer.trace(&past, plan.kind).map_err(failure)?;
        agree(&traced.outcome, receipt)?;
        answers.push(json!({ "txHash": keccak256(bytes), "result": json::traced(&traced) }));
    }
    Ok(Value::Array(answers))
}

fn call(
    context: &Context,
    request: TransactionRequest,
    id: BlockId,
    options: Option<Options>,
) -> Result<Value, RpcError> {
    let mut options = options.unwrap_or_default();
    let overrides =
        Overrides { state: options.state_overrides.take(), block: options.block_overrides.take() };
    let plan = options.plan(&context.limits)?;
    let call = simulated(request)?;
    let at = context.known_block(id)?;
    let (_, header) = context.header(at.number)?;
    let mut state = Layered::new(context.view.reader.state_at(at.number)?);
    let changes = overrides.apply(&mut state)?;
    let env = context.block_env(&header)?;
    let expired = plan.clock();
    let crypto = context.view.crypto.as_ref();
    let mut tracer = Tracer::new(env, &state, crypto, plan.budget(&expired));
    tracer.change_block(&changes);
    let traced = tracer.trace_call(&call, context.limits.call_gas, plan.kind).map_err(failure)?;
    Ok(json::traced(&traced))
}

/// A stored transaction; its sender is in the receipt.
fn entry(bytes: &Bytes, receipt: &Receipt) -> Result<BlockTransaction, RpcError> {
    let unreadable = |error: String| RpcError::Internal(format!("stored transaction: {error}"));
    if bytes.first() == Some(&SYSTEM_TRANSACTION_TYPE) {
        let system = SystemTransaction::decode_2718(bytes);
        return system.map(BlockTransaction::System).map_err(|it| unreadable(it.to_string()));
    }
    let signed = decode_transaction(bytes).map_err(|error| unreadable(error.to_string()))?;
    Ok(BlockTransaction::Signed(Recovered::new_unchecked(signed, receipt.from)))
}

/// A trace of something else than what is in the block would be worse than none.
fn agree(outcome: &CallOutcome, receipt: &Receipt) -> Result<(), RpcError> {
    if outcome.gas_used == receipt.gas_used && outcome.logs == receipt.logs {
        return Ok(());
    }
    Err(RpcError::Internal(format!(
        "executed again, a transaction used {} gas and made {} logs; its receipt has {} and {}",
        outcome.gas_used,
        outcome.logs.len(),
        receipt.gas_used,
        receipt.logs.len()
    )))
}

fn failure(error: TraceError<StoreError>) -> RpcError {
    match error {
        TraceError::Invalid(reason) => reason.into(),
        TraceError::Block(ExecutionError::State(error)) => error.into(),
        TraceError::Block(error) => RpcError::Internal(error.to_string()),
        TraceError::Exhausted(bound) => RpcError::Limit(match bound {
            Exhausted::Time => format!("{bound}: trace one transaction instead of a block"),
            _ => format!(
                "{bound}: trace one transaction instead of a block, set `limit`, disableStack and \
                 disableStorage, or use callTracer"
            ),
        }),
    }
}
