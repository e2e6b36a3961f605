//! Blocks.

use alloy::{
    consensus::TxEnvelope,
    rpc::types::{
        Block as RpcBlock, BlockId, BlockNumberOrTag, BlockTransactions, Header as RpcHeader,
        TransactionReceipt, Withdrawals,
    },
};
use alloy_primitives::{B256, U64, U256};
use jsonrpsee::RpcModule;
use serde_json::Value;

use super::{
    Registered, Rpc,
    args::Args,
    error::RpcError,
    heavy, quick,
    select::{self, Selected},
    transactions::{rpc_receipt, rpc_transaction},
};
use crate::chain::Block;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    quick(module, "eth_blockNumber", |rpc, _| Ok(U64::from(rpc.version().view().number())))?;
    heavy(module, "eth_getBlockByNumber", |rpc, mut args| {
        let tag: BlockNumberOrTag = args.next("block number or tag")?;
        let full = args.optional()?.unwrap_or(false);
        select::by_tag(&rpc.version(), tag)?.map(|selected| to_json(&selected, full)).transpose()
    })?;
    heavy(module, "eth_getBlockByHash", |rpc, mut args| {
        let hash: B256 = args.next("block hash")?;
        let full = args.optional()?.unwrap_or(false);
        let block = rpc.version().view().block_by_hash(&hash)?;
        block.map(|block| to_json(&Selected::Made(block), full)).transpose()
    })?;
    heavy(module, "eth_getBlockReceipts", block_receipts)?;
    heavy(module, "eth_getBlockTransactionCountByNumber", |rpc, mut args| {
        let tag: BlockNumberOrTag = args.next("block number or tag")?;
        Ok(select::by_tag(&rpc.version(), tag)?.map(|selected| count(selected.block())))
    })?;
    heavy(module, "eth_getBlockTransactionCountByHash", |rpc, mut args| {
        let hash: B256 = args.next("block hash")?;
        Ok(rpc.version().view().block_by_hash(&hash)?.map(|block| count(&block)))
    })?;
    quick(module, "eth_getUncleCountByBlockNumber", |_, _| Ok(U64::ZERO))?;
    quick(module, "eth_getUncleCountByBlockHash", |_, _| Ok(U64::ZERO))
}

fn count(block: &Block) -> U64 {
    U64::from(block.transactions.len())
}

fn block_receipts(
    rpc: &Rpc,
    mut args: Args<'_>,
) -> Result<Option<Vec<TransactionReceipt>>, RpcError> {
    let id: BlockId = args.next("block")?;
    let version = rpc.version();
    let rules = version.view().rules;
    Ok(select::block(&version, id)?.map(|selected| {
        let block = selected.block();
        (0..block.transactions.len())
            .filter_map(|index| rpc_receipt(&rules, block, index))
            .collect()
    }))
}

/// The header as clients get it.
pub(super) fn rpc_header(block: &Block) -> RpcHeader {
    RpcHeader {
        hash: block.hash(),
        inner: block.header.inner().clone(),
        total_difficulty: None,
        size: Some(U256::from(block.size)),
    }
}

fn to_json(selected: &Selected, full: bool) -> Result<Value, RpcError> {
    let block = selected.block();
    let transactions = if full {
        let transactions = (0..block.transactions.len())
            .filter_map(|index| rpc_transaction(block, index))
            .collect();
        BlockTransactions::Full(transactions)
    } else {
        BlockTransactions::Hashes(block.transactions.iter().map(|tx| tx.hash()).collect())
    };
    let block: RpcBlock<alloy::rpc::types::Transaction<TxEnvelope>> = RpcBlock {
        header: rpc_header(block),
        uncles: Vec::new(),
        transactions,
        withdrawals: Some(Withdrawals::default()),
    };
    let mut json =
        serde_json::to_value(block).map_err(|error| RpcError::Internal(error.to_string()))?;
    if matches!(selected, Selected::Pending(_)) {
        // What is not made has no hash.
        json["hash"] = Value::Null;
        json["nonce"] = Value::Null;
    }
    Ok(json)
}
