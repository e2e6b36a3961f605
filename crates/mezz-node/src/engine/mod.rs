//! Builds, derives and takes back blocks: the only writer of the chain.

mod actor;
mod convert;
mod error;
mod ingress;
mod state;

pub use actor::start_engine;
pub use error::EngineError;
pub use ingress::EngineHandle;
pub use state::{
    AnnouncedBlock, BlockTiming, BuildRequest, BuiltBlock, DerivedBatch, EngineParts, EngineState,
};
pub(crate) use state::{last_block_before, next_inbox_index};
