//! `eth_subscribe` over WebSocket. A subscriber that does not keep up is closed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use alloy::rpc::types::Filter;
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionMessage, SubscriptionSink,
    core::{RegisterMethodError, SubscriptionResult, traits::IdProvider},
    types::{Params, SubscriptionId},
};
use mezz_store::LogQuery;
use serde_json::{Value, json, value::RawValue};

use crate::{
    context::Context,
    error::RpcError,
    eth::logs::{check_filter, log_query},
    history::{Behind, Reader},
    news::{ChainNews, PendingNews},
    server::Strain,
};

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    module
        .register_subscription(
            "eth_subscribe",
            "eth_subscription",
            "eth_unsubscribe",
            |params, pending, context, _| subscribe(params.into_owned(), pending, context),
        )
        .map(|_| ())
}

/// Names subscriptions as hexadecimal quantities: clients take nothing but text for a name. They
/// are told apart by connection too, so that a count is enough.
#[derive(Debug, Default)]
pub(crate) struct SubscriptionIds(AtomicU64);

impl IdProvider for SubscriptionIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        SubscriptionId::Str(format!("0x{:x}", count.saturating_add(1)).into())
    }
}

enum Wanted {
    Heads,
    Logs(Arc<LogQuery>),
    /// Hashes of transactions as they enter the pool, or the whole of them.
    Pending {
        full: bool,
    },
}

fn wanted(params: &Params<'_>) -> Result<Wanted, RpcError> {
    let bad = |reason: String| RpcError::Params(reason);
    let list: Vec<Value> = params.parse().map_err(|error| bad(error.to_string()))?;
    match list.first().and_then(Value::as_str) {
        Some("newHeads") => Ok(Wanted::Heads),
        Some("newPendingTransactions") => match list.get(1) {
            None | Some(Value::Null) => Ok(Wanted::Pending { full: false }),
            Some(Value::Bool(full)) => Ok(Wanted::Pending { full: *full }),
            Some(other) => Err(bad(format!("{other} is not true or false"))),
        },
        Some("logs") => {
            let filter = list.get(1).cloned().unwrap_or_else(|| json!({}));
            let filter: Filter =
                serde_json::from_value(filter).map_err(|error| bad(error.to_string()))?;
            check_filter(&filter)?;
            Ok(Wanted::Logs(Arc::new(log_query(&filter))))
        }
        Some(other) => Err(bad(format!("{other} cannot be subscribed to"))),
        None => Err(bad("what to subscribe to is missing".into())),
    }
}

async fn subscribe(
    params: Params<'static>,
    pending: PendingSubscriptionSink,
    context: Arc<Context>,
) -> SubscriptionResult {
    let wanted = match wanted(&params) {
        Ok(Wanted::Pending { .. }) if context.pool.is_none() => {
            Err(RpcError::Refused("this node has no transaction pool".into()))
        }
        wanted => wanted,
    };
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    let news = &context.news;
    // What happens from now on is told, also what happens before the client knows its subscription's name.
    let open = Open::new(&context.strain);
    let (connection, name) = (pending.connection_id(), pending.subscription_id());
    let accepted = context.accepting.start(connection, name);
    let accept = async {
        let sink = pending.accept().await;
        drop(accepted);
        sink
    };
    match wanted {
        Wanted::Pending { full } => {
            let reader = news.pending();
            follow(open, reader, accept.await?, move |news: &PendingNews| {
                Box::new(std::iter::once(news.shown(full).map_err(Ended::from)))
            })
            .await
        }
        Wanted::Heads => {
            let reader = news.chain();
            follow(open, reader, accept.await?, |news: &ChainNews| {
                Box::new(news.head().map_err(Ended::from).transpose().into_iter())
            })
            .await
        }
        Wanted::Logs(query) => {
            let reader = news.chain();
            follow(open, reader, accept.await?, move |news: &ChainNews| {
                if !news.has_all_logs() {
                    return Box::new(std::iter::once(Err(Ended::TooDeep)));
                }
                let query = Arc::clone(&query);
                let logs = news.logs(move |log| query.matches(log));
                Box::new(logs.map(|log| log.map_err(Ended::from)))
            })
            .await
        }
    }
}

/// Why a subscription ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// The client is gone, or has ended it.
    #[error("the client ended it")]
    Gone,
    #[error(
        "the subscription is closed: this client reads too slowly and has missed notifications; subscribe again, \
         and ask for what happened meanwhile"
    )]
    Behind,
    #[error(
        "the subscription is closed: the chain took back more blocks than can be told one by one; subscribe again, \
         and read the logs again with eth_getLogs"
    )]
    TooDeep,
    #[error(transparent)]
    Failed(#[from] RpcError),
}

/// What is told of one thing that happened.
type Shown<'a> = Box<dyn Iterator<Item = Result<&'a RawValue, Ended>> + Send + 'a>;

/// Tells of everything that is read, until the client goes or falls behind.
async fn follow<T: Send + Sync>(
    open: Open,
    mut reader: Reader<T>,
    sink: SubscriptionSink,
    show: impl Fn(&T) -> Shown<'_>,
) -> SubscriptionResult {
    let ended = loop {
        let news = tokio::select! {
            news = reader.next() => news,
            () = sink.closed() => return Ok(()),
        };
        let Ok(news) = news else { break Ended::Behind };
        // What waits for the client to read is not kept for longer than for anybody else.
        let told = tokio::select! {
            biased;
            told = tell(&sink, show(&news)) => told,
            Behind = reader.behind() => Err(Ended::Behind),
        };
        match told {
            Ok(()) => {}
            Err(Ended::Gone) => return Ok(()),
            Err(ended) => break ended,
        }
    };
    if matches!(ended, Ended::Behind) {
        open.0.closed.fetch_add(1, Ordering::Relaxed);
    }
    Err(ended.into())
}

/// Counts a subscription while it is open.
struct Open(Arc<Strain>);

impl Open {
    fn new(strain: &Arc<Strain>) -> Self {
        strain.subscriptions.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(strain))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits whenever the connection has no room.
async fn tell(sink: &SubscriptionSink, shown: Shown<'_>) -> Result<(), Ended> {
    for result in shown {
        let name = sink.subscription_id();
        let message = SubscriptionMessage::new(sink.method_name(), name, &result?)
            .map_err(|error| RpcError::Internal(error.to_string()))?;
        sink.send(message).await.map_err(|_| Ended::Gone)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_have_names_of_their_own_in_hexadecimal() {
        let ids = SubscriptionIds::default();
        let names: Vec<_> = (0..17).map(|_| json!(ids.next_id())).collect();
        assert_eq!(names.first(), Some(&json!("0x1")));
        assert_eq!(names.last(), Some(&json!("0x11")));
    }
}
