//! Scenarios over a whole network.

mod bad_batches;
mod mixed;
mod refusals;
mod reorgs;
mod round_trip;
mod witnesses;
