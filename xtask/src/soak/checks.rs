//! What must hold, whatever was killed when.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use eyre::{WrapErr as _, ensure, eyre};
use serde_json::{Value, json};

use super::{
    OPERATOR, PROPOSER,
    load::{Answered, Load},
    process::Process,
    rpc::{Rpc, number, text},
    wait,
};

/// Served blocks that are asked for again after each crash; all of them are in the end.
const RECENT: usize = 20;
/// Questions in one request.
const CHUNK: usize = 50;

/// L1, and whom to look for on it.
pub(crate) struct World {
    /// Where it answers.
    pub(crate) l1: Rpc,
    accounts: Vec<String>,
    operator: String,
    proposer: String,
    inbox: String,
    settlement: String,
    reorgs: u32,
    _l1_process: Process,
}

impl World {
    pub(crate) fn new(
        l1: Rpc,
        l1_process: Process,
        chain: &Path,
        accounts: &[String],
    ) -> eyre::Result<Self> {
        let chain: Value = serde_json::from_str(&fs::read_to_string(chain)?)?;
        let account = |index: usize| {
            accounts.get(index).cloned().ok_or_else(|| eyre!("L1 has no account {index}"))
        };
        let contract = |name: &str| -> eyre::Result<String> {
            text(&chain["contracts"][name]).map(|address| address.to_lowercase())
        };
        Ok(Self {
            operator: account(OPERATOR)?,
            proposer: account(PROPOSER)?,
            inbox: contract("inbox")?,
            settlement: contract("settlement")?,
            reorgs: 0,
            accounts: accounts.to_vec(),
            l1,
            _l1_process: l1_process,
        })
    }

    /// L1 takes back its last `depth` blocks, and what was in them: nobody sends it again but who sent it.
    pub(crate) fn take_back(&mut self, depth: u64) -> eyre::Result<()> {
        self.l1.ask("anvil_reorg", json!([depth, []]))?;
        self.reorgs += 1;
        Ok(())
    }

    /// How far everything is, in one line.
    pub(crate) fn progress(&self, load: &Load) -> String {
        let answered = load.answered();
        let head = answered.blocks.keys().last().copied().unwrap_or_default();
        format!("{} transactions accepted, block {head}", answered.count())
    }

    /// Of a process that has just started again: the blocks that were served are there (all that a
    /// node which does not sequence has so far), and no accepted nonce is free again.
    pub(crate) fn nothing_acknowledged_is_gone(
        &self,
        process: &mut Process,
        sequences: bool,
        load: &Load,
    ) -> eyre::Result<()> {
        let before = load.answered();
        let latest = process.rpc.ask("eth_getBlockByNumber", json!(["latest", false]))?;
        let head = number(&latest["number"])?;
        load.block(&latest).wrap_err_with(|| format!("the head of {}", process.name))?;
        if let Some((last, _)) = before.blocks.last_key_value() {
            ensure!(
                !sequences || *last <= head,
                "block {last} was served, and after the crash the head is {head}"
            );
        }
        let recent: Vec<u64> =
            before.blocks.range(..=head).rev().take(RECENT).map(|it| *it.0).collect();
        for block in blocks(&process.rpc, &recent)? {
            load.block(&block).wrap_err_with(|| format!("asked of {}", process.name))?;
        }
        if !sequences {
            return Ok(());
        }
        let questions: Vec<(&str, Value)> = self
            .accounts
            .iter()
            .take(before.next.len())
            .map(|account| ("eth_getTransactionCount", json!([account, "pending"])))
            .collect();
        for ((account, next), answer) in
            (0..).zip(&before.next).zip(process.rpc.ask_all(&questions)?)
        {
            let got = number(&answer.map_err(|error| eyre!(error))?)?;
            ensure!(
                got >= *next,
                "account {account} has used nonces below {next}, and after the crash its next is {got}"
            );
        }
        Ok(())
    }

