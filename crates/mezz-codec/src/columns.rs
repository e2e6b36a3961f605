//! The fields that columns are made of.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_primitives::{Address, U256};

use crate::{CodecError, Item};

/// A reference to no address: a creation.
pub(crate) const REFERENCE_NONE: u64 = 0;
/// A reference to an address that was not named before.
pub(crate) const REFERENCE_NEW: u64 = 1;
/// Added to the position of an address that was.
pub(crate) const REFERENCE_KNOWN: u64 = 2;

/// Transaction kind of a legacy transaction without a chain id; all others are EIP-2718 types.
pub(crate) const KIND_UNPROTECTED: u8 = 0x80;

const MORE: u8 = 0x80;

/// Largest decimal exponent of an amount: 10^77 is the last power below 2^256.
pub(crate) const MAX_EXPONENT: u8 = 77;

/// A cursor over bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.left
    }

    pub(crate) fn left(&self) -> u64 {
        u64::try_from(self.left.len()).unwrap_or(u64::MAX)
    }

    /// Fails unless `count` items of at least `each` bytes can follow. To be called before
    /// anything of `count` items is allocated.
    pub(crate) fn demand(&self, count: u64, each: u64) -> Result<usize, CodecError> {
        let needed = count.saturating_mul(each);
        let truncated = CodecError::Truncated { needed, left: self.left() };
        if needed > self.left() {
            return Err(truncated);
        }
        usize::try_from(count).map_err(|_| truncated)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let needed = u64::try_from(length).unwrap_or(u64::MAX);
        let truncated = CodecError::Truncated { needed, left: self.left() };
        let (taken, left) = self.left.split_at_checked(length).ok_or(truncated)?;
        self.left = left;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], CodecError> {
        let needed = u64::try_from(N).unwrap_or(u64::MAX);
        let truncated = CodecError::Truncated { needed, left: self.left() };
        let (taken, left) = self.left.split_first_chunk::<N>().ok_or(truncated)?;
        self.left = left;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, CodecError> {
        self.array::<1>().map(|[byte]| *byte)
    }

    pub(crate) fn be_u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub(crate) fn word(&mut self) -> Result<U256, CodecError> {
        self.array::<32>().map(|bytes| U256::from_be_bytes(*bytes))
    }

    /// LEB128: seven bits a byte, lowest first.
    pub(crate) fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & !MORE);
            let moved = bits.wrapping_shl(shift);
            if moved.wrapping_shr(shift) != bits || (byte == 0 && shift > 0) {
                return Err(CodecError::Varint);
            }
            value |= moved;
            if byte & MORE == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Varint)
    }

    /// A column of integers, one byte each at least.
    pub(crate) fn varints(&mut self, count: u64) -> Result<Vec<u64>, CodecError> {
        let mut column = Vec::with_capacity(self.demand(count, 1)?);
        for _ in 0..count {
            column.push(self.varint()?);
        }
        Ok(column)
    }

    /// A column of amounts: lengths, exponents, then mantissas.
    pub(crate) fn amounts(&mut self, count: u64) -> Result<Vec<U256>, CodecError> {
        let size = self.demand(count, 2)?;
        let (lengths, exponents) = (self.take(size)?, self.take(size)?);
        let mut column = Vec::with_capacity(size);
        for (&length, &exponent) in lengths.iter().zip(exponents) {
            let malformed = CodecError::Amount { length, exponent };
            if length > 32 || exponent > MAX_EXPONENT || (length == 0 && exponent != 0) {
                return Err(malformed);
            }
            let mantissa = self.take(length.into())?;
            if mantissa.first() == Some(&0) {
                return Err(malformed);
            }
            let mantissa = U256::try_from_be_slice(mantissa).ok_or(malformed)?;
            let amount = match exponent {
                0 => Some(mantissa),
                _ => U256::from(10)
                    .checked_pow(U256::from(exponent))
                    .and_then(|power| mantissa.checked_mul(power)),
            };
            column.push(amount.ok_or(malformed)?);
        }
        Ok(column)
    }

    /// The sum of counts, checked against what can follow.
    pub(crate) fn total(&self, counts: &[u64], item: Item, each: u64) -> Result<u64, CodecError> {
        let total = counts.iter().try_fold(0u64, |sum, count| sum.checked_add(*count));
        let total = total.ok_or(CodecError::TooMany { item, got: u64::MAX, limit: self.left() })?;
        self.demand(total, each)?;
        Ok(total)
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, value: u64) {
    let mut left = value;
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or(0);
        left = left.wrapping_shr(7);
        if left == 0 {
            out.push(low);
            return;
        }
        out.push(low | MORE);
    }
}

