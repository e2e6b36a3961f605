//! Where the numbers come from.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alloy::{
    consensus::EMPTY_ROOT_HASH,
    providers::{DynProvider, Provider as _},
};
use alloy_primitives::{Address, utils::format_ether};
use mezz_evm::ExtraData;
use mezz_node::{BlockTiming, ChainView, Clock, L1View, Move, Node, PoolHandle, Posted};
use mezz_store::{BlockRef, ClaimOutcome, StoreError, StoredClaim};
use mezz_types::{BatchIndex, BlockNumber};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        watch,
    },
    task::JoinSet,
};

use super::{
    Board,
    backlog::{Backlog, BlockFacts},
};

/// Between questions to L1.
const ASK_L1: Duration = Duration::from_secs(15);
/// Longest that L1 may take to answer one.
const L1_PATIENCE: Duration = Duration::from_secs(10);
/// Claims looked at: each costs its proposer a bond or extends a line.
const MAX_CLAIMS: usize = 4_096;
/// Age of the L1 block last processed at which a node counts as behind, seconds.
const MAX_L1_AGE: u64 = 180;
/// Batches on L1 that are not executed at which a node counts as behind.
const MAX_BACKLOG: u64 = 2;

/// A key whose balance matters.
#[derive(Clone, Debug)]
pub(crate) struct WatchedKey {
    /// What it is for.
    pub(crate) role: &'static str,
    /// Its address.
    pub(crate) address: Address,
}

/// What a node shows of itself.
pub(crate) struct Probe {
    board: Board,
    backlog: Backlog,
    view: ChainView,
    pool: Option<PoolHandle>,
    l1: watch::Receiver<L1View>,
    rpc: mezz_rpc::RpcHandle,
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
}

/// Whether a node may be asked for the state of the chain, and why not.
pub(crate) type Readiness = Result<(), String>;

