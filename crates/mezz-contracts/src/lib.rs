//! Contract artifacts and their bindings.
//!
//! One module per contract, named like it, with its calls, events, errors and structs, generated
//! from `contracts/artifacts`. The structs that the protocol hashes convert to those of
//! `mezz-types`.

mod bindings;
mod calldata;
mod convert;

pub use bindings::*;
pub use calldata::posted_bytes;
pub use convert::ConvertError;
