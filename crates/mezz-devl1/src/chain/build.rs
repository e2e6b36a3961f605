//! Making a block out of what waits.

use std::sync::Arc;

use alloy::{
    consensus::{
        EMPTY_OMMER_ROOT_HASH, Header, ReceiptEnvelope, Sealable, TxReceipt,
        constants::EMPTY_WITHDRAWALS,
        proofs::{calculate_receipt_root, calculate_transaction_root},
    },
    eips::{Encodable2718, eip1559::BaseFeeParams, eip7685::Requests, eip7840::BlobParams},
};
use alloy_primitives::{B256, Bloom, Bytes, keccak256};
use alloy_rlp::{Encodable as _, length_of_length};
use mezz_evm::{
    BlobRules, Crypto, EthereumBlock, EthereumBlockEnv, EthereumChanges, EthereumError,
    EthereumOutcome, EthereumPushError,
};

use super::{
    block::{Block, Receipt},
    pool::Pool,
    transaction::CheckedTransaction,
};
use crate::state::{StateError, WorldState};

/// Longest block, bytes (EIP-7934: 10 MiB less a margin of 2 MiB).
const MAX_BLOCK_BYTES: usize = 8 * 1024 * 1024;

/// A block could not be made: its state is broken.
pub(crate) type BuildError = EthereumError<StateError>;

/// What all blocks of a chain have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) chain_id: u64,
    pub(crate) gas_limit: u64,
    pub(crate) blobs: BlobParams,
}

/// What is chosen for one block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes {
    pub(crate) timestamp: u64,
    /// Instead of what EIP-1559 says.
    pub(crate) base_fee: Option<u64>,
    /// Makes the block differ from another that is the same in all else.
    pub(crate) fork: u64,
}

/// Where a block is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Base<'a> {
    pub(crate) parent: &'a Block,
    /// State after the parent and the edits.
    pub(crate) state: &'a WorldState,
    pub(crate) edits: &'a Arc<EthereumChanges>,
}

/// A new block.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) block: Block,
    pub(crate) state: WorldState,
    /// Transactions that can never be executed any more.
    pub(crate) refused: Vec<B256>,
}

impl Rules {
    /// Base fee after `parent`, wei per gas (EIP-1559).
    pub(crate) fn next_base_fee(&self, parent: &Header) -> u64 {
        parent.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or_default()
    }

    /// Excess blob gas after `parent` (EIP-4844, EIP-7918).
    pub(crate) fn next_excess_blob_gas(&self, parent: &Header) -> u64 {
        parent.next_block_excess_blob_gas(self.blobs).unwrap_or_default()
    }

    /// Price of blob gas, wei, in the block of `header`.
    pub(crate) fn blob_base_fee(&self, header: &Header) -> u128 {
        self.blobs.calc_blob_fee(header.excess_blob_gas.unwrap_or_default())
    }

    /// What the opcodes of a call «at block n» see.
    pub(crate) fn env_of(&self, header: &Header) -> EthereumBlockEnv {
        EthereumBlockEnv {
            chain_id: self.chain_id,
            number: header.number,
            timestamp: header.timestamp,
            beneficiary: header.beneficiary,
            gas_limit: header.gas_limit,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            prev_randao: header.mix_hash,
            parent_hash: header.parent_hash,
            parent_beacon_root: header.parent_beacon_block_root.unwrap_or_default(),
            excess_blob_gas: header.excess_blob_gas.unwrap_or_default(),
            blobs: BlobRules {
                update_fraction: u64::try_from(self.blobs.update_fraction).unwrap_or(u64::MAX),
                max_per_block: self.blobs.max_blob_count,
                max_per_transaction: self.blobs.max_blobs_per_tx,
            },
        }
    }

    /// What the opcodes of the block after `parent` see.
    pub(crate) fn env_after(&self, parent: &Block, attributes: Attributes) -> EthereumBlockEnv {
        let (header, parent_hash) = (&parent.header, parent.hash());
        let base_fee = attributes.base_fee.unwrap_or_else(|| self.next_base_fee(header));
        EthereumBlockEnv {
            number: header.number + 1,
            timestamp: attributes.timestamp,
            base_fee,
            prev_randao: hash_of(b"randao", parent_hash, attributes.fork),
            parent_hash,
            parent_beacon_root: hash_of(b"beacon", parent_hash, 0),
            excess_blob_gas: self.next_excess_blob_gas(header),
            ..self.env_of(header)
        }
    }
}

/// A development chain has no beacon chain; what would come from there is drawn from the parent.
fn hash_of(what: &[u8; 6], parent: B256, fork: u64) -> B256 {
    let mut words = [0u8; 46];
    words[..6].copy_from_slice(what);
    words[6..38].copy_from_slice(parent.as_slice());
    words[38..].copy_from_slice(&fork.to_be_bytes());
    keccak256(words)
}

