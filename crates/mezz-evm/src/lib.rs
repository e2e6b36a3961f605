//! Execution of EVM blocks over any state, with cryptography as an argument.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

mod crypto;
mod plain;
mod precompiles;

pub use crypto::{
    Blake2Input, Bls12Fp, Bls12Fp2, Bls12G1, Bls12G2, Bls12Scalar, Bn254G1, Bn254Pair, Crypto,
    KzgOpening, P256Signature,
};
pub use plain::PlainCrypto;
pub use precompiles::{MAX_PRECOMPILE_INPUT, MezzPrecompiles};
