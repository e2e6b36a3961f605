//! A steady load of transfers, and what was answered to it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use eyre::{bail, ensure, eyre};
use serde_json::{Value, json};

use super::rpc::{Rpc, number, text};

/// Between two requests, each with one transfer of every account.
const PAUSE: Duration = Duration::from_millis(40);
/// Who receives.
const RECEIVER: &str = "0x00000000000000000000000000000000000000aa";

/// What was answered so far: promises that a crash must not break.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered {
    /// Hashes of accepted transactions, by account and nonce.
    pub(crate) accepted: Vec<BTreeMap<u64, String>>,
    /// Next nonce of every account, the ones taken without an answer counted.
    pub(crate) next: Vec<u64>,
    /// Hashes of blocks that were served.
    pub(crate) blocks: BTreeMap<u64, String>,
    /// Transfers that were refused since the disk is nearly full.
    pub(crate) disk_low: u64,
    /// Why the load ended, if it did.
    failed: Option<String>,
}

impl Answered {
    /// Counts all accepted transactions.
    pub(crate) fn count(&self) -> usize {
        self.accepted.iter().map(BTreeMap::len).sum()
    }

    /// Takes note of a served block, which must be the one that was served before at this height.
    pub(crate) fn block(&mut self, block: &Value) -> eyre::Result<()> {
        let (at, hash) = (number(&block["number"])?, text(&block["hash"])?);
        let known = self.blocks.entry(at).or_insert_with(|| hash.clone());
        ensure!(*known == hash, "block {at} was {known} and is {hash}, and L1 took nothing back");
        Ok(())
    }
}

/// The load, on a thread of its own.
pub(crate) struct Load {
    answered: Arc<Mutex<Answered>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Load {
    /// Sends from `accounts`, each from the nonce that it is at; `signer` has their keys.
    pub(crate) fn start(rpc: &Rpc, signer: &Rpc, accounts: &[String]) -> eyre::Result<Self> {
        let next = accounts
            .iter()
            .map(|account| {
                number(&rpc.ask("eth_getTransactionCount", json!([account, "pending"]))?)
            })
            .collect::<eyre::Result<Vec<_>>>()?;
        let empty = Answered {
            accepted: vec![BTreeMap::new(); accounts.len()],
            next,
            ..Answered::default()
        };
        let answered = Arc::new(Mutex::new(empty));
        let stop = Arc::new(AtomicBool::new(false));
        let sender = Sender {
            rpc: rpc.clone(),
            signer: signer.clone(),
            chain_id: text(&rpc.ask("eth_chainId", json!([]))?)?,
            accounts: accounts.to_vec(),
            doubtful: vec![false; accounts.len()],
            answered: Arc::clone(&answered),
        };
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || sender.run(&stopped));
        Ok(Self { answered, stop, thread })
    }

    /// What was answered up to now.
    pub(crate) fn answered(&self) -> Answered {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of a served block.
    pub(crate) fn block(&self, block: &Value) -> eyre::Result<()> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).block(block)
    }

    /// Fails if the load found something wrong.
    pub(crate) fn check(&self) -> eyre::Result<()> {
        match self.answered().failed {
            Some(reason) => Err(eyre!(reason)),
            None => Ok(()),
        }
    }

    /// Ends the load, and says all that was answered.
    pub(crate) fn stop(self) -> eyre::Result<Answered> {
        self.stop.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            bail!("the load crashed");
        }
        let answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(reason) = &answered.failed {
            return Err(eyre!(reason.clone()));
        }
        ensure!(
            answered.accepted.iter().all(|accepted| !accepted.is_empty()),
            "no transfer of one of the accounts was ever accepted: this was no load"
        );
        Ok(answered)
    }
}

struct Sender {
    rpc: Rpc,
    signer: Rpc,
    chain_id: String,
    accounts: Vec<String>,
    /// Whether the next transfer of an account was sent before, and the answer lost.
    doubtful: Vec<bool>,
    answered: Arc<Mutex<Answered>>,
}

impl Sender {
    fn run(mut self, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            if let Err(error) = self.round() {
                let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
                answered.failed = Some(format!("{error:#}"));
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// One transfer of every account in one request, and the head.
    fn round(&mut self) -> eyre::Result<()> {
        let next = self.answered.lock().unwrap_or_else(PoisonError::into_inner).next.clone();
        let transfers: Vec<(&str, Value)> = self
            .accounts
            .iter()
            .zip(&next)
            .map(|(account, nonce)| {
                ("eth_signTransaction", json!([transfer(account, *nonce, &self.chain_id)]))
            })
            .collect();
        // The same again gives the same bytes: signatures are deterministic.
        let mut questions = Vec::new();
        for signed in self.signer.ask_all(&transfers)? {
            let signed = signed.map_err(|error| eyre!("a transfer is not signed: {error}"))?;
            questions.push(("eth_sendRawTransaction", json!([signed])));
        }
        questions.push(("eth_getBlockByNumber", json!(["latest", false])));
        let Ok(answers) = self.rpc.ask_all(&questions) else {
            // It is dead: whether these arrived is not known.
            self.doubtful.fill(true);
            return Ok(());
        };
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, answer) in answers.into_iter().enumerate() {
            let Some(doubtful) = self.doubtful.get_mut(at) else {
                if let Ok(block) = answer {
                    answered.block(&block)?;
                }
                continue;
            };
            let nonce = next.get(at).copied().unwrap_or_default();
            let taken = match answer {
                Ok(hash) => {
                    let hash = text(&hash)?;
                    if let Some(accepted) = answered.accepted.get_mut(at) {
                        accepted.insert(nonce, hash);
                    }
                    true
                }
                Err(reason) if known_before(&reason) => {
                    ensure!(*doubtful, "nonce {nonce} of account {at}, sent once: {reason}");
                    true
                }
                // Full, or about to die: the same again.
                Err(reason) => {
                    answered.disk_low += u64::from(reason.contains("disk is nearly full"));
                    false
                }
            };
            *doubtful = !taken;
            if taken && let Some(next) = answered.next.get_mut(at) {
                *next = nonce + 1;
            }
        }
        Ok(())
    }
}

fn known_before(reason: &str) -> bool {
    reason.contains("already known") || reason.contains("nonce too low")
}

fn transfer(from: &str, nonce: u64, chain_id: &str) -> Value {
    json!({
        "type": "0x2", "chainId": chain_id, "maxPriorityFeePerGas": "0x1",
        "from": from, "to": RECEIVER, "value": "0x1", "nonce": format!("{nonce:#x}"),
        "gas": "0x5208", "maxFeePerGas": "0x174876e800",
    })
}
