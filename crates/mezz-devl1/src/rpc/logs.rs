//! Logs, and finding them.

use alloy::rpc::types::{Filter, FilterBlockOption, Log as RpcLog};
use alloy_primitives::Log;
use jsonrpsee::RpcModule;

use super::{Registered, Rpc, error::RpcError, heavy, select};
use crate::chain::{Block, CheckedTransaction, View};

/// Most logs of one answer.
const MAX_LOGS: usize = 20_000;
/// Most blocks that one request goes through.
const MAX_BLOCKS: u64 = 100_000;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    heavy(module, "eth_getLogs", |rpc, mut args| {
        let filter: Filter = args.next("filter")?;
        search(rpc.version().view(), &filter)
    })
}

/// All logs that a filter means.
pub(super) fn search(view: &View, filter: &Filter) -> Result<Vec<RpcLog>, RpcError> {
    let mut found = Vec::new();
    match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = view.block_by_hash(&hash)?;
            let block = block.ok_or(RpcError::BlockNotFound(hash.into()))?;
            collect(&block, filter, false, &mut found);
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let head = view.number();
            let from = from_block.and_then(|tag| select::number(view, tag)).unwrap_or(head);
            let to = to_block.and_then(|tag| select::number(view, tag)).unwrap_or(head).min(head);
            if from > to {
                return if from > head { Ok(found) } else { Err(RpcError::RangeInverted) };
            }
            let got = to - from + 1;
            if got > MAX_BLOCKS {
                return Err(RpcError::RangeTooLong { got, max: MAX_BLOCKS });
            }
            for number in from..=to {
                if !view.may_have_logs(number, |bloom| filter.matches_bloom(bloom)) {
                    continue;
                }
                let Some(block) = view.block(number)? else { continue };
                collect(&block, filter, false, &mut found);
                if found.len() > MAX_LOGS {
                    return Err(RpcError::TooManyResults { max: MAX_LOGS });
                }
            }
        }
    }
    Ok(found)
}

/// Adds the logs of a block that have the filter's addresses and topics.
pub(super) fn collect(block: &Block, filter: &Filter, removed: bool, found: &mut Vec<RpcLog>) {
    if !filter.matches_bloom(block.header.logs_bloom) {
        return;
    }
    let receipts = block.transactions.iter().zip(&block.receipts);
    for (place, (transaction, receipt)) in (0u64..).zip(receipts) {
        for (index, log) in (receipt.first_log..).zip(receipt.envelope.logs()) {
            if filter.matches_address(log.address) && filter.matches_topics(log.topics()) {
                let log = rpc_log(block, transaction, place, index, log.clone());
                found.push(RpcLog { removed, ..log });
            }
        }
    }
}

/// A log as clients get it.
pub(super) fn rpc_log(
    block: &Block,
    transaction: &CheckedTransaction,
    place: u64,
    index: u64,
    inner: Log,
) -> RpcLog {
    RpcLog {
        inner,
        block_hash: Some(block.hash()),
        block_number: Some(block.number()),
        block_timestamp: Some(block.header.timestamp),
        transaction_hash: Some(transaction.hash()),
        transaction_index: Some(place),
        log_index: Some(index),
        removed: false,
    }
}
