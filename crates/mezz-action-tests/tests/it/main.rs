//! Scenarios over a whole network.

mod archive;
mod bad_batches;
mod crashes;

mod feed;
mod liars;
mod liveness;
mod long_ago;
mod mixed;
mod posting;
mod refusals;
mod reorgs;
mod round_trip;
mod simulation;
mod snapshots;
mod witnesses;
