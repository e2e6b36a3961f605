//! Black-box tests of the crate.

mod l2;
mod precompile_inputs;
mod precompiles;
