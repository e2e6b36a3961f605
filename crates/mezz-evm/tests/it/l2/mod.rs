//! The L2 executor, seen from outside.

mod blocks;
mod delegation;
mod differences;
mod fees;
mod messages;
mod simulation;
mod state;
#[cfg(feature = "std")]
mod trace;
mod transactions;
mod world;
