//! The pool's loop.

use std::{sync::Arc, thread::JoinHandle};

use alloy_primitives::B256;
use mezz_store::{PoolJournal, StoreError};
use tokio::sync::{broadcast, mpsc};

use super::{
    BlockNews, CandidateLimits, Pool, PoolError, PoolHandle, SharedTransaction,
    ingress::PoolRequest,
    journal::{self, Answer, Entry, run_journal},
};

/// Requests that may wait.
const MAILBOX: usize = 16_384;
/// Arrivals that a subscriber may lag behind.
const ARRIVALS: usize = 4_096;
/// Departures that are written without waiting for an arrival to go along with.
const DEPARTURES: usize = 8_192;

/// Starts the pool's thread, which ends, with its journal closed, when it is told to or the last
/// handle is dropped.
///
/// # Panics
/// If the system starts no thread.
pub fn start_pool(pool: Pool, journal: Arc<PoolJournal>) -> (PoolHandle, JoinHandle<()>) {
    let (mailbox, requests) = mpsc::channel(MAILBOX);
    let (arrivals, _) = broadcast::channel(ARRIVALS);
    let (writer, entries) = mpsc::channel(journal::MAILBOX);
    let told = arrivals.clone();
    let room = Arc::clone(&journal);
    let thread = |name: &str| std::thread::Builder::new().name(name.into());
    let writing = thread("pool-journal")
        .spawn(move || run_journal(&journal, entries, &told))
        .expect("a thread can be started while the node starts");
    let running = thread("pool")
        .spawn(move || {
            Actor { pool, writer, journal: room, low: false }.run(requests);
            if let Err(panic) = writing.join() {
                std::panic::resume_unwind(panic);
            }
        })
        .expect("a thread can be started while the node starts");
    (PoolHandle { mailbox, arrivals }, running)
}

struct Actor {
    pool: Pool,
    writer: mpsc::Sender<Entry>,
    journal: Arc<PoolJournal>,
    /// Whether the disk was nearly full when it was last looked at.
    low: bool,
}

impl Actor {
    fn run(mut self, mut requests: mpsc::Receiver<PoolRequest>) {
        while let Some(request) = requests.blocking_recv() {
            match request {
                // What is in the mailbox by now is still answered.
                PoolRequest::Close => requests.close(),
                request => self.handle(request),
            }
        }
    }

    /// Answers one request. A caller that no longer listens is not an error.
    fn handle(&mut self, request: PoolRequest) {
        match request {
            PoolRequest::Close => {}
            PoolRequest::Insert(transaction, nonce, reply) => {
                self.insert(transaction, nonce, reply);
            }
            PoolRequest::Get(hash, reply) => {
                let _ = reply.send(self.pool.get(hash).cloned());
            }
            PoolRequest::PendingNonce(sender, nonce, reply) => {
                let _ = reply.send(self.pool.pending_nonce(sender, nonce));
            }
            PoolRequest::Status(reply) => {
                let _ = reply.send(self.pool.status());
            }
            PoolRequest::Content(reply) => {
                let content =
                    self.pool.content().map(|(_, entry, runs)| (entry.clone(), runs)).collect();
                let _ = reply.send(content);
            }
            PoolRequest::Candidates(limits, reply) => {
                let _ = reply.send(self.candidates(limits));
            }
            PoolRequest::BlockBuilt(news) => self.block_built(news),
        }
    }

    /// Takes a transaction in; the journal answers its sender.
    fn insert(&mut self, transaction: SharedTransaction, nonce: u64, reply: Answer) {
        if let Err(error) = self.check_room() {
            let _ = reply.send(Err(error));
            return;
        }
        // First a place to write it, so that nothing is taken in that cannot be written.
        let Ok(place) = self.writer.try_reserve() else {
            let _ = reply.send(Err(PoolError::Busy));
            return;
        };
        match self.pool.insert(transaction, nonce) {
            Ok(entry) => place.send(Entry {
                arrived: Some((entry, Some(reply))),
                departed: self.pool.take_departed(),
                settled: None,
            }),
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    /// Refuses before the disk is full: what waits already must still get into blocks.
    fn check_room(&mut self) -> Result<(), PoolError> {
        let room = self.journal.check_room();
        if room.is_err() != self.low {
            self.low = room.is_err();
            match &room {
                Err(error) => tracing::error!(%error, "no transactions are taken"),
                Ok(()) => tracing::warn!("the disk has room: transactions are taken again"),
            }
        }
        match room {
            Err(StoreError::Reserve { free_mib, reserve_mib, .. }) => {
                Err(PoolError::DiskLow { free_mib, reserve_mib })
            }
            _ => Ok(()),
        }
    }

    fn candidates(&self, limits: CandidateLimits) -> Vec<SharedTransaction> {
        use alloy_consensus::Transaction as _;
        use alloy_eips::Encodable2718 as _;
        let (mut gas, mut bytes) = (limits.gas, limits.bytes);
        let mut chosen = Vec::new();
        let mut best = self.pool.best(limits.base_fee);
        while chosen.len() < limits.count
            && let Some(entry) = best.next()
        {
            let left = gas
                .checked_sub(entry.transaction.gas_limit())
                .zip(bytes.checked_sub(entry.transaction.encode_2718_len()));
            match left {
                Some(left) => {
                    (gas, bytes) = left;
                    chosen.push(entry.transaction.clone());
                }
                None => best.skip_sender(),
            }
        }
        chosen
    }

    fn block_built(&mut self, news: BlockNews) {
        for (sender, nonce) in news.nonces {
            self.pool.set_nonce(sender, nonce);
        }
        for hash in news.invalid {
            self.pool.remove_hash(hash);
        }
        for (transaction, nonce) in news.returned {
            let settled = Some(*transaction.tx_hash());
            // One that is outbid or stale by now stays out: its sender can see that it did not run.
            let arrived = self.pool.take_back(transaction, nonce).ok();
            self.write(arrived, settled);
        }
        if self.pool.departures() >= DEPARTURES {
            self.write(None, None);
        }
    }

    fn write(&mut self, arrived: Option<super::PoolTransaction>, settled: Option<B256>) {
        let departed = self.pool.take_departed();
        let arrived = arrived.map(|entry| (entry, None));
        // The journal ends after the pool does.
        let _ = self.writer.blocking_send(Entry { arrived, departed, settled });
    }
}
