//! `sha256`, `ripemd160`, `identity` (Yellow Paper, appendix E) and `blake2f` (EIP-152).

use revm::precompile::{
    EthPrecompileResult, PrecompileHalt, calc_linear_cost,
    identity::{IDENTITY_BASE, IDENTITY_PER_WORD},
};

use super::{charge, success};
use crate::crypto::{Blake2Input, Crypto};

const SHA256_BASE: u64 = 60;
const SHA256_PER_WORD: u64 = 12;
const RIPEMD160_BASE: u64 = 600;
const RIPEMD160_PER_WORD: u64 = 120;

pub(super) fn sha256<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    let cost = calc_linear_cost(input.len(), SHA256_BASE, SHA256_PER_WORD);
    charge(cost, gas)?;
    success(cost, &crypto.sha256(input))
}

pub(super) fn ripemd160<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    let cost = calc_linear_cost(input.len(), RIPEMD160_BASE, RIPEMD160_PER_WORD);
    charge(cost, gas)?;
    let digest = crypto.ripemd160(input);
    success(cost, &[&[0; 12][..], &digest[..]].concat())
}

pub(super) fn identity(input: &[u8], gas: u64) -> EthPrecompileResult {
    let cost = calc_linear_cost(input.len(), IDENTITY_BASE, IDENTITY_PER_WORD);
    charge(cost, gas)?;
    success(cost, input)
}

/// EIP-152: `rounds (4, BE) ‖ h (8 × 8, LE) ‖ m (16 × 8, LE) ‖ t (2 × 8, LE) ‖ last (1)`; one gas a round.
pub(super) fn blake2f<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    let input: &[u8; 213] = input.try_into().map_err(|_| PrecompileHalt::Blake2WrongLength)?;
    let [r0, r1, r2, r3, words @ .., last] = input;
    let rounds = u32::from_be_bytes([*r0, *r1, *r2, *r3]);
    let cost = u64::from(rounds);
    charge(cost, gas)?;
    let last = match last {
        0 => false,
        1 => true,
        _ => return Err(PrecompileHalt::Blake2WrongFinalIndicatorFlag),
    };
    let mut words = words.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
    // 208 bytes are 8 + 16 + 2 words, so that none of the defaults is ever taken.
    let mut next = |_| words.next().unwrap_or_default();
    let h = core::array::from_fn(&mut next);
    let m = core::array::from_fn(&mut next);
    let t = core::array::from_fn(&mut next);
    let state = crypto.blake2f(&Blake2Input { rounds, h, m, t, last });
    success(cost, state.map(u64::to_le_bytes).as_flattened())
}
