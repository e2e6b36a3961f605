//! The roles of a chain: engine, sequencer, batcher, derivation, proposer.

mod clock;
mod pool;
mod sequencer;

pub use clock::{Clock, ManualClock, SystemClock};
pub use pool::{
    BestTransactions, BlockNews, CandidateLimits, Pool, PoolError, PoolHandle, PoolLimits,
    PoolStatus, PoolTransaction, SharedTransaction, start_pool,
};
pub use sequencer::{HeadView, L1View, Proposal, SequencerSettings, propose};
