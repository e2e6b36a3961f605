//! Filters that clients poll: bounded in number, forgotten when nobody polls.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy::rpc::types::Filter;
use alloy_consensus::{Header, Sealed};
use alloy_primitives::U256;
use mezz_node::{ChainEvent, ChainView, LoggedBlock, SharedTransaction, TakenBack};
use mezz_store::BlockRef;
use mezz_types::BlockNumber;
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use crate::{
    Limits,
    context::Context,
    error::RpcError,
    eth::logs::{log_query, range_logs},
    json,
    news::told,
};

/// A filter that was not polled for this long is forgotten, as in geth.
const EXPIRY: Duration = Duration::from_secs(300);
/// Times that blocks were taken back, of which filters hear.
const TIMES: usize = 256;
/// Bytes that is kept of those blocks for them.
const TAKEN_BACK_BYTES: usize = 64 << 20;

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

/// How far a filter has reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// First block that was not reported.
    block: u64,
    /// Times that blocks were taken back, of which it knows.
    taken_back: u64,
}

struct Installed {
    kind: Kind,
    place: Place,
    polled: Instant,
}

/// The chain as filters follow it.
struct Followed {
    events: broadcast::Receiver<ChainEvent>,
    head: BlockRef,
    /// Blocks that were taken back, as long as a filter may have reported them; oldest first.
    taken_back: VecDeque<(Instant, Arc<TakenBack>)>,
    /// Times that blocks were taken back.
    times: u64,
}

