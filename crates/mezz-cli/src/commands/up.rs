//! `mezz up`: L1, contracts and chain in one process.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use alloy::providers::Provider as _;
use alloy_primitives::{Address, U256, utils::format_ether};
use eyre::{WrapErr as _, bail, eyre};
use mezz_deploy::{
    CHAIN_FILE, ChainFile, DEPLOYMENT_FILE, DeployEvent, Security, Settings, default_fees, deploy,
};
use mezz_devl1::{DevL1, DevL1Config, DevL1Handle, Mining};
use mezz_l1::{Endpoint, L1Call, NoJournal, SenderSettings, TxSender};
use mezz_node::{BlobRetention, Node, NodeConfig};
use mezz_rpc::{ChainInfo, Limits, RpcConfig, RpcHandle};
use mezz_types::DataKind;
use serde_json::json;
use url::Url;

use crate::{
    args::UpArgs,
    deposit::deposit_ether,
    keys::dev_account,
    live::{StopSignal, stop_in_order, watch_chain},
    metrics::{self, MetricsServer},
    open_files,
    output::Output,
    wiring::{Pace, RoleKeys, node_config},
};

/// Accounts of the test mnemonic that hold ETH on L2 from the start.
const FUNDED_ACCOUNTS: u32 = 10;
/// Wei that each of them gets: 100 ETH.
const FUNDING: u128 = 100_000_000_000_000_000_000;
/// Who posts batches, who claims, and who pays for the funding: apart, so that no nonce is shared,
/// and among the first ten, which every development L1 funds.
const OPERATOR: u32 = 9;
const PROPOSER: u32 = 8;
const FUNDER: u32 = 7;
/// File that says that the accounts were funded.
const FUNDED_FILE: &str = "funded";

/// The L1 under the chain.
struct L1 {
    endpoint: Endpoint,
    beacons: Vec<Url>,
    url: String,
    embedded: Option<DevL1Handle>,
}

/// Runs everything until it is told to stop.
pub(crate) async fn run(args: &UpArgs, out: Output) -> eyre::Result<()> {
    let dir = &args.data;
    if args.fresh {
        remove_chain(dir)?;
    }
    fs::create_dir_all(dir).wrap_err_with(|| format!("the data directory {}", dir.display()))?;
    let l1 = start_l1(args).await?;
    let chain = chain(args, &l1, out).await?;
    let pace = Pace {
        block_time: args.block_time,
        l1_poll: Duration::from_millis(100),
        confirmations: 0,
        batch_age: Duration::from_secs(2),
        claim_interval_secs: 10,
        reserve_mib: args.disk_reserve,
        keep_blobs: BlobRetention::UntilFinal,
    };
    let keys = RoleKeys {
        sequencer: true,
        batcher: Some(dev_account(OPERATOR)?.into()),
        proposer: Some(dev_account(PROPOSER)?.into()),
        feed: None,
        follower: None,
    };
    let mut config = node_config(&chain, dir, l1.endpoint.clone(), l1.beacons.clone(), pace, keys)?;
    if let Some(sequencer) = &mut config.roles.sequencer {
        // A person who tries it out wants to see blocks.
        sequencer.heartbeat_secs = 1;
    }
    let mut node = Node::start(&config).await?;
    let rpc = start_rpc(args, &chain, &node).await?;
    let metrics = start_metrics(args, &node, &rpc, &config).await?;
    let mut stop = StopSignal::listen()?;
    banner(args, &chain, &l1, &rpc, &metrics, out)?;
    let funding = tokio::spawn(fund(dir.clone(), chain.clone(), l1.endpoint.clone()));
    let admin = crate::admin::serve(&config.data_dir, node.view.reader.clone());
    let ended = watch_chain(&mut node, &mut stop, out).await;
    drop(admin);
    funding.abort();
    let stopped = stop_in_order(node, rpc, Some(metrics), &mut stop).await;
    if let Some(embedded) = l1.embedded {
        embedded.shutdown().await;
    }
    ended?;
    stopped?;
    out.emit(
        "stopped",
        &json!({}),
        "Stopped. `mezz up` goes on from here; `mezz up --fresh` starts anew.",
    );
    Ok(())
}

