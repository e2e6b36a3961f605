//! What is offered for a place in a block.

use alloy::{
    eips::BlockNumberOrTag,
    providers::{DynProvider, Provider},
};

use super::SenderSettings;
use crate::L1Error;

/// Blocks whose tips are looked at.
const LOOK_BACK: u64 = 5;
/// The least tip, wei per gas.
const MIN_TIP: u128 = 1_000_000;

/// Fees of a transaction, wei per gas and per blob gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bid {
    pub(super) max_fee: u128,
    pub(super) tip: u128,
    pub(super) blob_fee: u128,
}

impl Bid {
    /// Twice the base fees, so that it holds through six full blocks. No cap is applied.
    pub(super) async fn market(provider: &DynProvider, blobs: bool) -> Result<Self, L1Error> {
        let history =
            provider.get_fee_history(LOOK_BACK, BlockNumberOrTag::Latest, &[50.0]).await?;
        let base = history.latest_block_base_fee().unwrap_or_default();
        let next = history.next_block_base_fee().unwrap_or(base);
        let tips = history.reward.unwrap_or_default();
        let tip = tips.iter().filter_map(|rewards| rewards.first()).max().copied();
        let tip = tip.unwrap_or_default().max(MIN_TIP);
        let blob_fee = if blobs { provider.get_blob_base_fee().await? } else { 0 };
        Ok(Self {
            max_fee: next.max(base).saturating_mul(2).saturating_add(tip),
            tip,
            blob_fee: if blobs { blob_fee.saturating_mul(2).max(1) } else { 0 },
        })
    }

    /// The least that nodes take in place of this: 10 % more of everything; for blob transactions
    /// twice as much.
    pub(super) const fn raised(self, blobs: bool) -> Self {
        const fn more(fee: u128, blobs: bool) -> u128 {
            let part = if blobs { fee } else { fee / 8 };
            fee.saturating_add(part).saturating_add(1)
        }
        Self {
            max_fee: more(self.max_fee, blobs),
            tip: more(self.tip, blobs),
            blob_fee: if blobs { more(self.blob_fee, blobs) } else { 0 },
        }
    }

    /// The higher of each fee.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            max_fee: self.max_fee.max(other.max_fee),
            tip: self.tip.max(other.tip),
            blob_fee: self.blob_fee.max(other.blob_fee),
        }
    }

    /// Not more than the settings allow.
    pub(super) fn capped(self, settings: &SenderSettings) -> Self {
        let max_fee = self.max_fee.min(settings.max_fee_per_gas);
        Self {
            max_fee,
            tip: self.tip.min(max_fee),
            blob_fee: self.blob_fee.min(settings.max_fee_per_blob_gas),
        }
    }

    /// Whether each fee is at least that of `other`.
    pub(super) const fn covers(self, other: Self) -> bool {
        self.max_fee >= other.max_fee && self.tip >= other.tip && self.blob_fee >= other.blob_fee
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BID: Bid = Bid { max_fee: 80, tip: 8, blob_fee: 10 };

    #[test]
    fn a_raise_is_what_nodes_demand() {
        assert_eq!(BID.raised(true), Bid { max_fee: 161, tip: 17, blob_fee: 21 });
        let plain = Bid { blob_fee: 0, ..BID };
        assert_eq!(plain.raised(false), Bid { max_fee: 91, tip: 10, blob_fee: 0 });
    }

    #[test]
    fn caps_hold_and_show() {
        let settings = SenderSettings {
            max_fee_per_gas: 85,
            max_fee_per_blob_gas: 15,
            ..SenderSettings::default()
        };
        let capped = BID.raised(true).capped(&settings);
        assert_eq!(capped, Bid { max_fee: 85, tip: 17, blob_fee: 15 });
        assert!(!capped.covers(BID.raised(true)));
        assert!(capped.covers(BID));
        let low = SenderSettings { max_fee_per_gas: 5, ..settings };
        assert_eq!(BID.capped(&low), Bid { max_fee: 5, tip: 5, blob_fee: 10 });
    }
}
