//! `eth_subscribe`: the same events as filters, pushed.

use std::sync::Arc;

use alloy::rpc::types::pubsub::{Params as Wish, SubscriptionKind};
use jsonrpsee::{
    PendingSubscriptionSink, RpcModule, SubscriptionMessage,
    core::SubscriptionResult,
    types::{ErrorObjectOwned, Params},
};
use serde::Serialize;
use serde_json::value::to_raw_value;

use super::{
    Registered, Rpc, args::Args, blocks::rpc_header, error::RpcError, filters::matching,
    transactions::waiting_transaction,
};
use crate::chain::ChainEvent;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    module.register_subscription(
        "eth_subscribe",
        "eth_subscription",
        "eth_unsubscribe",
        |params, sink, rpc, _| subscribe(params, sink, rpc),
    )?;
    Ok(())
}

async fn subscribe(
    params: Params<'static>,
    sink: PendingSubscriptionSink,
    rpc: Arc<Rpc>,
) -> SubscriptionResult {
    let (kind, wish) = match read(&params) {
        Ok(wish) => wish,
        Err(error) => {
            sink.reject(ErrorObjectOwned::from(error)).await;
            return Ok(());
        }
    };
    let mut cursor = rpc.version().view().next_event();
    let sink = sink.accept().await?;
    let mut versions = rpc.node.versions();
    loop {
        let version = versions.borrow_and_update().clone();
        // A client that is too slow to be told everything is cut off.
        let Some((events, next)) = version.view().events_from(cursor) else { return Ok(()) };
        cursor = next;
        for event in &events {
            for message in messages(event, kind, &wish)? {
                sink.send(message).await?;
            }
        }
        tokio::select! {
            () = sink.closed() => return Ok(()),
            changed = versions.changed() => changed?,
        }
    }
}

fn read(params: &Params<'static>) -> Result<(SubscriptionKind, Wish), RpcError> {
    let mut args = Args::new(params);
    let kind: SubscriptionKind = args.next("kind of subscription")?;
    let wish: Wish = args.optional()?.unwrap_or_default();
    match kind {
        SubscriptionKind::NewHeads
        | SubscriptionKind::Logs
        | SubscriptionKind::NewPendingTransactions => Ok((kind, wish)),
        _ => Err(RpcError::Call(format!("no such subscription: {kind:?}"))),
    }
}

/// What a subscriber is told of an event.
fn messages(
    event: &ChainEvent,
    kind: SubscriptionKind,
    wish: &Wish,
) -> Result<Vec<SubscriptionMessage>, serde_json::Error> {
    match (kind, event) {
        (SubscriptionKind::NewHeads, ChainEvent::Added(block)) => {
            Ok(vec![message(&rpc_header(block))?])
        }
        (SubscriptionKind::NewPendingTransactions, ChainEvent::Waiting(transaction)) => {
            if matches!(wish, Wish::Bool(true)) {
                Ok(vec![message(&waiting_transaction(transaction))?])
            } else {
                Ok(vec![message(&transaction.hash())?])
            }
        }
        (SubscriptionKind::Logs, event) => {
            let filter = match wish {
                Wish::Logs(filter) => (**filter).clone(),
                _ => Default::default(),
            };
            matching(event, &filter).iter().map(message).collect()
        }
        _ => Ok(Vec::new()),
    }
}

fn message(value: &impl Serialize) -> Result<SubscriptionMessage, serde_json::Error> {
    to_raw_value(value).map(SubscriptionMessage::from)
}
