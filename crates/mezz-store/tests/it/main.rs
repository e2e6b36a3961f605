//! The store from outside.

mod blocks;
mod l1;
mod pool;
mod state;
mod support;
