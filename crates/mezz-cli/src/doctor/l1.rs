//! L1: whether it answers, whether its servers agree, whether the clock does, and what the keys hold.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider as _},
};
use alloy_primitives::{
    Address, B256, U256,
    utils::{format_ether, parse_ether},
};
use eyre::{WrapErr as _, eyre};
use mezz_deploy::ChainFile;
use mezz_l1::{Endpoint, L1Signer, RemoteSigner};
use url::Url;

use super::Finding;
use crate::{
    args::DoctorArgs,
    keys::{is_development, role_keys},
};

/// Longest that one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Blocks below the lowest head at which servers are compared: nothing reorganises there in peace.
const DEPTH: u64 = 8;
/// Seconds that L1's last block may be ahead of the clock, or behind it.
const AHEAD: u64 = 3;
const BEHIND: u64 = 120;
/// ETH that a key which posts should have, and without which it does not get far.
const COMFORT: &str = "0.2";
const LEAST: &str = "0.02";

/// What one server says.
struct Server {
    /// Host and port alone: the rest of a URL may be a secret.
    host: String,
    provider: DynProvider,
    chain_id: u64,
    number: u64,
    timestamp: u64,
}

/// Asks every L1 URL.
pub(super) async fn check(args: &DoctorArgs, chain: Option<&ChainFile>) -> Vec<Finding> {
    if args.l1.is_empty() {
        let remedy = "name it with --l1 URL, once for each server that you use";
        return vec![Finding::warn("l1", "no L1 was named: nothing about it was checked", remedy)];
    }
    let mut findings = Vec::new();
    let mut servers = Vec::new();
    for url in &args.l1 {
        match ask(url).await {
            Ok(server) => {
                findings.push(identity(&server, chain));
                findings.push(clock(&server, now()));
                servers.push(server);
            }
            Err(error) => findings.push(Finding::fail(
                "l1",
                format!("{}: {}", host(url), redacted(&error, url)),
                "the node learns nothing without L1: repair it, or name another with --l1",
            )),
        }
    }
    if servers.len() > 1 {
        findings.push(agreement(&servers).await);
    } else if args.l1.len() == 1 {
        findings.push(Finding::warn(
            "l1",
            "there is one L1 server: when it is down, so is the node",
            "run your own, and name a second one of somebody else for checking",
        ));
    }
    if let Some(server) = servers.first() {
        if let Some(chain) = chain {
            findings.push(contracts(server, chain).await);
        }
        findings.extend(keys(args, server, chain).await);
    }
    findings
}

async fn patient<T, E: Into<eyre::Report>>(
    asked: impl Future<Output = Result<T, E>>,
) -> eyre::Result<T> {
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    answered
        .wrap_err_with(|| format!("no answer within {} s", PATIENCE.as_secs()))?
        .map_err(Into::into)
}

async fn ask(url: &str) -> eyre::Result<Server> {
    let provider = Endpoint::parse(url)?.connect();
    let chain_id = patient(provider.get_chain_id()).await?;
    let latest = patient(provider.get_block_by_number(BlockNumberOrTag::Latest).into_future());
    let latest = latest.await?.ok_or_else(|| eyre!("it has no latest block"))?;
    let (number, timestamp) = (latest.header.number, latest.header.timestamp);
    Ok(Server { host: host(url), provider, chain_id, number, timestamp })
}

/// What of a URL may be shown.
pub(super) fn host(url: &str) -> String {
    let parsed = Url::parse(url).ok();
    let place = parsed.as_ref().and_then(|it| Some((it.host_str()?, it.port())));
    match place {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => String::from("a URL that cannot be read"),
    }
}

