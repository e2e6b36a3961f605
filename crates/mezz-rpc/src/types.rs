//! Answers of the `mezz_*` methods: shared with the command line, which asks them.

use alloy_primitives::{Address, B256, Bytes, U256};
use mezz_l1::L1Contracts;
use mezz_types::ChainConfig;
use serde::{Deserialize, Serialize};

/// `mezz_chainInfo`: what the chain is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainInfo {
    /// Its configuration.
    pub config: ChainConfig,
    /// Hash of the configuration.
    pub config_hash: B256,
    /// Its contracts on L1.
    pub contracts: L1Contracts,
    /// The genesis hash: batch accumulator at 0 and root of the claim tree.
    pub genesis_hash: B256,
    /// L1 block of the first contract.
    pub l1_start_block: u64,
    /// Seconds until an undisputed claim is final.
    pub window_secs: u64,
}

/// A block by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockLabel {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
}

/// `mezz_status`: where the chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainStatus {
    /// Last block.
    pub latest: BlockLabel,
    /// Last block whose batch is on L1.
    pub safe: BlockLabel,
    /// Last block under a final claim in a finalized L1 block.
    pub finalized: BlockLabel,
    /// Batches on L1.
    pub batches: u64,
    /// Batches that this node has taken over.
    pub derived_batches: u64,
    /// Claims on L1 that are neither lost nor superseded.
    pub claims: u64,
    /// Batches under the last final claim.
    pub final_batches: u64,
    /// The last final claim, if it contradicts what this node derived: its L1 lies, or the chain's settlement is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong_final_claim: Option<B256>,
    /// Whether a claim's range is contested, hence frozen.
    pub contested: bool,
    /// Messages in the inbox.
    pub messages: u64,
    /// Messages that the last block has not consumed.
    pub unconsumed_messages: u64,
    /// L1 block that was read last.
    pub l1_block: u64,
    /// Its timestamp, seconds; 0 until one was read.
    pub l1_timestamp: u64,
    /// Transactions that could run next.
    pub pool_pending: u64,
    /// Transactions that wait for a predecessor.
    pub pool_queued: u64,
}

/// How far a withdrawal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WithdrawalStage {
    /// In a block, not on L1.
    Sequenced,
    /// Its block's batch is on L1, without a claim that agrees with this node.
    Batched,
    /// A claim covers it; its window runs.
    Claimed,
    /// A rival stands against the claim: frozen until the dispute is decided.
    Contested,
    /// The window is over; the claim waits to be finalized.
    Finalizable,
    /// It can be paid: `commitment` and `proof` are there.
    Ready,
}

/// A commitment, field by field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitmentFields {
    /// Height.
    pub block_number: u64,
    /// Block hash.
    pub block_hash: B256,
    /// Timestamp, seconds.
    pub timestamp: u64,
    /// State root.
    pub state_root: B256,
    /// Outbox root.
    pub outbox_root: B256,
    /// First unconsumed message.
    pub next_inbox_index: u64,
}

/// `mezz_getWithdrawal(index)`: a withdrawal and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalStatus {
    /// Position in the outbox.
    pub index: u64,
    /// 0 ETH, 1 token, 2 call.
    pub kind: u8,
    /// Who asked for it on L2.
    pub sender: Address,
    /// Who receives or is called on L1.
    pub target: Address,
    /// ERC-20 on L1; zero for ETH.
    pub token: Address,
    /// Wei or smallest units.
    pub amount: U256,
    /// Call data.
    pub data: Bytes,
    /// L2 block that made it.
    pub block: u64,
    /// Batch of that block.
    pub batch: Option<u64>,
    /// Claim that covers it.
    pub claim: Option<B256>,
    /// How far it is.
    pub stage: WithdrawalStage,
    /// Seconds of L1 time until the claim's window is over, where that is what it waits for.
    pub seconds_left: Option<u64>,
    /// The final commitment to prove it against.
    pub commitment: Option<CommitmentFields>,
    /// 32 siblings in the outbox tree, lowest first.
    pub proof: Option<Vec<B256>>,
}
