//! The node that is shot at, and what is looked at meanwhile: a transfer goes through, no line of its log
//! tells of a crash, its memory stays.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use eyre::{WrapErr as _, bail, ensure, eyre};
use serde_json::{Value, json};

use super::schema::Facts;
use crate::soak::{PATIENCE, free_port, process::Process, rpc::Rpc, rpc::number, rpc::text, wait};

/// Between two transfers.
const PULSE: Duration = Duration::from_millis(1_000);
/// Runs code that writes its input to storage and logs it.
const CONTRACT: &str = "0x602f80600b6000396000f360003580 557f\
    ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef\
    60206000a100";
/// Who receives.
const RECEIVER: &str = "0x00000000000000000000000000000000000000aa";

/// A chain of one process.
pub(crate) struct World {
    pub(crate) rpc: Rpc,
    pub(crate) process: Process,
    pub(crate) facts: Facts,
    /// Sends the transfers, and nothing else.
    pub(crate) sender: String,
    read: usize,
}

impl World {
    /// Starts a chain with some history: transfers, a contract, logs, blocks that L1 took back.
    pub(crate) fn start(mezz: &Path, dir: &Path) -> eyre::Result<Self> {
        fs::create_dir_all(dir)?;
        ensure!(mezz.is_file(), "{} is not there: cargo build --release", mezz.display());
        let (rpc, l1) = (Rpc::new(free_port()?), Rpc::new(free_port()?));
        let arguments = [
            format!(
                "up --json --block-time 250ms --rpc {} --l1-rpc {} --metrics 127.0.0.1:{} --data",
                rpc.address(),
                l1.address(),
                free_port()?
            ),
            dir.join("data").display().to_string(),
        ];
        let mut process = Process::start("node", mezz, &arguments, rpc.clone(), dir)?;
        process.wait_until_it_answers(PATIENCE)?;
        let accounts: Vec<String> = serde_json::from_value(rpc.ask("eth_accounts", json!([]))?)?;
        let (sender, others) = accounts.split_first().ok_or_else(|| eyre!("no accounts"))?;
        wait("the accounts have money", || {
            let last = accounts.last();
            Ok((number(&rpc.ask("eth_getBalance", json!([last, "latest"]))?)? > 0).then_some(()))
        })?;
        let mut facts = Facts { addresses: others.to_vec(), ..Facts::default() };
        history(&rpc, sender, &mut facts)?;
        l1.ask("anvil_reorg", json!([1, []]))?;
        transfer(&rpc, sender)?;
        facts.addresses.push(RECEIVER.to_owned());
        for at in 0..6 {
            let block = rpc.ask("eth_getBlockByNumber", json!([format!("{at:#x}"), false]))?;
            facts.blocks.push(text(&block["hash"])?);
        }
        Ok(Self { rpc, process, facts, sender: sender.clone(), read: 0 })
    }

    /// Fails if the process has ended, or its log tells of a crash.
    pub(crate) fn check(&mut self) -> eyre::Result<()> {
        self.process.check_alive()?;
        let log = fs::read(self.process.log())?;
        let new = String::from_utf8_lossy(log.get(self.read..).unwrap_or_default()).into_owned();
        self.read = log.len();
        match new.lines().find(|line| line.contains("panicked") || line.contains("ERROR")) {
            Some(line) => bail!("the node's log says: {line}"),
            None => Ok(()),
        }
    }

    /// Memory that the process has, KiB.
    pub(crate) fn resident_kib(&self) -> eyre::Result<u64> {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(&path).wrap_err(path)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        kib.and_then(|kib| kib.parse().ok()).ok_or_else(|| eyre!("no VmRSS of the node"))
    }
}

/// Transactions that everybody can ask for.
fn history(rpc: &Rpc, sender: &str, facts: &mut Facts) -> eyre::Result<()> {
    let code = CONTRACT.replace(' ', "");
    let made = confirmed(rpc, &json!({ "from": sender, "data": code, "gas": "0x30d40" }))?;
    let contract = text(&made["contractAddress"])?;
    ensure!(made["status"] == "0x1", "the contract was not created");
    for value in 1..4 {
        let data = format!("0x{value:064x}");
        let call = json!({ "from": sender, "to": contract, "data": data, "gas": "0x186a0" });
        let receipt = confirmed(rpc, &call)?;
        ensure!(receipt["logs"][0]["address"] == made["contractAddress"], "the call left no log");
        facts.transactions.push(text(&receipt["transactionHash"])?);
    }
    for hash in &facts.transactions {
        facts.raw.push(text(&rpc.ask("eth_getRawTransactionByHash", json!([hash]))?)?);
    }
    facts.addresses.push(contract);
    Ok(())
}

/// Sends a transaction, and gives its receipt.
fn confirmed(rpc: &Rpc, transaction: &Value) -> eyre::Result<Value> {
    let hash = rpc.ask("eth_sendTransaction", json!([transaction]))?;
    let started = Instant::now();
    loop {
        let receipt = rpc.ask("eth_getTransactionReceipt", json!([hash]))?;
        if !receipt.is_null() {
            return Ok(receipt);
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "an accepted transaction is in no block after {} s: {hash}",
            PATIENCE.as_secs()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A transfer that must go through.
fn transfer(rpc: &Rpc, sender: &str) -> eyre::Result<()> {
    let transaction = json!({ "from": sender, "to": RECEIVER, "value": "0x1", "gas": "0x5208" });
    let receipt = confirmed(rpc, &transaction)?;
    ensure!(receipt["status"] == "0x1", "a transfer failed: {receipt}");
    Ok(())
}

/// Transfers, one after the other, on a thread of its own.
pub(crate) struct Pulse {
    state: Arc<Mutex<(u64, Option<String>)>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Pulse {
    pub(crate) fn start(rpc: &Rpc, sender: &str) -> Self {
        let (state, stop) = (Arc::new(Mutex::new((0, None))), Arc::new(AtomicBool::new(false)));
        let (told, ended) = (Arc::clone(&state), Arc::clone(&stop));
        let (rpc, sender) = (rpc.clone(), sender.to_owned());
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::Acquire) {
                let done = transfer(&rpc, &sender);
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                match done {
                    Ok(()) => told.0 += 1,
                    Err(error) => {
                        told.1 = Some(format!("{error:#}"));
                        return;
                    }
                }
                drop(told);
                std::thread::sleep(PULSE);
            }
        });
        Self { state, stop, thread }
    }

    /// Transfers in blocks so far.
    pub(crate) fn check(&self) -> eyre::Result<u64> {
        let (count, failed) = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failed.map_or(Ok(count), |reason| Err(eyre!(reason).wrap_err("the known-good transfer")))
    }

    /// Ends them; the last one goes through.
    pub(crate) fn stop(self) -> eyre::Result<u64> {
        self.stop.store(true, Ordering::Release);
        ensure!(self.thread.join().is_ok(), "the transfers crashed");
        let (count, failed) = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failed.map_or(Ok(count), |reason| Err(eyre!(reason).wrap_err("the known-good transfer")))
    }
}

/// Where a run keeps its data and its log.
pub(crate) fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("mezz-fuzz-{}", std::process::id()))
}
