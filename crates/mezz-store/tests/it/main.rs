//! The store from outside.

mod blocks;
mod l1;
mod state;
mod support;
