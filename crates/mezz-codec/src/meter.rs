//! How large a payload gets, without writing it.

use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::U256;

use crate::{
    BatchBlock,
    columns::{split_amount, varint_length},
};

/// Largest reference to an address: naming 2^28 of them takes more bytes than a length can say.
const REFERENCE_BYTES: u64 = 4;
const ADDRESS_BYTES: u64 = 20;
/// Largest number of blocks, in bytes.
const COUNT_BYTES: u64 = 10;

/// Adds up an upper bound of the payload of the blocks that were pushed: never less than what
/// [`encode`](crate::encode) gives before compression, and more by a few bytes for each address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadMeter {
    bytes: u64,
    timestamp: u64,
    chain_id: u64,
}

impl PayloadMeter {
    /// Nothing pushed yet.
    pub const fn new() -> Self {
        Self { bytes: 0, timestamp: 0, chain_id: 0 }
    }

    /// Bytes so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes.saturating_add(COUNT_BYTES)
    }

    /// Adds one block after those that were pushed.
    pub fn push(&mut self, block: &BatchBlock) {
        self.add(varint_length(block.timestamp.wrapping_sub(self.timestamp)));
        self.timestamp = block.timestamp;
        self.add(varint_length(block.message_count));
        self.add(varint_length(length(block.transactions.len())));
        for transaction in &block.transactions {
            self.push_transaction(transaction);
        }
    }

    /// Adds one transaction to the last block, whose count is not measured again.
    pub fn push_transaction(&mut self, transaction: &TxEnvelope) {
        // Kind, signature, and the byte that holds its parity.
        self.add(66);
        if let Some(chain_id) = transaction.chain_id() {
            self.add(varint_length(chain_id.wrapping_sub(self.chain_id)));
            self.chain_id = chain_id;
        }
        self.add(varint_length(transaction.nonce()));
        self.add(varint_length(transaction.gas_limit()));
        self.add_amount(U256::from(transaction.max_fee_per_gas()));
        if let Some(tip) = transaction.max_priority_fee_per_gas() {
            self.add_amount(U256::from(tip));
        }
        self.add_address();
        self.add_amount(transaction.value());
        let data = length(transaction.input().len());
        self.add(varint_length(data).saturating_add(data));
        if let Some(list) = transaction.access_list() {
            self.add(varint_length(length(list.len())));
            for entry in &list.0 {
                let keys = length(entry.storage_keys.len());
                self.add_address();
                self.add(varint_length(keys).saturating_add(keys.saturating_mul(32)));
            }
        }
        if let Some(list) = transaction.authorization_list() {
            self.add(varint_length(length(list.len())));
            for authorization in list {
                // Signature and parity.
                self.add(65);
                self.add_address();
                self.add_amount(*authorization.chain_id());
                self.add(varint_length(authorization.nonce()));
            }
        }
    }

    fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn add_address(&mut self) {
        self.add(REFERENCE_BYTES.saturating_add(ADDRESS_BYTES));
    }

    fn add_amount(&mut self, amount: U256) {
        let (mantissa, _) = split_amount(amount);
        self.add(length(mantissa.byte_len()).saturating_add(2));
    }
}

fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
