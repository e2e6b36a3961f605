//! KZG commitments of blobs (EIP-4844) and proofs of their cells (EIP-7594), by `c-kzg` with the
//! trusted setup of Ethereum's ceremony, which is loaded when it is first needed.

use std::borrow::Borrow;

use alloy_eips::{
    eip4844::{Blob, FIELD_ELEMENTS_PER_BLOB, VERSIONED_HASH_VERSION_KZG},
    eip7594::{BlobTransactionSidecarEip7594, CELLS_PER_EXT_BLOB},
};
use alloy_primitives::{B256, FixedBytes, U256, uint};
use c_kzg::{Bytes32, Bytes48, KzgSettings};
use mezz_evm::KzgOpening;
use sha2::{Digest, Sha256};

/// Order of the field in which a blob's elements lie.
const ORDER: U256 = uint!(0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001_U256);

/// Generator of the roots of unity at which a blob's elements are values (EIP-4844): `7^((ORDER - 1) / 4096)`.
const ROOT: U256 = uint!(0x564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306_U256);

/// Tables of multiples that speed up cell proofs: none, since they cost memory and time at every start
/// and a batch is posted once in many blocks.
const PRECOMPUTE: u64 = 0;

/// A commitment to a blob: a compressed point of BLS12-381 G1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KzgCommitment(pub FixedBytes<48>);

/// A proof about a blob: a compressed point of BLS12-381 G1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KzgProof(pub FixedBytes<48>);

/// What names a blob on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommittedBlob {
    /// Commitment to the blob.
    pub commitment: KzgCommitment,
    /// Proof that the commitment is the blob's (EIP-4844; sidecars of version 0).
    pub proof: KzgProof,
    /// What the blob's transaction carries.
    pub versioned_hash: B256,
}

/// One element of a blob, as the point evaluation of L1 takes it (EIP-4844).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ElementProof {
    /// Commitment to the blob.
    pub commitment: KzgCommitment,
    /// Where the blob's polynomial has the element as its value: `z`.
    pub point: B256,
    /// The element: `y`.
    pub element: B256,
    /// Proof of that.
    pub proof: KzgProof,
}

