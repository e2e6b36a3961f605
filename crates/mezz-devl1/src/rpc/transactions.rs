//! Transactions: sending them, and finding out what became of them.

use std::sync::Arc;

use alloy::{
    consensus::{Transaction as _, TxEnvelope, TypedTransaction},
    eips::{Encodable2718, eip2718::Typed2718},
    rpc::types::{BlockNumberOrTag, Index, Transaction, TransactionReceipt, TransactionRequest},
    signers::SignerSync,
};
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use jsonrpsee::{RpcModule, types::Params};

use super::{
    Registered, Rpc, acting,
    args::Args,
    calls::estimate_at_head,
    error::RpcError,
    fees::{next_base_fee, suggested_tip},
    heavy,
    logs::rpc_log,
    run_heavy, select,
};
use crate::{
    chain::{Block, CheckedTransaction, Rules, effective_gas_price},
    node::Message,
};

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    acting(module, "eth_sendRawTransaction", send_raw)?;
    acting(module, "eth_sendTransaction", send)?;
    heavy(module, "eth_getTransactionByHash", by_hash)?;
    heavy(module, "eth_getRawTransactionByHash", |rpc, mut args| {
        let hash: B256 = args.next("transaction hash")?;
        Ok(find(rpc, &hash)?.map(|transaction| Bytes::from(transaction.signed.encoded_2718())))
    })?;
    heavy(module, "eth_getTransactionReceipt", |rpc, mut args| {
        let hash: B256 = args.next("transaction hash")?;
        let version = rpc.version();
        let view = version.view();
        let found = view.transaction(&hash)?;
        Ok(found.and_then(|(block, index)| rpc_receipt(&view.rules, &block, index)))
    })?;
    heavy(module, "eth_getTransactionByBlockNumberAndIndex", |rpc, mut args| {
        let tag: BlockNumberOrTag = args.next("block number or tag")?;
        let index: Index = args.next("index")?;
        let selected = select::by_tag(&rpc.version(), tag)?;
        Ok(selected.and_then(|selected| rpc_transaction(selected.block(), index.0)))
    })?;
    heavy(module, "eth_getTransactionByBlockHashAndIndex", |rpc, mut args| {
        let hash: B256 = args.next("block hash")?;
        let index: Index = args.next("index")?;
        let version = rpc.version();
        let block = version.view().block_by_hash(&hash)?;
        Ok(block.and_then(|block| rpc_transaction(&block, index.0)))
    })
}

async fn send_raw(rpc: Arc<Rpc>, params: Params<'static>) -> Result<B256, RpcError> {
    let decode = |rpc: &Rpc, mut args: Args<'_>| {
        let bytes: Bytes = args.next("signed transaction")?;
        Ok(CheckedTransaction::decode(&bytes, &*rpc.crypto)?)
    };
    let transaction = run_heavy(rpc.clone(), params, decode).await?;
    submit(&rpc, transaction).await
}

async fn send(rpc: Arc<Rpc>, params: Params<'static>) -> Result<B256, RpcError> {
    let sign = |rpc: &Rpc, mut args: Args<'_>| {
        let request: TransactionRequest = args.next("transaction")?;
        sign(rpc, fill(rpc, request)?)
    };
    let transaction = run_heavy(rpc.clone(), params, sign).await?;
    submit(&rpc, transaction).await
}

async fn submit(rpc: &Rpc, transaction: CheckedTransaction) -> Result<B256, RpcError> {
    let transaction = Box::new(transaction);
    Ok(rpc.node.ask(|reply| Message::Submit { transaction, reply }).await??)
}

/// Fills in what a wallet would.
fn fill(rpc: &Rpc, mut request: TransactionRequest) -> Result<TransactionRequest, RpcError> {
    let version = rpc.version();
    let view = version.view();
    let from = match request.from.or_else(|| rpc.accounts.addresses().next()) {
        Some(from) => from,
        None => return Err(RpcError::UnknownAccount(Address::ZERO)),
    };
    if rpc.accounts.signer(from).is_none() && !view.impersonated.contains(&from) {
        return Err(RpcError::UnknownAccount(from));
    }
    request.from = Some(from);
    request.chain_id.get_or_insert(view.rules.chain_id);
    if request.nonce.is_none() {
        let nonce = view.state().account_or_empty(from).nonce;
        request.nonce = Some(view.pool.next_nonce(from, nonce));
    }
    if request.gas_price.is_none() {
        let tip = request.max_priority_fee_per_gas.map_or_else(|| suggested_tip(view), Ok)?;
        request.max_priority_fee_per_gas = Some(tip);
        let base_fee = u128::from(next_base_fee(view));
        request.max_fee_per_gas.get_or_insert(base_fee.saturating_mul(2).saturating_add(tip));
    }
    if request.sidecar.is_some() {
        request.populate_blob_hashes();
        let price = view.rules.blob_base_fee(&view.head().header);
        request.max_fee_per_blob_gas.get_or_insert(price.saturating_mul(2));
    }
    if request.to.is_none() {
        request.to = Some(alloy_primitives::TxKind::Create);
    }
    if request.gas.is_none() {
        request.gas = Some(estimate_at_head(rpc, &request)?);
    }
    Ok(request)
}

