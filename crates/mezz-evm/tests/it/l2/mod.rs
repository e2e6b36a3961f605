//! The L2 executor, seen from outside.

mod blocks;
mod delegation;
mod differences;
mod fees;
mod messages;
mod simulation;
mod state;
mod transactions;
mod world;
