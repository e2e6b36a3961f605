//! `cargo xtask soak`: nodes that are killed at random instants under load lose nothing.
//!
//! Anvil is L1 and survives. Every role is a process of its own: one sequences, one posts batches and
//! one claims, both from the blocks that they follow, one follows and serves, one derives the chain
//! from L1 alone. Any of them is killed with SIGKILL, again and again, and started with the same
//! command line. What must hold is written beside each check in `checks.rs`; a seed names the whole schedule
//! of crashes, though not what the operating system does in between.

mod checks;
pub(crate) mod full_disk;
mod load;
pub(crate) mod process;
pub(crate) mod rpc;

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
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// Between looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// Crashes between two lines of output.
const TOLD_EVERY: u32 = 10;
/// Crashes to one reorganisation of L1, where they are asked for.
const REORG_EVERY: u64 = 5;
/// Most blocks that one takes back: half of what is not final.
const DEEPEST: u64 = 4;
/// Accounts that the chain funds, and that send.
const ACCOUNTS: usize = 10;
/// Accounts of the test mnemonic with which `mezz up` posts batches and claims.
const OPERATOR: usize = 9;
const PROPOSER: usize = 8;
/// Who is killed: each crash draws one of these.
const VICTIMS: [Role; 10] = [
    Role::Sequencer,
    Role::Sequencer,
    Role::Sequencer,
    Role::Sequencer,
    Role::Batcher,
    Role::Batcher,
    Role::Batcher,
    Role::Proposer,
    Role::Replica,
    Role::Derived,
];

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Builds blocks and takes in the load.
    Sequencer,
    /// Posts batches of blocks that it follows.
    Batcher,
    /// Claims and finalizes.
    Proposer,
    /// Follows and serves.
    Replica,
    /// Knows L1 alone.
    Derived,
}

impl Role {
    const ALL: [Self; 5] =
        [Self::Sequencer, Self::Batcher, Self::Proposer, Self::Replica, Self::Derived];
}

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
    /// Take back 1 to 4 blocks of L1 between crashes, too, with what is in them.
    #[arg(long)]
    reorgs: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let Args { crashes, seed, data_kind, reorgs } = args;
    let reorgs = if *reorgs { " --reorgs" } else { "" };
    let again = format!(
        "cargo xtask soak --crashes {crashes} --seed {seed} --data-kind {data_kind}{reorgs}"
    );
    in_scratch("soak", &again, |dir| soak(args, dir))
}

/// Works in a directory that goes if all is well; if not, the error names it, and what repeats the work.
fn in_scratch(
    name: &str,
    again: &str,
    work: impl FnOnce(&Path) -> eyre::Result<()>,
) -> eyre::Result<()> {
    let dir = std::env::temp_dir().join(format!("mezz-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    work(&dir).wrap_err_with(|| {
        format!("logs and data are in {}; the same schedule again: {again}", dir.display())
    })?;
    Ok(fs::remove_dir_all(&dir)?)
}

fn soak(args: &Args, dir: &Path) -> eyre::Result<()> {
    let started = Instant::now();
    let mut draw = Draw(args.seed);
    let mut nodes = start(dir, Starting { data_kind: &args.data_kind, data: dir, further: "" })?;
    let load = nodes.load()?;
    println!("soak: {} crashes by seed {}, load runs", args.crashes, args.seed);
    for crash in 1..=args.crashes {
        let drawn = usize::try_from(draw.below(VICTIMS.len() as u64))?;
        let victim = VICTIMS.get(drawn).ok_or_else(|| eyre!("nobody has number {drawn}"))?;
        // Some die while they open their data, the others at work.
        if draw.below(3) > 0 {
            nodes.wait_and_look(*victim, &load)?;
        }
        std::thread::sleep(Duration::from_millis(draw.below(1_500)));
        if args.reorgs && draw.below(REORG_EVERY) == 0 {
            nodes.world.take_back(1 + draw.below(DEEPEST))?;
        }
        nodes.process(*victim)?.kill_and_start()?;
        load.check()?;
        if crash % TOLD_EVERY == 0 || crash == args.crashes {
            let secs = started.elapsed().as_secs();
            println!("soak: {crash} crashes in {secs} s, {}", nodes.world.progress(&load));
        }
    }
    nodes.settle(load, dir)?;
    let crashes: Vec<String> = nodes
        .processes
        .iter()
        .filter(|it| it.crashes > 0)
        .map(|it| format!("{} of the {}", it.crashes, it.name))
        .collect();
    println!("soak: {} crashes, {}", args.crashes, crashes.join(", "));
    println!("soak: nothing was lost, {} s", started.elapsed().as_secs());
    Ok(())
}

