//! Blocks as they are kept.

use std::sync::Arc;

use alloy::consensus::{Header, ReceiptEnvelope, Sealed};
use alloy_primitives::{Address, B256};
use mezz_evm::EthereumChanges;

use super::transaction::CheckedTransaction;

/// What a block takes beside what is counted, bytes: its header, and what the allocator adds.
const OVERHEAD: usize = 2_048;

/// A block, what its transactions did, and what changed.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) header: Sealed<Header>,
    pub(crate) transactions: Vec<Arc<CheckedTransaction>>,
    /// One for each transaction.
    pub(crate) receipts: Vec<Receipt>,
    /// Length of its RLP encoding, bytes.
    pub(crate) size: usize,
    /// What hands of the operator changed between the parent and this block.
    pub(crate) edits: Arc<EthereumChanges>,
    /// What the block itself changed.
    pub(crate) changes: Arc<EthereumChanges>,
}

/// A receipt, with what it does not say itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) envelope: ReceiptEnvelope,
    pub(crate) gas_used: u64,
    pub(crate) created: Option<Address>,
    /// Logs of the block before its own.
    pub(crate) first_log: u64,
}

impl Block {
    pub(crate) fn number(&self) -> u64 {
        self.header.number
    }

    pub(crate) fn hash(&self) -> B256 {
        self.header.hash()
    }

    /// About what it takes in memory, bytes.
    pub(crate) fn weight(&self) -> usize {
        let blobs: usize =
            self.transactions.iter().map(|transaction| transaction.blob_bytes()).sum();
        let logs = self.receipts.iter().flat_map(|receipt| receipt.envelope.logs());
        let logs: usize = logs.map(|log| 128 + log.data.data.len()).sum();
        OVERHEAD + self.size + blobs + logs
    }

    pub(crate) fn base_fee(&self) -> u64 {
        self.header.base_fee_per_gas.unwrap_or_default()
    }
}
