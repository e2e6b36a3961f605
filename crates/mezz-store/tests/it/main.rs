//! The store from outside.

mod blocks;
mod footprint;
mod growth;
mod inspect;
mod l1;
mod logs;
mod pool;
mod prune;
mod snapshot;
mod state;
mod support;
