//! What subscribers are told. Each thing is put into JSON once, for all of them, and only if somebody wants it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use alloy::{consensus::Transaction as _, eips::Encodable2718 as _};
use alloy_primitives::Log;
use mezz_node::{ChainEvent, ChainView, LoggedBlock, PlacedLog, PoolHandle, SharedTransaction};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};

use crate::{
    Limits,
    context::Context,
    error::RpcError,
    history::{History, Reader, Room},
    json,
};

/// Bytes that a transaction of the pool holds beside its calldata, about.
const TRANSACTION_BYTES: usize = 1 << 10;

/// What subscribers follow.
pub(crate) struct News {
    chain: Arc<History<ChainNews>>,
    events: Mutex<broadcast::Receiver<ChainEvent>>,
    pending: Arc<History<PendingNews>>,
    /// None on a node without a pool.
    arrivals: Option<Mutex<broadcast::Receiver<SharedTransaction>>>,
}

impl News {
    pub(crate) fn new(view: &ChainView, pool: Option<&PoolHandle>, limits: &Limits) -> Self {
        let Limits { news_items: items, news_bytes: bytes, .. } = *limits;
        Self {
            chain: History::new(Room { items, bytes }),
            events: Mutex::new(view.subscribe()),
            // Transactions come many at a time, blocks one by one.
            pending: History::new(Room { items: items.saturating_mul(256), bytes }),
            arrivals: pool.map(|pool| Mutex::new(pool.subscribe())),
        }
    }

    /// What happens to the chain from now on.
    pub(crate) fn chain(&self) -> Reader<ChainNews> {
        self.catch_up();
        self.chain.reader()
    }

    /// Transactions that enter the pool from now on.
    pub(crate) fn pending(&self) -> Reader<PendingNews> {
        self.catch_up();
        self.pending.reader()
    }

    /// Reads what the chain and the pool told.
    fn catch_up(&self) {
        drain(&self.events, |event| match event {
            Some(event) => {
                let (news, bytes) = ChainNews::new(event);
                self.chain.push(news, bytes);
            }
            None => self.chain.skip(),
        });
        let Some(arrivals) = &self.arrivals else { return };
        drain(arrivals, |arrival| match arrival {
            Some(transaction) => {
                let (news, bytes) = PendingNews::new(transaction);
                self.pending.push(news, bytes);
            }
            None => self.pending.skip(),
        });
    }
}

/// Tells of each item that is there, or that some are missing.
fn drain<T: Clone>(items: &Mutex<broadcast::Receiver<T>>, mut tell: impl FnMut(Option<T>)) {
    // A reader that panicked has taken whole items.
    let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match items.try_recv() {
            Ok(item) => tell(Some(item)),
            Err(TryRecvError::Lagged(_)) => tell(None),
            Err(_) => return,
        }
    }
}

/// News of the chain.
pub(crate) struct ChainNews {
    event: ChainEvent,
    head: OnceLock<Box<RawValue>>,
    /// For each log of its blocks, in the order in which they are told.
    logs: Box<[OnceLock<Box<RawValue>>]>,
}

impl ChainNews {
    fn new(event: ChainEvent) -> (Self, usize) {
        let blocks = blocks(&event);
        let count = blocks.iter().map(|block| block.logs.len()).sum();
        // Once as it is, and about twice that in hexadecimal.
        let bytes = blocks.iter().map(|block| block.bytes().saturating_mul(3)).sum();
        let logs = (0..count).map(|_| OnceLock::new()).collect();
        (Self { event, head: OnceLock::new(), logs }, bytes)
    }

    /// The head, if there is a new one.
    pub(crate) fn head(&self) -> Result<Option<&RawValue>, RpcError> {
        let ChainEvent::Block(block) = &self.event else { return Ok(None) };
        cached(&self.head, || Ok(json::header(block.header.hash(), &block.header))).map(Some)
    }