pub(crate) fn varint_length(value: u64) -> u64 {
    let bits = u64::from(64u32.saturating_sub(value.leading_zeros()));
    bits.div_ceil(7).max(1)
}

pub(crate) fn put_length(out: &mut Vec<u8>, length: usize) {
    put_varint(out, u64::try_from(length).unwrap_or(u64::MAX));
}

/// Splits an amount into mantissa and the largest exponent of ten.
pub(crate) fn split_amount(amount: U256) -> (U256, u8) {
    let (mut mantissa, mut exponent) = (amount, 0u8);
    if amount.is_zero() {
        return (amount, 0);
    }
    loop {
        let (quotient, remainder) = mantissa.div_rem(U256::from(10));
        if !remainder.is_zero() {
            return (mantissa, exponent);
        }
        mantissa = quotient;
        exponent = exponent.saturating_add(1);
    }
}

pub(crate) fn put_amounts(out: &mut Vec<u8>, amounts: impl Iterator<Item = U256>) {
    let split: Vec<_> = amounts.map(split_amount).collect();
    for (mantissa, _) in &split {
        out.push(u8::try_from(mantissa.byte_len()).unwrap_or(0));
    }
    out.extend(split.iter().map(|(_, exponent)| *exponent));
    for (mantissa, _) in &split {
        out.extend_from_slice(&mantissa.to_be_bytes_trimmed_vec());
    }
}

/// Addresses in the order in which a batch first names them.
#[derive(Debug, Default)]
pub(crate) struct AddressWriter {
    known: BTreeMap<Address, u64>,
    pub(crate) new: Vec<Address>,
}

impl AddressWriter {
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, address: Option<Address>) {
        let Some(address) = address else {
            put_varint(out, REFERENCE_NONE);
            return;
        };
        let next = u64::try_from(self.new.len()).unwrap_or(u64::MAX);
        match self.known.get(&address) {
            Some(position) => put_varint(out, position.saturating_add(REFERENCE_KNOWN)),
            None => {
                put_varint(out, REFERENCE_NEW);
                self.known.insert(address, next);
                self.new.push(address);
            }
        }
    }
}

/// Turns references into positions; the addresses themselves come later.
#[derive(Debug, Default)]
pub(crate) struct AddressReader {
    pub(crate) known: u64,
}

impl AddressReader {
    /// The position that a reference names; `None` if it names no address.
    pub(crate) fn position(&mut self, reference: u64) -> Result<Option<u64>, CodecError> {
        match reference {
            REFERENCE_NONE => Ok(None),
            REFERENCE_NEW => {
                let position = self.known;
                self.known = self.known.saturating_add(1);
                Ok(Some(position))
            }
            _ => {
                let position = reference.saturating_sub(REFERENCE_KNOWN);
                if position >= self.known {
                    let known = self.known;
                    return Err(CodecError::AddressReference { got: reference, known });
                }
                Ok(Some(position))
            }
        }
    }

    /// As [`AddressReader::position`], where an address must be.
    pub(crate) fn needed(&mut self, reference: u64) -> Result<u64, CodecError> {
        let known = self.known;
        self.position(reference)?.ok_or(CodecError::AddressReference { got: reference, known })
    }
}