/// Signs for an unlocked account.
fn sign(rpc: &Rpc, request: TransactionRequest) -> Result<CheckedTransaction, RpcError> {
    let from = request.from.unwrap_or_default();
    let typed = request
        .build_typed_tx()
        .map_err(|request| RpcError::Call(format!("incomplete transaction: {request:?}")))?;
    if let Some(signer) = rpc.accounts.signer(from) {
        let hash = signature_hash(&typed);
        let signature =
            signer.sign_hash_sync(&hash).map_err(|error| RpcError::Internal(error.to_string()))?;
        let signed = TxEnvelope::from((typed, signature));
        return Ok(CheckedTransaction::check(signed, &*rpc.crypto)?);
    }
    // No key, so no signature; the sender in its place makes hashes of different senders differ.
    let sender = U256::from_be_slice(from.as_slice());
    let signature = Signature::new(sender, U256::ONE, false);
    let signed = TxEnvelope::from((typed, signature));
    Ok(CheckedTransaction::impersonated(signed, from))
}

fn signature_hash(typed: &TypedTransaction) -> B256 {
    use alloy::consensus::SignableTransaction as _;
    match typed {
        TypedTransaction::Legacy(tx) => tx.signature_hash(),
        TypedTransaction::Eip2930(tx) => tx.signature_hash(),
        TypedTransaction::Eip1559(tx) => tx.signature_hash(),
        TypedTransaction::Eip4844(tx) => tx.signature_hash(),
        TypedTransaction::Eip7702(tx) => tx.signature_hash(),
    }
}

fn find(rpc: &Rpc, hash: &B256) -> Result<Option<Arc<CheckedTransaction>>, RpcError> {
    let version = rpc.version();
    let view = version.view();
    Ok(match view.transaction(hash)? {
        Some((block, index)) => block.transactions.get(index).cloned(),
        None => view.pool.get(hash).cloned(),
    })
}

fn by_hash(rpc: &Rpc, mut args: Args<'_>) -> Result<Option<Transaction>, RpcError> {
    let hash: B256 = args.next("transaction hash")?;
    let version = rpc.version();
    let view = version.view();
    if let Some((block, index)) = view.transaction(&hash)? {
        return Ok(rpc_transaction(&block, index));
    }
    Ok(view.pool.get(&hash).map(|transaction| waiting_transaction(transaction)))
}

/// A transaction that is in no block.
pub(super) fn waiting_transaction(transaction: &CheckedTransaction) -> Transaction {
    Transaction {
        inner: transaction.signed.clone(),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: None,
        block_timestamp: None,
    }
}

/// A transaction of a block, as clients get it.
pub(super) fn rpc_transaction(block: &Block, index: usize) -> Option<Transaction> {
    let transaction = block.transactions.get(index)?;
    Some(Transaction {
        inner: transaction.signed.clone(),
        block_hash: Some(block.hash()),
        block_number: Some(block.number()),
        transaction_index: u64::try_from(index).ok(),
        effective_gas_price: Some(effective_gas_price(transaction, &block.header)),
        block_timestamp: Some(block.header.timestamp),
    })
}

/// The receipt of a transaction, as clients get it.
pub(super) fn rpc_receipt(
    rules: &Rules,
    block: &Block,
    index: usize,
) -> Option<TransactionReceipt> {
    let transaction = block.transactions.get(index)?;
    let receipt = block.receipts.get(index)?;
    let place = u64::try_from(index).ok()?;
    let mut log_index = receipt.first_log;
    let inner = receipt.envelope.clone().map_logs(|log| {
        let log = rpc_log(block, transaction, place, log_index, log);
        log_index += 1;
        log
    });
    let blobs = transaction.signed.is_eip4844();
    Some(TransactionReceipt {
        inner,
        transaction_hash: transaction.hash(),
        transaction_index: Some(place),
        block_hash: Some(block.hash()),
        block_number: Some(block.number()),
        gas_used: receipt.gas_used,
        effective_gas_price: effective_gas_price(transaction, &block.header),
        blob_gas_used: transaction.signed.blob_gas_used(),
        blob_gas_price: blobs.then(|| rules.blob_base_fee(&block.header)),
        from: transaction.sender(),
        to: transaction.signed.to(),
        contract_address: receipt.created,
    })
}
