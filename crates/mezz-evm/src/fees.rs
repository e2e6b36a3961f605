//! The fee market and the price of data on L1 (`docs/formats.md`, section 4).

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_primitives::U256;
use mezz_types::{ChainConfig, Fees, L1Facts};

/// Base fee of the block after one with `gas_limit`, `gas_used` and `base_fee` (EIP-1559), wei per
/// gas; never below `min_base_fee`.
pub fn next_base_fee(fees: &Fees, gas_limit: u64, gas_used: u64, base_fee: u64) -> u64 {
    let target = gas_limit.checked_div(fees.elasticity).unwrap_or(0);
    let change = |distance: u64| {
        let product = u128::from(base_fee).saturating_mul(u128::from(distance));
        let share = product
            .checked_div(u128::from(target))
            .and_then(|share| share.checked_div(u128::from(fees.change_denominator)))
            .unwrap_or(0);
        u64::try_from(share).unwrap_or(u64::MAX)
    };
    let next = if gas_used > target {
        base_fee.saturating_add(change(gas_used.saturating_sub(target)).max(1))
    } else {
        base_fee.saturating_sub(change(target.saturating_sub(gas_used)))
    };
    next.max(fees.min_base_fee)
}

/// What a byte of transaction data costs under the L1 facts in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataPrice {
    wei_per_byte: U256,
}

impl DataPrice {
    /// `(l1_gas_per_byte_milli × baseFee + blob_gas_per_byte_milli × blobBaseFee) / 1000`.
    pub fn new(fees: &Fees, facts: &L1Facts) -> Self {
        // 2 × 2^64 × 2^128 is far within 256 bits.
        let gas = U256::from(fees.l1_gas_per_byte_milli).saturating_mul(U256::from(facts.base_fee));
        let blob = U256::from(fees.blob_gas_per_byte_milli)
            .saturating_mul(U256::from(facts.blob_base_fee));
        let thousandths = gas.saturating_add(blob);
        Self { wei_per_byte: thousandths.checked_div(U256::from(1000u64)).unwrap_or(U256::ZERO) }
    }

    /// Wei per byte.
    pub const fn wei_per_byte(&self) -> U256 {
        self.wei_per_byte
    }

    /// The data fee of a transaction that counts as `bytes`, wei.
    pub fn fee(&self, bytes: u64) -> U256 {
        self.wei_per_byte.saturating_mul(U256::from(bytes))
    }
}

/// The parts of a transaction that decide how many bytes it is billed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataSize {
    /// Bytes of call data or init code that are not zero.
    pub nonzero_bytes: u64,
    /// Bytes that are.
    pub zero_bytes: u64,
    /// Addresses and keys of the access list.
    pub access_entries: u64,
    /// EIP-7702 authorizations.
    pub authorizations: u64,
}

impl DataSize {
    /// Of a transaction.
    pub fn of(transaction: &TxEnvelope) -> Self {
        let entries = transaction.access_list().map_or(0, |list| {
            list.iter().fold(0u64, |sum, item| {
                sum.saturating_add(1).saturating_add(length(item.storage_keys.len()))
            })
        });
        Self::new(
            transaction.input(),
            entries,
            length(transaction.authorization_list().map_or(0, <[_]>::len)),
        )
    }

    /// Of call data or init code, with so many addresses and keys of an access list and so many
    /// authorizations.
    pub fn new(data: &[u8], access_entries: u64, authorizations: u64) -> Self {
        let nonzero = data.iter().filter(|byte| **byte != 0).count();
        Self {
            nonzero_bytes: length(nonzero),
            zero_bytes: length(data.len().saturating_sub(nonzero)),
            access_entries,
            authorizations,
        }
    }

    /// `96 + nonzero + ⌈zero / 4⌉ + 32 × (addresses and keys) + 128 × authorizations`.
    pub const fn billed_bytes(&self) -> u64 {
        96u64
            .saturating_add(self.nonzero_bytes)
            .saturating_add(self.zero_bytes.div_ceil(4))
            .saturating_add(self.access_entries.saturating_mul(32))
            .saturating_add(self.authorizations.saturating_mul(128))
    }
}

/// The fee for a transaction's data on L1, wei, under `facts`.
pub fn data_fee(config: &ChainConfig, facts: &L1Facts, transaction: &TxEnvelope) -> U256 {
    DataPrice::new(&config.fees, facts).fee(DataSize::of(transaction).billed_bytes())
}

/// `⌈data fee / gas limit⌉`: what the data fee takes out of every unit of authorised gas, wei per
/// gas. `U256::MAX` if there is a fee but no gas.
pub fn surcharge(data_fee: U256, gas_limit: u64) -> U256 {
    if data_fee.is_zero() {
        return U256::ZERO;
    }
    if gas_limit == 0 {
        return U256::MAX;
    }
    data_fee.div_ceil(U256::from(gas_limit))
}

fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