impl Probe {
    /// Reads this node.
    pub(crate) fn new(
        node: &Node,
        rpc: mezz_rpc::RpcHandle,
        data_dir: PathBuf,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            board: Board::new(),
            backlog: Backlog::default(),
            view: node.view.clone(),
            pool: node.pool.clone(),
            l1: node.l1.clone(),
            rpc,
            data_dir,
            clock,
        }
    }

    /// Shows how much of the disk is kept in reserve.
    pub(crate) fn keeps_free(&self, bytes: u64) {
        self.board.disk_reserve.set(bytes as f64);
    }

    /// Counts what passes by, and asks L1 about `keys`, until the set is dropped.
    pub(crate) fn follow(
        &self,
        node: &Node,
        l1: DynProvider,
        keys: Vec<WatchedKey>,
        tasks: &mut JoinSet<()>,
    ) {
        tasks.spawn(each(node.posted.subscribe(), self.board.clone(), count_batch));
        tasks.spawn(each(node.moves.subscribe(), self.board.clone(), count_move));
        tasks.spawn(each(node.view.timings.subscribe(), self.board.clone(), count_block));
        tasks.spawn(ask_l1(self.board.clone(), l1, keys));
    }

    /// Takes a look, and gives all numbers as text.
    pub(crate) async fn observe(&self) -> eyre::Result<String> {
        let board = &self.board;
        if let Some(pool) = &self.pool {
            let status = pool.status().await;
            Board::set(&board.pool_transactions, "state", "pending", status.pending as f64);
            Board::set(&board.pool_transactions, "state", "queued", status.queued as f64);
        }
        for (method, outcome, count) in self.rpc.requests() {
            let labels = vec![("method", method.to_owned()), ("outcome", outcome.to_owned())];
            let series = board.rpc_requests.get_or_create(&labels);
            series.inner().store(count, Ordering::Relaxed);
        }
        let load = self.rpc.load();
        board.rpc_subscriptions.set(load.subscriptions as f64);
        let closed = load.subscriptions_closed;
        board.rpc_subscriptions_closed.inner().store(closed, Ordering::Relaxed);
        board.rpc_busy.inner().store(load.busy, Ordering::Relaxed);
        self.look_at_chain()?;
        self.look_at_claims()?;
        self.look_at_disk()?;
        board.disk_free.set(self.free_bytes()?);
        board.ready.set(if self.readiness()?.is_ok() { 1.0 } else { 0.0 });
        Ok(board.encode())
    }

    /// What the disk has room for.
    fn free_bytes(&self) -> eyre::Result<f64> {
        let free = rustix::fs::statvfs(&self.data_dir)?;
        Ok(free.f_bavail as f64 * free.f_frsize as f64)
    }

    fn now_secs(&self) -> u64 {
        self.clock.now_ms() / 1_000
    }

    fn look_at_chain(&self) -> eyre::Result<()> {
        let Self { board, view, .. } = self;
        let head = Arc::clone(&view.head.borrow());
        let number = |block: Option<BlockRef>| block.map_or(0, |it| it.number.get());
        let safe = number(view.reader.safe()?);
        Board::set(&board.block_number, "label", "latest", head.number as f64);
        Board::set(&board.block_number, "label", "safe", safe as f64);
        let finalized = number(view.reader.finalized()?);
        Board::set(&board.block_number, "label", "finalized", finalized as f64);
        board.head_timestamp.set(head.timestamp as f64);
        board.unposted_blocks.set(head.number.saturating_sub(safe) as f64);
        let oldest = self.backlog.oldest_work(safe, head.number, |number| {
            let header = view.reader.header(BlockNumber::new(number))?;
            Ok::<_, StoreError>(header.map(|(hash, header)| BlockFacts {
                hash,
                timestamp: header.timestamp,
                empty: header.transactions_root == EMPTY_ROOT_HASH,
            }))
        })?;
        let age = oldest.map_or(0, |timestamp| self.now_secs().saturating_sub(timestamp));
        board.unposted_age.set(age as f64);
        let consumed = ExtraData::decode(&head.extra_data).unwrap_or_default().next_inbox_index;
        let messages = view.l1.inbox_end()?.0;
        let waiting = messages.get().saturating_sub(consumed.get());
        board.messages_unconsumed.set(waiting as f64);
        let l1 = *self.l1.borrow();
        board.l1_block_number.set(view.l1.cursor()?.map_or(0, |at| at.number.get()) as f64);
        board.l1_timestamp.set(l1.timestamp as f64);
        let age_ms = self.clock.now_ms().saturating_sub(l1.seen_at_ms);
        board.l1_seen_age.set(age_ms as f64 / 1_000.0);
        Ok(())
    }

    fn look_at_disk(&self) -> eyre::Result<()> {
        let (board, reader) = (&self.board, &self.view.reader);
        let footprint = reader.footprint()?;
        for (part, bytes) in &footprint.parts {
            Board::set(&board.data_bytes, "part", part, *bytes as f64);
        }
        let all = footprint.history_from == BlockNumber::ZERO;
        let growth = footprint.growth.map_or(0, |growth| growth.bytes_per_day(all));
        board.data_growth.set(growth as f64);
        board.history_from.set(footprint.history_from.get() as f64);
        let usage = reader.usage()?;
        for (state, buckets) in [
            ("head_used", usage.head_occupied),
            ("head_all", usage.head_capacity),
            ("final_used", usage.final_occupied),
            ("final_all", usage.final_capacity),
        ] {
            Board::set(&board.state_buckets, "state", state, buckets as f64);
        }
        Ok(())
    }

    fn look_at_claims(&self) -> eyre::Result<()> {
        let (board, l1) = (&self.board, &self.view.l1);
        let (posted, derived) = self.batches()?;
        let done = l1.last_final_claim()?.map_or(BatchIndex::ZERO, |claim| claim.batch_end);
        let claims = l1.claims_from(done, MAX_CLAIMS)?;
        let open = claims.iter().filter(|it| it.outcome.is_none());
        let contested = open.clone().filter(|it| it.contested.is_some()).count();
        Board::set(&board.claims, "state", "open", open.count() as f64);
        Board::set(&board.claims, "state", "contested", contested as f64);
        let lost = |it: &&StoredClaim| matches!(it.outcome, Some((ClaimOutcome::Lost, _)));
        let lost = claims.iter().filter(lost).count();
        Board::set(&board.claims, "state", "lost", lost as f64);
        let wrong = self.view.wrong_final_claim()?.is_some();
        board.wrong_final_claim.set(if wrong { 1.0 } else { 0.0 });
        Board::set(&board.batches, "state", "posted", posted as f64);
        Board::set(&board.batches, "state", "derived", derived as f64);
        Board::set(&board.batches, "state", "final", done.get() as f64);
        Ok(())
    }

    /// How many batches are on L1 and how many of them are executed.
    fn batches(&self) -> eyre::Result<(u64, u64)> {
        let l1 = &self.view.l1;
        let posted = l1.last_batch()?.map_or(0, |last| last.batch.index.get().saturating_add(1));
        let derived = l1.last_outcome()?.map_or(0, |(last, _)| last.get().saturating_add(1));
        Ok((posted, derived))
    }

    /// Whether the node follows L1, is not behind, and agrees with what is final there.
    pub(crate) fn readiness(&self) -> eyre::Result<Readiness> {
        if let Some(wrong) = self.view.wrong_final_claim()? {
            return Ok(Err(wrong.to_string()));
        }
        if let Some(low) = low_disk(self.free_bytes()?, self.board.disk_reserve.get()) {
            return Ok(Err(low));
        }
        let l1 = *self.l1.borrow();
        if l1.seen_at_ms == 0 {
            return Ok(Err("no L1 block was processed since the start".into()));
        }
        if !l1.caught_up {
            return Ok(Err("L1 was not read to its end since the start".into()));
        }
        let age = self.now_secs().saturating_sub(l1.timestamp);
        if age > MAX_L1_AGE {
            return Ok(Err(format!("the L1 block last processed is {age} s old")));
        }
        let (posted, derived) = self.batches()?;
        let behind = posted.saturating_sub(derived);
        if behind > MAX_BACKLOG {
            return Ok(Err(format!("{behind} batches on L1 are not executed yet")));
        }
        Ok(Ok(()))
    }
}

