//! BLS12-381 (EIP-2537). Every field element stands in 64 bytes, of which the first 16 are zero.

use alloc::vec::Vec;

use revm::precompile::{
    EthPrecompileResult, PrecompileHalt,
    bls12_381_const::{
        DISCOUNT_TABLE_G1_MSM, DISCOUNT_TABLE_G2_MSM, G1_ADD_BASE_GAS_FEE, G1_MSM_BASE_GAS_FEE,
        G1_MSM_INPUT_LENGTH, G2_ADD_BASE_GAS_FEE, G2_MSM_BASE_GAS_FEE, G2_MSM_INPUT_LENGTH,
        MAP_FP_TO_G1_BASE_GAS_FEE, MAP_FP2_TO_G2_BASE_GAS_FEE, PADDED_FP_LENGTH, PADDED_G1_LENGTH,
        PADDED_G2_LENGTH, PAIRING_INPUT_LENGTH, PAIRING_MULTIPLIER_BASE, PAIRING_OFFSET_BASE,
    },
    bls12_381_utils::msm_required_gas,
};

use super::{charge, length, success, word};
use crate::crypto::{Bls12G1, Bls12G2, Bls12Scalar, Crypto};

const PADDING: usize = 16;
const FIELD: usize = 48;
const BAD_G1: PrecompileHalt = PrecompileHalt::Bls12381G1NotOnCurve;
const BAD_G2: PrecompileHalt = PrecompileHalt::Bls12381G2NotOnCurve;
const BAD_PADDING: PrecompileHalt = PrecompileHalt::Bls12381FpPaddingInvalid;

/// Two points.
pub(super) fn g1_add<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    charge(G1_ADD_BASE_GAS_FEE, gas)?;
    let ([a, b], []) = input.as_chunks::<PADDED_G1_LENGTH>() else {
        return Err(PrecompileHalt::Bls12381G1AddInputLength);
    };
    let sum = crypto.bls12_g1_add(&unpad(a)?, &unpad(b)?).ok_or(BAD_G1)?;
    success(G1_ADD_BASE_GAS_FEE, &pad(&sum))
}

/// Two points.
pub(super) fn g2_add<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    charge(G2_ADD_BASE_GAS_FEE, gas)?;
    let ([a, b], []) = input.as_chunks::<PADDED_G2_LENGTH>() else {
        return Err(PrecompileHalt::Bls12381G2AddInputLength);
    };
    let sum = crypto.bls12_g2_add(&unpad(a)?, &unpad(b)?).ok_or(BAD_G2)?;
    success(G2_ADD_BASE_GAS_FEE, &pad(&sum))
}

/// At least one `point ‖ scalar (32)`.
pub(super) fn g1_msm<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    let (terms @ [_, ..], []) = input.as_chunks::<G1_MSM_INPUT_LENGTH>() else {
        return Err(PrecompileHalt::Bls12381G1MsmInputLength);
    };
    let cost = msm_required_gas(terms.len(), &DISCOUNT_TABLE_G1_MSM, G1_MSM_BASE_GAS_FEE);
    charge(cost, gas)?;
    let terms: Vec<(Bls12G1, Bls12Scalar)> =
        terms.iter().map(|term| split_term(term)).collect::<Result<_, _>>()?;
    let sum = crypto.bls12_g1_msm(&terms).ok_or(BAD_G1)?;
    success(cost, &pad(&sum))
}

/// At least one `point ‖ scalar (32)`.
pub(super) fn g2_msm<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    let (terms @ [_, ..], []) = input.as_chunks::<G2_MSM_INPUT_LENGTH>() else {
        return Err(PrecompileHalt::Bls12381G2MsmInputLength);
    };
    let cost = msm_required_gas(terms.len(), &DISCOUNT_TABLE_G2_MSM, G2_MSM_BASE_GAS_FEE);
    charge(cost, gas)?;
    let terms: Vec<(Bls12G2, Bls12Scalar)> =
        terms.iter().map(|term| split_term(term)).collect::<Result<_, _>>()?;
    let sum = crypto.bls12_g2_msm(&terms).ok_or(BAD_G2)?;
    success(cost, &pad(&sum))
}

