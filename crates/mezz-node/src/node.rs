//! One process with the roles that it was given.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use alloy_primitives::Address;
use mezz_evm::{Crypto, GenesisAccount};
use mezz_l1::{
    BeaconClient, BlobArchive, Endpoint, Journal, L1Client, L1Contracts, L1Signer, SenderSettings,
    Timer, TxSender,
};
use mezz_store::{HistoryPruner, L1Store, LogIndexer, Store, StoreOptions};
use mezz_types::{ChainConfig, DataKind};
use tokio::{
    sync::{broadcast, watch},
    task::JoinSet,
};
use tracing::{Instrument as _, error_span};
use url::Url;

use crate::{
    Batcher, BatcherSettings, ChainView, Clock, Derivation, DerivationParts, DerivationSettings,
    EngineHandle, EngineParts, EngineState, Follower, FollowerSettings, L1View, Move, NodeError,
    PoolHandle, PoolLimits, Posted, Proposer, ProposerSettings, Sequencer, SequencerParts,
    SequencerSettings, history::start_history_pruner, log_index::start_log_indexer, restore_pool,
    run_batcher, run_derivation, run_follower, run_proposer, run_sequencer, start_engine,
    start_pool,
};

/// Between looks at a feed that waits for blocks itself.
const FEED_PAUSE: Duration = Duration::from_millis(100);
/// Between questions to L1 about the snapshot that the store was made from.
const ORIGIN_PAUSE: Duration = Duration::from_secs(2);

/// What posting batches takes.
#[derive(Clone, Debug)]
pub struct BatcherRole {
    /// The operator's key.
    pub signer: L1Signer,
    /// How batches are posted.
    pub settings: BatcherSettings,
}

/// What claiming takes.
#[derive(Clone, Debug)]
pub struct ProposerRole {
    /// Any funded key.
    pub signer: L1Signer,
    /// How claims are made.
    pub settings: ProposerSettings,
}

/// The roles of a node. Without any it derives the chain from L1.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// Builds blocks.
    pub sequencer: Option<SequencerSettings>,
    /// Posts batches.
    pub batcher: Option<BatcherRole>,
    /// Posts claims and finalizes them.
    pub proposer: Option<ProposerRole>,
    /// Takes the sequencer's blocks before L1 has them; not for a sequencer.
    pub follower: Option<FollowerSettings>,
}

/// What a node is made of.
#[derive(Clone)]
pub struct NodeConfig {
    /// Where its store is.
    pub data_dir: PathBuf,
    /// Size of the store.
    pub store: StoreOptions,
    /// The chain.
    pub chain: Arc<ChainConfig>,
    /// Accounts of its genesis.
    pub genesis: Vec<GenesisAccount>,
    /// Its contracts on L1.
    pub contracts: L1Contracts,
    /// How L1 is followed; names the genesis hash.
    pub derivation: DerivationSettings,
    /// Where batches go.
    pub data: DataKind,
    /// L1.
    pub l1: Endpoint,
    /// Where blobs are.
    pub beacons: Vec<Url>,
    /// Between looks at L1.
    pub l1_poll: Duration,
    /// How transactions to L1 are paid for.
    pub sender: SenderSettings,
    /// What waits for a block.
    pub pool: PoolLimits,
    /// Signatures and precompiles.
    pub crypto: Arc<dyn Crypto>,
    /// This machine's clock.
    pub clock: Arc<dyn Clock>,
    /// How the roles wait.
    pub timer: Arc<dyn Timer>,
    /// Whether a witness of every block is kept until its batch is final.
    pub keep_witnesses: bool,
    /// What it does.
    pub roles: Roles,
}

/// A running node.
pub struct Node {
    /// The chain.
    pub view: ChainView,
    /// The pool, if it sequences.
    pub pool: Option<PoolHandle>,
    /// What is known of L1.
    pub l1: watch::Receiver<L1View>,
    /// Batches as they are posted.
    pub posted: broadcast::Sender<Posted>,
    /// Blobs on this machine.
    pub blobs: BlobArchive,
    /// Moves in the claim tree.
    pub moves: broadcast::Sender<Move>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<(), NodeError>>,
    engine: Option<EngineHandle>,
    thread: JoinHandle<()>,
}

/// The parts of a node that steps drive one by one: what [`Node::start`] gives loops to.
pub struct NodeParts {
    /// The chain.
    pub view: ChainView,
    /// Who writes blocks.
    pub engine: EngineHandle,
    /// The engine's thread; of a sequencer, the pool's as well.
    pub thread: JoinHandle<()>,
    /// Brings the index of logs up to the head.
    pub log_indexer: LogIndexer,
    /// Forgets old blocks, if the store's options say so.
    pub history_pruner: HistoryPruner,
    /// Blobs on this machine.
    pub blobs: BlobArchive,
    /// Follows L1.
    pub derivation: Derivation,
    /// What is known of L1.
    pub l1: watch::Receiver<L1View>,
    /// What waits, if it sequences.
    pub pool: Option<PoolHandle>,
    /// Builds blocks.
    pub sequencer: Option<Sequencer>,
    /// Posts batches.
    pub batcher: Option<Batcher>,
    /// Claims.
    pub proposer: Option<Proposer>,
    /// Follows the sequencer.
    pub follower: Option<Follower>,
}

