//! `modexp` (EIP-198), at the prices of EIP-7883 and within the bounds of EIP-7823.

use alloy_primitives::U256;
use revm::{
    precompile::{
        EthPrecompileResult, PrecompileHalt,
        modexp::osaka_gas_calc,
        utilities::{left_pad, left_pad_vec_be, right_pad_with_offset, right_pad_with_offset_vec},
    },
    primitives::eip7823::INPUT_SIZE_LIMIT,
};

use super::{charge, length, success};
use crate::crypto::Crypto;

const MIN_GAS: u64 = 500;
const HEADER: usize = 96;
const EXPONENT_HEAD: usize = 32;

/// `length of base ‖ length of exponent ‖ length of modulus` (32 bytes each, BE), then the three, padded
/// with zeros on the right. Returns as many bytes as the modulus has.
pub(super) fn modexp<C: Crypto + ?Sized>(
    crypto: &C,
    input: &[u8],
    gas: u64,
) -> EthPrecompileResult {
    charge(MIN_GAS, gas)?;
    let base_len = operand_length(input, 0)?;
    let exponent_len = operand_length(input, 32)?;
    let modulus_len = operand_length(input, 64)?;
    let operands = input.get(HEADER..).unwrap_or_default();
    // Each is at most 1,024, so that no sum comes near an overflow.
    let exponent_at = base_len;
    let modulus_at = base_len.saturating_add(exponent_len);

    let head = right_pad_with_offset::<EXPONENT_HEAD>(operands, exponent_at);
    let head = head.get(..exponent_len.min(EXPONENT_HEAD)).unwrap_or_default();
    let head = U256::from_be_bytes(left_pad::<EXPONENT_HEAD>(head).into_owned());
    let cost = osaka_gas_calc(length(base_len), length(exponent_len), length(modulus_len), &head);
    charge(cost, gas)?;
    if modulus_len == 0 {
        return success(cost, &[]);
    }

    let base = right_pad_with_offset_vec(operands, 0, base_len);
    let exponent = right_pad_with_offset_vec(operands, exponent_at, exponent_len);
    let modulus = right_pad_with_offset_vec(operands, modulus_at, modulus_len);
    let power = crypto.modexp(&base, &exponent, &modulus);
    success(cost, &left_pad_vec_be(&power, modulus_len))
}

fn operand_length(input: &[u8], offset: usize) -> Result<usize, PrecompileHalt> {
    let length = U256::from_be_bytes(right_pad_with_offset::<32>(input, offset).into_owned());
    match usize::try_from(length) {
        Ok(length) if length <= INPUT_SIZE_LIMIT => Ok(length),
        _ => Err(PrecompileHalt::ModexpEip7823LimitSize),
    }
}
