//! The world and its steps.

use std::{path::PathBuf, sync::Arc, time::Duration};

use alloy::{
    consensus::TxEnvelope, eips::Encodable2718 as _, rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner, sol_types::SolCall as _,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use mezz_contracts::{Inbox, Vault};
use mezz_crypto::NativeCrypto;
use mezz_deploy::{ChainFile, Security, Settings, chain_genesis, default_fees, deploy};
use mezz_devl1::Reorg;
use mezz_l1::{Endpoint, L1Call, L1Error, SystemTimer};
use mezz_node::{
    BatcherRole, BatcherSettings, BlobRetention, BuiltBlock, DerivationSettings, FollowerSettings,
    Move, NodeConfig, PoolError, PoolLimits, Posted, Progress, ProposerRole, ProposerSettings,
    Roles, SequencerSettings,
};
use mezz_store::StoreOptions;
use mezz_types::{DataKind, Limits};
use tempfile::TempDir;
use url::Url;

use crate::{Account, FINALIZED_DEPTH, L1, TestNode, WorldClock, key, l1::sender_settings};

/// One ether, wei.
pub const ETHER: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
/// When worlds begin, seconds.
const BEGINNING: u64 = 1_760_000_000;
/// L2 gas of a deposit.
const DEPOSIT_GAS: u64 = 100_000;
/// Names whose keys have ether on L1.
const NAMES: [&str; 8] =
    ["deployer", "operator", "proposer", "alice", "bob", "carol", "mallory", "anybody"];

/// What is chosen about a world.
#[derive(Clone, Debug)]
pub struct WorldSettings {
    /// Where batches go.
    pub data: DataKind,
    /// Delays and bonds.
    pub security: Security,
    /// Bounds of blocks and batches.
    pub limits: Limits,
    /// Whether witnesses are kept until their batch is final.
    pub keep_witnesses: bool,
    /// L1 blocks on top of a message before it is consumed.
    pub confirmations: u64,
    /// Blocks whose state can be read again at least.
    pub history_window: u64,
    /// L1 blocks that `finalized` is behind the head: no reorganisation goes deeper.
    pub finalized_depth: u64,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            data: DataKind::Calldata,
            security: Security::development(),
            limits: mezz_deploy::DEFAULT_LIMITS,
            keep_witnesses: true,
            confirmations: 0,
            history_window: StoreOptions::default().history_window,
            finalized_depth: FINALIZED_DEPTH,
        }
    }
}

/// An L1, a chain on it, and its sequencing node.
pub struct World {
    /// L1.
    pub l1: L1,
    /// The chain.
    pub chain: ChainFile,
    /// The node that has all roles.
    pub node: TestNode,
    /// The one clock.
    pub clock: WorldClock,
    settings: WorldSettings,
    replicas: u32,
    dir: TempDir,
}

impl World {
    /// Starts L1, deploys a chain, and opens its node.
    pub async fn new(settings: WorldSettings) -> Self {
        let clock = WorldClock::new(BEGINNING);
        let funded: Vec<Address> = NAMES.iter().map(|name| key(name).address()).collect();
        let l1 = L1::start(clock.clone(), &funded, settings.finalized_depth).await;
        let dir = TempDir::new().expect("there is room for a directory");
        let wanted = Settings {
            data: settings.data,
            operator: Some(key("operator").address()),
            security: settings.security,
            limits: settings.limits,
            fees: default_fees(settings.data),
            ..Settings::default()
        };
        let sender = l1.sender(&key("deployer"));
        let chain = deploy(dir.path(), &wanted, &l1.provider, &sender, |_| {})
            .await
            .expect("the chain deploys");
        // Each contract took an L1 block of its own, at least a second later than the one before.
        clock.advance_secs(l1.timestamp().saturating_sub(clock.now_ms() / 1_000));
        let roles = roles(&chain);
        let config = node_config(&l1, &chain, &clock, &settings, dir.path().join("node"), roles);
        let node = TestNode::open(config);
        let mut world = Self { l1, chain, node, clock, settings, replicas: 0, dir };
        world.act_derive_all().await;
        world
    }

    /// The account of this name, before its first transaction. A deposit from its L1 address is one, too.
    pub fn account(&self, name: &str) -> Account {
        Account::new(name, self.chain.config.l2_chain_id)
    }

    /// The account of this name, with its nonce at the node's head.
    pub fn account_now(&self, name: &str) -> Account {
        let account = self.account(name);
        Account { nonce: self.node.nonce(account.address()), ..account }
    }

    /// A node that knows nothing but L1, with an empty directory and without roles.
    pub fn replica(&mut self) -> TestNode {
        TestNode::open(self.replica_config())
    }