    /// Whether it tells of every log that came or went.
    pub(crate) fn has_all_logs(&self) -> bool {
        match &self.event {
            ChainEvent::Block(_) => true,
            ChainEvent::TakenBack(taken) => taken.blocks.is_some(),
        }
    }

    /// The logs that are wanted: of a new block in order, of blocks taken back the newest first.
    pub(crate) fn logs(
        &self,
        wanted: impl Fn(&Log) -> bool,
    ) -> impl Iterator<Item = Result<&RawValue, RpcError>> {
        let removed = matches!(self.event, ChainEvent::TakenBack(_));
        let all = blocks(&self.event)
            .iter()
            .flat_map(move |block| told(block, removed).map(move |placed| (block, placed)));
        let matching = all.zip(&self.logs).filter(move |((_, placed), _)| wanted(&placed.log));
        matching.map(move |((block, placed), cache)| {
            cached(cache, || Ok(json::placed_log(&block.header, placed, removed)))
        })
    }
}

/// A block's logs as they are told: when they go, the newest first.
pub(crate) fn told(
    block: &LoggedBlock,
    removed: bool,
) -> impl Iterator<Item = &PlacedLog> + use<'_> {
    let count = block.logs.len();
    (0..count).filter_map(move |at| {
        block.logs.get(if removed { count.saturating_sub(1).saturating_sub(at) } else { at })
    })
}

fn blocks(event: &ChainEvent) -> &[LoggedBlock] {
    match event {
        ChainEvent::Block(block) => std::slice::from_ref(block),
        ChainEvent::TakenBack(taken) => taken.blocks.as_deref().unwrap_or_default(),
    }
}

/// A transaction that entered the pool.
pub(crate) struct PendingNews {
    transaction: SharedTransaction,
    hash: OnceLock<Box<RawValue>>,
    whole: OnceLock<Box<RawValue>>,
}

impl PendingNews {
    fn new(transaction: SharedTransaction) -> (Self, usize) {
        // Once as it is, and about twice that in hexadecimal.
        let bytes = TRANSACTION_BYTES.saturating_add(transaction.input().len().saturating_mul(3));
        (Self { transaction, hash: OnceLock::new(), whole: OnceLock::new() }, bytes)
    }

    /// The transaction; its hash unless it is to be `whole`.
    pub(crate) fn shown(&self, whole: bool) -> Result<&RawValue, RpcError> {
        let transaction = &self.transaction;
        if !whole {
            return cached(&self.hash, || Ok(json!(transaction.tx_hash())));
        }
        cached(&self.whole, || {
            json::transaction(&transaction.inner().encoded_2718(), transaction.signer(), None)
        })
    }
}

fn cached(
    cache: &OnceLock<Box<RawValue>>,
    make: impl FnOnce() -> Result<Value, RpcError>,
) -> Result<&RawValue, RpcError> {
    if let Some(made) = cache.get() {
        return Ok(made);
    }
    let made = to_raw_value(&make()?).map_err(|error| RpcError::Internal(error.to_string()))?;
    Ok(cache.get_or_init(|| made))
}

/// Keeps what subscribers and filters read up with the chain and the pool, until the context is gone.
pub(crate) fn start(context: &Arc<Context>) {
    let weak = Arc::downgrade(context);
    tokio::spawn(follow(context.view.subscribe(), weak, |context| {
        context.filters.catch_up();
        context.news.catch_up();
    }));
    if let Some(arrivals) = context.pool.as_ref().map(PoolHandle::subscribe) {
        let weak = Arc::downgrade(context);
        tokio::spawn(follow(arrivals, weak, |context| context.news.catch_up()));
    }
}

/// Acts whenever there is something new.
async fn follow<T: Clone>(
    mut items: broadcast::Receiver<T>,
    context: Weak<Context>,
    act: impl Fn(&Context),
) {
    // What is missing here is as new as what is not.
    while !matches!(items.recv().await, Err(RecvError::Closed)) {
        let Some(context) = context.upgrade() else { return };
        act(&context);
    }
}
