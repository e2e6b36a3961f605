//! Blocks, transactions and receipts.

use std::sync::Arc;

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, U64};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_store::{BlockRef, Receipt, StoredTransaction};
use mezz_types::BlockNumber;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::RpcError,
    json::{self, Place, ReceiptPlace, quantity},
    register::{method, method_async},
};

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method(module, "eth_blockNumber", |_: Vec<Value>, context| {
        let head = context.known_block(BlockNumberOrTag::Latest.into())?;
        Ok(quantity(alloy_primitives::U256::from(head.number.get())))
    })?;
    method(module, "eth_getBlockByNumber", |params: (BlockNumberOrTag, Option<bool>), context| {
        block(context, params.0.into(), params.1.unwrap_or(false))
    })?;
    method(module, "eth_getBlockByHash", |params: (B256, Option<bool>), context| {
        block(context, BlockId::hash(params.0), params.1.unwrap_or(false))
    })?;
    method(module, "eth_getHeaderByNumber", |params: (BlockNumberOrTag,), context| {
        header(context, params.0.into())
    })?;
    method(module, "eth_getHeaderByHash", |params: (B256,), context| {
        header(context, BlockId::hash(params.0))
    })?;
    let count = |context: &Context, id| -> Result<Value, RpcError> {
        let Some(at) = context.block(id)? else { return Ok(Value::Null) };
        let body = context.view.reader.body(at.number)?.ok_or(RpcError::UnknownBlock)?;
        Ok(json!(U64::from(body.transactions.len())))
    };
    method(
        module,
        "eth_getBlockTransactionCountByNumber",
        move |params: (BlockNumberOrTag,), context| count(context, params.0.into()),
    )?;
    method(module, "eth_getBlockTransactionCountByHash", move |params: (B256,), context| {
        count(context, BlockId::hash(params.0))
    })?;
    for name in ["eth_getUncleCountByBlockNumber", "eth_getUncleCountByBlockHash"] {
        method(module, name, |_: Vec<Value>, _| Ok(json!("0x0")))?;
    }
    method(module, "eth_getBlockReceipts", |params: (BlockId,), context| {
        block_receipts(context, params.0)
    })?;
    method_async(module, "eth_getTransactionByHash", |params: (B256,), context| async move {
        transaction(&context, params.0).await
    })?;
    method(
        module,
        "eth_getTransactionByBlockNumberAndIndex",
        |params: (BlockNumberOrTag, U64), context| at_index(context, params.0.into(), params.1),
    )?;
    method(module, "eth_getTransactionByBlockHashAndIndex", |params: (B256, U64), context| {
        at_index(context, BlockId::hash(params.0), params.1)
    })?;
    method(module, "eth_getRawTransactionByHash", |params: (B256,), context| {
        let found = context.view.reader.transaction(params.0)?;
        Ok(json!(found.map(|found| found.bytes)))
    })?;
    method(module, "eth_getTransactionReceipt", |params: (B256,), context| {
        receipt(context, params.0)
    })
}

fn place(at: BlockRef, header: &Header, index: u64) -> Place {
    Place {
        block: at,
        index,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
        timestamp: header.timestamp,
    }
}

fn header(context: &Context, id: BlockId) -> Result<Value, RpcError> {
    let Some(at) = context.block(id)? else { return Ok(Value::Null) };
    let (hash, header) = context.header(at.number)?;
    Ok(json::header(hash, &header))
}

fn block(context: &Context, id: BlockId, full: bool) -> Result<Value, RpcError> {
    let Some(at) = context.block(id)? else { return Ok(Value::Null) };
    let (hash, header) = context.header(at.number)?;
    let reader = &context.view.reader;
    let body = reader.body(at.number)?.ok_or(RpcError::UnknownBlock)?;
    let size = alloy::rlp::Encodable::length(&header)
        + body.transactions.iter().map(|bytes| bytes.len()).sum::<usize>();
    let transactions = if full {
        let receipts = reader.receipts(at.number)?.unwrap_or_default();
        (0u64..)
            .zip(body.transactions.iter().zip(&receipts))
            .map(|(index, (bytes, receipt))| {
                json::transaction(bytes, receipt.from, Some(place(at, &header, index)))
            })
            .collect::<Result<_, _>>()?
    } else {
        body.transactions.iter().map(|bytes| json!(alloy_primitives::keccak256(bytes))).collect()
    };
    Ok(json::block(hash, &header, size, transactions))
}