/// Removes what `up` made, and nothing else.
fn remove_chain(dir: &Path) -> eyre::Result<()> {
    for name in ["chain", "l1"] {
        let path = dir.join(name);
        if path.exists() {
            fs::remove_dir_all(&path).wrap_err_with(|| format!("removing {}", path.display()))?;
        }
    }
    for name in [CHAIN_FILE, DEPLOYMENT_FILE, FUNDED_FILE] {
        let path = dir.join(name);
        if path.exists() {
            fs::remove_file(&path).wrap_err_with(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(())
}

async fn start_l1(args: &UpArgs) -> eyre::Result<L1> {
    if let Some(url) = &args.l1 {
        let endpoint = Endpoint::parse(url)?;
        let chain_id = endpoint.connect().get_chain_id().await;
        chain_id.wrap_err_with(|| format!("no L1 answers at {url}: is it running?"))?;
        let beacon = args.beacon.as_ref().unwrap_or(url);
        let beacons = vec![Url::parse(beacon).wrap_err_with(|| beacon.clone())?];
        return Ok(L1 { endpoint, beacons, url: url.clone(), embedded: None });
    }
    let config = DevL1Config {
        listen: Some(args.l1_rpc),
        data_dir: Some(args.data.join("l1")),
        ..DevL1Config::default()
    };
    let handle = DevL1::start(config).await.wrap_err("the embedded L1")?;
    let url = handle.http_url().ok_or_else(|| eyre!("the embedded L1 does not listen"))?;
    let beacon = handle.beacon_url().ok_or_else(|| eyre!("the embedded L1 does not listen"))?;
    let beacons = vec![Url::parse(&beacon)?];
    Ok(L1 { endpoint: Endpoint::parse(&url)?, beacons, url, embedded: Some(handle) })
}

/// The chain in the data directory; deployed now if there is none.
async fn chain(args: &UpArgs, l1: &L1, out: Output) -> eyre::Result<ChainFile> {
    let path = args.data.join(CHAIN_FILE);
    let provider = l1.endpoint.connect();
    let l1_chain_id = provider.get_chain_id().await?;
    if path.exists() {
        let chain = ChainFile::read(&path)?;
        let inbox = chain.contracts.inbox;
        let there = !provider.get_code_at(inbox).await?.is_empty();
        if chain.config.l1_chain_id != l1_chain_id || !there {
            bail!(
                "{} holds chain {} with its inbox at {inbox} on L1 chain {}, but the L1 at {} is \
                 chain {l1_chain_id} and has {} there.\nUse another directory with --data DIR, or \
                 remove this chain with --fresh.",
                args.data.display(),
                chain.config.l2_chain_id,
                chain.config.l1_chain_id,
                l1.url,
                if there { "a contract" } else { "no contract" },
            );
        }
        return Ok(chain);
    }
    let sender = TxSender::new(
        provider.clone(),
        dev_account(OPERATOR)?,
        SenderSettings { poll: Duration::from_millis(50), ..SenderSettings::default() },
        std::sync::Arc::new(NoJournal),
    );
    if let Some(embedded) = &l1.embedded {
        // Nobody is to wait five blocks for five contracts.
        embedded.set_mining(Mining::OnTransaction).await?;
    }
    let waiting = out.wait("Deploying the contracts");
    let deployed = deploy(&args.data, &settings(args)?, &provider, &sender, |event| {
        if let DeployEvent::Created { contract, address, gas_used } = &event {
            let value = json!({ "contract": contract, "address": address, "gasUsed": gas_used });
            out.emit("deployed", &value, format!("{contract:<12} {address}  {gas_used} gas"));
        }
    })
    .await;
    waiting.finish_and_clear();
    if let Some(embedded) = &l1.embedded {
        embedded.set_mining(DevL1Config::default().mining).await?;
    }
    Ok(deployed?)
}

fn settings(args: &UpArgs) -> eyre::Result<Settings> {
    if let Some(path) = &args.config {
        let text = fs::read_to_string(path).wrap_err_with(|| path.display().to_string())?;
        return Ok(Settings::parse(&text)?);
    }
    let data = DataKind::from(args.data_kind);
    Ok(Settings {
        data,
        fees: default_fees(data),
        security: Security::development(),
        ..Settings::default()
    })
}

async fn start_rpc(args: &UpArgs, chain: &ChainFile, node: &Node) -> eyre::Result<RpcHandle> {
    let dev_accounts = (0..FUNDED_ACCOUNTS).map(dev_account).collect::<eyre::Result<_>>()?;
    let feed_signer = Some(dev_account(OPERATOR)?);
    open_files::raise(args.rpc_limits.rpc_connections);
    let limits = Limits::from(&args.rpc_limits);
    let config = RpcConfig { addr: args.rpc, limits, dev_accounts, feed_signer };
    let rpc = mezz_rpc::start(
        config,
        node.view.clone(),
        node.pool.clone(),
        node.l1.clone(),
        chain_info(chain),
    );
    Ok(rpc.await?)
}

async fn start_metrics(
    args: &UpArgs,
    node: &Node,
    rpc: &RpcHandle,
    config: &NodeConfig,
) -> eyre::Result<MetricsServer> {
    if let Some(addr) = args.metrics {
        return metrics::start(addr, node, rpc, config).await;
    }
    // Two chains on one machine are fine: the second one's numbers are elsewhere.
    let anywhere = SocketAddr::new(metrics::DEFAULT.ip(), 0);
    match metrics::start(metrics::DEFAULT, node, rpc, config).await {
        Ok(server) => Ok(server),
        Err(_) => metrics::start(anywhere, node, rpc, config).await,
    }
}

/// What the RPC says of the chain.
pub(crate) fn chain_info(chain: &ChainFile) -> ChainInfo {
    ChainInfo {
        config: chain.config.clone(),
        config_hash: chain.config.hash(),
        contracts: chain.contracts,
        genesis_hash: chain.genesis_hash,
        l1_start_block: chain.l1_start_block.get(),
        window_secs: chain.window_secs,
    }
}

fn banner(
    args: &UpArgs,
    chain: &ChainFile,
    l1: &L1,
    rpc: &RpcHandle,
    metrics: &MetricsServer,
    out: Output,
) -> eyre::Result<()> {
    let accounts: Vec<Address> =
        (0..FUNDED_ACCOUNTS).map(|n| Ok(dev_account(n)?.address())).collect::<eyre::Result<_>>()?;
    let url = format!("http://{}", rpc.local_addr());
    let metrics = format!("http://{}/metrics", metrics.addr);
    let value = json!({
        "rpc": url, "l1": l1.url, "metrics": metrics, "chainId": chain.config.l2_chain_id,
        "l1ChainId": chain.config.l1_chain_id, "data": args.data, "contracts": chain.contracts,
        "accounts": accounts, "mnemonic": mezz_devl1::DEV_MNEMONIC,
    });
    let mut text = format!(
        "\nMezzanine is up.\n\n  \
         chain {:<8} {url}  (HTTP and WebSocket)\n  \
         L1    {:<8} {}\n  \
         metrics        {metrics}\n  \
         data           {}\n\n\
         Accounts, {} ETH each on L2 within seconds, from the public mnemonic\n  {}\n",
        chain.config.l2_chain_id,
        chain.config.l1_chain_id,
        l1.url,
        args.data.display(),
        format_ether(U256::from(FUNDING)),
        mezz_devl1::DEV_MNEMONIC,
    );
    for (index, account) in accounts.iter().enumerate() {
        text.push_str(&format!("  ({index}) {account}\n"));
    }
    text.push_str(
        "\nTry: mezz tour · mezz status · mezz deposit --dev-account 0 1\nCtrl-C stops.\n",
    );
    out.emit("up", &value, text);
    Ok(())
}

/// Brings ETH to the accounts the way everybody does: by deposits.
async fn fund(dir: std::path::PathBuf, chain: ChainFile, l1: Endpoint) -> eyre::Result<()> {
    let marker = dir.join(FUNDED_FILE);
    if marker.exists() {
        return Ok(());
    }
    let sender = TxSender::new(
        l1.connect(),
        dev_account(FUNDER)?,
        SenderSettings::default(),
        std::sync::Arc::new(NoJournal),
    );
    for index in 0..FUNDED_ACCOUNTS {
        let to = dev_account(index)?.address();
        let call: L1Call =
            deposit_ether(&l1.connect(), &chain.contracts, to, U256::from(FUNDING), None).await?;
        if let Err(error) = sender.send(call).await {
            tracing::warn!(%error, account = %to, "the account was not funded");
            return Err(error.into());
        }
    }
    fs::write(&marker, b"")?;
    Ok(())
}
