//! Filters: what happened since the client asked last.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use alloy::rpc::types::{Filter, FilterChanges, Log};
use alloy_primitives::U64;
use jsonrpsee::RpcModule;

use super::{
    Registered, Rpc,
    args::{Args, Number},
    error::RpcError,
    heavy, logs, quick,
};
use crate::chain::ChainEvent;

/// Most filters at the same time.
const MAX_FILTERS: usize = 1_000;
/// For how long a filter is kept that nobody asks for, seconds of the clock.
const MAX_IDLE_SECS: u64 = 300;

/// All filters. Within one service; locked for no longer than a lookup takes.
#[derive(Debug, Default)]
pub(super) struct Filters {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    open: BTreeMap<u64, Open>,
    last: u64,
}

#[derive(Clone, Debug)]
struct Open {
    kind: Kind,
    /// Number of the first event that the client has not been told of.
    cursor: u64,
    asked_at: u64,
}

#[derive(Clone, Debug)]
enum Kind {
    Logs(Box<Filter>),
    Blocks,
    Transactions,
}

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    quick(module, "eth_newFilter", |rpc, mut args| {
        let filter = args.next("filter")?;
        open(rpc, Kind::Logs(Box::new(filter)))
    })?;
    quick(module, "eth_newBlockFilter", |rpc, _| open(rpc, Kind::Blocks))?;
    quick(module, "eth_newPendingTransactionFilter", |rpc, _| open(rpc, Kind::Transactions))?;
    quick(module, "eth_uninstallFilter", |rpc, mut args| {
        let Number(id) = args.next("filter id")?;
        Ok(rpc.filters.with(|table| table.open.remove(&id).is_some()))
    })?;
    heavy(module, "eth_getFilterChanges", changes)?;
    heavy(module, "eth_getFilterLogs", |rpc, mut args| {
        let Number(id) = args.next("filter id")?;
        let now = rpc.clock.unix_secs();
        let found = rpc.filters.with(|table| table.touch(id, now).map(|open| open.kind.clone()));
        match found {
            Some(Kind::Logs(filter)) => logs::search(rpc.version().view(), &filter),
            _ => Err(RpcError::FilterNotFound),
        }
    })
}

impl Filters {
    fn with<T>(&self, act: impl FnOnce(&mut Table) -> T) -> T {
        // The table is whole after every step, also if a thread died holding it.
        act(&mut self.table.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Table {
    fn touch(&mut self, id: u64, now: u64) -> Option<&mut Open> {
        let open = self.open.get_mut(&id)?;
        open.asked_at = now;
        Some(open)
    }
}

fn open(rpc: &Rpc, kind: Kind) -> Result<U64, RpcError> {
    let now = rpc.clock.unix_secs();
    let cursor = rpc.version().view().next_event();
    rpc.filters.with(|table| {
        table.open.retain(|_, open| now.saturating_sub(open.asked_at) <= MAX_IDLE_SECS);
        if table.open.len() >= MAX_FILTERS {
            return Err(RpcError::TooManyFilters { max: MAX_FILTERS });
        }
        table.last += 1;
        table.open.insert(table.last, Open { kind, cursor, asked_at: now });
        Ok(U64::from(table.last))
    })
}

fn changes(rpc: &Rpc, mut args: Args<'_>) -> Result<FilterChanges, RpcError> {
    let Number(id) = args.next("filter id")?;
    let version = rpc.version();
    let now = rpc.clock.unix_secs();
    let taken = rpc.filters.with(|table| {
        let open = table.touch(id, now)?;
        let before = open.clone();
        open.cursor = open.cursor.max(version.view().next_event());
        Some(before)
    });
    let Open { kind, cursor, .. } = taken.ok_or(RpcError::FilterNotFound)?;
    if cursor > version.view().next_event() {
        // Another request was answered from a newer version.
        return Ok(FilterChanges::Empty);
    }
    // Who was away for so long that events are lost has to begin again.
    let (events, _) = version.view().events_from(cursor).ok_or(RpcError::FilterNotFound)?;
    Ok(match kind {
        Kind::Logs(filter) => {
            FilterChanges::Logs(events.iter().flat_map(|event| matching(event, &filter)).collect())
        }
        Kind::Blocks => {
            let hashes = events.iter().filter_map(|event| match event {
                ChainEvent::Added(block) => Some(block.hash()),
                ChainEvent::Removed(_) | ChainEvent::Waiting(_) => None,
            });
            FilterChanges::Hashes(hashes.collect())
        }
        Kind::Transactions => {
            let hashes = events.iter().filter_map(|event| match event {
                ChainEvent::Waiting(transaction) => Some(transaction.hash()),
                ChainEvent::Added(_) | ChainEvent::Removed(_) => None,
            });
            FilterChanges::Hashes(hashes.collect())
        }
    })
}

/// The logs that an event brings or takes away, of those that a filter means.
pub(super) fn matching(event: &ChainEvent, filter: &Filter) -> Vec<Log> {
    let mut found = Vec::new();
    let (block, removed) = match event {
        ChainEvent::Added(block) => (block, false),
        ChainEvent::Removed(block) => (block, true),
        ChainEvent::Waiting(_) => return found,
    };
    let number = block.number();
    let in_range = match filter.block_option.as_block_hash() {
        Some(hash) => *hash == block.hash(),
        None => {
            let (from, to) = filter.extract_block_range();
            from.is_none_or(|from| number >= from) && to.is_none_or(|to| number <= to)
        }
    };
    if in_range {
        logs::collect(block, filter, removed, &mut found);
    }
    found
}
