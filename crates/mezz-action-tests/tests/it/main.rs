//! Scenarios over a whole network.

mod bad_batches;
mod crashes;
mod due;
mod feed;
mod liars;
mod liveness;
mod mixed;
mod refusals;
mod reorgs;
mod round_trip;
mod simulation;
mod snapshots;
mod witnesses;