/// At least one `point of G1 ‖ point of G2`.
pub(super) fn pairing<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    let (pairs @ [_, ..], []) = input.as_chunks::<PAIRING_INPUT_LENGTH>() else {
        return Err(PrecompileHalt::Bls12381PairingInputLength);
    };
    let cost = length(pairs.len())
        .saturating_mul(PAIRING_MULTIPLIER_BASE)
        .saturating_add(PAIRING_OFFSET_BASE);
    charge(cost, gas)?;
    let pairs: Vec<(Bls12G1, Bls12G2)> = pairs
        .iter()
        .map(|pair| {
            let (a, b) = pair.split_at_checked(PADDED_G1_LENGTH).ok_or(BAD_PADDING)?;
            Ok((unpad(a)?, unpad(b)?))
        })
        .collect::<Result<_, PrecompileHalt>>()?;
    let one = crypto.bls12_pairing(&pairs).ok_or(PrecompileHalt::Bls12381G1NotInSubgroup)?;
    success(cost, &word(one))
}

/// One element of the field.
pub(super) fn map_fp_to_g1<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    charge(MAP_FP_TO_G1_BASE_GAS_FEE, gas)?;
    if input.len() != PADDED_FP_LENGTH {
        return Err(PrecompileHalt::Bls12381MapFpToG1InputLength);
    }
    let point = crypto.bls12_map_fp_to_g1(&unpad(input)?).ok_or(PrecompileHalt::NonCanonicalFp)?;
    success(MAP_FP_TO_G1_BASE_GAS_FEE, &pad(&point))
}

/// One element of the extension field, `c0 ‖ c1`.
pub(super) fn map_fp2_to_g2<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    charge(MAP_FP2_TO_G2_BASE_GAS_FEE, gas)?;
    if input.len() != PADDED_G1_LENGTH {
        return Err(PrecompileHalt::Bls12381MapFp2ToG2InputLength);
    }
    let point = crypto.bls12_map_fp2_to_g2(&unpad(input)?).ok_or(PrecompileHalt::NonCanonicalFp)?;
    success(MAP_FP2_TO_G2_BASE_GAS_FEE, &pad(&point))
}

fn split_term<const N: usize>(term: &[u8]) -> Result<([u8; N], Bls12Scalar), PrecompileHalt> {
    let (point, scalar) =
        term.split_last_chunk::<32>().ok_or(PrecompileHalt::Bls12381ScalarInputLength)?;
    Ok((unpad(point)?, *scalar))
}

/// Takes the padding off each field element; fails if it is not zero, or the lengths do not fit.
fn unpad<const N: usize>(padded: &[u8]) -> Result<[u8; N], PrecompileHalt> {
    let mut unpadded = [0; N];
    let (to, []) = unpadded.as_chunks_mut::<FIELD>() else { return Err(BAD_PADDING) };
    let (from, []) = padded.as_chunks::<PADDED_FP_LENGTH>() else { return Err(BAD_PADDING) };
    if to.len() != from.len() {
        return Err(BAD_PADDING);
    }
    for (to, from) in to.iter_mut().zip(from) {
        match from.split_first_chunk::<PADDING>() {
            Some((&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], value)) => {
                *to = value.try_into().map_err(|_| BAD_PADDING)?;
            }
            _ => return Err(BAD_PADDING),
        }
    }
    Ok(unpadded)
}

fn pad(point: &[u8]) -> Vec<u8> {
    let fields = point.as_chunks::<FIELD>().0;
    fields.iter().flat_map(|field| [&[0; PADDING][..], &field[..]].concat()).collect()
}
