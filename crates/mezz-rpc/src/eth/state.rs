//! Accounts, storage and calls.

use alloy::{
    eips::BlockId,
    rpc::types::{BlockOverrides, TransactionRequest, state::StateOverride},
};
use alloy_primitives::{Address, TxKind, U256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_evm::{Call, SimulationError};
use mezz_store::StoreError;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::{RpcError, failed},
    json::quantity,
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
    type CallParams =
        (TransactionRequest, Option<BlockId>, Option<StateOverride>, Option<BlockOverrides>);
    method_async(module, "eth_call", |params: CallParams, context| async move {
        refuse_overrides(params.2.is_some(), params.3.is_some())?;
        let cap = context.limits.call_gas;
        context.run_heavy(move |context| call(context, params.0, at(params.1), cap)).await
    })?;
    method_async(
        module,
        "eth_estimateGas",
        |params: (TransactionRequest, Option<BlockId>, Option<StateOverride>), context| async move {
            refuse_overrides(params.2.is_some(), false)?;
            let cap = context.limits.call_gas;
            context.run_heavy(move |context| estimate(context, params.0, at(params.1), cap)).await
        },
    )?;
    method_async(
        module,
        "eth_createAccessList",
        |params: (TransactionRequest, Option<BlockId>), context| async move {
            let cap = context.limits.call_gas;
            context
                .run_heavy(move |context| access_list(context, params.0, at(params.1), cap))
                .await
        },
    )?;
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

fn refuse_overrides(state: bool, block: bool) -> Result<(), RpcError> {
    if state || block {
        return Err(RpcError::Refused("overrides of state and block are not supported".into()));
    }
    Ok(())
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

fn call(
    context: &Context,
    request: TransactionRequest,
    id: BlockId,
    cap: u64,
) -> Result<Value, RpcError> {
    let call = simulated(request)?;
    context.simulate(id, |simulator| {
        let outcome = simulator.call(&call, cap).map_err(simulation)?;
        match outcome.result {
            mezz_evm::CallResult::Success { output } => Ok(json!(output)),
            other => Err(failed(other)),
        }
    })
}

fn estimate(
    context: &Context,
    request: TransactionRequest,
    id: BlockId,
    cap: u64,
) -> Result<Value, RpcError> {
    let call = simulated(request)?;
    context.simulate(id, |simulator| {
        let estimate = simulator.estimate_gas(&call, cap).map_err(simulation)?;
        Ok(quantity(U256::from(estimate.gas_limit)))
    })
}

fn access_list(
    context: &Context,
    request: TransactionRequest,
    id: BlockId,
    cap: u64,
) -> Result<Value, RpcError> {
    let call = simulated(request)?;
    context.simulate(id, |simulator| {
        let made = simulator.access_list(&call, cap).map_err(simulation)?;
        let mut answer = json!({
            "accessList": made.access_list,
            "gasUsed": quantity(U256::from(made.outcome.gas_used)),
        });
        if !made.outcome.result.is_success()
            && let Some(object) = answer.as_object_mut()
        {
            object.insert("error".into(), json!(failed(made.outcome.result).to_string()));
        }
        Ok(answer)
    })
}

pub(crate) fn simulation(error: SimulationError<StoreError>) -> RpcError {
    match error {
        SimulationError::Invalid(reason) => reason.into(),
        SimulationError::Failed { result } => failed(result),
        SimulationError::Block(error) => RpcError::Internal(error.to_string()),
    }
}
