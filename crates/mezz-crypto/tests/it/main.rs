//! Black-box tests of the crate.

mod differential;
mod independent;
mod kzg;
#[path = "../../../mezz-evm/tests/it/precompile_inputs.rs"]
mod precompile_inputs;
#[path = "../../../mezz-evm/tests/it/precompile_vectors.rs"]
mod precompile_vectors;
mod recovery;
