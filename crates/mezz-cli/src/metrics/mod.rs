//! Numbers for operators: what a node knows of itself, as Prometheus reads it.
//!
//! What a node keeps anyway is read when somebody asks (`observe`); what passes by is counted
//! (`follow`); what only L1 knows is asked for now and then (`ask_l1`).

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use mezz_node::{Node, NodeConfig, Roles};
use mezz_rpc::RpcHandle;
use tokio::task::JoinSet;

mod backlog;
mod board;
mod probe;
mod server;

pub(crate) use board::Board;
pub(crate) use probe::{Probe, WatchedKey};
pub(crate) use server::{MetricsServer, serve};

/// Where `mezz up` serves metrics, if nothing else is there.
pub(crate) const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9_546);

/// Starts counting and serving for a node that runs.
pub(crate) async fn start(
    addr: SocketAddr,
    node: &Node,
    rpc: &RpcHandle,
    config: &NodeConfig,
) -> eyre::Result<MetricsServer> {
    let data_dir = config.data_dir.clone();
    let probe = Probe::new(node, rpc.clone(), data_dir, Arc::clone(&config.clock));
    let reserve = config.store.reserve_mib.saturating_mul(1 << 20);
    probe.keeps_free(if config.roles.sequencer.is_some() { reserve } else { 0 });
    let Roles { batcher, proposer, .. } = &config.roles;
    let batcher = batcher.as_ref().map(|it| ("batcher", it.signer.address()));
    let proposer = proposer.as_ref().map(|it| ("proposer", it.signer.address()));
    let keys = [batcher, proposer].into_iter().flatten();
    let keys = keys.map(|(role, address)| WatchedKey { role, address }).collect();
    let mut following = JoinSet::new();
    probe.follow(node, config.l1.connect(), keys, &mut following);
    serve(addr, probe, following).await
}

#[cfg(test)]
mod tests;
