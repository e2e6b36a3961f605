//! Blobs: checked when they arrive, kept without their padding.

use alloy::eips::{
    eip4844::{BYTES_PER_BLOB, Blob},
    eip7594::{BlobTransactionSidecarVariant, CELLS_PER_EXT_BLOB, MAX_BLOBS_PER_TX_FUSAKA},
};
use alloy_primitives::{B256, Bytes};
use mezz_crypto::{KzgCommitment, KzgProof, verify_blob, verify_blob_sidecar, versioned_hash};

/// Why a sidecar is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SidecarError {
    /// The transaction came without its blobs.
    #[error("missing sidecar: a blob transaction is sent with its blobs, in network form")]
    Missing,
    /// More than one transaction may carry; not even looked at.
    #[error("too many blobs in transaction: have {got}, permitted {max}")]
    TooMany {
        /// The limit (EIP-7594).
        max: u64,
        /// Versioned hashes of the transaction.
        got: usize,
    },
    /// There is not one blob, commitment and proof (or 128 proofs) for each hash.
    #[error(
        "invalid sidecar: {blobs} blobs, {commitments} commitments, {proofs} proofs for {hashes} hashes"
    )]
    Counts {
        /// Versioned hashes of the transaction.
        hashes: usize,
        /// Blobs.
        blobs: usize,
        /// Commitments.
        commitments: usize,
        /// Proofs.
        proofs: usize,
    },
    /// A commitment is not the one that the transaction names.
    #[error("invalid sidecar: commitment {index} does not match the transaction's versioned hash")]
    Commitment {
        /// Which one.
        index: usize,
    },
    /// A proof does not hold, or a blob is not canonical.
    #[error("invalid sidecar: KZG proof does not hold")]
    Proof,
}

/// The blobs of one transaction. To have one is to know that each is what its versioned hash commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VerifiedBlobs {
    /// By versioned hash, in the order of the transaction; zeros at the end of a blob are left out.
    trimmed: Vec<(B256, Bytes)>,
}

impl VerifiedBlobs {
    /// Checks a sidecar of version 0 (EIP-4844) or 1 (EIP-7594) against the hashes of its transaction.
    pub(crate) fn check(
        sidecar: &BlobTransactionSidecarVariant,
        hashes: &[B256],
    ) -> Result<Self, SidecarError> {
        let (max, got) = (MAX_BLOBS_PER_TX_FUSAKA, hashes.len());
        if u64::try_from(got).is_ok_and(|got| got > max) {
            return Err(SidecarError::TooMany { max, got });
        }
        let (blobs, commitments) = (sidecar.blobs(), sidecar.commitments());
        let (proofs, proofs_expected) = match sidecar {
            BlobTransactionSidecarVariant::Eip4844(sidecar) => (sidecar.proofs.len(), hashes.len()),
            BlobTransactionSidecarVariant::Eip7594(sidecar) => {
                (sidecar.cell_proofs.len(), hashes.len() * CELLS_PER_EXT_BLOB)
            }
        };
        if blobs.len() != hashes.len()
            || commitments.len() != hashes.len()
            || proofs != proofs_expected
        {
            return Err(SidecarError::Counts {
                hashes: hashes.len(),
                blobs: blobs.len(),
                commitments: commitments.len(),
                proofs,
            });
        }
        for (index, (hash, commitment)) in hashes.iter().zip(commitments).enumerate() {
            if versioned_hash(&KzgCommitment(*commitment)) != *hash {
                return Err(SidecarError::Commitment { index });
            }
        }
        let proven = match sidecar {
            BlobTransactionSidecarVariant::Eip4844(sidecar) => {
                blobs.iter().zip(commitments).zip(&sidecar.proofs).all(
                    |((blob, commitment), proof)| {
                        verify_blob(blob, &KzgCommitment(*commitment), &KzgProof(*proof))
                    },
                )
            }
            BlobTransactionSidecarVariant::Eip7594(sidecar) => verify_blob_sidecar(sidecar, hashes),
        };
        if !proven {
            return Err(SidecarError::Proof);
        }
        Ok(Self { trimmed: hashes.iter().copied().zip(blobs.iter().map(trim)).collect() })
    }

    /// Blobs that this node checked before it wrote them down.
    pub(crate) fn from_own_log(trimmed: Vec<(B256, Bytes)>) -> Self {
        Self { trimmed }
    }

    pub(crate) fn len(&self) -> usize {
        self.trimmed.len()
    }

    /// Versioned hash and bytes without the zeros at the end.
    pub(crate) fn trimmed(&self) -> &[(B256, Bytes)] {
        &self.trimmed
    }
}

fn trim(blob: &Blob) -> Bytes {
    let end = blob.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Bytes::copy_from_slice(&blob[..end])
}

/// The whole blob; longer bytes than a blob has are cut.
pub(crate) fn pad(trimmed: &[u8]) -> Vec<u8> {
    let mut blob = trimmed.to_vec();
    blob.resize(BYTES_PER_BLOB, 0);
    blob
}
