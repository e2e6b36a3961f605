//! KZG point evaluation (EIP-4844).

use revm::precompile::{
    EthPrecompileResult, PrecompileHalt,
    kzg_point_evaluation::{GAS_COST, RETURN_VALUE, VERSIONED_HASH_VERSION_KZG},
};

use super::{charge, success};
use crate::crypto::{Crypto, KzgOpening};

/// `versioned hash (32) ‖ z (32) ‖ y (32) ‖ commitment (48) ‖ proof (48)`, exactly.
pub(super) fn point_evaluation<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    charge(GAS_COST, gas)?;
    let (versioned_hash, opening) = split(input).ok_or(PrecompileHalt::BlobInvalidInputLength)?;
    let [_, digest @ ..] = crypto.sha256(&opening.commitment);
    let [version, expected @ ..] = versioned_hash;
    if version != VERSIONED_HASH_VERSION_KZG || expected != digest {
        return Err(PrecompileHalt::BlobMismatchedVersion);
    }
    if !crypto.verify_kzg_opening(&opening) {
        return Err(PrecompileHalt::BlobVerifyKzgProofFailed);
    }
    success(GAS_COST, RETURN_VALUE)
}

fn split(input: &[u8]) -> Option<([u8; 32], KzgOpening)> {
    let (versioned_hash, rest) = input.split_first_chunk()?;
    let (z, rest) = rest.split_first_chunk()?;
    let (y, rest) = rest.split_first_chunk()?;
    let (commitment, rest) = rest.split_first_chunk()?;
    let proof = rest.try_into().ok()?;
    Some((*versioned_hash, KzgOpening { commitment: *commitment, z: *z, y: *y, proof }))
}