impl Followed {
    /// Reads the news. `head` is the last block, in case that they are too many.
    fn catch_up(&mut self, head: impl FnOnce() -> BlockRef) {
        loop {
            match self.events.try_recv() {
                Ok(ChainEvent::Block(block)) => self.head = block_ref(&block.header),
                Ok(ChainEvent::TakenBack(taken)) => self.take_back(taken),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {
                    // Blocks may have been taken back meanwhile: no filter can be sure.
                    self.head = head();
                    self.taken_back.clear();
                    self.times = self.times.saturating_add(1);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    fn take_back(&mut self, taken: Arc<TakenBack>) {
        let now = Instant::now();
        self.head = taken.head;
        self.times = self.times.saturating_add(1);
        self.taken_back.push_back((now, taken));
        let bytes = |kept: &VecDeque<(Instant, Arc<TakenBack>)>| {
            kept.iter().fold(0usize, |sum, (_, taken)| sum.saturating_add(taken.bytes))
        };
        while self.taken_back.len() > TIMES
            || bytes(&self.taken_back) > TAKEN_BACK_BYTES
            || self.taken_back.front().is_some_and(|(at, _)| now.duration_since(*at) > EXPIRY)
        {
            self.taken_back.pop_front();
        }
    }

    /// What was taken back since; `None` if that is no longer known.
    fn since(&self, times: u64) -> Option<Vec<Arc<TakenBack>>> {
        let count = usize::try_from(self.times.saturating_sub(times)).ok()?;
        let first = self.taken_back.len().checked_sub(count)?;
        Some(self.taken_back.iter().skip(first).map(|(_, taken)| Arc::clone(taken)).collect())
    }

    fn place(&self) -> Place {
        Place { block: self.head.number.next().get(), taken_back: self.times }
    }
}

fn block_ref(header: &Sealed<Header>) -> BlockRef {
    BlockRef { number: BlockNumber::new(header.number), hash: header.hash() }
}

struct Inner {
    count: u64,
    installed: HashMap<U256, Installed>,
    followed: Followed,
}

/// All filters of a server.
pub(crate) struct Filters {
    head: watch::Receiver<Arc<Sealed<Header>>>,
    inner: Mutex<Inner>,
}

impl Filters {
    pub(crate) fn new(view: &ChainView) -> Self {
        let events = view.subscribe();
        let head = block_ref(&view.head.borrow());
        let followed = Followed { events, head, taken_back: VecDeque::new(), times: 0 };
        let inner = Mutex::new(Inner { count: 0, installed: HashMap::new(), followed });
        Self { head: view.head.clone(), inner }
    }

    /// What is there, up to the last news.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What a panic left half-done is one filter at most.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.followed.catch_up(|| block_ref(&self.head.borrow()));
        inner
    }

    /// Reads the news.
    pub(crate) fn catch_up(&self) {
        drop(self.lock());
    }

    pub(crate) fn add(&self, kind: Kind, limits: &Limits) -> Result<U256, RpcError> {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.installed.retain(|_, filter| now.duration_since(filter.polled) < EXPIRY);
        if inner.installed.len() >= limits.filters {
            return Err(RpcError::Limit(format!(
                "{} filters are installed already: uninstall some, or use eth_subscribe",
                limits.filters
            )));
        }
        inner.count += 1;
        let (id, place) = (U256::from(inner.count), inner.followed.place());
        inner.installed.insert(id, Installed { kind, place, polled: now });
        Ok(id)
    }

    pub(crate) fn remove(&self, id: U256) -> bool {
        self.lock().installed.remove(&id).is_some()
    }

    pub(crate) fn logs_filter(&self, id: U256) -> Result<Filter, RpcError> {
        match self.lock().installed.get(&id).map(|installed| &installed.kind) {
            Some(Kind::Logs(filter)) => Ok((**filter).clone()),
            _ => Err(not_found()),
        }
    }

    fn due(&self, id: U256) -> Result<Due, RpcError> {
        let mut inner = self.lock();
        let Inner { installed, followed, .. } = &mut *inner;
        let now = Instant::now();
        let filter = installed.get_mut(&id).ok_or_else(not_found)?;
        if now.duration_since(filter.polled) > EXPIRY {
            installed.remove(&id);
            return Err(not_found());
        }
        filter.polled = now;
        let from = filter.place;
        let wanted = match &mut filter.kind {
            Kind::Logs(filter) => Wanted::Logs(filter.clone()),
            Kind::Blocks => Wanted::Blocks,
            Kind::Pending(arrivals) => return Ok(Due::Pending(pending(arrivals))),
        };
        let taken_back = followed.since(from.taken_back);
        let known = |taken: &Vec<Arc<TakenBack>>| {
            matches!(wanted, Wanted::Blocks) || taken.iter().all(|taken| taken.blocks.is_some())
        };
        let Some(taken_back) = taken_back.filter(known) else {
            installed.remove(&id);
            return Err(RpcError::Refused(
                "filter not found: the chain took back more blocks than can be told one by one; install the \
                 filter again, and read the logs again with eth_getLogs"
                    .into(),
            ));
        };
        let (head, to) = (followed.head, followed.place());
        Ok(Due::Changes(Changes { wanted, from, to, head, taken_back }))
    }

    /// The filter has reported up to `to`, unless somebody else has polled it, or the chain went back, while
    /// that was read.
    fn reported(&self, id: U256, from: Place, to: Place) -> Result<(), RpcError> {
        let mut inner = self.lock();
        let moved = inner.followed.times != to.taken_back;
        let filter = inner.installed.get_mut(&id).ok_or_else(not_found)?;
        if moved || filter.place != from {
            return Err(RpcError::Moved("the chain moved while the filter was polled".into()));
        }
        filter.place = to;
        Ok(())
    }
}

fn not_found() -> RpcError {
    RpcError::Refused("filter not found".into())
}

enum Wanted {
    Blocks,
    Logs(Box<Filter>),
}

enum Due {
    Pending(Vec<Value>),
    Changes(Changes),
}

/// What happened since a filter was polled.
struct Changes {
    wanted: Wanted,
    from: Place,
    to: Place,
    head: BlockRef,
    /// Oldest first.
    taken_back: Vec<Arc<TakenBack>>,
}

/// What a filter has to report since it was polled last.
pub(crate) fn poll(context: &Context, id: U256) -> Result<Value, RpcError> {
    let changes = match context.filters.due(id)? {
        Due::Pending(hashes) => return Ok(Value::Array(hashes)),
        Due::Changes(changes) => changes,
    };
    let found = changes.read(context);
    if context.view.reader.block_hash(changes.head.number)? != Some(changes.head.hash) {
        return Err(RpcError::Moved("the chain moved while the filter was polled".into()));
    }
    // Who is told that there is too much is told from where; polling again must not say so for ever.
    if !matches!(found, Ok(_) | Err(RpcError::Limit(_))) {
        return found;
    }
    context.filters.reported(id, changes.from, changes.to)?;
    found
}

impl Changes {
    fn read(&self, context: &Context) -> Result<Value, RpcError> {
        let (from, removed) = self.undone();
        let head = self.head.number.get();
        match &self.wanted {
            Wanted::Blocks => {
                let from = from.max(head.saturating_sub(context.limits.log_blocks));
                let mut hashes = Vec::new();
                for number in from..=head {
                    hashes.extend(context.view.reader.block_hash(BlockNumber::new(number))?);
                }
                Ok(json!(hashes))
            }
            Wanted::Logs(filter) => {
                let query = log_query(filter);
                let mut found: Vec<Value> = removed
                    .flat_map(|block| told(block, true).map(move |placed| (block, placed)))
                    .filter(|(_, placed)| query.matches(&placed.log))
                    .map(|(block, placed)| json::placed_log(&block.header, placed, true))
                    .collect();
                let (first, last) = (BlockNumber::new(from), self.head.number);
                found.extend(range_logs(context, filter, first, last)?);
                Ok(Value::Array(found))
            }
        }
    }

    /// The first block that is not reported, and the blocks that were reported and are gone.
    fn undone(&self) -> (u64, impl Iterator<Item = &LoggedBlock>) {
        let mut next = self.from.block;
        let mut ends = Vec::new();
        for taken in &self.taken_back {
            ends.push(next);
            next = next.min(taken.first().get());
        }
        let blocks = self.taken_back.iter().zip(ends).flat_map(|(taken, end)| {
            let blocks = taken.blocks.iter().flatten();
            blocks.filter(move |block| block.header.number < end)
        });
        (next, blocks)
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
