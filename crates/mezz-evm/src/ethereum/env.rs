//! What a block of Ethereum is before anything runs in it.

use alloy_primitives::{Address, B256, U256};
use revm::{
    context::{BlockEnv, CfgEnv},
    primitives::hardfork::SpecId,
};

/// Gas that one blob takes (EIP-4844).
const GAS_PER_BLOB: u64 = 1 << 17;

/// The blob market's parameters (EIP-7840, EIP-7892).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRules {
    /// How slowly the price follows the excess; `BLOB_BASE_FEE_UPDATE_FRACTION`.
    pub update_fraction: u64,
    /// Most blobs of one block.
    pub max_per_block: u64,
    /// Most blobs of one transaction (EIP-7594).
    pub max_per_transaction: u64,
}

/// A block's place in the chain and everything that its opcodes can see of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthereumBlockEnv {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Height.
    pub number: u64,
    /// Seconds since the Unix epoch.
    pub timestamp: u64,
    /// Who is paid the tips.
    pub beneficiary: Address,
    /// Gas that it may use.
    pub gas_limit: u64,
    /// Wei per gas.
    pub base_fee: u64,
    /// PREVRANDAO (EIP-4399).
    pub prev_randao: B256,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// Root of the beacon block before (EIP-4788).
    pub parent_beacon_root: B256,
    /// Blob gas above the target up to the parent (EIP-4844).
    pub excess_blob_gas: u64,
    /// Parameters of the blob market.
    pub blobs: BlobRules,
}

impl EthereumBlockEnv {
    /// Most blob gas of this block.
    pub(super) fn max_blob_gas(&self) -> u64 {
        self.blobs.max_per_block.saturating_mul(GAS_PER_BLOB)
    }

    pub(super) fn for_engine(&self) -> BlockEnv {
        let mut env = BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.beneficiary,
            timestamp: U256::from(self.timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prev_randao),
            ..BlockEnv::default()
        };
        env.set_blob_excess_gas_and_price(self.excess_blob_gas, self.blobs.update_fraction);
        env
    }

    pub(super) fn rules_for_engine(&self) -> CfgEnv {
        let mut rules = CfgEnv::new_with_spec(SpecId::OSAKA);
        rules.chain_id = self.chain_id;
        rules.max_blobs_per_tx = Some(self.blobs.max_per_transaction);
        rules.blob_base_fee_update_fraction = Some(self.blobs.update_fraction);
        rules
    }
}

/// Blob gas of `blobs` blobs.
pub(super) fn blob_gas(blobs: usize) -> u64 {
    u64::try_from(blobs).unwrap_or(u64::MAX).saturating_mul(GAS_PER_BLOB)
}
