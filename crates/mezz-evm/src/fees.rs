//! The fee market and the price of data on L1 (`docs/formats.md`, section 4).

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::U256;
use mezz_types::{ChainConfig, Fees, L1Facts};

use crate::InvalidTransaction;

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

    /// A tip for wallets to offer, wei per gas: what a plain transfer (21,000 gas, 96 bytes) needs
    /// above a fifth of the base fee, which every common wallet offers on top of it, to carry
    /// its data fee. Zero while data is cheap.
    pub fn suggested_tip(&self, base_fee: u64) -> u128 {
        let needed = surcharge(with_headroom(self.fee(96)), 21_000);
        let tip = needed.saturating_sub(U256::from(base_fee / 5));
        tip.saturating_to()
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
        let none = AccessList::default();
        Self::of_parts(
            transaction.input(),
            transaction.access_list().unwrap_or(&none),
            transaction.authorization_list().map_or(0, <[_]>::len),
        )
    }

    /// Of call data or init code, an access list, and so many authorizations.
    pub fn of_parts(data: &[u8], access_list: &AccessList, authorizations: usize) -> Self {
        let nonzero = data.iter().filter(|byte| **byte != 0).count();
        let access_entries = access_list.iter().fold(0u64, |sum, item| {
            sum.saturating_add(1).saturating_add(length(item.storage_keys.len()))
        });
        Self {
            nonzero_bytes: length(nonzero),
            zero_bytes: length(data.len().saturating_sub(nonzero)),
            access_entries,
            authorizations: length(authorizations),
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

/// A quarter more: what a fee may grow by before the transaction that pays it is executed.
fn with_headroom(fee: U256) -> U256 {
    fee.saturating_add(fee.div_ceil(U256::from(4u64)))
}

/// The gas limit with which `max_fee` carries `data_fee`, and a quarter more of it for safety, above
/// `base_fee`; `None` if none does.
pub(crate) fn covering_gas(base_fee: u64, max_fee: u128, data_fee: U256) -> Option<u64> {
    if data_fee.is_zero() {
        return Some(0);
    }
    let margin = max_fee.checked_sub(u128::from(base_fee)).filter(|margin| *margin > 0)?;
    u64::try_from(with_headroom(data_fee).div_ceil(U256::from(margin))).ok()
}

/// What a transaction pays at most per gas, once its data fee is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Wei per gas; at least the base fee.
    pub(crate) max_fee: u128,
    /// Wei per gas of it; `None` if all of `max_fee` is paid (types 0 and 1).
    pub(crate) tip: Option<u128>,
}

impl Offer {
    /// Of a transaction that authorises `max_fee` and `tip` for each of `gas_limit`.
    pub(crate) fn new(
        max_fee: u128,
        tip: Option<u128>,
        gas_limit: u64,
        base_fee: u64,
        data_fee: U256,
    ) -> Result<Self, InvalidTransaction> {
        let base_fee = u128::from(base_fee);
        if max_fee < base_fee {
            return Err(InvalidTransaction::MaxFeeBelowBaseFee { base_fee, max_fee });
        }
        let surcharge = surcharge(data_fee, gas_limit);
        let reduced = u128::try_from(surcharge)
            .ok()
            .and_then(|surcharge| max_fee.checked_sub(surcharge))
            .filter(|reduced| *reduced >= base_fee);
        match reduced {
            Some(reduced) => Ok(Self { max_fee: reduced, tip: tip.map(|tip| tip.min(reduced)) }),
            None => Err(InvalidTransaction::DataFeeNotCovered { base_fee, surcharge, max_fee }),
        }
    }

    /// Wei per gas that is paid under `base_fee`.
    pub(crate) fn price(&self, base_fee: u64) -> u128 {
        match self.tip {
            Some(tip) => self.max_fee.min(u128::from(base_fee).saturating_add(tip)),
            None => self.max_fee,
        }
    }
}

fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
