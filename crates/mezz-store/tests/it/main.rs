//! The store from outside.

mod blocks;
mod inspect;
mod l1;
mod logs;
mod pool;
mod snapshot;
mod state;
mod support;
