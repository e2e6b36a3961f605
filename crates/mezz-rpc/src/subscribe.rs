//! `eth_subscribe` over WebSocket. A subscriber that does not keep up is closed.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use alloy::{eips::Encodable2718 as _, rpc::types::Filter};
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionMessage, SubscriptionSink,
    core::{RegisterMethodError, SubscriptionResult, traits::IdProvider},
    types::{Params, SubscriptionId},
};
use mezz_node::ChainEvent;
use mezz_store::LogQuery;
use mezz_types::BlockNumber;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    context::Context,
    error::RpcError,
    eth::{
        block_logs,
        logs::{check_filter, log_query},
    },
    json,
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
        Ok(wanted) => wanted,
        Err(error) => {
            pending.reject(error).await;
            return Ok(());
        }
    };
    match wanted {
        Wanted::Pending { full } => {
            let Some(pool) = context.pool.clone() else {
                let error = RpcError::Refused("this node has no transaction pool".into());
                pending.reject(error).await;
                return Ok(());
            };
            let mut arrivals = pool.subscribe();
            let mut sink = pending.accept().await?;
            while let Ok(transaction) = next(&sink, arrivals.recv()).await {
                let shown = if full {
                    let bytes = transaction.inner().encoded_2718();
                    json::transaction(&bytes, transaction.signer(), None)?
                } else {
                    json!(transaction.tx_hash())
                };
                send(&mut sink, &shown)?;
            }
        }
        Wanted::Heads => {
            let mut events = context.view.subscribe();
            let mut sink = pending.accept().await?;
            while let Ok(event) = next(&sink, events.recv()).await {
                if let ChainEvent::Block(header) = event {
                    send(&mut sink, &json::header(header.hash(), &header))?;
                }
            }
        }
        Wanted::Logs(query) => {
            let mut events = context.view.subscribe();
            let mut sink = pending.accept().await?;
            while let Ok(event) = next(&sink, events.recv()).await {
                let ChainEvent::Block(header) = event else { continue };
                let number = BlockNumber::new(header.number);
                let query = Arc::clone(&query);
                let found = context
                    .run_heavy(move |context| block_logs(context, number, |log| query.matches(log)))
                    .await;
                // A block that was taken back meanwhile has no logs.
                for log in found.unwrap_or_default() {
                    send(&mut sink, &log)?;
                }
            }
        }
    }
    Ok(())
}

/// The next item, unless the client is gone or has fallen behind.
async fn next<T>(
    sink: &SubscriptionSink,
    receive: impl Future<Output = Result<T, RecvError>>,
) -> Result<T, RecvError> {
    tokio::select! {
        item = receive => item,
        () = sink.closed() => Err(RecvError::Closed),
    }
}

fn send(sink: &mut SubscriptionSink, value: &Value) -> SubscriptionResult {
    let text = serde_json::value::to_raw_value(value)?;
    // A client that does not read fills its buffer and is dropped here.
    sink.try_send(SubscriptionMessage::from(text))?;
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