    /// Waits until everything is on L1 and compares it all.
    pub(crate) fn settle(
        &self,
        processes: &mut [Process],
        answered: &Answered,
    ) -> eyre::Result<String> {
        let sequencer = processes.first().ok_or_else(|| eyre!("nobody sequences"))?;
        wait("every nonce is used", || {
            for (account, next) in self.accounts.iter().zip(&answered.next) {
                let used =
                    sequencer.rpc.ask("eth_getTransactionCount", json!([account, "latest"]))?;
                if number(&used)? < *next {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })?;
        let head = number(&sequencer.rpc.ask("eth_blockNumber", json!([]))?)?;
        served_blocks_are_there(sequencer, answered)?;
        let last = accepted_are_in_blocks(&sequencer.rpc, head, answered)?;
        let tips = processes
            .iter_mut()
            .map(|process| {
                let name = process.name;
                wait(&format!("block {last} is safe on {name}"), || {
                    process.check_alive()?;
                    let safe = process.rpc.ask("eth_getBlockByNumber", json!(["safe", false]))?;
                    Ok((number(&safe["number"])? >= last).then_some(()))
                })?;
                let block =
                    blocks(&process.rpc, &[last])?.pop().ok_or_else(|| eyre!("no block"))?;
                Ok((name, text(&block["hash"])?, text(&block["stateRoot"])?))
            })
            .collect::<eyre::Result<Vec<_>>>()?;
        let mut lines = vec![format!(
            "soak: {} transactions accepted, each in a block of {head} with its receipt",
            answered.count()
        )];
        for (name, hash, root) in &tips {
            lines.push(format!("soak: {name:9} block {last} {hash}, state {root}"));
        }
        ensure!(
            tips.iter()
                .all(|it| tips.first().is_some_and(|first| it.1 == first.1 && it.2 == first.2)),
            "the nodes differ:\n{}",
            lines.join("\n")
        );
        let fresh = processes.last().ok_or_else(|| eyre!("nobody derives"))?;
        if self.reorgs > 0 {
            lines.push(format!("soak: L1 took blocks back {} times", self.reorgs));
        }
        lines.push(self.batches_are_posted_once(&fresh.rpc)?);
        lines.push(self.claims_are_made_once()?);
        Ok(lines.join("\n"))
    }

    /// Every transaction with which the operator reached the inbox is one batch, every batch begins
    /// where the one before it ends, and none was refused because it was there already.
    fn batches_are_posted_once(&self, rpc: &Rpc) -> eyre::Result<String> {
        let (posted, refused) = self.sent(&self.operator, &self.inbox)?;
        let mut batches = BTreeSet::new();
        let mut next = 1;
        for index in 0..posted.len() {
            let batch = rpc.ask("mezz_getBatch", json!([format!("{index:#x}")]))?;
            let transaction = text(&batch["l1Transaction"])
                .wrap_err_with(|| format!("{} posts, and no batch {index}", posted.len()))?;
            ensure!(batch["void"].is_null(), "batch {index} is void: {}", batch["void"]);
            let first = block_number(&batch["firstBlock"])?;
            ensure!(first == next, "batch {index} begins with block {first}, not {next}");
            next = block_number(&batch["lastBlock"])? + 1;
            ensure!(batches.insert(transaction), "batch {index} shares its transaction");
        }
        ensure!(batches == posted, "batches come from other transactions than the operator's");
        let beyond = rpc.ask("mezz_getBatch", json!([format!("{:#x}", posted.len())]))?;
        ensure!(beyond.is_null(), "there are more batches than the operator's {}", posted.len());
        self.none_refused("posts", refused)?;
        Ok(format!("soak: {} batches, each posted once, up to block {}", posted.len(), next - 1))
    }

    /// No range of batches is claimed twice, and no claim was refused.
    fn claims_are_made_once(&self) -> eyre::Result<String> {
        let (sent, refused) = self.sent(&self.proposer, &self.settlement)?;
        let filter =
            json!([{ "address": self.settlement, "fromBlock": "0x0", "toBlock": "latest" }]);
        let logs = self.l1.ask("eth_getLogs", filter)?;
        let mut ranges = BTreeSet::new();
        let mut claims = 0usize;
        for log in logs.as_array().into_iter().flatten() {
            // Of its events, `ClaimProposed` alone has three indexed fields: id, parent, proposer.
            let [_, _, parent, _] = log["topics"].as_array().map_or(&[][..], Vec::as_slice) else {
                continue;
            };
            let batch_end: String = text(&log["data"])?.chars().skip(2).take(64).collect();
            claims += 1;
            ensure!(
                ranges.insert((text(parent)?, batch_end.clone())),
                "batches below 0x{batch_end} were claimed twice on one parent"
            );
        }
        self.none_refused("moves of the proposer", refused)?;
        Ok(format!("soak: {claims} claims, each made once, in {} moves", sent.len()))
    }

    /// Fails if L1 refused what was sent twice. What builds on a block that L1 took back is refused, too.
    fn none_refused(&self, what: &str, refused: usize) -> eyre::Result<()> {
        ensure!(
            refused == 0 || self.reorgs > 0,
            "L1 refused {refused} {what}: they were sent twice"
        );
        Ok(())
    }

    /// Transactions from `sender` to `contract` on L1: hashes of those that worked, and how many
    /// did not.
    fn sent(&self, sender: &str, contract: &str) -> eyre::Result<(BTreeSet<String>, usize)> {
        let head = number(&self.l1.ask("eth_blockNumber", json!([]))?)?;
        let (mut worked, mut refused) = (BTreeSet::new(), 0);
        for at in 0..=head {
            let block = self.l1.ask("eth_getBlockByNumber", json!([format!("{at:#x}"), true]))?;
            for transaction in block["transactions"].as_array().into_iter().flatten() {
                let is = |field: &str, who: &str| {
                    transaction[field].as_str().is_some_and(|it| it.eq_ignore_ascii_case(who))
                };
                if !is("from", sender) || !is("to", contract) {
                    continue;
                }
                let hash = text(&transaction["hash"])?;
                let receipt = self.l1.ask("eth_getTransactionReceipt", json!([hash]))?;
                if receipt["status"] == "0x1" {
                    worked.insert(hash);
                } else {
                    refused += 1;
                }
            }
        }
        Ok((worked, refused))
    }
}

/// Batches name blocks as JSON numbers.
fn block_number(value: &Value) -> eyre::Result<u64> {
    value.as_u64().map_or_else(|| number(value), Ok)
}

/// These blocks, in this order.
fn blocks(rpc: &Rpc, numbers: &[u64]) -> eyre::Result<Vec<Value>> {
    let questions: Vec<(&str, Value)> = numbers
        .iter()
        .map(|at| ("eth_getBlockByNumber", json!([format!("{at:#x}"), false])))
        .collect();
    let mut found = Vec::new();
    for chunk in questions.chunks(CHUNK) {
        for answer in rpc.ask_all(chunk)? {
            found.push(answer.map_err(|error| eyre!(error))?);
        }
    }
    Ok(found)
}

/// Every block that was ever served is what it was.
fn served_blocks_are_there(process: &Process, answered: &Answered) -> eyre::Result<()> {
    let numbers: Vec<u64> = answered.blocks.keys().copied().collect();
    let mut answered = answered.clone();
    for block in blocks(&process.rpc, &numbers)? {
        answered.block(&block).wrap_err_with(|| format!("asked of {}", process.name))?;
    }
    Ok(())
}

/// Every accepted transaction has a receipt in a block; the last such block is returned.
fn accepted_are_in_blocks(rpc: &Rpc, head: u64, answered: &Answered) -> eyre::Result<u64> {
    let mut mined = BTreeMap::new();
    let numbers: Vec<u64> = (0..=head).collect();
    for chunk in numbers.chunks(CHUNK) {
        let questions: Vec<(&str, Value)> =
            chunk.iter().map(|at| ("eth_getBlockReceipts", json!([format!("{at:#x}")]))).collect();
        for answer in rpc.ask_all(&questions)? {
            let receipts = answer.map_err(|error| eyre!(error))?;
            for receipt in receipts.as_array().into_iter().flatten() {
                let at = number(&receipt["blockNumber"])?;
                let worked = receipt["status"] == "0x1";
                let before = mined.insert(text(&receipt["transactionHash"])?, (at, worked));
                ensure!(before.is_none(), "a transaction is in two blocks: {receipt}");
            }
        }
    }
    let mut last = 0;
    for (account, accepted) in answered.accepted.iter().enumerate() {
        for (nonce, hash) in accepted {
            let found = mined.get(hash);
            let (at, worked) = found.ok_or_else(|| {
                eyre!("{hash}, nonce {nonce} of account {account}, was accepted and is in no block")
            })?;
            ensure!(worked, "{hash} failed in block {at}");
            last = last.max(*at);
        }
    }
    Ok(last)
}
