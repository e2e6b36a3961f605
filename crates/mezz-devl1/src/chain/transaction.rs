//! A transaction that was checked as far as it can be without a state.

use std::sync::Arc;

use alloy::{
    consensus::{Transaction as _, TxEnvelope, transaction::Recovered},
    eips::{Decodable2718, Encodable2718},
};
use alloy_primitives::{Address, B256};
use mezz_evm::Crypto;

use crate::blobs::{SidecarError, VerifiedBlobs};

/// A signed transaction, who signed it, and its blobs.
#[derive(Clone, Debug)]
pub(crate) struct CheckedTransaction {
    /// Without the sidecar: as it stands in a block.
    pub(crate) signed: Recovered<TxEnvelope>,
    /// What it carries, if it is a blob transaction and its blobs are still kept.
    pub(crate) blobs: Option<Arc<VerifiedBlobs>>,
}

/// Why bytes are no transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RawTransactionError {
    /// Not one whole EIP-2718 transaction in canonical form.
    #[error("rlp: {reason}")]
    Malformed {
        /// What the decoder says.
        reason: String,
    },
    /// No key gives this signature, or `s` is in the upper half of the order (EIP-2).
    #[error("invalid sender")]
    Signature,
    /// The blobs are not what the transaction names.
    #[error(transparent)]
    Sidecar(#[from] SidecarError),
}

impl CheckedTransaction {
    /// Reads what `eth_sendRawTransaction` gets: for blob transactions the network form.
    ///
    /// Costs a signature recovery, and some milliseconds for each blob.
    pub(crate) fn decode(bytes: &[u8], crypto: &dyn Crypto) -> Result<Self, RawTransactionError> {
        let malformed = |reason: String| RawTransactionError::Malformed { reason };
        let transaction =
            TxEnvelope::decode_2718_exact(bytes).map_err(|error| malformed(error.to_string()))?;
        if transaction.encoded_2718() != bytes {
            return Err(malformed("not in canonical form".to_owned()));
        }
        Self::check(transaction, crypto)
    }

    /// A signed transaction, with its blobs if it carries any.
    pub(crate) fn check(
        transaction: TxEnvelope,
        crypto: &dyn Crypto,
    ) -> Result<Self, RawTransactionError> {
        let (transaction, blobs) = match transaction {
            TxEnvelope::Eip4844(signed) => {
                let (variant, signature, hash) = signed.into_parts();
                let (variant, sidecar) = variant.strip_sidecar();
                let sidecar = sidecar.ok_or(SidecarError::Missing)?;
                let hashes = variant.blob_versioned_hashes().unwrap_or_default();
                let blobs = VerifiedBlobs::check(&sidecar, hashes)?;
                let signed = alloy::consensus::Signed::new_unchecked(variant, signature, hash);
                (TxEnvelope::Eip4844(signed), Some(Arc::new(blobs)))
            }
            other => (other, None),
        };
        let signed =
            mezz_evm::recover(transaction, crypto).map_err(|_| RawTransactionError::Signature)?;
        Ok(Self { signed, blobs })
    }

    /// A transaction of an account that the operator speaks for without its key.
    pub(crate) fn impersonated(transaction: TxEnvelope, from: Address) -> Self {
        Self { signed: Recovered::new_unchecked(transaction, from), blobs: None }
    }

    pub(crate) fn hash(&self) -> B256 {
        *self.signed.inner().tx_hash()
    }

    pub(crate) fn sender(&self) -> Address {
        self.signed.signer()
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.signed.nonce()
    }

    /// About what it takes in memory, bytes.
    pub(crate) fn weight(&self) -> usize {
        512 + self.signed.encode_2718_len() + self.blob_bytes()
    }

    /// Bytes of the blobs that are kept.
    pub(crate) fn blob_bytes(&self) -> usize {
        let blobs = self.blobs.iter().flat_map(|blobs| blobs.trimmed());
        blobs.map(|(_, trimmed)| trimmed.len()).sum()
    }

    pub(crate) fn blob_count(&self) -> usize {
        self.signed.blob_versioned_hashes().map_or(0, <[B256]>::len)
    }
}
