//! Native cryptography for the state transition, and what L1 demands of blobs.

mod bls12;
mod kzg;
mod native;
mod recovery;

pub use kzg::{
    CommittedBlob, ElementProof, KzgCommitment, KzgError, KzgProof, blob_sidecar,
    blob_to_commitment_and_proof, blob_versioned_hash, cell_proofs, element_proof, verify_blob,
    verify_blob_sidecar, verify_cell_proofs, versioned_hash,
};
pub use native::NativeCrypto;
pub use recovery::{SignedHash, recover_many};
