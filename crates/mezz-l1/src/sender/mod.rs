//! Sending transactions to L1: one at a time per key, journalled before they are sent, replaced
//! by a higher bid when they are stuck.
//!
//! # Rules
//! - S1 A transaction is in the journal before it is sent, and stays there until one with its nonce
//!   is final.
//! - S2 A nonce that is not used up is used again: the same work is sent again as the same bytes;
//!   other work takes its place at the same nonce, so that of the two only one can be mined.
//! - S3 Whatever was sent with a nonce may be mined, also after a higher bid was sent.
//! - S4 When a transaction turns out to be mined that the caller has not heard of, nothing is sent:
//!   the caller looks again first ([`L1Error::Overtaken`]).
//! - S5 No bid exceeds the settings' caps.

mod bid;
mod journal;
mod sign;
mod watch;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy::{
    consensus::{BlobTransactionSidecarEip7594, Transaction as _},
    providers::{DynProvider, Provider},
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use tokio::sync::Mutex;

pub use self::journal::{Journal, NoJournal};
use self::{bid::Bid, journal::Entry, sign::Signing, watch::Attempt};
use crate::{
    Blob, L1Error, L1Signer, SystemTimer, Timer, background::run_in_background, revert_reason,
};

/// L1 blocks on top of a transaction after which it counts as final, where L1 has no such label.
const FINAL_DEPTH: u64 = 64;

/// How a sender paces itself.
#[derive(Clone, Copy, Debug)]
pub struct SenderSettings {
    /// Between looks for the receipt.
    pub poll: Duration,
    /// After this the same bytes are sent again, should L1 have dropped them.
    pub rebroadcast_after: Duration,
    /// After this the transaction is replaced by one that pays more.
    pub bump_after: Duration,
    /// After this the sender gives up for now; the next one goes on with the same nonce.
    pub give_up_after: Duration,
    /// Never pays more than this, wei per gas.
    pub max_fee_per_gas: u128,
    /// Never pays more than this, wei per blob gas.
    pub max_fee_per_blob_gas: u128,
}

impl Default for SenderSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(200),
            rebroadcast_after: Duration::from_secs(15),
            bump_after: Duration::from_secs(60),
            give_up_after: Duration::from_secs(600),
            max_fee_per_gas: 500_000_000_000,
            max_fee_per_blob_gas: 500_000_000_000,
        }
    }
}

/// What to send.
#[derive(Clone, Debug, Default)]
pub struct L1Call {
    /// Target; creation if there is none.
    pub to: Option<Address>,
    /// Wei.
    pub value: U256,
    /// Input.
    pub data: Bytes,
    /// Blobs, if any.
    pub blobs: Vec<Blob>,
    /// Gas limit; estimated if there is none.
    pub gas_limit: Option<u64>,
}

/// Sends transactions of one key. Clones share the key's order.
#[derive(Clone)]
pub struct TxSender {
    provider: DynProvider,
    signer: L1Signer,
    settings: SenderSettings,
    journal: Arc<dyn Journal>,
    timer: Arc<dyn Timer>,
    turn: Arc<Mutex<Turn>>,
}

/// What is known of the journal's transactions; whoever holds it sends.
#[derive(Debug, Default)]
struct Turn {
    /// Whether the journal was compared with L1 since something was sent without a known end.
    settled: bool,
    /// L1 blocks of the journal's transactions that were mined, by nonce.
    mined: BTreeMap<u64, u64>,
    /// L1 block of the last of them.
    last_block: Option<u64>,
}

impl Turn {
    fn note(&mut self, nonce: u64, receipt: &TransactionReceipt) {
        let block = receipt.block_number.unwrap_or_default();
        self.mined.insert(nonce, block);
        self.last_block = Some(block);
    }
}

