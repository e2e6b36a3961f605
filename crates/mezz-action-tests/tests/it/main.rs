//! Scenarios over a whole network.

mod bad_batches;
mod refusals;
mod reorgs;
mod round_trip;
