//! `net_*`, `web3_*` and `txpool_*`.

use std::collections::BTreeMap;

use alloy::{consensus::Transaction as _, eips::Encodable2718 as _};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::RpcError,
    json::{quantity, transaction},
    register::{method, method_async},
};

/// Name and version, as `web3_clientVersion` gives them.
const CLIENT_VERSION: &str = concat!("mezzanine/v", env!("CARGO_PKG_VERSION"));

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method(module, "net_version", |_: Vec<Value>, context| {
        Ok(json!(context.view.config.l2_chain_id.to_string()))
    })?;
    method(module, "net_listening", |_: Vec<Value>, _| Ok(json!(true)))?;
    method(module, "net_peerCount", |_: Vec<Value>, _| Ok(json!("0x0")))?;
    method(module, "web3_clientVersion", |_: Vec<Value>, _| Ok(json!(CLIENT_VERSION)))?;
    method(module, "web3_sha3", |params: (Bytes,), _| Ok(json!(keccak256(params.0))))?;
    method_async(module, "txpool_status", |_: Vec<Value>, context| async move {
        let status = match &context.pool {
            Some(pool) => pool.status().await,
            None => Default::default(),
        };
        Ok(json!({
            "pending": quantity(U256::from(status.pending)),
            "queued": quantity(U256::from(status.queued)),
        }))
    })?;
    method_async(module, "txpool_content", |_: Vec<Value>, context| async move {
        content(&context, None, whole).await
    })?;
    method_async(module, "txpool_contentFrom", |params: (Address,), context| async move {
        let address = params.0;
        let mut answer = content(&context, Some(address), whole).await?;
        // One account's lists, without its name.
        for part in ["pending", "queued"] {
            let list = answer[part].get_mut(address.to_string()).map(Value::take);
            answer[part] = list.unwrap_or_else(|| json!({}));
        }
        Ok(answer)
    })?;
    method_async(module, "txpool_inspect", |_: Vec<Value>, context| async move {
        content(&context, None, |entry| {
            let to = entry.transaction.to().map_or("contract creation".into(), |to| to.to_string());
            Ok(json!(format!(
                "{to}: {} wei + {} gas × {} wei",
                entry.transaction.value(),
                entry.transaction.gas_limit(),
                entry.transaction.max_fee_per_gas()
            )))
        })
        .await
    })
}

fn whole(entry: &mezz_node::PoolTransaction) -> Result<Value, RpcError> {
    transaction(&entry.transaction.inner().encoded_2718(), entry.sender(), None)
}

/// What waits, of one sender or of all.
async fn content(
    context: &Context,
    sender: Option<Address>,
    show: impl Fn(&mezz_node::PoolTransaction) -> Result<Value, RpcError>,
) -> Result<Value, RpcError> {
    type Accounts = BTreeMap<String, BTreeMap<String, Value>>;
    let (mut pending, mut queued) = (Accounts::new(), Accounts::new());
    if let Some(pool) = &context.pool {
        let mut content = pool.content().await;
        content.retain(|(entry, _)| sender.is_none_or(|sender| entry.sender() == sender));
        if content.len() > context.limits.pool_listing {
            return Err(RpcError::Limit(format!(
                "the pool holds {} transactions, at most {} are listed",
                content.len(),
                context.limits.pool_listing
            )));
        }
        for (entry, runs) in content {
            let list = if runs { &mut pending } else { &mut queued };
            list.entry(entry.sender().to_string())
                .or_default()
                .insert(entry.nonce().to_string(), show(&entry)?);
        }
    }
    Ok(json!({ "pending": pending, "queued": queued }))
}