/// Hands on what is broadcast; what a slow reader missed is not counted.
async fn each<T: Clone>(
    mut news: broadcast::Receiver<T>,
    board: Board,
    count: impl Fn(&Board, T) + Send,
) {
    loop {
        match news.recv().await {
            Ok(item) => count(&board, item),
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "not counted"),
            Err(RecvError::Closed) => return,
        }
    }
}

fn count_batch(board: &Board, batch: Posted) {
    board.batches_posted.inc();
    board.batch_bytes.inc_by(batch.bytes as u64);
    count_gas(board, "batcher", batch.gas_used);
}

fn count_move(board: &Board, step: Move) {
    let gas_used = match step {
        Move::Proposed { gas_used, .. } => {
            board.claims_posted.inc();
            gas_used
        }
        Move::Finalized { gas_used, .. } => {
            board.claims_finalized.inc();
            gas_used
        }
    };
    count_gas(board, "proposer", gas_used);
}

fn count_gas(board: &Board, role: &str, gas_used: u64) {
    board.l1_gas_used.get_or_create(&vec![("role", role.to_owned())]).inc_by(gas_used);
}

fn count_block(board: &Board, block: BlockTiming) {
    board.transactions.inc_by(block.transactions as u64);
    for (step, took) in [("execute", block.execute), ("commit", block.commit)] {
        board.block_step.observe(step, took.as_secs_f64());
    }
}

/// Asks L1 whether it is there, and what the keys hold.
async fn ask_l1(board: Board, l1: DynProvider, keys: Vec<WatchedKey>) {
    let mut ticks = tokio::time::interval(ASK_L1);
    loop {
        ticks.tick().await;
        let answered = tokio::time::timeout(L1_PATIENCE, l1.get_block_number()).await;
        let reachable = matches!(answered, Ok(Ok(_)));
        board.l1_reachable.set(if reachable { 1.0 } else { 0.0 });
        for key in keys.iter().filter(|_| reachable) {
            let asked = tokio::time::timeout(L1_PATIENCE, l1.get_balance(key.address)).await;
            if let Ok(Ok(balance)) = asked {
                let labels =
                    vec![("role", key.role.to_owned()), ("address", key.address.to_string())];
                // A float suits a gauge; money is not counted with it.
                let ether: f64 = format_ether(balance).parse().unwrap_or_default();
                board.key_balance.get_or_create(&labels).set(ether);
            }
        }
    }
}

/// Why transactions are refused, if less is free than is kept in reserve; bytes.
pub(super) fn low_disk(free: f64, reserve: f64) -> Option<String> {
    let mib = |bytes: f64| (bytes / f64::from(1 << 20)).round();
    (free < reserve).then(|| {
        format!(
            "the disk is nearly full, and no transactions are taken: {} MiB are free, {} MiB are kept in reserve",
            mib(free),
            mib(reserve)
        )
    })
}