/// What a look at the journal and at L1 gave.
#[derive(Default)]
struct Found {
    /// The first nonce that L1 has not used up; not asked for while the journal is empty.
    next: Option<u64>,
    /// Transactions that may yet be mined, lowest nonce first.
    unmined: Vec<Entry>,
    /// Whether the first of them was mined, and L1 took it back.
    taken_back: bool,
    /// Those that were mined without the caller having heard of it.
    news: Vec<(Entry, TransactionReceipt)>,
}

/// One call, ready to be signed.
struct Work {
    call: L1Call,
    sidecar: Option<BlobTransactionSidecarEip7594>,
    blobs: Vec<B256>,
}

impl TxSender {
    /// Sends through `provider` what `signer` signs.
    pub fn new(
        provider: DynProvider,
        signer: impl Into<L1Signer>,
        settings: SenderSettings,
        journal: Arc<dyn Journal>,
    ) -> Self {
        let (signer, timer, turn) = (signer.into(), Arc::new(SystemTimer), Arc::default());
        Self { provider, signer, settings, journal, timer, turn }
    }

    /// Waits by `timer`.
    #[must_use]
    pub fn with_timer(self, timer: Arc<dyn Timer>) -> Self {
        Self { timer, ..self }
    }

    /// The key's address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The L1 block of this key's last transaction, also if an earlier run sent it: what to do next
    /// is decided after that block has been read. Asks L1 only after a start or a failure.
    ///
    /// # Errors
    /// [`L1Error`] of the RPC, temporary; [`L1Error::Journal`].
    pub async fn settle(&self) -> Result<Option<u64>, L1Error> {
        let mut turn = self.turn.lock().await;
        if !turn.settled {
            self.recognise(&mut turn).await?;
            turn.settled = true;
        }
        Ok(turn.last_block)
    }

    /// Sends and waits until it is mined and has succeeded.
    ///
    /// # Errors
    /// [`L1Error::Refused`] if it would revert, and is then not sent; [`L1Error::Reverted`] if it
    /// did; [`L1Error::Unmined`] or [`L1Error::FeeCap`] after the settings' patience;
    /// [`L1Error::Overtaken`] if an earlier transaction took its place; others, temporary.
    pub async fn send(&self, call: L1Call) -> Result<TransactionReceipt, L1Error> {
        let mut turn = self.turn.lock().await;
        let sidecar = sidecar(&call).await?;
        let blobs = sidecar.iter().flat_map(|sidecar| sidecar.versioned_hashes()).collect();
        let work = Work { call, sidecar, blobs };
        let found = self.recognise(&mut turn).await?;
        if !found.news.is_empty() {
            turn.settled = true;
            return self.tell(found.news, &work).await;
        }
        turn.settled = false;
        let attempt = self.prepare(&work, found).await?;
        let receipt = self.carry_through(attempt, &work, &mut turn).await?;
        turn.settled = true;
        Ok(receipt)
    }

    /// Compares the journal with L1: forgets what is final, notes what was mined (S1).
    async fn recognise(&self, turn: &mut Turn) -> Result<Found, L1Error> {
        let entries = self.entries()?;
        turn.mined.retain(|nonce, _| entries.iter().any(|entry| entry.nonce == *nonce));
        if entries.is_empty() {
            return Ok(Found::default());
        }
        let next = self.provider.get_transaction_count(self.address()).latest().await?;
        let final_next = self.final_nonce().await?.min(next);
        let mut found = Found { next: Some(next), ..Found::default() };
        for entry in entries {
            let nonce = entry.nonce;
            if nonce >= next {
                found.unmined.push(entry);
                continue;
            }
            if !turn.mined.contains_key(&nonce)
                && let Some(receipt) = self.receipt(entry.hashes()).await?
            {
                turn.note(nonce, &receipt);
                found.news.push((entry, receipt));
            }
            // One whose nonce a stranger used up is kept until that is final, too.
            if nonce < final_next {
                self.journal
                    .remove(self.address(), nonce)
                    .map_err(|reason| L1Error::Journal { reason })?;
            }
        }
        let first = found.unmined.first().map(|entry| entry.nonce);
        found.taken_back = first.is_some_and(|first| turn.mined.contains_key(&first));
        turn.mined.retain(|nonce, _| *nonce < next);
        Ok(found)
    }

