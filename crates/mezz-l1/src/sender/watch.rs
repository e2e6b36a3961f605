//! From a signed transaction to its receipt.

use std::time::Duration;

use alloy::{consensus::Transaction as _, providers::Provider, rpc::types::TransactionReceipt};
use alloy_primitives::B256;

use super::{Bid, Entry, Signing, Turn, TxSender, Work, overtaken, refused};
use crate::L1Error;

/// The shortest pause between two looks.
const MIN_POLL: Duration = Duration::from_millis(1);
/// How often in a row L1 must say that the nonce is used up, and by none of ours.
const DISPLACED_AFTER: u32 = 2;

/// The transactions of one nonce that are under way.
pub(super) struct Attempt {
    pub(super) signing: Signing,
    pub(super) bid: Bid,
    /// Other work that was sent with this nonce.
    pub(super) others: Vec<B256>,
    /// This work, sent with this nonce, oldest first.
    pub(super) ours: Vec<B256>,
    /// The signed bytes of the last of ours; none if a new bid is to be signed.
    pub(super) raw: Option<Vec<u8>>,
}

impl Attempt {
    pub(super) const fn new(signing: Signing, bid: Bid) -> Self {
        Self { signing, bid, others: Vec::new(), ours: Vec::new(), raw: None }
    }

    /// Goes on with what was sent before.
    pub(super) fn resumed(entry: &Entry) -> Self {
        let signing = Signing {
            chain_id: entry.signed.chain_id().unwrap_or_default(),
            nonce: entry.nonce,
            gas_limit: entry.signed.gas_limit(),
        };
        Self {
            signing,
            bid: entry.bid(),
            others: entry.others.clone(),
            ours: entry.ours.iter().copied().chain([entry.hash()]).collect(),
            raw: Some(entry.raw()),
        }
    }

    /// Whatever may be mined, the newest first (S3).
    fn hashes(&self) -> impl Iterator<Item = B256> {
        self.ours.iter().rev().chain(self.others.iter().rev()).copied()
    }

    /// The newest one of ours.
    fn hash(&self) -> B256 {
        self.ours.last().copied().unwrap_or_default()
    }
}

impl TxSender {
    /// Sends, watches and bids higher until one of the nonce's transactions is mined.
    pub(super) async fn carry_through(
        &self,
        mut attempt: Attempt,
        work: &Work,
        turn: &mut Turn,
    ) -> Result<TransactionReceipt, L1Error> {
        let mut waited = Duration::ZERO;
        loop {
            let raw = self.signed(&mut attempt, work).await?;
            self.broadcast(&raw, &attempt).await?;
            let until = (waited + self.settings.bump_after).min(self.settings.give_up_after);
            if let Some(receipt) = self.watch(&raw, &attempt, &mut waited, until).await? {
                turn.note(attempt.signing.nonce, &receipt);
                if !attempt.ours.contains(&receipt.transaction_hash) {
                    return Err(overtaken(attempt.signing.nonce, &receipt));
                }
                return self.succeeded(receipt, work, attempt.signing.gas_limit).await;
            }
            let capped = self.raise(&mut attempt, work).await;
            if waited >= self.settings.give_up_after {
                let (hash, secs) = (attempt.hash(), waited.as_secs());
                return Err(capped.unwrap_or(L1Error::Unmined { hash, secs }));
            }
        }
    }

    /// The bytes to send; signed and written down now if the bid is new (S1).
    async fn signed(&self, attempt: &mut Attempt, work: &Work) -> Result<Vec<u8>, L1Error> {
        if let Some(raw) = &attempt.raw {
            return Ok(raw.clone());
        }
        let nonce = attempt.signing.nonce;
        let signed = attempt.signing.sign(&self.signer, work, attempt.bid).await?;
        let (others, ours) = (attempt.others.clone(), attempt.ours.clone());
        let entry = Entry { nonce, others, ours, signed };
        self.journal
            .record(self.address(), nonce, &entry.encode())
            .map_err(|reason| L1Error::Journal { reason })?;
        let raw = entry.raw();
        attempt.ours.push(entry.hash());
        attempt.raw = Some(raw.clone());
        Ok(raw)
    }

    async fn broadcast(&self, raw: &[u8], attempt: &Attempt) -> Result<(), L1Error> {
        let Err(error) = self.provider.send_raw_transaction(raw).await else { return Ok(()) };
        // It has it already, or one that it does not want to give up for this.
        if error.is_error_resp() && self.is_known(attempt.hashes()).await {
            tracing::debug!(%error, hash = %attempt.hash(), "L1 does not take the transaction now");
            return Ok(());
        }
        Err(refused(error))
    }

    /// Waits until a transaction of the nonce is mined, at most until so much was waited.
    async fn watch(
        &self,
        raw: &[u8],
        attempt: &Attempt,
        waited: &mut Duration,
        until: Duration,
    ) -> Result<Option<TransactionReceipt>, L1Error> {
        let poll = self.settings.poll.max(MIN_POLL);
        let (mut since_sent, mut used_up) = (Duration::ZERO, 0);
        loop {
            match self.receipt(attempt.hashes()).await {
                Ok(Some(receipt)) => return Ok(Some(receipt)),
                Ok(None) if used_up >= DISPLACED_AFTER => {
                    let (nonce, hash) = (attempt.signing.nonce, attempt.hash());
                    return Err(L1Error::Displaced { address: self.address(), nonce, hash });
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "L1 does not say whether it is mined"),
            }
            if *waited >= until {
                return Ok(None);
            }
            self.timer.pause(poll).await;
            *waited += poll;
            since_sent += poll;
            if since_sent >= self.settings.rebroadcast_after {
                since_sent = Duration::ZERO;
                used_up = if self.send_again(raw, attempt).await { used_up + 1 } else { 0 };
            }
        }
    }

    /// Sends the same bytes again, in case L1 dropped them, and first those with lower nonces that it took
    /// back: they cannot be mined without. True if L1 says that the nonce is used up.
    async fn send_again(&self, raw: &[u8], attempt: &Attempt) -> bool {
        let nonce = attempt.signing.nonce;
        let next = self.provider.get_transaction_count(self.address()).latest().await.ok();
        if let Some(next) = next.filter(|next| *next < nonce) {
            let before = self.entries().unwrap_or_default();
            self.resend(before.iter().filter(|entry| (next..nonce).contains(&entry.nonce))).await;
        }
        if let Err(error) = self.provider.send_raw_transaction(raw).await {
            // Most often: it is known already.
            tracing::debug!(%error, hash = %attempt.hash(), "sent again");
        }
        next.is_some_and(|next| next > nonce)
    }

    /// Bids higher, as far as the caps allow (S5); what they do not allow is returned.
    async fn raise(&self, attempt: &mut Attempt, work: &Work) -> Option<L1Error> {
        let blobs = work.has_blobs();
        let least = attempt.bid.raised(blobs);
        let market = Bid::market(&self.provider, blobs).await.unwrap_or(least);
        let bid = least.max(market).capped(&self.settings);
        if bid.covers(least) {
            attempt.bid = bid;
            attempt.raw = None;
            return None;
        }
        let hash = attempt.hash();
        let (unit, wanted, allowed) = if least.max_fee > self.settings.max_fee_per_gas {
            ("gas", least.max_fee, self.settings.max_fee_per_gas)
        } else {
            ("blob gas", least.blob_fee, self.settings.max_fee_per_blob_gas)
        };
        Some(L1Error::FeeCap { hash, unit, wanted, allowed })
    }
}
