//! Decides when a block is built, and of what.

mod actor;
mod policy;

pub use actor::{Sequencer, SequencerParts, run_sequencer};
pub use policy::{HeadView, L1View, Proposal, SequencerSettings, propose};
