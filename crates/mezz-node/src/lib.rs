//! The roles of a chain: engine, sequencer, batcher, derivation, proposer.

mod batcher;
mod clock;
mod derivation;
mod engine;
mod error;
mod feed;
mod history;
mod log_index;
mod news;
mod node;
mod pool;
mod proposer;
mod rounds;
mod sequencer;
mod view;

pub use batcher::{Batcher, BatcherError, BatcherSettings, Posted, run_batcher};
pub use clock::{Clock, ManualClock, SystemClock};
pub use derivation::{
    BlobRetention, Derivation, DerivationError, DerivationParts, DerivationSettings, Progress,
    check_snapshot, run_derivation,
};
pub use engine::{
    AnnouncedBlock, BlockTiming, BuildRequest, BuiltBlock, DerivedBatch, EngineError, EngineHandle,
    EngineParts, EngineState, start_engine,
};
pub use error::NodeError;
pub use feed::{
    BlockFeed, FeedError, Followed, Follower, FollowerSettings, RpcFeed, SignedBlock, run_follower,
};
pub use news::{ChainEvent, LoggedBlock, PlacedLog, TakenBack};
pub use node::{BatcherRole, Node, NodeConfig, NodeParts, ProposerRole, Roles};
pub use pool::{
    BestTransactions, BlockNews, CandidateLimits, Pool, PoolError, PoolHandle, PoolLimits,
    PoolStatus, PoolTransaction, SharedTransaction, restore_pool, start_pool,
};
pub use proposer::{Move, Proposer, ProposerError, ProposerSettings, run_proposer};
pub use sequencer::{
    HeadView, L1View, Proposal, Sequencer, SequencerParts, SequencerSettings, propose,
    run_sequencer,
};
pub use view::{ChainView, WrongFinalClaim};
