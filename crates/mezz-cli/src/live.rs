//! The live view of a running chain.

use std::{
    collections::VecDeque,
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use eyre::{WrapErr as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use mezz_node::{Move, Node, Posted};
use mezz_rpc::RpcHandle;
use mezz_store::ClaimOutcome;
use mezz_types::BatchIndex;
use serde_json::json;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::broadcast::error::RecvError,
};

use crate::{metrics::MetricsServer, output::Output};

/// How often the view is drawn on a terminal, and told elsewhere.
const DRAW: Duration = Duration::from_millis(500);
const TELL: Duration = Duration::from_secs(10);

/// What was seen since the start.
#[derive(Default)]
struct Totals {
    l1_gas: u64,
    batches: u64,
    batch_bytes: u64,
    claims: u64,
    finalized: u64,
    /// Head and its transactions at times of late, for the rate. What was there at the start does not count.
    counted: Option<u64>,
    transactions: u64,
    samples: VecDeque<(Instant, u64)>,
}

/// Shows the chain until it fails or the user stops it.
pub(crate) async fn watch_chain(
    node: &mut Node,
    stop: &mut StopSignal,
    out: Output,
) -> eyre::Result<()> {
    let terminal = std::io::stderr().is_terminal() && !out.is_json();
    let bar = if terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let mut posted = node.posted.subscribe();
    let mut moves = node.moves.subscribe();
    let mut ticks = tokio::time::interval(if terminal { DRAW } else { TELL });
    let mut totals = Totals::default();
    loop {
        tokio::select! {
            () = stop.received() => break,
            error = node.failed() => {
                bar.finish_and_clear();
                return Err(error.into());
            }
            batch = posted.recv() => totals.posted(batch, out, &bar),
            step = moves.recv() => totals.moved(step, out, &bar),
            _ = ticks.tick() => {
                let (value, text) = totals.describe(node)?;
                if terminal {
                    bar.set_message(text);
                    bar.tick();
                } else {
                    out.emit("status", &value, text);
                }
            }
        }
    }
    bar.finish_and_clear();
    out.say("Stopping …");
    Ok(())
}

/// Stops in order: nothing is asked for any more, what was asked is answered, what is under way is
/// done. A second signal ends it as a crash would, which loses nothing that was accepted either.
///
/// # Errors
/// That of a role; that there was a second signal.
pub(crate) async fn stop_in_order(
    node: Node,
    rpc: RpcHandle,
    metrics: Option<MetricsServer>,
    stop: &mut StopSignal,
) -> eyre::Result<()> {
    let stopping = async {
        // Load balancers ask it whether to send requests here.
        drop(metrics);
        rpc.stop().await;
        node.shutdown().await
    };
    tokio::select! {
        stopped = stopping => Ok(stopped?),
        () = stop.received() => {
            bail!("stopped half-way by a second signal; the next start puts things in order")
        }
    }
}

/// Ctrl-C, or the signal that service managers send.
pub(crate) struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    /// Listens from now on: a signal that comes before [`received`](Self::received) is asked is kept
    /// for it, whereas one that comes before this call kills the process. So this is called before
    /// anybody is told that the process runs.
    ///
    /// # Errors
    /// Those of the operating system.
    pub(crate) fn listen() -> eyre::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).wrap_err("listening for signals")?;
        let terminate = signal(SignalKind::terminate()).wrap_err("listening for signals")?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for the next one.
    pub(crate) async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Totals {
    fn posted(&mut self, batch: Result<Posted, RecvError>, out: Output, bar: &ProgressBar) {
        let Ok(batch) = batch else { return };
        self.batches += 1;
        self.batch_bytes += batch.bytes as u64;
        self.l1_gas += batch.gas_used;
        let value = json!({
            "batch": batch.index, "first": batch.blocks.0, "last": batch.blocks.1,
            "bytes": batch.bytes, "gasUsed": batch.gas_used, "l1Block": batch.l1_block,
        });
        let text = format!(
            "batch {} · blocks {}–{} · {} bytes · {} L1 gas",
            batch.index, batch.blocks.0, batch.blocks.1, batch.bytes, batch.gas_used
        );
        bar.suspend(|| out.emit("batch", &value, text));
    }

    fn moved(&mut self, step: Result<Move, RecvError>, out: Output, bar: &ProgressBar) {
        let Ok(step) = step else { return };
        let (event, batch_end, gas_used) = match step {
            Move::Proposed { batch_end, gas_used } => {
                self.claims += 1;
                ("claim", batch_end, gas_used)
            }
            Move::Finalized { batch_end, gas_used, .. } => {
                self.finalized += 1;
                ("final", batch_end, gas_used)
            }
        };
        self.l1_gas += gas_used;
        let value = json!({ "batchEnd": batch_end, "gasUsed": gas_used });
        let text = format!("{event} · batches below {batch_end} · {gas_used} L1 gas");
        bar.suspend(|| out.emit(event, &value, text));
    }

    fn describe(&mut self, node: &Node) -> eyre::Result<(serde_json::Value, String)> {
        let view = &node.view;
        let head = view.head.borrow().number;
        let number = |block: Option<mezz_store::BlockRef>| block.map_or(0, |it| it.number.get());
        let safe = number(view.reader.safe()?);
        let finalized = number(view.reader.finalized()?);
        let l1_block = view.l1.cursor()?.map_or(0, |at| at.number.get());
        let claims = view.l1.claims_from(BatchIndex::ZERO, 4_096)?;
        let open = claims.iter().filter(|claim| claim.outcome.is_none()).count();
        let done = claims
            .iter()
            .filter(|claim| matches!(claim.outcome, Some((ClaimOutcome::Final, _))))
            .count();
        let rate = self.rate(node, head)?;
        let l1_gas = self.l1_gas;
        let value = json!({
            "latest": head, "safe": safe, "finalized": finalized, "l1Block": l1_block,
            "batches": self.batches, "claimsOpen": open, "claimsFinal": done,
            "transactionsPerSecond": rate, "l1GasUsed": l1_gas,
        });
        let text = format!(
            "latest {head} · safe {safe} · finalized {finalized} │ L1 {l1_block} │ {} batches · \
             {open} claims open, {done} final │ {rate:.0} tx/s │ {l1_gas} L1 gas",
            self.batches
        );
        Ok((value, text))
    }

    /// Transactions a second over the last ten seconds.
    fn rate(&mut self, node: &Node, head: u64) -> eyre::Result<f64> {
        let from = self.counted.unwrap_or(head).max(head.saturating_sub(100));
        for number in from + 1..=head {
            let body = node.view.reader.body(mezz_types::BlockNumber::new(number))?;
            self.transactions += body.map_or(0, |body| body.transactions.len() as u64);
        }
        self.counted = Some(head);
        let now = Instant::now();
        self.samples.push_back((now, self.transactions));
        while self.samples.front().is_some_and(|(at, _)| now.duration_since(*at).as_secs() > 10) {
            self.samples.pop_front();
        }
        let Some((at, count)) = self.samples.front() else { return Ok(0.0) };
        let passed = now.duration_since(*at).as_secs_f64();
        Ok(if passed < 0.1 { 0.0 } else { (self.transactions - count) as f64 / passed })
    }
}
