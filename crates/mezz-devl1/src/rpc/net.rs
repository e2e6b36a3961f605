//! `net_*`, `web3_*`, `txpool_*`, and what says how the node is.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, U64, keccak256};
use jsonrpsee::RpcModule;
use serde_json::{Value, json};

use super::{Registered, Rpc, heavy, quick, transactions::waiting_transaction};
use crate::chain::View;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    quick(module, "eth_chainId", |rpc, _| Ok(U64::from(rpc.version().view().rules.chain_id)))?;
    quick(module, "net_version", |rpc, _| Ok(rpc.version().view().rules.chain_id.to_string()))?;
    quick(module, "net_listening", |_, _| Ok(true))?;
    quick(module, "net_peerCount", |_, _| Ok(U64::ZERO))?;
    quick(module, "eth_syncing", |_, _| Ok(false))?;
    quick(module, "eth_mining", |_, _| Ok(false))?;
    quick(module, "web3_clientVersion", |_, _| {
        Ok(concat!("mezz-devl1/v", env!("CARGO_PKG_VERSION")))
    })?;
    quick(module, "web3_sha3", |_, mut args| {
        let data: Bytes = args.next("data")?;
        Ok(keccak256(data))
    })?;
    quick(module, "txpool_status", |rpc, _| {
        let version = rpc.version();
        let (pending, queued) = sorted(version.view());
        Ok(json!({ "pending": U64::from(count(&pending)), "queued": U64::from(count(&queued)) }))
    })?;
    heavy(module, "txpool_content", |rpc, _| {
        let version = rpc.version();
        let (pending, queued) = sorted(version.view());
        Ok(json!({ "pending": pending, "queued": queued }))
    })
}

type BySender = BTreeMap<Address, BTreeMap<String, Value>>;

fn count(transactions: &BySender) -> usize {
    transactions.values().map(BTreeMap::len).sum()
}

/// What can be executed, and what waits for an earlier nonce.
fn sorted(view: &View) -> (BySender, BySender) {
    let (mut pending, mut queued) = (BySender::new(), BySender::new());
    for transaction in view.pool.iter() {
        let sender = transaction.sender();
        let nonce = view.state().account_or_empty(sender).nonce;
        let executable = transaction.nonce() < view.pool.next_nonce(sender, nonce);
        let json = serde_json::to_value(waiting_transaction(transaction));
        let list = if executable { &mut pending } else { &mut queued };
        let entry = list.entry(sender).or_default();
        entry.insert(transaction.nonce().to_string(), json.unwrap_or_default());
    }
    (pending, queued)
}
