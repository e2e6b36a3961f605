//! What L1 was like when it accepted a batch or a message.

use crate::{L1BlockNumber, Words};

/// Facts of one L1 block, recorded by the contract in the accumulators.
///
/// A block of L2 executes with the facts of the last message that it or an ancestor consumed,
/// never with facts that its author could not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct L1Facts {
    /// L1 block number.
    pub number: L1BlockNumber,
    /// L1 block timestamp, seconds since the Unix epoch.
    pub timestamp: u64,
    /// EIP-1559 base fee, wei per gas.
    pub base_fee: u128,
    /// EIP-4844 blob base fee, wei per blob gas.
    pub blob_base_fee: u128,
}

impl L1Facts {
    /// Appends the four words: number, timestamp, base fee, blob base fee.
    pub(crate) fn append_to(&self, words: Words) -> Words {
        words
            .uint(self.number.get())
            .uint(self.timestamp)
            .uint(self.base_fee)
            .uint(self.blob_base_fee)
    }
}
