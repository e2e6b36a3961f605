//! Black-box tests of the crate.

mod differential;
mod independent;
mod kzg;
#[path = "../../../mezz-evm/tests/it/precompile_inputs.rs"]
mod precompile_inputs;
mod recovery;