/// An error as text, without what a URL may carry besides its host.
fn redacted(error: &eyre::Report, url: &str) -> String {
    let text: Vec<String> = error.chain().map(ToString::to_string).collect();
    let text = text.join(": ");
    let normal = Url::parse(url).map(String::from).unwrap_or_default();
    let text = if normal.is_empty() { text } else { text.replace(&normal, "…") };
    text.replace(url, "…")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

fn identity(server: &Server, chain: Option<&ChainFile>) -> Finding {
    let Server { host, chain_id, number, .. } = server;
    match chain.map(|chain| chain.config.l1_chain_id) {
        Some(expected) if expected != *chain_id => Finding::fail(
            "l1",
            format!("{host} is chain {chain_id}; the chain settles on {expected}"),
            "name the right L1 with --l1",
        ),
        _ => Finding::ok("l1", format!("{host} is chain {chain_id}, at block {number}")),
    }
}

/// Blocks are dated by L1 and by this clock: they must agree.
fn clock(server: &Server, now: u64) -> Finding {
    let Server { host, timestamp, .. } = server;
    let ahead = timestamp.saturating_sub(now);
    if ahead > AHEAD {
        return Finding::fail(
            "clock",
            format!("the last block of {host} is {ahead} s in the future: this clock is slow"),
            "set the clock: `timedatectl set-ntp true`",
        );
    }
    let behind = now.saturating_sub(*timestamp);
    let text = format!("the last block of {host} is {behind} s old");
    if behind > BEHIND && !is_development(server.chain_id) {
        let remedy = "the server is behind, or this clock is fast: compare with another server";
        return Finding::warn("clock", text, remedy);
    }
    Finding::ok("clock", text)
}

/// Whether all servers have the same block somewhat below the lowest head.
async fn agreement(servers: &[Server]) -> Finding {
    let lowest = servers.iter().map(|it| it.number).min().unwrap_or_default();
    let number = lowest.saturating_sub(DEPTH);
    let mut hashes: Vec<(&str, B256)> = Vec::new();
    for server in servers {
        let block = server.provider.get_block_by_number(BlockNumberOrTag::Number(number));
        match patient(block.into_future()).await {
            Ok(Some(block)) => hashes.push((&server.host, block.header.hash)),
            Ok(None) | Err(_) => {
                return Finding::warn(
                    "l1",
                    format!("{} does not show block {number}", server.host),
                    "ask again; if it stays so, use another server",
                );
            }
        }
    }
    let (first, hash) = hashes[0];
    match hashes.iter().find(|(_, other)| *other != hash) {
        Some((other, _)) => Finding::fail(
            "l1",
            format!("{first} and {other} have different blocks {number}"),
            "one of them is on another fork or lies: find out which before you start",
        ),
        None => Finding::ok("l1", format!("{} servers agree on block {number}", hashes.len())),
    }
}

async fn contracts(server: &Server, chain: &ChainFile) -> Finding {
    let inbox = chain.contracts.inbox;
    match patient(server.provider.get_code_at(inbox).into_future()).await {
        Ok(code) if code.is_empty() => Finding::fail(
            "contracts",
            format!("{} has no contract at the chain's inbox {inbox}", server.host),
            "name the L1 that the chain was deployed on, or the right --chain",
        ),
        Ok(_) => Finding::ok("contracts", format!("the inbox is at {inbox}")),
        Err(_) => Finding::warn("contracts", "the server gave no answer", "ask again"),
    }
}

/// Whether the keys that post can be used, and what they have.
async fn keys(args: &DoctorArgs, server: &Server, chain: Option<&ChainFile>) -> Vec<Finding> {
    let keys = match role_keys(&args.roles, &args.key, &args.role_signers, server.chain_id) {
        Ok(keys) => keys,
        Err(error) => {
            let remedy = "batcher and proposer need a key: `mezz key new --out keystore.json`";
            return vec![Finding::fail("key", format!("{error:#}"), remedy)];
        }
    };
    let bond = chain.map_or(U256::ZERO, |it| it.bond_wei);
    let mut needs: BTreeMap<Address, (L1Signer, U256)> = BTreeMap::new();
    for (signer, need) in [(keys.batcher, U256::ZERO), (keys.proposer, bond)] {
        let Some(signer) = signer else { continue };
        let (_, all) = needs.entry(signer.address()).or_insert((signer, U256::ZERO));
        *all += need;
    }
    let mut findings = Vec::new();
    for (address, (signer, bond)) in needs {
        if let L1Signer::Remote(remote) = &signer {
            findings.push(signing(remote, address, server.chain_id).await);
        }
        findings.push(match patient(server.provider.get_balance(address).into_future()).await {
            Ok(balance) => funds(&address.to_string(), balance, bond),
            Err(_) => {
                let text = format!("the server did not say what {address} has");
                Finding::warn("key", text, "ask again")
            }
        });
    }
    findings
}

/// Whether a remote signer signs with its key, and what it is asked to.
async fn signing(signer: &RemoteSigner, address: Address, chain_id: u64) -> Finding {
    match patient(signer.probe(chain_id)).await {
        Ok(()) => Finding::ok("signer", format!("it signs for {address}")),
        Err(error) => Finding::fail(
            "signer",
            format!("{error:#}"),
            "nothing is posted without it: start it, unlock the key, or name another --signer",
        ),
    }
}

fn funds(address: &str, balance: U256, bond: U256) -> Finding {
    let ether = |text| parse_ether(text).expect("a constant amount parses");
    let text = format!("{address} has {} ETH on L1", format_ether(balance));
    let (least, comfort) = (bond + ether(LEAST), bond + ether(COMFORT));
    let remedy = format!("send it ETH: {} carries gas and bond for a while", format_ether(comfort));
    if balance < least {
        Finding::fail("key", text, remedy)
    } else if balance < comfort {
        Finding::warn("key", text, remedy)
    } else {
        Finding::ok("key", text)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Level, *};

    fn server(chain_id: u64, timestamp: u64) -> Server {
        let provider = Endpoint::parse("http://127.0.0.1:1").unwrap().connect();
        Server { host: "l1".into(), provider, chain_id, number: 100, timestamp }
    }

    #[test]
    fn a_slow_clock_fails_and_an_old_block_warns_where_blocks_are_regular() {
        assert_eq!(clock(&server(1, 1_000), 990).level, Level::Fail);
        assert_eq!(clock(&server(1, 1_000), 1_010).level, Level::Ok);
        assert_eq!(clock(&server(1, 1_000), 2_000).level, Level::Warn);
        assert_eq!(clock(&server(31_337, 1_000), 2_000).level, Level::Ok);
    }

    #[test]
    fn a_key_needs_gas_and_the_bond_of_a_proposer() {
        let ether = |text| parse_ether(text).unwrap();
        let level = |balance, bond| funds("0x", ether(balance), ether(bond)).level;
        assert_eq!(level("0.01", "0"), Level::Fail);
        assert_eq!(level("0.1", "0"), Level::Warn);
        assert_eq!(level("0.3", "0"), Level::Ok);
        assert_eq!(level("0.3", "1"), Level::Fail);
        assert_eq!(level("1.3", "1"), Level::Ok);
    }

    #[test]
    fn an_error_does_not_show_the_key_in_a_url() {
        let url = "https://l1.example.org/v3/s3cret";
        let error = eyre!("error sending request for url ({url})").wrap_err("asking");
        let text = redacted(&error, url);
        assert!(!text.contains("s3cret") && text.contains("asking"), "{text}");
        assert_eq!(host(url), "l1.example.org");
        // Two servers on one machine are told apart.
        assert_eq!(host("http://user:s3cret@127.0.0.1:8545/s3cret"), "127.0.0.1:8545");
    }
}
