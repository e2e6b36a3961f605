//! `mezz node`: one node of a deployed chain.

use std::{sync::Arc, time::Duration};

use alloy::signers::local::PrivateKeySigner;
use eyre::WrapErr as _;
use mezz_deploy::ChainFile;
use mezz_l1::{Endpoint, SystemTimer};
use mezz_node::{BlockFeed, FollowerSettings, Node, NodeConfig, RpcFeed};
use mezz_rpc::{Limits, RpcConfig};
use serde_json::json;
use url::Url;

use crate::{
    admin,
    args::NodeArgs,
    blobs,
    commands::up::chain_info,
    keys::role_keys,
    live::{StopSignal, stop_in_order, watch_chain},
    metrics, open_files,
    output::Output,
    wiring::{Pace, node_config},
};

/// Runs a node until it is told to stop.
pub(crate) async fn run(args: &NodeArgs, out: Output) -> eyre::Result<()> {
    let chain = ChainFile::read(&args.chain)?;
    let (config, feed_signer) = configure(args, &chain)?;
    open_files::raise(args.rpc_limits.rpc_connections);
    let mut node = Node::start(&config).await?;
    let rpc = RpcConfig {
        addr: args.rpc,
        limits: Limits::from(&args.rpc_limits),
        dev_accounts: Vec::new(),
        feed_signer,
    };
    let rpc = mezz_rpc::start(
        rpc,
        node.view.clone(),
        node.pool.clone(),
        node.l1.clone(),
        chain_info(&chain),
    )
    .await?;
    let url = format!("http://{}", rpc.local_addr());
    let roles: Vec<String> =
        args.roles.iter().map(|role| format!("{role:?}").to_lowercase()).collect();
    let text = format!(
        "chain {} at {url}, {}",
        chain.config.l2_chain_id,
        if roles.is_empty() { "derived from L1 alone".into() } else { roles.join(", ") }
    );
    let mut stop = StopSignal::listen()?;
    out.emit("node", &json!({ "rpc": url, "roles": roles }), text);
    let metrics = match args.metrics {
        Some(addr) => Some(metrics::start(addr, &node, &rpc, &config).await?),
        None => None,
    };
    if let Some(metrics) = &metrics {
        let url = format!("http://{}/metrics", metrics.addr);
        out.emit("metrics", &json!({ "metrics": url }), format!("metrics at {url}"));
    }
    let admin = admin::serve(&config.data_dir, node.view.reader.clone());
    let blobs = match args.serve_blobs {
        Some(addr) => Some(blobs::serve(addr, node.blobs.clone()).await?),
        None => None,
    };
    if let Some(blobs) = &blobs {
        let url = format!("http://{}", blobs.addr);
        out.emit("blobs", &json!({ "blobs": url }), format!("blobs at {url}"));
    }
    let ended = watch_chain(&mut node, &mut stop, out).await;
    drop((admin, blobs));
    let stopped = stop_in_order(node, rpc, metrics, &mut stop).await;
    ended?;
    stopped?;
    out.emit("stopped", &json!({}), "Stopped.");
    Ok(())
}

/// What the arguments make of a node, and the key that signs its blocks for replicas.
fn configure(
    args: &NodeArgs,
    chain: &ChainFile,
) -> eyre::Result<(NodeConfig, Option<PrivateKeySigner>)> {
    let l1_chain_id = chain.config.l1_chain_id;
    let mut keys = role_keys(&args.roles, &args.key, &args.role_signers, l1_chain_id)?;
    keys.follower = follower(args)?;
    let feed_signer = keys.feed.clone();
    let beacons: Vec<Url> = if args.beacon.is_empty() { &args.l1 } else { &args.beacon }
        .iter()
        .map(|url| Url::parse(url).wrap_err_with(|| url.clone()))
        .collect::<eyre::Result<_>>()?;
    let pace = Pace {
        block_time: args.block_time,
        l1_poll: Duration::from_millis(500),
        confirmations: args.confirmations,
        batch_age: args.batch_age,
        claim_interval_secs: args.claim_interval.as_secs(),
        reserve_mib: args.disk_reserve,
        keep_blobs: args.keep_blobs.into(),
    };
    let l1 = args.l1.iter().map(|url| Endpoint::parse(url)).collect::<Result<_, _>>()?;
    let l1 = Endpoint::several(l1, args.l1_quorum, Arc::new(SystemTimer))?;
    let mut config = node_config(chain, &args.data, l1, beacons, pace, keys)?;
    config.store.history_blocks = args.history.0;
    Ok((config, feed_signer))
}

/// Whose blocks are followed ahead of L1.
fn follower(args: &NodeArgs) -> eyre::Result<Option<FollowerSettings>> {
    let Some(sequencer) = args.sequencer else { return Ok(None) };
    let feed = |url: &String| -> eyre::Result<Arc<dyn BlockFeed>> {
        Ok(Arc::new(RpcFeed::new(&Endpoint::parse(url)?)))
    };
    let sources = args.follow.iter().map(feed).collect::<eyre::Result<_>>()?;
    Ok(Some(FollowerSettings { sources, sequencer }))
}