fn block_receipts(context: &Context, id: BlockId) -> Result<Value, RpcError> {
    let Some(at) = context.block(id)? else { return Ok(Value::Null) };
    let (_, header) = context.header(at.number)?;
    let reader = &context.view.reader;
    let body = reader.body(at.number)?.ok_or(RpcError::UnknownBlock)?;
    let receipts = reader.receipts(at.number)?.ok_or(RpcError::UnknownBlock)?;
    let list: Vec<Value> = (0u64..)
        .zip(body.transactions.iter().zip(&receipts))
        .map(|(index, (bytes, receipt))| receipt_value(place(at, &header, index), bytes, receipt))
        .collect();
    Ok(Value::Array(list))
}

fn receipt_value(place: Place, bytes: &Bytes, receipt: &Receipt) -> Value {
    let hash = alloy_primitives::keccak256(bytes);
    json::receipt(receipt, ReceiptPlace { place, hash, to: json::target(bytes) })
}

async fn transaction(context: &Arc<Context>, hash: B256) -> Result<Value, RpcError> {
    if let Some((found, receipt)) = context.view.reader.receipt(hash)? {
        let (_, header) = context.header(found.block.number)?;
        let at = place(found.block, &header, found.index.into());
        return json::transaction(&found.bytes, receipt.from, Some(at));
    }
    let Some(pool) = &context.pool else { return Ok(Value::Null) };
    let Some(waiting) = pool.get(hash).await else { return Ok(Value::Null) };
    json::transaction(
        &alloy::eips::Encodable2718::encoded_2718(waiting.transaction.inner()),
        waiting.sender(),
        None,
    )
}

fn at_index(context: &Context, id: BlockId, index: U64) -> Result<Value, RpcError> {
    let Some(at) = context.block(id)? else { return Ok(Value::Null) };
    let (_, header) = context.header(at.number)?;
    let reader = &context.view.reader;
    let body = reader.body(at.number)?.ok_or(RpcError::UnknownBlock)?;
    let receipts = reader.receipts(at.number)?.ok_or(RpcError::UnknownBlock)?;
    let position: usize = index.to();
    match (body.transactions.get(position), receipts.get(position)) {
        (Some(bytes), Some(receipt)) => {
            json::transaction(bytes, receipt.from, Some(place(at, &header, index.to())))
        }
        _ => Ok(Value::Null),
    }
}

fn receipt(context: &Context, hash: B256) -> Result<Value, RpcError> {
    let Some((found, receipt)) = context.view.reader.receipt(hash)? else {
        return Ok(Value::Null);
    };
    let StoredTransaction { block, index, bytes } = found;
    let (_, header) = context.header(block.number)?;
    Ok(receipt_value(place(block, &header, index.into()), &bytes, &receipt))
}

/// The logs of one block that `wanted` accepts, as JSON.
pub(crate) fn block_logs(
    context: &Context,
    number: BlockNumber,
    wanted: impl Fn(&alloy_primitives::Log) -> bool,
) -> Result<Vec<Value>, RpcError> {
    let (hash, header) = context.header(number)?;
    let at = BlockRef { number, hash };
    let reader = &context.view.reader;
    let body = reader.body(number)?.ok_or(RpcError::UnknownBlock)?;
    let receipts = reader.receipts(number)?.ok_or(RpcError::UnknownBlock)?;
    let mut found = Vec::new();
    for (index, (bytes, receipt)) in (0u64..).zip(body.transactions.iter().zip(&receipts)) {
        if !receipt.logs.iter().any(&wanted) {
            continue;
        }
        let transaction = alloy_primitives::keccak256(bytes);
        for (entry, log_index) in receipt.logs.iter().zip(receipt.first_log_index..) {
            if wanted(entry) {
                let place = place(at, &header, index);
                found.push(json::log(entry, place, transaction, log_index));
            }
        }
    }
    Ok(found)
}
