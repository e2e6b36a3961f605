//! Logs and filters.

use alloy::rpc::types::{Filter, FilterBlockOption};
use alloy_primitives::U256;
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_store::LogQuery;
use mezz_types::BlockNumber;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::RpcError,
    eth::block_logs,
    filters::{Kind, poll},
    json::quantity,
    register::{method, method_async},
};

/// Addresses, or topics in one position, that a filter may name: as in geth.
const VALUES: usize = 1_000;

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method_async(module, "eth_getLogs", |params: (Filter,), context| async move {
        context.run_heavy(move |context| logs(context, &params.0)).await.map(Value::Array)
    })?;
    method(module, "eth_newFilter", |params: (Filter,), context| {
        check_filter(&params.0)?;
        install(context, Kind::Logs(Box::new(params.0)))
    })?;
    method(module, "eth_newBlockFilter", |_: Vec<Value>, context| install(context, Kind::Blocks))?;
    method(module, "eth_newPendingTransactionFilter", |_: Vec<Value>, context| {
        let Some(pool) = &context.pool else {
            return Err(RpcError::Refused("this node has no transaction pool".into()));
        };
        let arrivals = pool.subscribe();
        install(context, Kind::Pending(Box::new(arrivals)))
    })?;
    method(module, "eth_uninstallFilter", |params: (U256,), context| {
        Ok(json!(context.filters.remove(params.0)))
    })?;
    method_async(module, "eth_getFilterChanges", |params: (U256,), context| async move {
        context.run_call(move |context| poll(context, params.0)).await
    })?;
    method_async(module, "eth_getFilterLogs", |params: (U256,), context| async move {
        let filter = context.filters.logs_filter(params.0)?;
        context.run_heavy(move |context| logs(context, &filter)).await.map(Value::Array)
    })
}

fn install(context: &Context, kind: Kind) -> Result<Value, RpcError> {
    context.filters.add(kind, &context.limits).map(quantity)
}

/// The logs that a filter names.
pub(crate) fn logs(context: &Context, filter: &Filter) -> Result<Vec<Value>, RpcError> {
    check_filter(filter)?;
    let (first, last) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = context.known_block(hash.into())?.number;
            (block, block)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let number = |tag: Option<alloy::eips::BlockNumberOrTag>| {
                let tag = tag.unwrap_or_default();
                match tag {
                    // A range may reach beyond the head; there is nothing there yet.
                    alloy::eips::BlockNumberOrTag::Number(number) => Ok(BlockNumber::new(number)),
                    tag => context.known_block(tag.into()).map(|block| block.number),
                }
            };
            let latest = alloy::eips::BlockNumberOrTag::Latest;
            let head = context.known_block(latest.into())?.number;
            let (first, last) = (number(from_block)?, number(to_block)?);
            if first > last {
                let text = format!("invalid block range: {first} comes after {last}");
                return Err(RpcError::Params(text));
            }
            (first, last.min(head))
        }
    };
    let reader = &context.view.reader;
    let before = reader.block_hash(last)?;
    let found = range_logs(context, filter, first, last)?;
    if reader.block_hash(last)? != before {
        return Err(RpcError::Moved("blocks were taken back while their logs were read".into()));
    }
    Ok(found)
}

/// The logs of blocks `first` to `last` that a filter names.
pub(crate) fn range_logs(
    context: &Context,
    filter: &Filter,
    first: BlockNumber,
    last: BlockNumber,
) -> Result<Vec<Value>, RpcError> {
    let limits = &context.limits;
    if first > last {
        return Ok(Vec::new());
    }
    let covered = last.distance_from(first).saturating_add(1);
    if covered > limits.log_blocks {
        let fits = first.get().saturating_add(limits.log_blocks.saturating_sub(1));
        return Err(RpcError::Limit(format!(
            "query covers {covered} blocks, at most {} are allowed: this range would work: \
             [{:#x}, {fits:#x}]",
            limits.log_blocks,
            first.get()
        )));
    }
    let query = log_query(filter);
    let mut found = Vec::new();
    let mut at = first;
    while at <= last {
        let step = context.view.reader.log_blocks(&query, at, last)?;
        for number in step.blocks {
            found.extend(block_logs(context, number, |log| query.matches(log))?);
            if found.len() > limits.log_results {
                return Err(too_many(limits.log_results, first, number));
            }
        }
        // Blocks that were taken back meanwhile have no logs.
        if step.last < at {
            break;
        }
        at = step.last.next();
    }
    Ok(found)
}

fn too_many(limit: usize, first: BlockNumber, at: BlockNumber) -> RpcError {
    let advice = match at.get().checked_sub(1).filter(|end| *end >= first.get()) {
        Some(end) => format!("this range would work: [{:#x}, {end:#x}]", first.get()),
        None => "name addresses or topics".into(),
    };
    RpcError::Limit(format!("query returns more than {limit} results: {advice}"))
}

/// What a filter wants, in the store's words.
pub(crate) fn log_query(filter: &Filter) -> LogQuery {
    LogQuery {
        addresses: filter.address.iter().copied().collect(),
        topics: filter.topics.iter().map(|any| any.iter().copied().collect()).collect(),
    }
}

/// Refuses a filter that names more than an index should be asked for.
pub(crate) fn check_filter(filter: &Filter) -> Result<(), RpcError> {
    let largest = filter.topics.iter().map(|any| any.len()).max().unwrap_or_default();
    if filter.address.len().max(largest) > VALUES {
        let text = format!("more than {VALUES} addresses, or topics in one position");
        return Err(RpcError::Params(text));
    }
    Ok(())
}