    /// The same, which follows a sequencer's blocks as well.
    pub fn replica_following(&mut self, follower: FollowerSettings) -> TestNode {
        let mut config = self.replica_config();
        config.roles.follower = Some(follower);
        TestNode::open(config)
    }

    /// The same, which sees L1 through this.
    pub fn replica_on(&mut self, l1: Endpoint) -> TestNode {
        TestNode::open(NodeConfig { l1, ..self.replica_config() })
    }

    /// The same, which sees L1 through this and has its blobs from there.
    pub fn replica_through(&mut self, l1: Endpoint, beacons: Vec<Url>) -> TestNode {
        TestNode::open(NodeConfig { l1, beacons, ..self.replica_config() })
    }

    /// The same, which has its blobs from these, in this order.
    pub fn replica_with_beacons(&mut self, beacons: Vec<Url>) -> TestNode {
        TestNode::open(NodeConfig { beacons, ..self.replica_config() })
    }

    /// What such a node is made of, with a directory that is not there yet.
    pub fn replica_config(&mut self) -> NodeConfig {
        self.replicas += 1;
        let dir = self.dir.path().join(format!("replica-{}", self.replicas));
        let roles = Roles::default();
        node_config(&self.l1, &self.chain, &self.clock, &self.settings, dir, roles)
    }

    /// Makes so many empty L1 blocks.
    pub async fn act_l1_mine(&mut self, count: u64) {
        self.l1.mine(count).await;
    }

    /// A second passes, and the sequencer builds a block if its policy says so.
    pub async fn act_l2_build(&mut self) -> Option<BuiltBlock> {
        self.clock.advance_secs(1);
        let sequencer = self.node.parts_mut().sequencer.as_mut().expect("the node sequences");
        sequencer.step().await.expect("the engine builds")
    }

    /// Posts what there is, in one batch.
    ///
    /// # Errors
    /// What L1 says.
    pub async fn try_batch(&mut self) -> Result<Option<Posted>, mezz_node::BatcherError> {
        self.clock.advance_secs(1);
        self.node.parts_mut().batcher.as_mut().expect("the node posts").flush().await
    }

    /// Posts what there is, in one batch.
    pub async fn act_batch(&mut self) -> Option<Posted> {
        self.try_batch().await.expect("L1 takes the batch")
    }

    /// Brings L1 past the head, posts batches until nothing is left to post, and takes them over.
    pub async fn act_batch_all(&mut self) -> Vec<Posted> {
        let mut posted = Vec::new();
        self.act_l1_catch_up().await;
        while let Some(batch) = self.act_batch().await {
            posted.push(batch);
            self.act_derive_all().await;
        }
        posted
    }

    /// Makes an L1 block that is not earlier than the L2 head, and reads it.
    pub async fn act_l1_catch_up(&mut self) {
        self.act_l1_mine(1).await;
        self.act_derive_all().await;
    }

    /// The node follows L1 until nothing is new.
    pub async fn act_derive_all(&mut self) -> Vec<Progress> {
        self.node.derive_all().await.expect("the node follows L1")
    }

    /// The proposer's next move.
    ///
    /// # Errors
    /// What L1 says.
    pub async fn try_propose(&mut self) -> Result<Option<Move>, mezz_node::ProposerError> {
        self.clock.advance_secs(1);
        self.node.parts_mut().proposer.as_mut().expect("the node claims").step().await
    }

    /// The proposer's next move.
    pub async fn act_propose(&mut self) -> Option<Move> {
        self.try_propose().await.expect("L1 takes the move")
    }

    /// Deposits ether from L1.
    pub async fn act_deposit(
        &mut self,
        from: &PrivateKeySigner,
        to: Address,
        amount: U256,
    ) -> TransactionReceipt {
        self.act_deposit_call(from, to, amount, Bytes::new()).await
    }

    /// Deposits ether from L1 and calls the receiver.
    pub async fn act_deposit_call(
        &mut self,
        from: &PrivateKeySigner,
        to: Address,
        amount: U256,
        data: Bytes,
    ) -> TransactionReceipt {
        let fee = self.message_fee(DEPOSIT_GAS).await;
        let data = Vault::depositEtherCall { to, amount, gasLimit: DEPOSIT_GAS, data };
        let call = L1Call {
            to: Some(self.chain.contracts.vault),
            value: amount + fee,
            data: data.abi_encode().into(),
            ..L1Call::default()
        };
        self.l1.send(from, call).await.expect("the vault takes the deposit")
    }

