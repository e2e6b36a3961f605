//! The pool's mailbox.
//!
//! Overflow policy: a transaction that finds the mailbox full is refused with
//! [`PoolError::Busy`], so that a flood slows down its sender and nobody else; questions and news
//! of blocks wait for a place.

use std::sync::Arc;

use alloy_consensus::{TxEnvelope, transaction::Recovered};
use alloy_primitives::{Address, B256};
use tokio::sync::{broadcast, mpsc, oneshot};

use mezz_store::StoreError;

use super::{PoolError, PoolStatus, PoolTransaction};
use crate::ChainView;

/// A transaction with its sender, shared.
pub type SharedTransaction = Arc<Recovered<TxEnvelope>>;

pub(super) enum PoolRequest {
    Insert(SharedTransaction, u64, oneshot::Sender<Result<B256, PoolError>>),
    Get(B256, oneshot::Sender<Option<PoolTransaction>>),
    PendingNonce(Address, u64, oneshot::Sender<u64>),
    Status(oneshot::Sender<PoolStatus>),
    Content(oneshot::Sender<Vec<(PoolTransaction, bool)>>),
    Candidates(CandidateLimits, oneshot::Sender<Vec<SharedTransaction>>),
    BlockBuilt(BlockNews),
    Close,
}

/// How much a block can take.
#[derive(Clone, Copy, Debug)]
pub struct CandidateLimits {
    /// Base fee of the block, wei per gas.
    pub base_fee: u64,
    /// Gas limits of the candidates, summed.
    pub gas: u64,
    /// How many.
    pub count: usize,
    /// Encoded bytes of the candidates, summed.
    pub bytes: usize,
}

/// What a new or undone block means for the pool.
#[derive(Clone, Debug, Default)]
pub struct BlockNews {
    /// Next nonce of every sender in the block.
    pub nonces: Vec<(Address, u64)>,
    /// Transactions that can never run.
    pub invalid: Vec<B256>,
    /// Transactions of undone blocks, with their sender's nonce now.
    pub returned: Vec<(SharedTransaction, u64)>,
}

impl BlockNews {
    /// Blocks with these transactions were undone; the view has the head that is left.
    ///
    /// # Errors
    /// As of the store.
    pub fn of_returned(
        view: &ChainView,
        transactions: Vec<SharedTransaction>,
    ) -> Result<Self, StoreError> {
        let Some(state) = view.reader.state_at_head()? else { return Ok(Self::default()) };
        let mut news = Self::default();
        for transaction in transactions {
            let sender = transaction.signer();
            let nonce = state.account(sender)?.map_or(0, |account| account.nonce);
            news.nonces.push((sender, nonce));
            news.returned.push((transaction, nonce));
        }
        Ok(news)
    }
}

/// Speaks to the pool.
#[derive(Clone, Debug)]
pub struct PoolHandle {
    pub(super) mailbox: mpsc::Sender<PoolRequest>,
    pub(super) arrivals: broadcast::Sender<SharedTransaction>,
}

impl PoolHandle {
    /// Offers a transaction whose signature, chain id and balance were checked, from an account
    /// whose nonce is `account_nonce`.
    ///
    /// # Errors
    /// Why it was refused; [`PoolError::Busy`] if the mailbox is full.
    pub async fn insert(
        &self,
        transaction: SharedTransaction,
        account_nonce: u64,
    ) -> Result<B256, PoolError> {
        let (reply, answer) = oneshot::channel();
        self.mailbox
            .try_send(PoolRequest::Insert(transaction, account_nonce, reply))
            .map_err(|_| PoolError::Busy)?;
        answer.await.unwrap_or(Err(PoolError::Busy))
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> PoolRequest) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.mailbox.send(request(reply)).await.ok()?;
        answer.await.ok()
    }

    /// The waiting transaction with this hash.
    pub async fn get(&self, hash: B256) -> Option<PoolTransaction> {
        self.ask(|reply| PoolRequest::Get(hash, reply)).await.flatten()
    }

    /// The nonce after the sender's gapless waiting transactions.
    pub async fn pending_nonce(&self, sender: Address, account_nonce: u64) -> u64 {
        self.ask(|reply| PoolRequest::PendingNonce(sender, account_nonce, reply))
            .await
            .unwrap_or(account_nonce)
    }

    /// How many wait.
    pub async fn status(&self) -> PoolStatus {
        self.ask(PoolRequest::Status).await.unwrap_or_default()
    }

    /// Every waiting transaction, and whether it could run next.
    pub async fn content(&self) -> Vec<(PoolTransaction, bool)> {
        self.ask(PoolRequest::Content).await.unwrap_or_default()
    }

    /// What the next block should try, in order.
    pub async fn candidates(&self, limits: CandidateLimits) -> Vec<SharedTransaction> {
        self.ask(|reply| PoolRequest::Candidates(limits, reply)).await.unwrap_or_default()
    }

    /// Tells of a block built or undone.
    pub async fn block_built(&self, news: BlockNews) {
        // The pool is gone only when the node stops.
        let _ = self.mailbox.send(PoolRequest::BlockBuilt(news)).await;
    }

    /// Ends the pool, whoever else holds a handle: what came before is still answered, what comes
    /// after is not.
    pub(crate) async fn close(&self) {
        // It is closed already if this fails.
        let _ = self.mailbox.send(PoolRequest::Close).await;
    }

    /// Transactions as they enter; a subscriber that falls behind loses the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<SharedTransaction> {
        self.arrivals.subscribe()
    }
}