    fn entries(&self) -> Result<Vec<Entry>, L1Error> {
        let journal = |reason| L1Error::Journal { reason };
        let entries = self.journal.entries(self.address()).map_err(journal)?;
        entries.iter().map(|(nonce, bytes)| Entry::decode(*nonce, bytes)).collect()
    }

    /// The first nonce that is not used up for good.
    async fn final_nonce(&self) -> Result<u64, L1Error> {
        let count = || self.provider.get_transaction_count(self.address());
        if let Ok(nonce) = count().finalized().await {
            return Ok(nonce);
        }
        let head = self.provider.get_block_number().await?;
        let Some(deep) = head.checked_sub(FINAL_DEPTH) else { return Ok(0) };
        // A node that keeps no such state lets the journal grow until it does.
        Ok(count().number(deep).await.unwrap_or_default())
    }

    async fn receipt(
        &self,
        hashes: impl Iterator<Item = B256> + Send,
    ) -> Result<Option<TransactionReceipt>, L1Error> {
        for hash in hashes {
            if let Some(receipt) = self.provider.get_transaction_receipt(hash).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// Which nonce, what for and how much (S2).
    async fn prepare(&self, work: &Work, found: Found) -> Result<Attempt, L1Error> {
        let Found { next, unmined, taken_back, .. } = found;
        let pending = self.provider.get_transaction_count(self.address()).pending().await?;
        let next = next.unwrap_or(pending);
        if let Some(first) = unmined.first()
            && first.nonce > next.max(pending)
        {
            let (expected, got) = (next, first.nonce);
            return Err(L1Error::NonceGap { address: self.address(), expected, got });
        }
        if let Some(at) = unmined.iter().position(|entry| entry.does(&work.call, &work.blobs)) {
            return Ok(self.again(unmined, at).await);
        }
        let chain_id = self.provider.get_chain_id().await?;
        let market = Bid::market(&self.provider, work.has_blobs()).await?;
        let gas_limit = match work.call.gas_limit {
            // After L1 took something back the caller may have decided on what is gone: ask first.
            Some(gas_limit) if taken_back => self.estimate(work).await.map(|_| gas_limit)?,
            Some(gas_limit) => gas_limit,
            None => self.estimate(work).await?,
        };
        let Some(entry) = unmined.into_iter().next() else {
            let nonce = pending.max(next);
            let signing = Signing { chain_id, nonce, gas_limit };
            return Ok(Attempt::new(signing, market.capped(&self.settings)));
        };
        let known = self.is_known(entry.hashes()).await;
        let floor = if known { entry.bid().raised(work.has_blobs()) } else { market };
        let signing = Signing { chain_id, nonce: entry.nonce, gas_limit };
        let bid = market.max(floor).capped(&self.settings);
        Ok(Attempt { others: entry.hashes().collect(), ..Attempt::new(signing, bid) })
    }

    /// The same bytes, after those with lower nonces that L1 dropped as well.
    async fn again(&self, mut unmined: Vec<Entry>, at: usize) -> Attempt {
        unmined.truncate(at.saturating_add(1));
        self.resend(unmined.iter().take(at)).await;
        let entry = unmined.swap_remove(at);
        Attempt::resumed(&entry)
    }

    async fn resend(&self, entries: impl Iterator<Item = &Entry> + Send) {
        for entry in entries {
            if let Err(error) = self.provider.send_raw_transaction(&entry.raw()).await {
                tracing::debug!(%error, nonce = entry.nonce, "L1 does not take it again");
            }
        }
    }

    /// Whether L1 knows any of these.
    async fn is_known(&self, hashes: impl Iterator<Item = B256> + Send) -> bool {
        for hash in hashes {
            // Unknown whether it is known: then it counts as known, which only costs a higher bid.
            if !matches!(self.provider.get_transaction_by_hash(hash).await, Ok(None)) {
                return true;
            }
        }
        false
    }

    async fn estimate(&self, work: &Work) -> Result<u64, L1Error> {
        let estimate = self.provider.estimate_gas(self.request(work)).await.map_err(refused)?;
        // Room for what other transactions of the block change under this one.
        Ok(estimate.saturating_add(estimate / 5))
    }

    fn request(&self, work: &Work) -> TransactionRequest {
        let Work { call, blobs, .. } = work;
        TransactionRequest {
            from: Some(self.address()),
            to: Some(call.to.map_or(TxKind::Create, TxKind::Call)),
            value: Some(call.value),
            input: call.data.clone().into(),
            blob_versioned_hashes: (!blobs.is_empty()).then(|| blobs.clone()),
            ..Default::default()
        }
    }

    /// What transactions that were mined meanwhile mean to who wants `work` done (S4).
    async fn tell(
        &self,
        news: Vec<(Entry, TransactionReceipt)>,
        work: &Work,
    ) -> Result<TransactionReceipt, L1Error> {
        let mut last = None;
        for (entry, receipt) in news {
            let hash = receipt.transaction_hash;
            if entry.does(&work.call, &work.blobs) && !entry.others.contains(&hash) {
                return self.succeeded(receipt, work, entry.signed.gas_limit()).await;
            }
            last = Some(overtaken(entry.nonce, &receipt));
        }
        Err(last.unwrap_or(L1Error::Missing { what: "transaction", hash: B256::ZERO }))
    }

    async fn succeeded(
        &self,
        receipt: TransactionReceipt,
        work: &Work,
        gas_limit: u64,
    ) -> Result<TransactionReceipt, L1Error> {
        if receipt.status() {
            return Ok(receipt);
        }
        let again = TransactionRequest { gas: Some(gas_limit), ..self.request(work) };
        let hash = receipt.transaction_hash;
        let reason = self.revert_reason(&again, receipt.block_number).await;
        Err(L1Error::Reverted { hash, reason })
    }

    /// Why it reverted: replayed where it was mined. The head is another time and another state, in
    /// which it may well succeed. The block's own state comes second, for what reverted because of
    /// its time or of what came before it in the block.
    async fn revert_reason(&self, again: &TransactionRequest, mined: Option<u64>) -> String {
        let mined = mined.unwrap_or_default();
        for number in [mined.saturating_sub(1), mined] {
            let replayed = self.provider.call(again.clone()).number(number).await;
            if let Err(L1Error::Refused { reason }) = replayed.map_err(refused) {
                return reason;
            }
        }
        String::from("the contract does not say why")
    }
}

impl Work {
    const fn has_blobs(&self) -> bool {
        self.sidecar.is_some()
    }
}

async fn sidecar(call: &L1Call) -> Result<Option<BlobTransactionSidecarEip7594>, L1Error> {
    if call.blobs.is_empty() {
        return Ok(None);
    }
    let blobs = call.blobs.clone();
    let kzg = |reason: String| L1Error::Kzg { reason };
    run_in_background("blob-proofs", move || mezz_crypto::blob_sidecar(&blobs))
        .await
        .ok_or_else(|| kzg("its thread did not end well".into()))?
        .map(Some)
        .map_err(|error| kzg(error.to_string()))
}

fn overtaken(nonce: u64, receipt: &TransactionReceipt) -> L1Error {
    let (hash, block) = (receipt.transaction_hash, receipt.block_number.unwrap_or_default());
    L1Error::Overtaken { nonce, hash, block }
}

/// An RPC error as a refusal, if L1 answered that the call reverts or is not acceptable.
fn refused(error: alloy::transports::RpcError<alloy::transports::TransportErrorKind>) -> L1Error {
    match error.as_error_resp() {
        Some(answer) => {
            let reason = answer
                .as_revert_data()
                .filter(|data| !data.is_empty())
                .map_or_else(|| answer.message.to_string(), |data| revert_reason(&data));
            L1Error::Refused { reason }
        }
        None => L1Error::Rpc(error),
    }
}
