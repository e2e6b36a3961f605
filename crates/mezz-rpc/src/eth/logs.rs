//! Logs and filters.

use alloy::rpc::types::{Filter, FilterBlockOption};
use alloy_primitives::{BloomInput, U256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
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

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method_async(module, "eth_getLogs", |params: (Filter,), context| async move {
        context.run_heavy(move |context| logs(context, &params.0)).await.map(Value::Array)
    })?;
    method(module, "eth_newFilter", |params: (Filter,), context| {
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
        context.run_heavy(move |context| poll(context, params.0)).await
    })?;
    method_async(module, "eth_getFilterLogs", |params: (U256,), context| async move {
        let filter = context.filters.logs_filter(params.0)?;
        context.run_heavy(move |context| logs(context, &filter)).await.map(Value::Array)
    })
}

fn install(context: &Context, kind: Kind) -> Result<Value, RpcError> {
    let next = context.view.head.borrow().number.saturating_add(1);
    context.filters.add(kind, next, &context.limits).map(quantity)
}

/// The logs that a filter names.
pub(crate) fn logs(context: &Context, filter: &Filter) -> Result<Vec<Value>, RpcError> {
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
    range_logs(context, filter, first, last)
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
    let bloom_matches = |bloom: &alloy_primitives::Bloom| {
        let any = |wanted: &mut dyn Iterator<Item = &[u8]>| {
            let mut wanted = wanted.peekable();
            wanted.peek().is_none()
                || wanted.any(|bytes| bloom.contains_input(BloomInput::Raw(bytes)))
        };
        any(&mut filter.address.iter().map(|address| address.as_slice()))
            && filter
                .topics
                .iter()
                .all(|topic| any(&mut topic.iter().map(|value| value.as_slice())))
    };
    let mut found = Vec::new();
    let mut at = first;
    while at <= last {
        let Some(number) = context.view.reader.next_block_with_logs(at, last, bloom_matches)?
        else {
            break;
        };
        found.extend(block_logs(context, number, |log| matches(filter, log))?);
        if found.len() > limits.log_results {
            let advice = match number.get().checked_sub(1).filter(|end| *end >= first.get()) {
                Some(end) => format!("this range would work: [{:#x}, {end:#x}]", first.get()),
                None => "name addresses or topics".into(),
            };
            return Err(RpcError::Limit(format!(
                "query returns more than {} results: {advice}",
                limits.log_results
            )));
        }
        at = number.next();
    }
    Ok(found)
}

/// Whether a log is one that the filter names.
pub(crate) fn matches(filter: &Filter, log: &alloy_primitives::Log) -> bool {
    let address = filter.address.is_empty() || filter.address.contains(&log.address);
    address
        && filter.topics.iter().enumerate().all(|(position, wanted)| {
            wanted.is_empty()
                || log.topics().get(position).is_some_and(|topic| wanted.contains(topic))
        })
}
