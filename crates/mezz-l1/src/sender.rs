//! Sending transactions to L1: one at a time per key, journalled before they are sent, replaced
//! by a higher bid when they are stuck.

use std::{sync::Arc, time::Duration};

use alloy::{
    consensus::{
        BlobTransactionSidecarEip7594, SignableTransaction, TxEip1559, TxEip4844, TxEip4844Variant,
        TxEip4844WithSidecar, TxEnvelope,
    },
    eips::{BlockNumberOrTag, Encodable2718},
    network::TxSignerSync,
    providers::{DynProvider, Provider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use tokio::sync::Mutex;

use crate::{Blob, L1Error, revert_reason};

/// Keeps a signed transaction safe before it is sent.
pub trait Journal: Send + Sync + 'static {
    /// Makes it durable. The transaction is sent only after this returned.
    ///
    /// # Errors
    /// What the disk says; the transaction is not sent then.
    fn record(&self, sender: Address, nonce: u64, signed: &[u8]) -> Result<(), String>;
}

/// Keeps nothing: for commands that a person repeats, which have nothing to resume.
#[derive(Clone, Copy, Debug)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn record(&self, _: Address, _: u64, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

/// How a sender paces itself.
#[derive(Clone, Copy, Debug)]
pub struct SenderSettings {
    /// Between looks for the receipt.
    pub poll: Duration,
    /// After this the transaction is replaced by one that pays more.
    pub bump_after: Duration,
    /// After this the sender gives up.
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

#[derive(Clone, Copy, Debug)]
struct Bid {
    max_fee: u128,
    tip: u128,
    blob_fee: u128,
}

/// Sends transactions of one key. Clones share the key's order.
#[derive(Clone)]
pub struct TxSender {
    provider: DynProvider,
    signer: PrivateKeySigner,
    settings: SenderSettings,
    journal: Arc<dyn Journal>,
    turn: Arc<Mutex<()>>,
}

impl TxSender {
    /// Sends through `provider` with `signer`'s key.
    pub fn new(
        provider: DynProvider,
        signer: PrivateKeySigner,
        settings: SenderSettings,
        journal: Arc<dyn Journal>,
    ) -> Self {
        Self { provider, signer, settings, journal, turn: Arc::new(Mutex::new(())) }
    }

    /// The key's address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Sends and waits until it is mined and has succeeded.
    ///
    /// # Errors
    /// [`L1Error::Refused`] if it would revert, and is then not sent; [`L1Error::Reverted`] if it
    /// did; [`L1Error::Unmined`] after the settings' patience; others, temporary.
    pub async fn send(&self, call: L1Call) -> Result<TransactionReceipt, L1Error> {
        let _turn = self.turn.lock().await;
        let gas_limit = match call.gas_limit {
            Some(gas_limit) => gas_limit,
            None => self.estimate(&call).await?,
        };
        let chain_id = self.provider.get_chain_id().await?;
        let nonce = self.provider.get_transaction_count(self.address()).pending().await?;
        let sidecar = self.sidecar(&call).await?;
        let mut bid = self.bid(sidecar.is_some()).await?;
        let mut hashes: Vec<B256> = Vec::new();
        let mut waited = Duration::ZERO;
        loop {
            let signed = self.sign(&call, sidecar.as_ref(), chain_id, nonce, gas_limit, bid)?;
            let hash = *signed.tx_hash();
            let raw = signed.encoded_2718();
            self.journal
                .record(self.address(), nonce, &raw)
                .map_err(|reason| L1Error::Signing { reason })?;
            self.broadcast(&raw, &hashes).await?;
            hashes.push(hash);
            let until = (waited + self.settings.bump_after).min(self.settings.give_up_after);
            if let Some(receipt) = self.wait(&hashes, &mut waited, until).await? {
                return self.succeeded(receipt, &call, sidecar.as_ref(), gas_limit).await;
            }
            if waited >= self.settings.give_up_after {
                return Err(L1Error::Unmined { hash, secs: waited.as_secs() });
            }
            bid = self.raise(bid, sidecar.is_some());
        }
    }

    async fn estimate(&self, call: &L1Call) -> Result<u64, L1Error> {
        let estimate = self.provider.estimate_gas(self.request(call)).await.map_err(refused)?;
        // Room for what other transactions of the block change under this one.
        Ok(estimate.saturating_add(estimate / 5))
    }

    fn request(&self, call: &L1Call) -> TransactionRequest {
        TransactionRequest {
            from: Some(self.address()),
            to: Some(call.to.map_or(TxKind::Create, TxKind::Call)),
            value: Some(call.value),
            input: call.data.clone().into(),
            ..Default::default()
        }
    }

    async fn sidecar(
        &self,
        call: &L1Call,
    ) -> Result<Option<BlobTransactionSidecarEip7594>, L1Error> {
        if call.blobs.is_empty() {
            return Ok(None);
        }
        let blobs = call.blobs.clone();
        let kzg = |reason: String| L1Error::Kzg { reason };
        tokio::task::spawn_blocking(move || mezz_crypto::blob_sidecar(&blobs))
            .await
            .map_err(|error| kzg(error.to_string()))?
            .map(Some)
            .map_err(|error| kzg(error.to_string()))
    }

    /// Twice the base fee, so that it holds through six full blocks, within the settings' caps.
    async fn bid(&self, blobs: bool) -> Result<Bid, L1Error> {
        let history = self.provider.get_fee_history(5, BlockNumberOrTag::Latest, &[50.0]).await?;
        let base = history.latest_block_base_fee().unwrap_or_default();
        let next = history.next_block_base_fee().unwrap_or(base);
        let tips = history.reward.unwrap_or_default();
        let tip = tips.iter().filter_map(|rewards| rewards.first()).max().copied();
        let tip = tip.unwrap_or_default().max(1_000_000);
        let blob_fee = if blobs { self.provider.get_blob_base_fee().await? } else { 0 };
        let max_fee = next.max(base).saturating_mul(2).saturating_add(tip);
        let capped = max_fee.min(self.settings.max_fee_per_gas);
        Ok(Bid {
            max_fee: capped,
            tip: tip.min(capped),
            blob_fee: blob_fee.saturating_mul(2).max(1).min(self.settings.max_fee_per_blob_gas),
        })
    }

    /// What nodes demand of a replacement: 10 % more; twice as much for blob transactions.
    fn raise(&self, bid: Bid, blobs: bool) -> Bid {
        let more = |fee: u128| {
            if blobs {
                fee.saturating_mul(2).saturating_add(1)
            } else {
                fee.saturating_add(fee / 8).saturating_add(1)
            }
        };
        let max_fee = more(bid.max_fee).min(self.settings.max_fee_per_gas);
        let blob_fee = more(bid.blob_fee).min(self.settings.max_fee_per_blob_gas);
        Bid { max_fee, tip: more(bid.tip).min(max_fee), blob_fee }
    }

    fn sign(
        &self,
        call: &L1Call,
        sidecar: Option<&BlobTransactionSidecarEip7594>,
        chain_id: u64,
        nonce: u64,
        gas_limit: u64,
        bid: Bid,
    ) -> Result<TxEnvelope, L1Error> {
        let signing = |error: alloy::signers::Error| L1Error::Signing { reason: error.to_string() };
        if let (Some(sidecar), Some(to)) = (sidecar, call.to) {
            let mut transaction = TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: bid.max_fee,
                max_priority_fee_per_gas: bid.tip,
                to,
                value: call.value,
                input: call.data.clone(),
                blob_versioned_hashes: sidecar.versioned_hashes().collect(),
                max_fee_per_blob_gas: bid.blob_fee,
                ..Default::default()
            };
            let signature = self.signer.sign_transaction_sync(&mut transaction).map_err(signing)?;
            let with_sidecar =
                TxEip4844WithSidecar::from_tx_and_sidecar(transaction, sidecar.clone().into());
            let variant = TxEip4844Variant::TxEip4844WithSidecar(with_sidecar);
            return Ok(TxEnvelope::Eip4844(variant.into_signed(signature)));
        }
        let mut transaction = TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: bid.max_fee,
            max_priority_fee_per_gas: bid.tip,
            to: call.to.map_or(TxKind::Create, TxKind::Call),
            value: call.value,
            input: call.data.clone(),
            ..Default::default()
        };
        let signature = self.signer.sign_transaction_sync(&mut transaction).map_err(signing)?;
        Ok(transaction.into_signed(signature).into())
    }

    async fn broadcast(&self, raw: &[u8], earlier: &[B256]) -> Result<(), L1Error> {
        match self.provider.send_raw_transaction(raw).await {
            Ok(_) => Ok(()),
            // The replacement came too late or is not wanted: an earlier one is still waited for.
            Err(error) if !earlier.is_empty() => {
                tracing::warn!(%error, "L1 refuses the replacement of a stuck transaction");
                Ok(())
            }
            Err(error) => Err(refused(error)),
        }
    }

    async fn wait(
        &self,
        hashes: &[B256],
        waited: &mut Duration,
        until: Duration,
    ) -> Result<Option<TransactionReceipt>, L1Error> {
        loop {
            for hash in hashes.iter().rev() {
                if let Some(receipt) = self.provider.get_transaction_receipt(*hash).await? {
                    return Ok(Some(receipt));
                }
            }
            if *waited >= until {
                return Ok(None);
            }
            tokio::time::sleep(self.settings.poll).await;
            *waited += self.settings.poll;
        }
    }

    async fn succeeded(
        &self,
        receipt: TransactionReceipt,
        call: &L1Call,
        sidecar: Option<&BlobTransactionSidecarEip7594>,
        gas_limit: u64,
    ) -> Result<TransactionReceipt, L1Error> {
        if receipt.status() {
            return Ok(receipt);
        }
        let mut again = self.request(call);
        again.gas = Some(gas_limit);
        again.blob_versioned_hashes = sidecar.map(|sidecar| sidecar.versioned_hashes().collect());
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