impl NodeParts {
    /// Opens the store and makes the parts; must be called inside a runtime.
    ///
    /// # Errors
    /// [`NodeError`] of the store.
    pub fn open(config: &NodeConfig) -> Result<Self, NodeError> {
        let (engine, view, pool, thread) = start_actors(config)?;
        let log_indexer = view.reader.log_indexer()?;
        let history_pruner = view.reader.history_pruner();
        let blobs = open_archive(&config.data_dir)?;
        let beacon = BeaconClient::new(config.beacons.clone()).with_archive(blobs.clone());
        let client = L1Client::new(&config.l1, beacon, config.contracts);
        let provider = client.provider().clone();
        let (derivation, l1) = Derivation::new(DerivationParts {
            client,
            view: view.clone(),
            engine: engine.clone(),
            pool: pool.clone(),
            settings: config.derivation,
            clock: Arc::clone(&config.clock),
        });
        let sequencer = config.roles.sequencer.zip(pool.clone()).map(|(settings, pool)| {
            Sequencer::new(SequencerParts {
                view: view.clone(),
                engine: engine.clone(),
                pool,
                settings,
                l1: l1.clone(),
                clock: Arc::clone(&config.clock),
                data: config.data,
            })
        });
        let mut senders = Senders { provider, config, l1: view.l1.clone(), made: Vec::new() };
        let batcher = config.roles.batcher.as_ref().map(|role| {
            let sender = senders.of(&role.signer);
            let clock = Arc::clone(&config.clock);
            Batcher::new(view.clone(), sender, role.settings, l1.clone(), clock)
        });
        let proposer = config.roles.proposer.as_ref().map(|role| {
            let sender = senders.of(&role.signer);
            Proposer::new(view.clone(), sender, role.settings, l1.clone())
        });
        let follower = config.roles.follower.clone().filter(|_| sequencer.is_none());
        let follower =
            follower.map(|settings| Follower::new(view.clone(), engine.clone(), settings));
        Ok(Self {
            view,
            engine,
            thread,
            log_indexer,
            history_pruner,
            blobs,
            derivation,
            l1,
            pool,
            sequencer,
            batcher,
            proposer,
            follower,
        })
    }
}

fn open_archive(data_dir: &Path) -> Result<BlobArchive, NodeError> {
    let dir = data_dir.join("blobs");
    BlobArchive::open(&dir).map_err(|source| NodeError::Archive { dir, source })
}

/// What writes to the store: the engine, and the pool of who builds blocks. Nobody else holds
/// transactions.
fn start_actors(
    config: &NodeConfig,
) -> Result<(EngineHandle, ChainView, Option<PoolHandle>, JoinHandle<()>), NodeError> {
    let store = Store::open(&config.data_dir, config.derivation.genesis_hash, config.store)?;
    let journal = config.roles.sequencer.map(|_| store.pool_journal()).transpose()?.map(Arc::new);
    let parts = EngineParts {
        store,
        config: Arc::clone(&config.chain),
        crypto: Arc::clone(&config.crypto),
        keep_witnesses: config.keep_witnesses,
        journal: journal.clone(),
    };
    let engine = EngineState::open(parts, &config.genesis)?;
    let (engine, view, thread) = start_engine(engine, config.contracts);
    let Some(journal) = journal else { return Ok((engine, view, None, thread)) };
    let waiting = restore_pool(config.pool, &journal, &view)?;
    let (pool, pool_thread) = start_pool(waiting, journal);
    Ok((engine, view, Some(pool), joined([thread, pool_thread])))
}

/// Nothing starts on a snapshot that L1 was not asked about.
async fn check_origin(derivation: &Derivation, timer: &dyn Timer) -> Result<(), NodeError> {
    loop {
        match derivation.check_origin().await {
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, "L1 cannot be asked about the snapshot just now");
                timer.pause(ORIGIN_PAUSE).await;
            }
            checked => return Ok(checked?),
        }
    }
}

/// A thread that ends when all of these have, and panics if one of them did.
fn joined(threads: [JoinHandle<()>; 2]) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let ended = threads.map(JoinHandle::join);
        if let Some(panic) = ended.into_iter().find_map(Result::err) {
            std::panic::resume_unwind(panic);
        }
    })
}

/// One sender for each key, so that roles with the same key take turns.
struct Senders<'a> {
    provider: alloy::providers::DynProvider,
    config: &'a NodeConfig,
    l1: L1Store,
    made: Vec<TxSender>,
}

