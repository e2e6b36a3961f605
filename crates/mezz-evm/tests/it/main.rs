//! Black-box tests of the crate.

mod l2;
mod precompile_inputs;
mod precompile_vectors;
mod precompiles;