/// The processes, in the order of [`Role`], and what is known of them.
struct Nodes {
    world: World,
    processes: Vec<Process>,
    /// Keeps the keys of the accounts, as Anvil does for any chain's id.
    signer: Process,
    accounts: Vec<String>,
    starter: Starter,
}

impl Nodes {
    fn process(&mut self, role: Role) -> eyre::Result<&mut Process> {
        self.processes.get_mut(role as usize).ok_or_else(|| eyre!("{role:?} was not started"))
    }

    fn load(&mut self) -> eyre::Result<Load> {
        let sequencer = self.process(Role::Sequencer)?.rpc.clone();
        Load::start(&sequencer, &self.signer.rpc, &self.accounts)
    }

    /// Ends the load, and compares all nodes, and one that begins now.
    fn settle(&mut self, load: Load, dir: &Path) -> eyre::Result<()> {
        for role in Role::ALL {
            self.wait_and_look(role, &load)?;
        }
        let accepted = load.stop()?;
        let fresh = self.starter.node("fresh", "", dir)?;
        self.processes.push(fresh);
        println!("{}", self.world.settle(&mut self.processes, &accepted)?);
        Ok(())
    }

    /// Waits until it serves, and looks whether anything is gone.
    fn wait_and_look(&mut self, role: Role, load: &Load) -> eyre::Result<()> {
        let process = self.processes.get_mut(role as usize).ok_or_else(|| eyre!("no {role:?}"))?;
        process.wait_until_it_answers(PATIENCE)?;
        self.world.nothing_acknowledged_is_gone(process, role == Role::Sequencer, load)
    }
}

/// How nodes of the chain are started.
struct Starter {
    mezz: PathBuf,
    l1: Rpc,
    /// Where `mezz up` put the chain's description, and the sequencer's data; those of the others are beside it.
    data: PathBuf,
    /// Further arguments of every node, each behind a space.
    further: &'static str,
}

/// How a chain is started.
struct Starting<'a> {
    data_kind: &'a str,
    /// Where the nodes keep their data.
    data: &'a Path,
    further: &'static str,
}

impl Starter {
    /// Deploys the chain and funds its accounts by deposits: `mezz up` does both, and is then ended.
    fn deploy(&self, data_kind: &str, accounts: &[String], dir: &Path) -> eyre::Result<()> {
        let rpc = Rpc::new(free_port()?);
        let arguments = [
            format!(
                "up --json --block-time 250ms --data-kind {data_kind} --l1 {} --rpc {}{} --data",
                self.l1.url(),
                rpc.address(),
                self.further
            ),
            self.data.display().to_string(),
        ];
        let mut up = Process::start("up", &self.mezz, &arguments, rpc, dir)?;
        up.wait_until_it_answers(PATIENCE)?;
        wait("the accounts have money", || {
            for account in accounts {
                if number(&up.rpc.ask("eth_getBalance", json!([account, "latest"]))?)? == 0 {
                    return Ok(None);
                }
            }
            Ok(self.data.join("funded").exists().then_some(()))
        })?;
        drop(up);
        wait("L1 has taken what was sent to it", || {
            let pool = self.l1.ask("txpool_status", json!([]))?;
            Ok((number(&pool["pending"])? == 0).then_some(()))
        })?;
        // What comes later may take blocks back, and not this money.
        let funded = number(&self.l1.ask("eth_blockNumber", json!([]))?)?;
        wait("the deposits are final", || {
            let last = self.l1.ask("eth_getBlockByNumber", json!(["finalized", false]))?;
            Ok((number(&last["number"])? >= funded).then_some(()))
        })
    }

    /// A node with the further arguments `roles` and a directory of its own.
    fn node(&self, name: &'static str, roles: &str, dir: &Path) -> eyre::Result<Process> {
        let data = self.data.with_file_name(name);
        self.node_at(name, roles, Rpc::new(free_port()?), &data, dir)
    }

    fn node_at(
        &self,
        name: &'static str,
        roles: &str,
        rpc: Rpc,
        data: &Path,
        dir: &Path,
    ) -> eyre::Result<Process> {
        let space = if roles.is_empty() { "" } else { " " };
        let arguments = [
            format!(
                "node --json --l1 {} --rpc {}{}{space}{roles} --chain",
                self.l1.url(),
                rpc.address(),
                self.further
            ),
            self.data.join("chain.json").display().to_string(),
            "--data".to_owned(),
            data.display().to_string(),
        ];
        Process::start(name, &self.mezz, &arguments, rpc, dir)
    }

