//! From a chain's description to a running node.

use std::{path::Path, sync::Arc, time::Duration};

use alloy::signers::local::PrivateKeySigner;
use mezz_crypto::NativeCrypto;
use mezz_deploy::{ChainFile, chain_genesis};
use mezz_l1::{Endpoint, L1Signer, SenderSettings, SystemTimer};
use mezz_node::{
    BatcherRole, BatcherSettings, BlobRetention, DerivationSettings, FollowerSettings, NodeConfig,
    PoolLimits, ProposerRole, ProposerSettings, Roles, SequencerSettings, SystemClock,
};
use mezz_store::StoreOptions;
use url::Url;

/// How a node paces itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between blocks.
    pub(crate) block_time: Duration,
    /// Between looks at L1.
    pub(crate) l1_poll: Duration,
    /// L1 blocks on top of a message before it is consumed.
    pub(crate) confirmations: u64,
    /// Longest that a block waits for its batch.
    pub(crate) batch_age: Duration,
    /// Seconds between claims.
    pub(crate) claim_interval_secs: u64,
    /// What stays free on the disk, MiB.
    pub(crate) reserve_mib: u64,
    /// What becomes of blobs.
    pub(crate) keep_blobs: BlobRetention,
}

/// Keys of the roles that are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleKeys {
    /// Whether blocks are built.
    pub(crate) sequencer: bool,
    /// Who posts batches.
    pub(crate) batcher: Option<L1Signer>,
    /// Who claims.
    pub(crate) proposer: Option<L1Signer>,
    /// Signs blocks for replicas.
    pub(crate) feed: Option<PrivateKeySigner>,
    /// Whose blocks are followed.
    pub(crate) follower: Option<FollowerSettings>,
}

/// The configuration of a node of `chain`.
pub(crate) fn node_config(
    chain: &ChainFile,
    dir: &Path,
    l1: Endpoint,
    beacons: Vec<Url>,
    pace: Pace,
    keys: RoleKeys,
) -> eyre::Result<NodeConfig> {
    let genesis = chain_genesis(&chain.config)?;
    Ok(NodeConfig {
        data_dir: dir.join("chain"),
        store: StoreOptions { reserve_mib: pace.reserve_mib, ..StoreOptions::default() },
        chain: Arc::new(chain.config.clone()),
        genesis: genesis.accounts,
        contracts: chain.contracts,
        derivation: DerivationSettings {
            start: chain.l1_start_block,
            confirmations: pace.confirmations,
            genesis_hash: chain.genesis_hash,
            keep_blobs: pace.keep_blobs,
        },
        data: chain.data,
        l1,
        beacons,
        l1_poll: pace.l1_poll,
        sender: SenderSettings { poll: pace.l1_poll, ..SenderSettings::default() },
        pool: PoolLimits::default(),
        crypto: Arc::new(NativeCrypto),
        clock: Arc::new(SystemClock),
        timer: Arc::new(SystemTimer),
        keep_witnesses: false,
        roles: roles(chain, pace, keys),
    })
}

fn roles(chain: &ChainFile, pace: Pace, keys: RoleKeys) -> Roles {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let sequencer = keys.sequencer.then(|| SequencerSettings {
        block_time_ms: millis(pace.block_time),
        // Time may not run so far ahead of L1 that a message falls due unseen.
        max_drift_secs: SequencerSettings::default()
            .max_drift_secs
            .min(chain.config.force_delay / 2),
        ..SequencerSettings::default()
    });
    let batcher = keys.batcher.map(|signer| BatcherRole {
        signer,
        settings: BatcherSettings {
            data: chain.data,
            max_age_ms: millis(pace.batch_age),
            // Well before anybody else may post.
            keepalive_secs: chain.liveness_timeout_secs / 2,
            genesis_hash: chain.genesis_hash,
        },
    });
    let proposer = keys.proposer.map(|signer| ProposerRole {
        signer,
        settings: ProposerSettings {
            interval_secs: pace.claim_interval_secs,
            max_batches: chain.max_batches_per_claim,
            bond: chain.bond_wei,
            genesis_hash: chain.genesis_hash,
        },
    });
    Roles { sequencer, batcher, proposer, follower: keys.follower }
}
