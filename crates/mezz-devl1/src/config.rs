//! What a development L1 is started with.

use std::{net::SocketAddr, num::NonZeroU64, path::PathBuf, sync::Arc};

use alloy::eips::eip7840::BlobParams;
use alloy_primitives::{Address, U256};
use mezz_crypto::NativeCrypto;
use mezz_evm::Crypto;

use crate::clock::{Clock, SystemClock};

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mining {
    /// One every so many seconds, empty or not.
    Interval(NonZeroU64),
    /// One as soon as a transaction arrives.
    OnTransaction,
    /// When asked for: `evm_mine`.
    Manual,
}

/// Parameters of a chain. Those of its genesis cannot change while its data directory is kept.
#[derive(Clone, Debug)]
pub struct DevL1Config {
    /// EIP-155 chain id. Part of the genesis.
    pub chain_id: u64,
    /// Timestamp of block 0, seconds; `None` for now. Part of the genesis.
    pub genesis_timestamp: Option<u64>,
    /// Base fee of block 0, wei per gas. Part of the genesis.
    pub initial_base_fee: u64,
    /// Gas of a block. Part of the genesis.
    pub gas_limit: u64,
    /// Accounts that hold ETH from block 0 on, beside the twenty of the test mnemonic. Part of the genesis.
    pub funded: Vec<(Address, U256)>,
    /// The blob market. Osaka's own by default; BPO1 and BPO2 carry more.
    pub blob_params: BlobParams,
    /// When blocks are made.
    pub mining: Mining,
    /// How many blocks `safe` is behind the head.
    pub safe_depth: u64,
    /// How many blocks `finalized` is behind the head. Reorganisations on demand stop there.
    pub finalized_depth: u64,
    /// For how many blocks the state after them can be asked for.
    pub state_history: u64,
    /// MiB of blocks, with their blobs, that stay in memory when they are on disk; those before them are read from
    /// there. Without a data directory all stay.
    pub memory_mib: u32,
    /// For how many blocks their blobs can be fetched; 4,096 epochs on Ethereum.
    pub blob_history: u64,
    /// Where to serve JSON-RPC and the beacon API; `None` for a chain within the process alone.
    pub listen: Option<SocketAddr>,
    /// Where to keep the chain; `None` for memory alone.
    pub data_dir: Option<PathBuf>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// What runs precompiles and recovers signers.
    pub crypto: Arc<dyn Crypto>,
}

impl DevL1Config {
    /// The chain id unless another is chosen. Not Anvil's 31337, so that a signature for one is none for the other.
    pub const CHAIN_ID: u64 = 900;
}

impl Default for DevL1Config {
    fn default() -> Self {
        Self {
            chain_id: Self::CHAIN_ID,
            genesis_timestamp: None,
            initial_base_fee: 1_000_000_000,
            gas_limit: 60_000_000,
            funded: Vec::new(),
            blob_params: BlobParams::osaka(),
            mining: Mining::Interval(NonZeroU64::MIN),
            safe_depth: 4,
            finalized_depth: 8,
            state_history: 1_024,
            memory_mib: 32,
            blob_history: 131_072,
            listen: None,
            data_dir: None,
            clock: Arc::new(SystemClock),
            crypto: Arc::new(NativeCrypto),
        }
    }
}