    /// Puts a signed L2 transaction into the inbox.
    ///
    /// # Errors
    /// What L1 says.
    pub async fn try_force(
        &mut self,
        from: &PrivateKeySigner,
        gas_limit: u64,
        signed: Bytes,
    ) -> Result<TransactionReceipt, L1Error> {
        let fee = self.message_fee(gas_limit).await;
        let data = Inbox::sendForcedCall { gasLimit: gas_limit, signedTransaction: signed };
        let call = L1Call {
            to: Some(self.chain.contracts.inbox),
            value: fee,
            data: data.abi_encode().into(),
            ..L1Call::default()
        };
        self.l1.send(from, call).await
    }

    /// Puts a signed L2 transaction into the inbox.
    pub async fn act_force(
        &mut self,
        from: &PrivateKeySigner,
        gas_limit: u64,
        signed: &TxEnvelope,
    ) -> TransactionReceipt {
        let signed = signed.encoded_2718().into();
        self.try_force(from, gas_limit, signed).await.expect("the inbox takes it")
    }

    /// What a message costs now, with room for a rise; the rest comes back.
    pub async fn message_fee(&self, gas_limit: u64) -> U256 {
        let quote = Inbox::quoteCall { gasLimit: gas_limit };
        let fee: U256 = self.l1.view(self.chain.contracts.inbox, quote).await;
        fee * U256::from(2)
    }

    /// Offers a transaction to the node's pool.
    ///
    /// # Errors
    /// Why the pool refuses it.
    pub async fn try_send_l2(&mut self, signed: TxEnvelope) -> Result<B256, PoolError> {
        let crypto = &self.node.config.crypto;
        let recovered = mezz_evm::recover(signed, crypto.as_ref()).expect("it is signed");
        let nonce = self.node.nonce(recovered.signer());
        let pool = self.node.parts().pool.as_ref().expect("the node has a pool");
        pool.insert(Arc::new(recovered), nonce).await
    }

    /// Offers a transaction to the node's pool.
    pub async fn act_send_l2(&mut self, signed: TxEnvelope) -> B256 {
        self.try_send_l2(signed).await.expect("the pool takes it")
    }

    /// Time passes, and L1 makes a block.
    pub async fn act_time_travel(&mut self, secs: u64) {
        self.clock.advance_secs(secs);
        self.act_l1_mine(1).await;
    }

    /// Replaces the last blocks of L1.
    pub async fn act_l1_reorg(&mut self, reorg: Reorg) {
        self.l1.reorg(reorg).await;
    }

    /// Stops the node and starts it on what is on disk.
    pub fn act_restart_node(&mut self) {
        self.node.restart();
    }
}

fn roles(chain: &ChainFile) -> Roles {
    Roles {
        sequencer: Some(SequencerSettings::default()),
        batcher: Some(BatcherRole {
            signer: key("operator").into(),
            settings: BatcherSettings {
                data: chain.data,
                max_age_ms: 2_000,
                keepalive_secs: chain.liveness_timeout_secs / 2,
                genesis_hash: chain.genesis_hash,
            },
        }),
        proposer: Some(ProposerRole {
            signer: key("proposer").into(),
            settings: ProposerSettings {
                interval_secs: 0,
                max_batches: chain.max_batches_per_claim,
                bond: chain.bond_wei,
                genesis_hash: chain.genesis_hash,
            },
        }),
        follower: None,
    }
}

fn node_config(
    l1: &L1,
    chain: &ChainFile,
    clock: &WorldClock,
    settings: &WorldSettings,
    data_dir: PathBuf,
    roles: Roles,
) -> NodeConfig {
    let genesis = chain_genesis(&chain.config).expect("a deployed chain has a genesis");
    NodeConfig {
        data_dir,
        store: StoreOptions {
            page_cache_mib: 16,
            leaf_cache_mib: 16,
            database_cache_mib: 16,
            commit_threads: 1,
            history_window: settings.history_window,
            ..StoreOptions::default()
        },
        chain: Arc::new(chain.config.clone()),
        genesis: genesis.accounts,
        contracts: chain.contracts,
        derivation: DerivationSettings {
            start: chain.l1_start_block,
            confirmations: settings.confirmations,
            genesis_hash: chain.genesis_hash,
            keep_blobs: BlobRetention::UntilFinal,
        },
        data: chain.data,
        l1: l1.endpoint.clone(),
        beacons: vec![l1.beacon.clone()],
        l1_poll: Duration::from_millis(1),
        sender: sender_settings(),
        pool: PoolLimits::default(),
        crypto: Arc::new(NativeCrypto),
        clock: Arc::new(clock.clone()),
        timer: Arc::new(SystemTimer),
        keep_witnesses: settings.keep_witnesses,
        roles,
    }
}
