//! Filters that clients poll: bounded in number, forgotten when nobody polls.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy::rpc::types::Filter;
use alloy_primitives::U256;
use mezz_node::SharedTransaction;
use mezz_types::BlockNumber;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::{Limits, context::Context, error::RpcError, eth::logs::range_logs};

/// A filter that was not polled for this long is forgotten, as in geth.
const EXPIRY: Duration = Duration::from_secs(300);

/// What a filter reports.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Logs.
    Logs(Box<Filter>),
    /// Hashes of blocks.
    Blocks,
    /// Hashes of transactions as they enter the pool.
    Pending(Box<broadcast::Receiver<SharedTransaction>>),
}

struct Installed {
    kind: Kind,
    /// First block that was not reported.
    next: u64,
    polled: Instant,
}

/// All filters of a server.
#[derive(Default)]
pub(crate) struct Filters {
    inner: Mutex<(u64, HashMap<U256, Installed>)>,
}

impl Filters {
    fn lock(&self) -> MutexGuard<'_, (u64, HashMap<U256, Installed>)> {
        // What a panic left half-done is one filter at most.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, kind: Kind, next: u64, limits: &Limits) -> Result<U256, RpcError> {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.1.retain(|_, filter| now.duration_since(filter.polled) < EXPIRY);
        if inner.1.len() >= limits.filters {
            return Err(RpcError::Limit(format!(
                "{} filters are installed already: uninstall some, or use eth_subscribe",
                limits.filters
            )));
        }
        inner.0 += 1;
        let id = U256::from(inner.0);
        inner.1.insert(id, Installed { kind, next, polled: now });
        Ok(id)
    }

    pub(crate) fn remove(&self, id: U256) -> bool {
        self.lock().1.remove(&id).is_some()
    }

    pub(crate) fn logs_filter(&self, id: U256) -> Result<Filter, RpcError> {
        match self.lock().1.get(&id).map(|installed| &installed.kind) {
            Some(Kind::Logs(filter)) => Ok((**filter).clone()),
            _ => Err(not_found()),
        }
    }
}

fn not_found() -> RpcError {
    RpcError::Refused("filter not found".into())
}

enum Due {
    Pending(Vec<Value>),
    Blocks(u64),
    Logs(Box<Filter>, u64),
}

/// What a filter has to report since it was polled last.
pub(crate) fn poll(context: &Context, id: U256) -> Result<Value, RpcError> {
    let head = context.view.head.borrow().number;
    let due = {
        let mut inner = context.filters.lock();
        let installed = inner.1.get_mut(&id).ok_or_else(not_found)?;
        installed.polled = Instant::now();
        let from = installed.next.min(head.saturating_add(1));
        installed.next = head.saturating_add(1);
        match &mut installed.kind {
            Kind::Logs(filter) => Due::Logs(filter.clone(), from),
            Kind::Blocks => Due::Blocks(from),
            Kind::Pending(arrivals) => Due::Pending(pending(arrivals)),
        }
    };
    match due {
        Due::Pending(hashes) => Ok(Value::Array(hashes)),
        Due::Blocks(from) => {
            let from = from.max(head.saturating_sub(context.limits.log_blocks));
            let mut hashes = Vec::new();
            for number in from..=head {
                hashes.extend(context.view.reader.block_hash(BlockNumber::new(number))?);
            }
            Ok(json!(hashes))
        }
        Due::Logs(filter, from) if from <= head => {
            let (first, last) = (BlockNumber::new(from), BlockNumber::new(head));
            range_logs(context, &filter, first, last).map(Value::Array)
        }
        Due::Logs(..) => Ok(json!([])),
    }
}

fn pending(arrivals: &mut broadcast::Receiver<SharedTransaction>) -> Vec<Value> {
    let mut hashes = Vec::new();
    loop {
        match arrivals.try_recv() {
            Ok(transaction) => hashes.push(json!(transaction.tx_hash())),
            // What was lost is lost: the client polls too rarely.
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return hashes,
        }
    }
}
