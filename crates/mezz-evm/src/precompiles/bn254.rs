//! Addition, multiplication (EIP-196) and pairing (EIP-197) on BN254, at the prices of EIP-1108.

use revm::precompile::{
    EthPrecompileResult, PrecompileHalt,
    bn254::{
        ADD_INPUT_LEN, MUL_INPUT_LEN, PAIR_ELEMENT_LEN,
        add::ISTANBUL_ADD_GAS_COST,
        mul::ISTANBUL_MUL_GAS_COST,
        pair::{ISTANBUL_PAIR_BASE, ISTANBUL_PAIR_PER_POINT},
    },
    utilities::right_pad,
};

use super::{charge, length, success, word};
use crate::crypto::Crypto;

const NOT_A_POINT: PrecompileHalt = PrecompileHalt::Bn254AffineGFailedToCreate;

/// Two points, padded with zeros on the right; what follows them is ignored.
pub(super) fn add<C: Crypto + ?Sized>(crypto: &C, input: &[u8], gas: u64) -> EthPrecompileResult {
    charge(ISTANBUL_ADD_GAS_COST, gas)?;
    let input = right_pad::<ADD_INPUT_LEN>(input);
    let [a, b] = input.as_chunks::<64>().0 else { return Err(NOT_A_POINT) };
    let sum = crypto.bn254_add(a, b).ok_or(NOT_A_POINT)?;
    success(ISTANBUL_ADD_GAS_COST, &sum)
}

/// A point and a scalar, padded with zeros on the right; what follows them is ignored.
pub(super) fn mul<C: Crypto + ?Sized>(crypto: &C, input: &[u8], gas: u64) -> EthPrecompileResult {
    charge(ISTANBUL_MUL_GAS_COST, gas)?;
    let input = right_pad::<MUL_INPUT_LEN>(input);
    let (point, scalar) = input
        .split_first_chunk::<64>()
        .zip(input.last_chunk::<32>())
        .map(|((point, _), scalar)| (point, scalar))
        .ok_or(NOT_A_POINT)?;
    let product = crypto.bn254_mul(point, scalar).ok_or(NOT_A_POINT)?;
    success(ISTANBUL_MUL_GAS_COST, &product)
}

/// Any number of pairs, exactly.
pub(super) fn pairing<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    let (pairs, rest) = input.as_chunks::<PAIR_ELEMENT_LEN>();
    let cost = length(pairs.len())
        .saturating_mul(ISTANBUL_PAIR_PER_POINT)
        .saturating_add(ISTANBUL_PAIR_BASE);
    charge(cost, gas)?;
    if !rest.is_empty() {
        return Err(PrecompileHalt::Bn254PairLength);
    }
    let one = crypto.bn254_pairing(pairs).ok_or(NOT_A_POINT)?;
    success(cost, &word(one))
}
