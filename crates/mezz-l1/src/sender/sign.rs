//! From a call and a bid to a signed transaction.

use alloy::{
    consensus::{
        SignableTransaction, TxEip1559, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar,
        TxEnvelope,
    },
    network::TxSignerSync,
    signers::local::PrivateKeySigner,
};
use alloy_primitives::TxKind;

use super::{Work, bid::Bid};
use crate::L1Error;

/// What a signature binds beside the work and the bid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signing {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) gas_limit: u64,
}

impl Signing {
    pub(super) fn sign(
        self,
        signer: &PrivateKeySigner,
        work: &Work,
        bid: Bid,
    ) -> Result<TxEnvelope, L1Error> {
        let signing = |error: alloy::signers::Error| L1Error::Signing { reason: error.to_string() };
        let Work { call, sidecar, blobs } = work;
        let Self { chain_id, nonce, gas_limit } = self;
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
                blob_versioned_hashes: blobs.clone(),
                max_fee_per_blob_gas: bid.blob_fee,
                ..Default::default()
            };
            let signature = signer.sign_transaction_sync(&mut transaction).map_err(signing)?;
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
        let signature = signer.sign_transaction_sync(&mut transaction).map_err(signing)?;
        Ok(transaction.into_signed(signature).into())
    }
}
