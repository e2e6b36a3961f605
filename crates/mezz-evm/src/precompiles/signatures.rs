//! `ecrecover` (Yellow Paper, appendix E) and `p256verify` (EIP-7951).

use alloy_primitives::{B256, Signature, U256};
use revm::precompile::{
    EthPrecompileResult, secp256r1::P256VERIFY_BASE_GAS_FEE_OSAKA, utilities::right_pad,
};

use super::{charge, success, word};
use crate::crypto::{Crypto, P256Signature};

const ECRECOVER_GAS: u64 = 3_000;

/// `hash ‖ v ‖ r ‖ s`, 32 bytes each, padded with zeros on the right. A signature of nobody returns no
/// bytes and succeeds.
pub(super) fn ecrecover<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    charge(ECRECOVER_GAS, gas)?;
    let input = right_pad::<128>(input);
    let [hash, v, r, s] = input.as_chunks::<32>().0 else {
        return success(ECRECOVER_GAS, &[]);
    };
    let v = U256::from_be_bytes(*v);
    if v != U256::from(27) && v != U256::from(28) {
        return success(ECRECOVER_GAS, &[]);
    }
    let signature =
        Signature::new(U256::from_be_bytes(*r), U256::from_be_bytes(*s), v == U256::from(28));
    match crypto.recover_signer(&B256::new(*hash), &signature) {
        Some(signer) => success(ECRECOVER_GAS, signer.into_word().as_slice()),
        None => success(ECRECOVER_GAS, &[]),
    }
}

/// `hash ‖ r ‖ s ‖ x ‖ y`, 32 bytes each, exactly. Returns one if the signature is valid, otherwise no
/// bytes; it succeeds either way.
pub(super) fn p256_verify<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    const GAS: u64 = P256VERIFY_BASE_GAS_FEE_OSAKA;
    charge(GAS, gas)?;
    let valid = p256_signature(input).is_some_and(|signature| crypto.verify_p256(&signature));
    if valid { success(GAS, &word(true)) } else { success(GAS, &[]) }
}

fn p256_signature(input: &[u8]) -> Option<P256Signature> {
    let (prehash, rest) = input.split_first_chunk()?;
    let (signature, rest) = rest.split_first_chunk()?;
    let public_key = rest.try_into().ok()?;
    Some(P256Signature { prehash: *prehash, signature: *signature, public_key })
}
