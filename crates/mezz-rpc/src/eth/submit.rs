//! Transactions coming in.

use std::sync::Arc;

use alloy::{
    consensus::SignableTransaction as _,
    eips::{BlockNumberOrTag, Encodable2718 as _},
    network::TxSignerSync as _,
    rpc::types::TransactionRequest,
};
use alloy_consensus::{Transaction as _, TxEip1559, TxEnvelope};
use alloy_primitives::{Bytes, TxKind, U256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_evm::{check_transaction, data_fee, decode_transaction, recover, surcharge};
use mezz_node::PoolHandle;
use mezz_types::{ChainConfig, L1Facts};
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::RpcError,
    eth::{fees::suggestion, state::simulation},
    register::method_async,
};

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method_async(module, "eth_sendRawTransaction", |params: (Bytes,), context| async move {
        submit(&context, &params.0).await
    })?;
    method_async(
        module,
        "eth_sendTransaction",
        |params: (TransactionRequest,), context| async move {
            let bytes = sign(&context, params.0).await?;
            submit(&context, &bytes).await
        },
    )
}

fn pool(context: &Context) -> Result<&PoolHandle, RpcError> {
    context.pool.as_ref().ok_or_else(|| {
        RpcError::Refused(
            "this node does not sequence: send the transaction to the sequencer's RPC, or force \
             it through L1"
                .into(),
        )
    })
}

async fn submit(context: &Arc<Context>, bytes: &Bytes) -> Result<Value, RpcError> {
    let pool = pool(context)?;
    if bytes.len() > context.limits.transaction_bytes {
        return Err(RpcError::Refused(format!(
            "oversized data: transaction of {} bytes, at most {} are taken",
            bytes.len(),
            context.limits.transaction_bytes
        )));
    }
    let refuse = |reason: String| RpcError::Refused(reason);
    let transaction = decode_transaction(bytes).map_err(|error| refuse(error.to_string()))?;
    let config = &context.view.config;
    check_transaction(config, &transaction)?;
    let recovered = recover(transaction, context.view.crypto.as_ref())?;
    let (state, facts) = context.tip()?;
    let account = state.account(recovered.signer())?.unwrap_or_default();
    check_funds(account.balance, recovered.inner())?;
    check_fee(config, &facts, recovered.inner())?;
    let inserted = pool.insert(Arc::new(recovered), account.nonce).await;
    inserted.map(|hash| json!(hash)).map_err(|error| refuse(error.to_string()))
}

fn check_funds(balance: U256, transaction: &TxEnvelope) -> Result<(), RpcError> {
    let gas = U256::from(transaction.max_fee_per_gas()) * U256::from(transaction.gas_limit());
    let cost = gas.saturating_add(transaction.value());
    if balance < cost {
        return Err(RpcError::Refused(format!(
            "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}"
        )));
    }
    Ok(())
}

/// Refuses what cannot be included at the lowest base fee there can be: it would wait for ever.
fn check_fee(
    config: &ChainConfig,
    facts: &L1Facts,
    transaction: &TxEnvelope,
) -> Result<(), RpcError> {
    let least = U256::from(config.fees.min_base_fee)
        + surcharge(data_fee(config, facts, transaction), transaction.gas_limit());
    let bid = U256::from(transaction.max_fee_per_gas());
    if bid < least {
        return Err(RpcError::Refused(format!(
            "transaction underpriced: max fee {bid} wei per gas, at least {least} are needed to \
             carry base fee and data on L1"
        )));
    }
    Ok(())
}

async fn sign(context: &Arc<Context>, request: TransactionRequest) -> Result<Bytes, RpcError> {
    let from = request.from.unwrap_or_default();
    let Some(signer) = context.dev_accounts.iter().find(|signer| signer.address() == from) else {
        return Err(RpcError::Refused(format!(
            "unknown account {from}: sign the transaction and send it with eth_sendRawTransaction"
        )));
    };
    let state = context.state(BlockNumberOrTag::Latest.into())?;
    let nonce = state.account(from)?.unwrap_or_default().nonce;
    let nonce = match request.nonce {
        Some(nonce) => nonce,
        None => pool(context)?.pending_nonce(from, nonce).await,
    };
    let (base_fee, tip) = suggestion(context)?;
    let tip = request.max_priority_fee_per_gas.unwrap_or(tip);
    let price = request.max_fee_per_gas.or(request.gas_price);
    let max_fee =
        price.unwrap_or_else(|| u128::from(base_fee).saturating_mul(2).saturating_add(tip));
    let gas_limit = match request.gas {
        Some(gas) => gas,
        None => {
            let call = crate::eth::state::simulated(request.clone())?;
            let cap = context.limits.call_gas;
            context
                .run_call(move |context| {
                    context.simulate(BlockNumberOrTag::Latest.into(), |simulator| {
                        let estimate = simulator.estimate_gas(&call, cap);
                        estimate.map(|estimate| estimate.gas_limit).map_err(simulation)
                    })
                })
                .await?
        }
    };
    let mut transaction = TxEip1559 {
        chain_id: context.view.config.l2_chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: max_fee,
        max_priority_fee_per_gas: tip.min(max_fee),
        to: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        input: request.input.into_input().unwrap_or_default(),
        access_list: request.access_list.unwrap_or_default(),
    };
    let signature = signer
        .sign_transaction_sync(&mut transaction)
        .map_err(|error| RpcError::Internal(error.to_string()))?;
    Ok(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into())
}
