//! Blocks, transactions, receipts and logs as JSON-RPC shows them.

use alloy::consensus::Transaction as _;
use alloy_consensus::{Header, Sealed, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use mezz_evm::decode_transaction;
use mezz_node::PlacedLog;
use mezz_store::{BlockRef, Receipt};
use mezz_types::{BlockNumber, SYSTEM_TRANSACTION_TYPE, SystemTransaction};
use serde_json::{Map, Value, json};

use crate::error::RpcError;

/// A number as a hexadecimal quantity.
pub(crate) fn quantity(value: impl Into<U256>) -> Value {
    Value::String(format!("0x{:x}", value.into()))
}

fn number(value: u64) -> Value {
    quantity(U256::from(value))
}

/// A block's header, with transactions as given.
pub(crate) fn block(hash: B256, header: &Header, size: usize, transactions: Vec<Value>) -> Value {
    let mut object = header_fields(hash, header);
    object.insert("size".into(), number(size as u64));
    object.insert("uncles".into(), json!([]));
    object.insert("withdrawals".into(), json!([]));
    object.insert("transactions".into(), Value::Array(transactions));
    Value::Object(object)
}

/// A header, as `newHeads` shows it.
pub(crate) fn header(hash: B256, header: &Header) -> Value {
    Value::Object(header_fields(hash, header))
}

fn header_fields(hash: B256, header: &Header) -> Map<String, Value> {
    let mut object = match serde_json::to_value(header) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    object.insert("hash".into(), json!(hash));
    object.insert("totalDifficulty".into(), json!("0x0"));
    object
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) block: BlockRef,
    pub(crate) index: u64,
    pub(crate) base_fee: u64,
    pub(crate) timestamp: u64,
}

/// A transaction, in a block or waiting.
pub(crate) fn transaction(
    bytes: &[u8],
    from: Address,
    place: Option<Place>,
) -> Result<Value, RpcError> {
    let mut object = if bytes.first() == Some(&SYSTEM_TRANSACTION_TYPE) {
        system_transaction(bytes)?
    } else {
        let transaction = decode_transaction(bytes)
            .map_err(|error| RpcError::Internal(format!("stored transaction: {error}")))?;
        signed_transaction(&transaction, place)?
    };
    object.insert("from".into(), json!(from));
    let null = || Value::Null;
    object.insert("blockHash".into(), place.map_or_else(null, |it| json!(it.block.hash)));
    object
        .insert("blockNumber".into(), place.map_or_else(null, |it| number(it.block.number.get())));
    object.insert("transactionIndex".into(), place.map_or_else(null, |it| number(it.index)));
    if let Some(place) = place {
        object.insert("blockTimestamp".into(), number(place.timestamp));
    }
    Ok(Value::Object(object))
}

fn signed_transaction(
    transaction: &TxEnvelope,
    place: Option<Place>,
) -> Result<Map<String, Value>, RpcError> {
    let value =
        serde_json::to_value(transaction).map_err(|error| RpcError::Internal(error.to_string()))?;
    let Value::Object(mut object) = value else {
        return Err(RpcError::Internal("a transaction is no JSON object".into()));
    };
    let price = match place {
        Some(place) => transaction.effective_gas_price(Some(place.base_fee)),
        None => transaction.max_fee_per_gas(),
    };
    object.insert("gasPrice".into(), quantity(U256::from(price)));
    object.insert("hash".into(), json!(transaction.tx_hash()));
    Ok(object)
}

fn system_transaction(bytes: &[u8]) -> Result<Map<String, Value>, RpcError> {
    let transaction = SystemTransaction::decode_2718(bytes)
        .map_err(|error| RpcError::Internal(format!("stored transaction: {error}")))?;
    let object = json!({
        "type": number(SYSTEM_TRANSACTION_TYPE.into()),
        "hash": transaction.hash(),
        "to": transaction.to.to(),
        "value": transaction.value,
        "mint": transaction.value,
        "gas": number(transaction.gas_limit),
        "gasPrice": "0x0",
        "nonce": "0x0",
        "input": transaction.data,
        "inboxIndex": number(transaction.index.get()),
        "refundTo": transaction.refund_to,
        // No signature: clients that insist on the fields get zeros.
        "r": "0x0",
        "s": "0x0",
        "v": "0x0",
    });
    match object {
        Value::Object(object) => Ok(object),
        _ => Err(RpcError::Internal("a transaction is no JSON object".into())),
    }
}

/// What a receipt needs beside itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiptPlace {
    pub(crate) place: Place,
    pub(crate) hash: B256,
    pub(crate) to: Option<Address>,
}

/// A receipt.
pub(crate) fn receipt(receipt: &Receipt, at: ReceiptPlace) -> Value {
    let logs: Vec<Value> = receipt
        .logs
        .iter()
        .zip(receipt.first_log_index..)
        .map(|(entry, index)| log(entry, at.place, at.hash, index))
        .collect();
    let bloom = alloy_primitives::logs_bloom(receipt.logs.iter());
    json!({
        "type": number(receipt.kind.into()),
        "status": if receipt.success { "0x1" } else { "0x0" },
        "transactionHash": at.hash,
        "transactionIndex": number(at.place.index),
        "blockHash": at.place.block.hash,
        "blockNumber": number(at.place.block.number.get()),
        "from": receipt.from,
        "to": at.to,
        "cumulativeGasUsed": number(receipt.cumulative_gas_used),
        "gasUsed": number(receipt.gas_used),
        "effectiveGasPrice": quantity(U256::from(receipt.effective_gas_price)),
        "contractAddress": receipt.contract_address,
        "logs": logs,
        "logsBloom": bloom,
        "l1Fee": receipt.l1_data_fee,
    })
}

/// A log.
pub(crate) fn log(entry: &Log, place: Place, transaction: B256, index: u64) -> Value {
    json!({
        "address": entry.address,
        "topics": entry.topics(),
        "data": entry.data.data,
        "blockHash": place.block.hash,
        "blockNumber": number(place.block.number.get()),
        "blockTimestamp": number(place.timestamp),
        "transactionHash": transaction,
        "transactionIndex": number(place.index),
        "logIndex": number(index),
        "removed": false,
    })
}

/// A log of a block, or of one that was taken back.
pub(crate) fn placed_log(header: &Sealed<Header>, placed: &PlacedLog, removed: bool) -> Value {
    let place = Place {
        block: BlockRef { number: BlockNumber::new(header.number), hash: header.hash() },
        index: placed.transaction_index,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
        timestamp: header.timestamp,
    };
    let mut shown = log(&placed.log, place, placed.transaction, placed.log_index);
    shown["removed"] = json!(removed);
    shown
}

/// The target of a stored transaction.
pub(crate) fn target(bytes: &Bytes) -> Option<Address> {
    if bytes.first() == Some(&SYSTEM_TRANSACTION_TYPE) {
        return SystemTransaction::decode_2718(bytes).ok()?.to.to().copied();
    }
    decode_transaction(bytes).ok()?.to()
}
