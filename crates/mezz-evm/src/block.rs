//! A block after execution: everything but its state root, then everything.

use alloc::{string::String, vec::Vec};

use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header, Sealed, proofs::ordered_trie_root_with_encoder,
};
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256, b256};
use mezz_types::{BlockNumber, Commitment, FEE_VAULT, InboxIndex, L1Facts, StateChanges};

use crate::{BlockTransaction, DecodeError, ExtraData, InvalidTransaction, Receipt};

/// `sha256("")`: the requests hash of a block without requests (EIP-7685).
const NO_REQUESTS_HASH: B256 =
    b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/// How the code that a transaction or call ran came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// It did what it was to do.
    Success {
        /// Return data; the deployed code for a creation.
        output: Bytes,
    },
    /// `REVERT`: unspent gas is kept.
    Revert {
        /// Revert data.
        output: Bytes,
    },
    /// An exceptional halt: all gas is used.
    Halt {
        /// What the engine calls it.
        reason: String,
    },
}

impl CallResult {
    /// Whether the receipt's status is 1.
    pub const fn is_success(&self) -> bool {
        matches!(self, Self::Success { .. })
    }
}

/// What a transaction that is in the block did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionOutcome {
    /// How it ended.
    pub result: CallResult,
    /// What it cost.
    pub extras: TransactionExtras,
}

/// What RPC says of a transaction beyond its receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionExtras {
    /// Gas that it used by itself.
    pub gas_used: u64,
    /// Wei per gas that the sender paid for it, data fee apart; 0 for system transactions.
    pub effective_gas_price: u128,
    /// Wei that the sender paid for the data on L1; 0 for system and forced transactions.
    pub data_fee: U256,
    /// The contract that it created.
    pub contract_address: Option<Address>,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    /// It carries L1 facts only.
    Marker,
    /// It is the transaction of the block at this position.
    Executed {
        /// Position among the block's transactions.
        position: usize,
    },
    /// A forced transaction that left no trace in the block.
    Skipped {
        /// Why.
        reason: SkipReason,
    },
}

/// Why a forced transaction was skipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// The message's data is no transaction.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is one, but not valid at this point.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// The message did not pay for the gas that it asks for.
    #[error("gas limit {asked}, the message paid for {paid}")]
    GasNotPaid {
        /// Gas limit of the message.
        paid: u64,
        /// Gas limit of the transaction.
        asked: u64,
    },
    /// The block has less gas left than it asks for.
    #[error("gas limit {gas_limit} does not fit: {left} left in the block")]
    DoesNotFit {
        /// What it asks for.
        gas_limit: u64,
        /// What is left.
        left: u64,
    },
}

/// A block after execution, before its state root is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutedBlock {
    /// Its height.
    pub number: BlockNumber,
    /// Hash of its parent.
    pub parent_hash: B256,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// Gas that it may use.
    pub gas_limit: u64,
    /// Wei per gas.
    pub base_fee: u64,
    /// Transactions in order: those of messages first.
    pub transactions: Vec<BlockTransaction>,
    /// One per transaction.
    pub receipts: Vec<Receipt>,
    /// One per transaction.
    pub extras: Vec<TransactionExtras>,
    /// One per message consumed.
    pub messages: Vec<MessageOutcome>,
    /// What it did to the state: exactly the leaves whose value differs from before.
    pub changes: StateChanges,
    /// Gas used by all transactions, those of messages included.
    pub gas_used: u64,
    /// Bloom filter over all logs.
    pub logs_bloom: Bloom,
    /// Root of the outbox tree after it.
    pub outbox_root: B256,
    /// First inbox message that it leaves unconsumed.
    pub next_inbox_index: InboxIndex,
    /// L1 facts in force after its messages.
    pub l1_facts: L1Facts,
}

impl ExecutedBlock {
    /// The whole block, given the root of the state after [`ExecutedBlock::changes`].
    pub fn seal(self, state_root: B256) -> SealedBlock {
        let transactions_root =
            ordered_trie_root_with_encoder(&self.transactions, |transaction, out| {
                transaction.encode_2718_to(out);
            });
        let receipts_root = ordered_trie_root_with_encoder(&self.receipts, |receipt, out| {
            receipt.encode_2718_to(out);
        });
        let extra = ExtraData {
            l1_origin: self.l1_facts.number,
            next_inbox_index: self.next_inbox_index,
            signer_epoch: 0,
        };
        let header = Header {
            parent_hash: self.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: FEE_VAULT,
            state_root,
            transactions_root,
            receipts_root,
            logs_bloom: self.logs_bloom,
            difficulty: U256::ZERO,
            number: self.number.get(),
            gas_limit: self.gas_limit,
            gas_used: self.gas_used,
            timestamp: self.timestamp,
            extra_data: extra.encode(),
            mix_hash: self.parent_hash,
            nonce: B64::ZERO,
            base_fee_per_gas: Some(self.base_fee),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(NO_REQUESTS_HASH),
            ..Header::default()
        };
        SealedBlock { header: Sealed::new(header), block: self }
    }
}

/// A whole block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlock {
    /// Its header and hash.
    pub header: Sealed<Header>,
    /// What is in it and what it did.
    pub block: ExecutedBlock,
}

impl SealedBlock {
    /// The block's hash.
    pub fn hash(&self) -> B256 {
        self.header.hash()
    }

    /// What the chain is after this block.
    pub fn commitment(&self) -> Commitment {
        Commitment {
            block_number: self.block.number,
            block_hash: self.header.hash(),
            timestamp: self.block.timestamp,
            state_root: self.header.state_root,
            outbox_root: self.block.outbox_root,
            next_inbox_index: self.block.next_inbox_index,
        }
    }
}