/// Why a blob has no commitment, or an element no proof.
#[derive(Debug, thiserror::Error)]
pub enum KzgError {
    /// An element is not below the order of the field.
    #[error("element {element} of the blob is not below the order of the field")]
    NotCanonical {
        /// Index of the first such element, of 4,096.
        element: usize,
    },
    /// There is no such element.
    #[error("a blob has no element {index}, only {FIELD_ELEMENTS_PER_BLOB}")]
    NoElement {
        /// What was asked for.
        index: u64,
    },
    /// The library failed for another reason: it ran out of memory.
    #[error("KZG library")]
    Library(#[source] c_kzg::Error),
}

/// The versioned hash of a commitment: `0x01 ‖ sha256(commitment)[1..]` (EIP-4844).
pub fn versioned_hash(commitment: &KzgCommitment) -> B256 {
    let mut hash: [u8; 32] = Sha256::digest(commitment.0).into();
    hash[0] = VERSIONED_HASH_VERSION_KZG;
    B256::new(hash)
}

/// Commits to a blob and names it.
pub fn blob_versioned_hash(blob: &Blob) -> Result<B256, KzgError> {
    Ok(versioned_hash(&commit(canonical(blob)?.as_ref())?))
}

/// Commits to a blob and proves it, as sidecars of version 0 do.
pub fn blob_to_commitment_and_proof(blob: &Blob) -> Result<CommittedBlob, KzgError> {
    let blob = canonical(blob)?;
    let commitment = commit(&blob)?;
    let proof = settings()
        .compute_blob_kzg_proof(&blob, &Bytes48::new(commitment.0.0))
        .map_err(KzgError::Library)?;
    let proof = KzgProof(FixedBytes(proof.to_bytes().into_inner()));
    Ok(CommittedBlob { commitment, proof, versioned_hash: versioned_hash(&commitment) })
}

/// The 128 proofs of a blob's cells, as sidecars of version 1 carry them.
pub fn cell_proofs(blob: &Blob) -> Result<Vec<KzgProof>, KzgError> {
    let (_, proofs) = settings()
        .compute_cells_and_kzg_proofs(canonical(blob)?.as_ref())
        .map_err(KzgError::Library)?;
    Ok(proofs.iter().map(|proof| KzgProof(FixedBytes(proof.to_bytes().into_inner()))).collect())
}

/// The sidecar of version 1 that a transaction with these blobs travels with.
pub fn blob_sidecar(
    blobs: &[impl Borrow<Blob>],
) -> Result<BlobTransactionSidecarEip7594, KzgError> {
    let mut sidecar = BlobTransactionSidecarEip7594::default();
    for blob in blobs {
        let blob = blob.borrow();
        sidecar.commitments.push(commit(canonical(blob)?.as_ref())?.0);
        sidecar.cell_proofs.extend(cell_proofs(blob)?.into_iter().map(|proof| proof.0));
        sidecar.blobs.push(*blob);
    }
    Ok(sidecar)
}

/// Proves the element with this number: bytes `32 index` to `32 index + 31` of the blob.
pub fn element_proof(blob: &Blob, index: u64) -> Result<ElementProof, KzgError> {
    let point = point_of(index)?;
    let blob = canonical(blob)?;
    let commitment = commit(&blob)?;
    let (proof, element) =
        settings().compute_kzg_proof(&blob, &Bytes32::new(point.0)).map_err(KzgError::Library)?;
    let proof = KzgProof(FixedBytes(proof.to_bytes().into_inner()));
    Ok(ElementProof { commitment, point, element: B256::new(*element), proof })
}

/// The root of unity whose exponent is the number with its 12 bits the other way round.
fn point_of(index: u64) -> Result<B256, KzgError> {
    if index >= FIELD_ELEMENTS_PER_BLOB {
        return Err(KzgError::NoElement { index });
    }
    let exponent = index.reverse_bits() >> (64 - FIELD_ELEMENTS_PER_BLOB.ilog2());
    Ok(ROOT.pow_mod(U256::from(exponent), ORDER).into())
}

/// Whether a commitment is the blob's, by the proof of a sidecar of version 0.
pub fn verify_blob(blob: &Blob, commitment: &KzgCommitment, proof: &KzgProof) -> bool {
    let Ok(blob) = canonical(blob) else { return false };
    settings()
        .verify_blob_kzg_proof(&blob, &Bytes48::new(commitment.0.0), &Bytes48::new(proof.0.0))
        .unwrap_or(false)
}

/// Whether a commitment is the blob's, by the proofs of a sidecar of version 1.
pub fn verify_cell_proofs(blob: &Blob, commitment: &KzgCommitment, proofs: &[KzgProof]) -> bool {
    if proofs.len() != CELLS_PER_EXT_BLOB {
        return false;
    }
    let Ok(blob) = canonical(blob) else { return false };
    let Ok(cells) = settings().compute_cells(&blob) else { return false };
    let commitments = [Bytes48::new(commitment.0.0); CELLS_PER_EXT_BLOB];
    let indices: Vec<u64> = (0..).take(CELLS_PER_EXT_BLOB).collect();
    let proofs: Vec<Bytes48> = proofs.iter().map(|proof| Bytes48::new(proof.0.0)).collect();
    settings()
        .verify_cell_kzg_proof_batch(&commitments, &indices, &cells[..], &proofs)
        .unwrap_or(false)
}

/// Whether a sidecar of version 1 is whole, belongs to a transaction with these versioned hashes, and
/// its proofs hold.
pub fn verify_blob_sidecar(sidecar: &BlobTransactionSidecarEip7594, hashes: &[B256]) -> bool {
    let count = hashes.len();
    let BlobTransactionSidecarEip7594 { blobs, commitments, cell_proofs } = sidecar;
    if blobs.len() != count
        || commitments.len() != count
        || cell_proofs.len() != count.saturating_mul(CELLS_PER_EXT_BLOB)
    {
        return false;
    }
    let proofs: Vec<KzgProof> = cell_proofs.iter().map(|proof| KzgProof(*proof)).collect();
    let mut parts =
        hashes.iter().zip(blobs).zip(commitments).zip(proofs.chunks(CELLS_PER_EXT_BLOB));
    parts.all(|(((hash, blob), commitment), proofs)| {
        let commitment = KzgCommitment(*commitment);
        versioned_hash(&commitment) == *hash && verify_cell_proofs(blob, &commitment, proofs)
    })
}

pub(crate) fn verify_opening(opening: &KzgOpening) -> bool {
    settings()
        .verify_kzg_proof(
            &Bytes48::new(opening.commitment),
            &Bytes32::new(opening.z),
            &Bytes32::new(opening.y),
            &Bytes48::new(opening.proof),
        )
        .unwrap_or(false)
}

fn settings() -> &'static KzgSettings {
    c_kzg::ethereum_kzg_settings(PRECOMPUTE)
}

/// The blob as the library takes it, on the heap.
fn canonical(blob: &Blob) -> Result<Box<c_kzg::Blob>, KzgError> {
    let mut elements = blob.as_chunks::<32>().0.iter();
    match elements.position(|element| U256::from_be_bytes(*element) >= ORDER) {
        Some(element) => Err(KzgError::NotCanonical { element }),
        None => Ok(Box::new(c_kzg::Blob::new(blob.0))),
    }
}

fn commit(blob: &c_kzg::Blob) -> Result<KzgCommitment, KzgError> {
    let commitment = settings().blob_to_kzg_commitment(blob).map_err(KzgError::Library)?;
    Ok(KzgCommitment(FixedBytes(commitment.to_bytes().into_inner())))
}
