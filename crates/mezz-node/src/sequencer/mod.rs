//! Decides when a block is built, and of what.

mod policy;

pub use policy::{HeadView, L1View, Proposal, SequencerSettings, propose};
