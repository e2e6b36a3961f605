//! What a block keeps of an executed transaction.

use alloc::vec::Vec;

use alloy_consensus::{ReceiptWithBloom, RlpDecodableReceipt, RlpEncodableReceipt};
use alloy_primitives::{Bloom, Log};

/// A receipt as it stands in the receipts trie: Ethereum's, with type `0x7d` for system
/// transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// EIP-2718 type of the transaction; 0 for legacy.
    pub kind: u8,
    /// Status, cumulative gas, logs and their bloom.
    pub inner: ReceiptWithBloom<alloy_consensus::Receipt<Log>>,
}

impl Receipt {
    /// Of a transaction of type `kind`, after which the block has used `cumulative_gas_used`.
    pub fn new(kind: u8, succeeded: bool, cumulative_gas_used: u64, logs: Vec<Log>) -> Self {
        let receipt =
            alloy_consensus::Receipt { status: succeeded.into(), cumulative_gas_used, logs };
        Self { kind, inner: receipt.with_bloom() }
    }

    /// Whether the transaction did what it was to do.
    pub const fn succeeded(&self) -> bool {
        self.inner.receipt.status.coerce_status()
    }

    /// Gas used by the block up to and including this transaction.
    pub const fn cumulative_gas_used(&self) -> u64 {
        self.inner.receipt.cumulative_gas_used
    }

    /// Logs, in order.
    pub fn logs(&self) -> &[Log] {
        &self.inner.receipt.logs
    }

    /// Bloom filter over the logs.
    pub const fn bloom(&self) -> &Bloom {
        &self.inner.logs_bloom
    }

    /// `type ‖ rlp([status, cumulativeGasUsed, logsBloom, logs])`, no type byte for legacy.
    pub fn encode_2718(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_2718_to(&mut out);
        out
    }

    pub(crate) fn encode_2718_to(&self, out: &mut Vec<u8>) {
        if self.kind != 0 {
            out.push(self.kind);
        }
        self.inner.receipt.rlp_encode_with_bloom(&self.inner.logs_bloom, out);
    }

    /// Reads what [`Receipt::encode_2718`] wrote. The bloom is taken as it stands.
    ///
    /// # Errors
    /// [`alloy_rlp::Error`] if it is no whole receipt.
    pub fn decode_2718(bytes: &[u8]) -> Result<Self, alloy_rlp::Error> {
        // A receipt is an RLP list, whose first byte is at least 0xc0; types are below 0x80.
        let (kind, mut rest) = match bytes.split_first() {
            Some((&kind, rest)) if kind < 0x80 => (kind, rest),
            _ => (0, bytes),
        };
        let inner = alloy_consensus::Receipt::rlp_decode_with_bloom(&mut rest)?;
        if rest.is_empty() {
            Ok(Self { kind, inner })
        } else {
            Err(alloy_rlp::Error::UnexpectedLength)
        }
    }
}