    /// One process for each [`Role`].
    fn roles(&self, accounts: &[String], dir: &Path) -> eyre::Result<Vec<Process>> {
        let signer = accounts.get(OPERATOR).ok_or_else(|| eyre!("L1 has no operator"))?;
        let sequencer = self.node_at(
            "sequencer",
            // Each batch leaves a message about fees: consumed too early, it would take its block back.
            &format!(
                "--roles sequencer --block-time 250ms --confirmations {DEEPEST} --dev-account {OPERATOR}"
            ),
            Rpc::new(free_port()?),
            &self.data,
            dir,
        )?;
        let follow = format!("--follow {} --sequencer {signer}", sequencer.rpc.url());
        let batcher = format!("--roles batcher --batch-age 2s --dev-account {OPERATOR} {follow}");
        let proposer =
            format!("--roles proposer --claim-interval 10s --dev-account {PROPOSER} {follow}");
        Ok(vec![
            sequencer,
            self.node("batcher", &batcher, dir)?,
            self.node("proposer", &proposer, dir)?,
            self.node("replica", &follow, dir)?,
            self.node("derived", "", dir)?,
        ])
    }
}

/// Starts L1 and the nodes, on a chain whose accounts have money.
fn start(dir: &Path, how: Starting<'_>) -> eyre::Result<Nodes> {
    let root = root()?;
    let mezz = mezz_binary(&root);
    let anvil = root.join("clients/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    for (program, advice) in
        [(&mezz, "cargo build --release, or name it with MEZZ_BIN"), (&anvil, "npm ci in clients")]
    {
        ensure!(program.is_file(), "{} is not there: {advice}", program.display());
    }
    let mut l1_process =
        start_anvil("anvil", &anvil, "--hardfork osaka --block-time 1 --slots-in-an-epoch 4", dir)?;
    l1_process.wait_until_it_answers(PATIENCE)?;
    let l1 = l1_process.rpc.clone();
    let accounts: Vec<String> = serde_json::from_value(l1.ask("eth_accounts", json!([]))?)?;
    let Starting { data_kind, data, further } = how;
    let starter = Starter { mezz, l1: l1.clone(), data: data.join("sequencer"), further };
    let senders: Vec<String> = accounts.iter().take(ACCOUNTS).cloned().collect();
    starter.deploy(data_kind, &senders, dir)?;
    let mut processes = starter.roles(&accounts, dir)?;
    let world = World::new(l1, l1_process, &starter.data.join("chain.json"), &accounts)?;
    let sequencer = processes.first_mut().ok_or_else(|| eyre!("nobody sequences"))?;
    sequencer.wait_until_it_answers(PATIENCE)?;
    let chain_id = number(&sequencer.rpc.ask("eth_chainId", json!([]))?)?;
    let mut signer =
        start_anvil("signer", &anvil, &format!("--no-mining --chain-id {chain_id}"), dir)?;
    signer.wait_until_it_answers(PATIENCE)?;
    Ok(Nodes { world, processes, signer, accounts: senders, starter })
}

fn start_anvil(
    name: &'static str,
    program: &Path,
    arguments: &str,
    dir: &Path,
) -> eyre::Result<Process> {
    let rpc = Rpc::new(free_port()?);
    let arguments = [format!("{arguments} --accounts 20 --silent --port"), rpc.port().to_string()];
    Process::start(name, program, &arguments, rpc, dir)
}

/// The folder of the repository.
pub(crate) fn root() -> eyre::Result<PathBuf> {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.map(Path::to_owned).ok_or_else(|| eyre!("no parent"))
}

/// The node that is run: `MEZZ_BIN`, or what `cargo build --release` made.
pub(crate) fn mezz_binary(root: &Path) -> PathBuf {
    std::env::var_os("MEZZ_BIN").map_or_else(|| root.join("target/release/mezz"), PathBuf::from)
}

pub(crate) fn free_port() -> eyre::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Looks until there is something; an answer that fails is none.
pub(crate) fn wait<T>(
    what: &str,
    mut look: impl FnMut() -> eyre::Result<Option<T>>,
) -> eyre::Result<T> {
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
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    /// A number below `end`; 0 where there is none.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