/// Makes the block after `base`, of what in `pool` is valid and fits.
pub(crate) fn build(
    rules: &Rules,
    crypto: &dyn Crypto,
    base: Base<'_>,
    attributes: Attributes,
    pool: &Pool,
) -> Result<Built, BuildError> {
    let env = rules.env_after(base.parent, attributes);
    let mut block = EthereumBlock::start(env, base.state, crypto)?;
    let mut body = Body::default();
    let mut refused = Vec::new();
    let mut best = pool.best(env.base_fee);
    while let Some(transaction) = best.next() {
        let bytes = transaction.signed.encode_2718_len();
        if body.bytes + bytes > MAX_BLOCK_BYTES {
            continue;
        }
        match block.push(transaction.signed.inner(), transaction.sender()) {
            Ok(outcome) => {
                best.included(transaction);
                body.push(transaction.clone(), outcome, bytes);
            }
            Err(EthereumPushError::Invalid(error)) => {
                tracing::debug!(hash = %transaction.hash(), %error, "left out of a block");
                if !error.may_become_valid() {
                    refused.push(transaction.hash());
                }
            }
            Err(
                EthereumPushError::GasDoesNotFit { .. } | EthereumPushError::BlobsDoNotFit { .. },
            ) => {}
            Err(EthereumPushError::Block(error)) => return Err(error),
        }
    }
    let finished = block.finish()?;
    let mut state = base.state.clone();
    state.apply(&finished.changes);
    let header = Header {
        state_root: state.root(),
        gas_used: finished.gas_used,
        blob_gas_used: Some(finished.blob_gas_used),
        requests_hash: Some(Requests::new(finished.requests).requests_hash()),
        ..body.header(&env)
    };
    let size = body.size(&header);
    let block = Block {
        header: header.seal_slow(),
        transactions: body.transactions,
        receipts: body.receipts,
        size,
        edits: base.edits.clone(),
        changes: Arc::new(finished.changes),
    };
    Ok(Built { block, state, refused })
}

#[derive(Default)]
struct Body {
    transactions: Vec<Arc<CheckedTransaction>>,
    receipts: Vec<Receipt>,
    bytes: usize,
    gas: u64,
    logs: u64,
}

impl Body {
    fn push(
        &mut self,
        transaction: Arc<CheckedTransaction>,
        outcome: EthereumOutcome,
        bytes: usize,
    ) {
        self.gas += outcome.gas_used;
        let logs = outcome.logs.len();
        let receipt = alloy::consensus::Receipt {
            status: outcome.is_success().into(),
            cumulative_gas_used: self.gas,
            logs: outcome.logs,
        };
        let kind = transaction.signed.tx_type();
        self.receipts.push(Receipt {
            envelope: ReceiptEnvelope::from_typed(kind, receipt),
            gas_used: outcome.gas_used,
            created: outcome.created,
            first_log: self.logs,
        });
        self.logs += u64::try_from(logs).expect("a count of logs in memory fits");
        self.bytes += bytes;
        self.transactions.push(transaction);
    }

    /// All of a header but what only the end of a block knows.
    fn header(&self, env: &EthereumBlockEnv) -> Header {
        let signed: Vec<_> = self.transactions.iter().map(|tx| tx.signed.inner()).collect();
        let receipts: Vec<_> = self.receipts.iter().map(|receipt| &receipt.envelope).collect();
        let logs_bloom =
            receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
        Header {
            parent_hash: env.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: env.beneficiary,
            transactions_root: calculate_transaction_root(&signed),
            receipts_root: calculate_receipt_root(&receipts),
            logs_bloom,
            number: env.number,
            gas_limit: env.gas_limit,
            timestamp: env.timestamp,
            extra_data: Bytes::new(),
            mix_hash: env.prev_randao,
            base_fee_per_gas: Some(env.base_fee),
            withdrawals_root: Some(EMPTY_WITHDRAWALS),
            excess_blob_gas: Some(env.excess_blob_gas),
            parent_beacon_block_root: Some(env.parent_beacon_root),
            ..Header::default()
        }
    }

    /// Length of the block's RLP encoding: header, transactions, no ommers, no withdrawals.
    fn size(&self, header: &Header) -> usize {
        let list: usize = self
            .transactions
            .iter()
            .map(|transaction| {
                let bytes = transaction.signed.encode_2718_len();
                // A typed transaction stands in the list as a string.
                if transaction.signed.is_legacy() { bytes } else { bytes + length_of_length(bytes) }
            })
            .sum();
        let payload = header.length() + length_of_length(list) + list + 2;
        length_of_length(payload) + payload
    }
}
