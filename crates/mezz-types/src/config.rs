//! What a chain is configured to be. Its hash is part of every claim.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256};

use crate::{BatchIndex, Words};

/// Which state transition the chain runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
#[repr(u8)]
pub enum LedgerKind {
    /// Ethereum accounts and contracts.
    Evm = 0,
}

/// The rules in force from a batch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
#[repr(u8)]
pub enum Rules {
    /// Ethereum's Osaka, with the differences of `docs/differences.md`.
    Osaka = 1,
}

/// One entry of the fork schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Fork {
    /// First batch under these rules.
    pub from_batch: BatchIndex,
    /// The rules.
    pub rules: Rules,
}

/// Bounds of blocks, batches and messages; all are decided before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Limits {
    /// Gas a block may use; also its header's gas limit.
    pub block_gas: u64,
    /// Gas limits of all transactions and messages of a batch, summed.
    pub batch_gas: u64,
    /// Gas limit of one message.
    pub message_gas: u64,
    /// Gas limits of all messages of a batch, summed; at most `block_gas`, so that one default
    /// block can hold them.
    pub batch_message_gas: u64,
    /// Messages of a batch, markers included.
    pub batch_messages: u64,
    /// Bytes of a batch after decompression.
    pub batch_bytes: u64,
    /// Blocks of a batch.
    pub batch_blocks: u64,
    /// Transactions of a batch.
    pub batch_transactions: u64,
}

/// The fee market and the price of L1 data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct Fees {
    /// Base fee of the first block, wei.
    pub initial_base_fee: u64,
    /// Base fee never falls below this, wei.
    pub min_base_fee: u64,
    /// EIP-1559 elasticity: gas limit over gas target.
    pub elasticity: u64,
    /// EIP-1559 denominator of the largest change.
    pub change_denominator: u64,
    /// Thousandths of L1 gas billed per estimated byte at the L1 base fee.
    pub l1_gas_per_byte_milli: u64,
    /// Thousandths of blob gas billed per estimated byte at the L1 blob base fee.
    pub blob_gas_per_byte_milli: u64,
}

/// The configuration of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
pub struct ChainConfig {
    /// Chain id of the settlement layer.
    pub l1_chain_id: u64,
    /// Chain id of this chain (EIP-155).
    pub l2_chain_id: u64,
    /// Which ledger.
    pub ledger: LedgerKind,
    /// Timestamp of the genesis block, seconds.
    pub genesis_timestamp: u64,
    /// The vault on L1: the only sender whose token deposits are believed.
    pub vault: Address,
    /// Where the fee vault pays out on L1.
    pub fee_recipient: Address,
    /// Seconds until a message must be consumed.
    pub force_delay: u64,
    /// Bounds.
    pub limits: Limits,
    /// Fees.
    pub fees: Fees,
    /// Forks, first at batch 0, strictly increasing.
    pub forks: Vec<Fork>,
}

/// Why a configuration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A number that must not be zero is.
    #[error("{field} is zero")]
    Zero {
        /// Which.
        field: &'static str,
    },
    /// A number that must not exceed another does.
    #[error("{small} ({small_value}) exceeds {large} ({large_value})")]
    Exceeds {
        /// The one that must be the smaller.
        small: &'static str,
        /// Its value.
        small_value: u64,
        /// The one that must be the larger.
        large: &'static str,
        /// Its value.
        large_value: u64,
    },
    /// The fork schedule does not start at batch 0 or does not increase.
    #[error("fork {position} of the schedule is out of order")]
    ForkOrder {
        /// Position in the list.
        position: usize,
    },
    /// L1 and L2 have the same chain id: a signature for one would be valid on the other.
    #[error("L1 and L2 share chain id {chain_id}")]
    SameChainId {
        /// The id.
        chain_id: u64,
    },
}

impl ChainConfig {
    /// Checks what the transition relies on.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let Limits { block_gas, batch_gas, message_gas, batch_message_gas, batch_messages, .. } =
            self.limits;
        for (field, value) in [
            ("l1_chain_id", self.l1_chain_id),
            ("l2_chain_id", self.l2_chain_id),
            ("force_delay", self.force_delay),
            ("limits.message_gas", message_gas),
            ("limits.batch_messages", batch_messages),
            ("limits.batch_bytes", self.limits.batch_bytes),
            ("limits.batch_blocks", self.limits.batch_blocks),
            ("limits.batch_transactions", self.limits.batch_transactions),
            ("fees.elasticity", self.fees.elasticity),
            ("fees.change_denominator", self.fees.change_denominator),
            ("fees.min_base_fee", self.fees.min_base_fee),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero { field });
            }
        }
        if self.l1_chain_id == self.l2_chain_id {
            return Err(ConfigError::SameChainId { chain_id: self.l1_chain_id });
        }
        for (small, small_value, large, large_value) in [
            ("limits.message_gas", message_gas, "limits.batch_message_gas", batch_message_gas),
            ("limits.batch_message_gas", batch_message_gas, "limits.block_gas", block_gas),
            ("limits.block_gas", block_gas, "limits.batch_gas", batch_gas),
            (
                "fees.min_base_fee",
                self.fees.min_base_fee,
                "fees.initial_base_fee",
                self.fees.initial_base_fee,
            ),
        ] {
            if small_value > large_value {
                return Err(ConfigError::Exceeds { small, small_value, large, large_value });
            }
        }
        self.validate_forks()
    }

    fn validate_forks(&self) -> Result<(), ConfigError> {
        let mut previous = None;
        for (position, fork) in self.forks.iter().enumerate() {
            let in_order = match previous {
                None => fork.from_batch == BatchIndex::ZERO,
                Some(before) => fork.from_batch > before,
            };
            if !in_order {
                return Err(ConfigError::ForkOrder { position });
            }
            previous = Some(fork.from_batch);
        }
        if previous.is_none() { Err(ConfigError::ForkOrder { position: 0 }) } else { Ok(()) }
    }

    /// The rules in force for `batch`; `None` if the schedule is empty.
    pub fn rules_at(&self, batch: BatchIndex) -> Option<Rules> {
        self.forks.iter().rev().find(|fork| fork.from_batch <= batch).map(|fork| fork.rules)
    }

    /// The hash that claims name.
    pub fn hash(&self) -> B256 {
        self.words().keccak()
    }

    /// Preimage of [`ChainConfig::hash`].
    pub fn words(&self) -> Words {
        let ledger = match self.ledger {
            LedgerKind::Evm => 0u8,
        };
        let mut words = Words::tagged("mezzanine.config.v1")
            .uint(self.l1_chain_id)
            .uint(self.l2_chain_id)
            .uint(ledger)
            .uint(self.genesis_timestamp)
            .address(self.vault)
            .address(self.fee_recipient)
            .uint(self.force_delay)
            .uint(self.limits.block_gas)
            .uint(self.limits.batch_gas)
            .uint(self.limits.message_gas)
            .uint(self.limits.batch_message_gas)
            .uint(self.limits.batch_messages)
            .uint(self.limits.batch_bytes)
            .uint(self.limits.batch_blocks)
            .uint(self.limits.batch_transactions)
            .uint(self.fees.initial_base_fee)
            .uint(self.fees.min_base_fee)
            .uint(self.fees.elasticity)
            .uint(self.fees.change_denominator)
            .uint(self.fees.l1_gas_per_byte_milli)
            .uint(self.fees.blob_gas_per_byte_milli);
        for fork in &self.forks {
            let rules = match fork.rules {
                Rules::Osaka => 1u8,
            };
            words = words.uint(fork.from_batch.get()).uint(rules);
        }
        words
    }
}
