//! The roles of a chain: engine, sequencer, batcher, derivation, proposer.
