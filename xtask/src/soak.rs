//! `cargo xtask soak`: nodes that are killed at random instants under load lose nothing.
//!
//! Anvil is L1 and survives. One process sequences, posts batches and claims; another derives the
//! chain from L1. Either is killed with SIGKILL, again and again, and started with the same command
//! line. What must hold is written beside each check in `checks.rs`; a seed names the whole schedule
//! of crashes, though not what the operating system does in between.

mod checks;
mod load;
mod process;
mod rpc;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use eyre::{WrapErr as _, ensure, eyre};
use serde_json::json;

use self::{
    checks::World,
    load::Load,
    process::Process,
    rpc::{Rpc, number},
};

/// Longest wait for anything that must happen: the machine may be busy with other work.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// Crashes between two lines of output.
const TOLD_EVERY: u32 = 10;
/// Accounts that the chain funds, and that send.
const ACCOUNTS: usize = 10;

/// Arguments of `cargo xtask soak`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often a process is killed.
    #[arg(long, default_value_t = 100)]
    crashes: u32,
    /// Names the schedule: who is killed when.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where batches go: calldata or blob. Proofs of blobs take most of the time of a small machine.
    #[arg(long, default_value = "calldata")]
    data_kind: String,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let dir = std::env::temp_dir().join(format!("mezz-soak-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let ended = soak(args, &dir);
    let Args { crashes, seed, data_kind } = args;
    let again =
        format!("cargo xtask soak --crashes {crashes} --seed {seed} --data-kind {data_kind}");
    if ended.is_ok() {
        fs::remove_dir_all(&dir)?;
    }
    ended.wrap_err_with(|| {
        format!("logs and data are in {}; the same schedule again: {again}", dir.display())
    })
}

fn soak(args: &Args, dir: &Path) -> eyre::Result<()> {
    let started = Instant::now();
    let mut draw = Draw(args.seed);
    let mut nodes = start(dir, &args.data_kind)?;
    let load = Load::start(&nodes.sequencer.rpc, &nodes.accounts)?;
    println!("soak: {} crashes by seed {}, load runs", args.crashes, args.seed);
    for crash in 1..=args.crashes {
        let process = if draw.below(4) == 0 { &mut nodes.replica } else { &mut nodes.sequencer };
        // Some die while they open their data, the others at work.
        if draw.below(3) > 0 {
            process.wait_until_it_answers(PATIENCE)?;
            nodes.world.nothing_acknowledged_is_gone(process, &load)?;
        }
        std::thread::sleep(Duration::from_millis(draw.below(1_500)));
        process.kill_and_start()?;
        load.check()?;
        if crash % TOLD_EVERY == 0 || crash == args.crashes {
            let secs = started.elapsed().as_secs();
            println!("soak: {crash} crashes in {secs} s, {}", nodes.world.progress(&load));
        }
    }
    for process in [&mut nodes.sequencer, &mut nodes.replica] {
        process.wait_until_it_answers(PATIENCE)?;
        nodes.world.nothing_acknowledged_is_gone(process, &load)?;
    }
    let accepted = load.stop()?;
    let fresh = nodes.fresh(dir)?;
    let summary = nodes.world.settle(&mut nodes.sequencer, &mut nodes.replica, fresh, &accepted)?;
    println!("{summary}");
    println!(
        "soak: nothing was lost in {} crashes, {} s",
        args.crashes,
        started.elapsed().as_secs()
    );
    Ok(())
}

/// The processes and what is known of them.
struct Nodes {
    world: World,
    sequencer: Process,
    replica: Process,
    accounts: Vec<String>,
    mezz: PathBuf,
    chain: PathBuf,
}

impl Nodes {
    /// One more node, which has nothing but L1.
    fn fresh(&self, dir: &Path) -> eyre::Result<Process> {
        derived(&self.mezz, &self.chain, &self.world.l1, dir, "fresh")
    }
}

/// Starts L1 and the nodes, and waits until the accounts have money.
fn start(dir: &Path, data_kind: &str) -> eyre::Result<Nodes> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or_else(|| eyre!("no parent"))?;
    let mezz = std::env::var_os("MEZZ_BIN")
        .map_or_else(|| root.join("target/release/mezz"), PathBuf::from);
    let anvil = root.join("clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    for (program, advice) in
        [(&mezz, "cargo build --release, or name it with MEZZ_BIN"), (&anvil, "npm ci in clients")]
    {
        ensure!(program.is_file(), "{} is not there: {advice}", program.display());
    }
    let l1 = Rpc::new(free_port()?);
    let mut l1_process = Process::start(
        "anvil",
        &anvil,
        &[
            "--hardfork osaka --block-time 1 --accounts 20 --slots-in-an-epoch 4 --silent --port"
                .to_owned(),
            l1.port().to_string(),
        ],
        l1.clone(),
        dir,
    )?;
    l1_process.wait_until_it_answers(PATIENCE)?;
    let accounts: Vec<String> = serde_json::from_value(l1.ask("eth_accounts", json!([]))?)?;
    let data = dir.join("sequencer");
    let rpc = Rpc::new(free_port()?);
    let mut sequencer = Process::start(
        "sequencer",
        &mezz,
        &[
            format!(
                "up --json --block-time 250ms --data-kind {data_kind} --l1 {} --rpc {} --data",
                l1.url(),
                rpc.address()
            ),
            data.display().to_string(),
        ],
        rpc,
        dir,
    )?;
    sequencer.wait_until_it_answers(PATIENCE)?;
    wait("the accounts have money", || {
        for account in accounts.iter().take(ACCOUNTS) {
            if number(&sequencer.rpc.ask("eth_getBalance", json!([account, "latest"]))?)? == 0 {
                return Ok(None);
            }
        }
        Ok(data.join("funded").exists().then_some(()))
    })?;
    let chain = data.join("chain.json");
    let replica = derived(&mezz, &chain, &l1, dir, "replica")?;
    let world = World::new(l1, l1_process, &chain, &accounts)?;
    let accounts = accounts.into_iter().take(ACCOUNTS).collect();
    Ok(Nodes { world, sequencer, replica, accounts, mezz, chain })
}

/// A node without a role.
fn derived(
    mezz: &Path,
    chain: &Path,
    l1: &Rpc,
    dir: &Path,
    name: &'static str,
) -> eyre::Result<Process> {
    let rpc = Rpc::new(free_port()?);
    let arguments = [
        format!("node --json --l1 {} --rpc {} --chain", l1.url(), rpc.address()),
        chain.display().to_string(),
        "--data".to_owned(),
        dir.join(name).display().to_string(),
    ];
    Process::start(name, mezz, &arguments, rpc, dir)
}

fn free_port() -> eyre::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Looks until there is something; an answer that fails is none.
fn wait<T>(what: &str, mut look: impl FnMut() -> eyre::Result<Option<T>>) -> eyre::Result<T> {
    let started = Instant::now();
    loop {
        let seen = look();
        if let Ok(Some(found)) = seen {
            return Ok(found);
        }
        if started.elapsed() > PATIENCE {
            let last = seen.err().unwrap_or_else(|| eyre!("it answers, and it is not so"));
            return Err(last.wrap_err(format!("waited {} s until {what}", PATIENCE.as_secs())));
        }
        std::thread::sleep(LOOK);
    }
}

/// SplitMix64: the schedule that a seed names.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
