//! Accounts, storage and calls.

use alloy::{
    eips::BlockId,
    rpc::types::{BlockOverrides, TransactionRequest, state::StateOverride},
};
use alloy_primitives::{Address, TxKind, U256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_evm::{Call, CallResult, ExecutionError, SimulationError, Simulator};
use mezz_store::StoreError;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::{RpcError, failed, shortened},
    json::quantity,
    overrides::{Layered, Overrides},
    register::{method, method_async},
};

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method(module, "eth_getBalance", |params: (Address, Option<BlockId>), context| {
        let account = context.state(at(params.1))?.account(params.0)?;
        Ok(quantity(account.unwrap_or_default().balance))
    })?;
    method_async(
        module,
        "eth_getTransactionCount",
        |params: (Address, Option<BlockId>), context| async move {
            let account = context.state(at(params.1))?.account(params.0)?;
            let nonce = account.unwrap_or_default().nonce;
            let nonce = match (&context.pool, params.1) {
                (Some(pool), Some(id)) if id.is_pending() => {
                    pool.pending_nonce(params.0, nonce).await
                }
                _ => nonce,
            };
            Ok(quantity(U256::from(nonce)))
        },
    )?;
    method(module, "eth_getCode", |params: (Address, Option<BlockId>), context| {
        let state = context.state(at(params.1))?;
        match state.account(params.0)? {
            Some(account) => Ok(json!(state.code(account.code_hash)?)),
            None => Ok(json!("0x")),
        }
    })?;
    method(module, "eth_getStorageAt", |params: (Address, U256, Option<BlockId>), context| {
        let value = context.state(at(params.2))?.storage(params.0, params.1)?;
        Ok(json!(alloy_primitives::B256::from(value)))
    })?;
    call_method(module, "eth_call", |simulator, call, cap| {
        match simulator.call(call, cap).map_err(simulation)?.result {
            CallResult::Success { output } => Ok(json!(output)),
            other => Err(failed(other)),
        }
    })?;
    call_method(module, "eth_estimateGas", |simulator, call, cap| {
        let estimate = simulator.estimate_gas(call, cap).map_err(simulation)?;
        Ok(quantity(U256::from(estimate.gas_limit)))
    })?;
    call_method(module, "eth_createAccessList", access_list)?;
    method(module, "eth_getProof", |_: Vec<Value>, _| {
        Err(RpcError::Refused(
            "this chain's state is one binary trie and has no Merkle-Patricia proofs: ask \
             mezz_getProof"
                .into(),
        ))
    })
}

fn at(id: Option<BlockId>) -> BlockId {
    id.unwrap_or_default()
}

type Answer = fn(&mut Simulator<'_, &Layered>, &Call, u64) -> Result<Value, RpcError>;

/// Adds a method that runs a call on a block, both of which may be overridden.
fn call_method(
    module: &mut RpcModule<Context>,
    name: &'static str,
    answer: Answer,
) -> Result<(), RegisterMethodError> {
    type CallParams =
        (TransactionRequest, Option<BlockId>, Option<StateOverride>, Option<BlockOverrides>);
    method_async(module, name, move |params: CallParams, context| async move {
        let (request, id, state, block) = params;
        let call = simulated(request)?;
        let cap = context.limits.call_gas;
        context
            .run_call(move |context| {
                context.simulate_with(at(id), Overrides { state, block }, |simulator| {
                    answer(simulator, &call, cap)
                })
            })
            .await
    })
}

/// A request as the simulator takes it.
pub(crate) fn simulated(request: TransactionRequest) -> Result<Call, RpcError> {
    if request.blob_versioned_hashes.is_some() || request.sidecar.is_some() {
        return Err(RpcError::Params("this chain carries no blobs".into()));
    }
    if request.gas_price.is_some() && request.max_fee_per_gas.is_some() {
        let text = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
        return Err(RpcError::Params(text.into()));
    }
    Ok(Call {
        from: request.from.unwrap_or_default(),
        to: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: request.input.into_input().unwrap_or_default(),
        gas_limit: request.gas,
        max_fee_per_gas: request.max_fee_per_gas.or(request.gas_price),
        max_priority_fee_per_gas: request.max_priority_fee_per_gas,
        access_list: request.access_list.unwrap_or_default(),
        authorizations: request.authorization_list.unwrap_or_default(),
    })
}

fn access_list(
    simulator: &mut Simulator<'_, &Layered>,
    call: &Call,
    cap: u64,
) -> Result<Value, RpcError> {
    let made = simulator.access_list(call, cap).map_err(simulation)?;
    let mut answer = json!({
        "accessList": made.access_list,
        "gasUsed": quantity(U256::from(made.outcome.gas_used)),
    });
    if !made.outcome.result.is_success()
        && let Some(object) = answer.as_object_mut()
    {
        object.insert("error".into(), json!(shortened(failed(made.outcome.result).to_string())));
    }
    Ok(answer)
}

pub(crate) fn simulation(error: SimulationError<StoreError>) -> RpcError {
    match error {
        SimulationError::Invalid(reason) => reason.into(),
        SimulationError::Failed { result } => failed(result),
        SimulationError::TimeUp => time_up(),
        SimulationError::Block(ExecutionError::State(error)) => error.into(),
        SimulationError::Block(error) => RpcError::Internal(error.to_string()),
    }
}

pub(crate) fn time_up() -> RpcError {
    RpcError::Limit(
        "execution aborted: it took longer than this node allows; ask for less at once, or say less `gas`"
            .into(),
    )
}