impl Senders<'_> {
    fn of(&mut self, signer: &L1Signer) -> TxSender {
        if let Some(made) = self.made.iter().find(|made| made.address() == signer.address()) {
            return made.clone();
        }
        let journal = Arc::new(StoreJournal(self.l1.clone()));
        let provider = self.provider.clone();
        let sender = TxSender::new(provider, signer.clone(), self.config.sender, journal)
            .with_timer(Arc::clone(&self.config.timer));
        self.made.push(sender.clone());
        sender
    }
}

/// Keeps transactions to L1 in the store.
struct StoreJournal(L1Store);

impl Journal for StoreJournal {
    fn record(&self, sender: Address, nonce: u64, entry: &[u8]) -> Result<(), String> {
        self.0.journal(sender).put(nonce, entry).map_err(|error| error.to_string())
    }

    fn entries(&self, sender: Address) -> Result<Vec<(u64, Vec<u8>)>, String> {
        self.0.journal(sender).entries().map_err(|error| error.to_string())
    }

    fn remove(&self, sender: Address, nonce: u64) -> Result<(), String> {
        self.0.journal(sender).remove(nonce).map_err(|error| error.to_string())
    }
}

impl Node {
    /// Starts the roles. On a store that was made from a snapshot, L1 is asked about it first, for as long
    /// as that takes.
    ///
    /// # Errors
    /// [`NodeError`] of the store, or [`DerivationError`](crate::DerivationError) if the snapshot is not to
    /// be used.
    pub async fn start(config: &NodeConfig) -> Result<Self, NodeError> {
        let parts = NodeParts::open(config)?;
        check_origin(&parts.derivation, config.timer.as_ref()).await?;
        let (stop, stopped) = watch::channel(false);
        let (posted, _) = broadcast::channel(64);
        let (moves, _) = broadcast::channel(64);
        let mut tasks = JoinSet::new();
        let poll = config.l1_poll;
        let NodeParts {
            view,
            engine,
            thread,
            log_indexer,
            history_pruner,
            derivation,
            l1,
            pool,
            sequencer,
            batcher,
            proposer,
            blobs,
            follower,
        } = parts;
        let indexer = start_log_indexer(log_indexer, view.head.clone(), stopped.clone());
        let pruner = start_history_pruner(history_pruner, view.head.clone(), stopped.clone());
        let thread = joined([joined([thread, indexer]), pruner]);
        let (stopping, timer) = (stopped.clone(), Arc::clone(&config.timer));
        // Every line that a role logs says whose it is, at whatever level.
        let derive = async move {
            Ok::<_, NodeError>(run_derivation(derivation, poll, timer.as_ref(), stopping).await?)
        };
        tasks.spawn(derive.instrument(error_span!("derivation")));
        if let Some(sequencer) = sequencer {
            let sequencer = run_sequencer(sequencer, stopped.clone());
            let sequence = async move { Ok::<_, NodeError>(sequencer.await?) };
            tasks.spawn(sequence.instrument(error_span!("sequencer")));
        }
        if let Some(batcher) = batcher {
            let (stopping, timer) = (stopped.clone(), Arc::clone(&config.timer));
            let posted = posted.clone();
            let post = async move {
                Ok::<_, NodeError>(
                    run_batcher(batcher, poll, timer.as_ref(), posted, stopping).await?,
                )
            };
            tasks.spawn(post.instrument(error_span!("batcher")));
        }
        if let Some(proposer) = proposer {
            let (stopping, timer) = (stopped.clone(), Arc::clone(&config.timer));
            let moves = moves.clone();
            let claim = async move {
                Ok::<_, NodeError>(
                    run_proposer(proposer, poll, timer.as_ref(), moves, stopping).await?,
                )
            };
            tasks.spawn(claim.instrument(error_span!("proposer")));
        }
        if let Some(follower) = follower {
            let (stopping, timer) = (stopped.clone(), Arc::clone(&config.timer));
            tasks.spawn(async move {
                Ok(run_follower(follower, FEED_PAUSE, timer.as_ref(), stopping).await?)
            });
        }
        Ok(Self { view, pool, l1, posted, blobs, moves, stop, tasks, engine: Some(engine), thread })
    }

    /// Waits until a role fails; never returns while all is well.
    pub async fn failed(&mut self) -> NodeError {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Err(error))) => return error,
                Some(Err(error)) => return NodeError::Crashed { reason: error.to_string() },
                Some(Ok(Ok(()))) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Stops the roles, waits for what is under way, and closes the store.
    ///
    /// # Errors
    /// The first [`NodeError`] that a role ended with.
    pub async fn shutdown(mut self) -> Result<(), NodeError> {
        self.stop.send_replace(true);
        let mut first = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let ended =
                ended.unwrap_or_else(|error| Err(NodeError::Crashed { reason: error.to_string() }));
            first = first.and(ended);
        }
        self.engine = None;
        if let Some(pool) = self.pool {
            // A client that does not let go of its connection holds a handle.
            pool.close().await;
        }
        let thread = self.thread;
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            return Err(NodeError::Crashed { reason: "the engine or the pool panicked".into() });
        }
        first
    }
}
