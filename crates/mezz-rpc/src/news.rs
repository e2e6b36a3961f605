//! What subscribers are told. Each thing is put into JSON once, for all of them, and only if somebody wants it.

use std::sync::{Arc, OnceLock, Weak};

use alloy::eips::Encodable2718 as _;
use alloy_primitives::Log;
use mezz_node::{ChainEvent, LoggedBlock, PlacedLog, PoolHandle, SharedTransaction};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    Limits,
    context::Context,
    error::RpcError,
    history::{History, Room},
    json,
};

/// Bytes that a transaction of the pool holds beside its calldata, about.
const TRANSACTION_BYTES: usize = 1 << 10;

/// What subscribers follow.
#[derive(Clone)]
pub(crate) struct News {
    pub(crate) chain: Arc<History<ChainNews>>,
    pub(crate) pending: Arc<History<PendingNews>>,
}

impl News {
    pub(crate) fn new(limits: &Limits) -> Self {
        let Limits { news_items: items, news_bytes: bytes, .. } = *limits;
        Self {
            chain: History::new(Room { items, bytes }),
            // Transactions come many at a time, blocks one by one.
            pending: History::new(Room { items: items.saturating_mul(256), bytes }),
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
    let events = context.view.subscribe();
    let weak = Arc::downgrade(context);
    tokio::spawn(follow(events, weak, |context, event| {
        context.filters.catch_up();
        match event {
            Some(event) => {
                let (news, bytes) = ChainNews::new(event);
                context.news.chain.push(news, bytes);
            }
            None => context.news.chain.skip(),
        }
    }));
    if let Some(arrivals) = context.pool.as_ref().map(PoolHandle::subscribe) {
        let weak = Arc::downgrade(context);
        tokio::spawn(follow(arrivals, weak, |context, arrival| match arrival {
            Some(transaction) => {
                use alloy::consensus::Transaction as _;
                let input = transaction.input().len();
                let bytes = TRANSACTION_BYTES.saturating_add(input.saturating_mul(3));
                let (hash, whole) = (OnceLock::new(), OnceLock::new());
                context.news.pending.push(PendingNews { transaction, hash, whole }, bytes);
            }
            None => context.news.pending.skip(),
        }));
    }
}

/// Tells of each item, or that some are missing.
async fn follow<T: Clone>(
    mut items: broadcast::Receiver<T>,
    context: Weak<Context>,
    tell: impl Fn(&Context, Option<T>),
) {
    loop {
        let item = match items.recv().await {
            Ok(item) => Some(item),
            Err(RecvError::Lagged(_)) => None,
            Err(RecvError::Closed) => return,
        };
        let Some(context) = context.upgrade() else { return };
        tell(&context, item);
    }
}
