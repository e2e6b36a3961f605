//! From a call and a bid to a signed transaction.

use alloy::consensus::{
    SignableTransaction, TxEip1559, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar, TxEnvelope,
};
use alloy_primitives::TxKind;

use super::{Work, bid::Bid};
use crate::{L1Error, L1Signer};

/// What a signature binds beside the work and the bid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signing {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) gas_limit: u64,
}

impl Signing {
    pub(super) async fn sign(
        self,
        signer: &L1Signer,
        work: &Work,
        bid: Bid,
    ) -> Result<TxEnvelope, L1Error> {
        let Work { call, sidecar, blobs } = work;
        let Self { chain_id, nonce, gas_limit } = self;
        if let (Some(sidecar), Some(to)) = (sidecar, call.to) {
            let transaction = TxEip4844 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: bid.max_fee,
                max_priority_fee_per_gas: bid.tip,
                to,
                value: call.value,
                input: call.data.clone(),
                blob_versioned_hashes: blobs.clone(),
                max_fee_per_blob_gas: bid.blob_fee,
                ..Default::default()
            };
            let signature = signer.sign(&transaction.clone().into()).await?;
            let with_sidecar =
                TxEip4844WithSidecar::from_tx_and_sidecar(transaction, sidecar.clone().into());
            let variant = TxEip4844Variant::TxEip4844WithSidecar(with_sidecar);
            return Ok(TxEnvelope::Eip4844(variant.into_signed(signature)));
        }
        let transaction = TxEip1559 {
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
        let signature = signer.sign(&transaction.clone().into()).await?;
        Ok(transaction.into_signed(signature).into())
    }
}
