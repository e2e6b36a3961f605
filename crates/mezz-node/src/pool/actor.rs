//! The pool's loop.

use tokio::sync::{broadcast, mpsc};

use super::{
    BlockNews, CandidateLimits, Pool, PoolHandle, PoolLimits, SharedTransaction,
    ingress::PoolRequest,
};

/// Requests that may wait.
const MAILBOX: usize = 16_384;
/// Arrivals that a subscriber may lag behind.
const ARRIVALS: usize = 4_096;

/// Starts the pool's task; it ends when the last handle is dropped.
pub fn start_pool(limits: PoolLimits) -> PoolHandle {
    let (mailbox, requests) = mpsc::channel(MAILBOX);
    let (arrivals, _) = broadcast::channel(ARRIVALS);
    let actor = Actor { pool: Pool::new(limits), arrivals: arrivals.clone() };
    tokio::spawn(actor.run(requests));
    PoolHandle { mailbox, arrivals }
}

struct Actor {
    pool: Pool,
    arrivals: broadcast::Sender<SharedTransaction>,
}

impl Actor {
    async fn run(mut self, mut requests: mpsc::Receiver<PoolRequest>) {
        while let Some(request) = requests.recv().await {
            self.handle(request);
        }
    }

    /// Answers one request. A caller that no longer listens is not an error.
    fn handle(&mut self, request: PoolRequest) {
        match request {
            PoolRequest::Insert(transaction, nonce, reply) => {
                let inserted = self.pool.insert(transaction.clone(), nonce);
                if inserted.is_ok() {
                    let _ = self.arrivals.send(transaction);
                }
                let _ = reply.send(inserted);
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
            // One that is outbid or stale by now stays out: its sender can see that it did not run.
            let _ = self.pool.insert(transaction, nonce);
        }
    }
}
