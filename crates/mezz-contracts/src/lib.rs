//! Contract artifacts and their bindings.
//!
//! One module per contract, named like it, with its calls, events, errors and structs, generated
//! from `contracts/artifacts`. The structs that the protocol hashes convert to those of
//! `mezz-types`.
//!
//! Creation code is `Inbox::BYTECODE`, code as deployed `Outbox::DEPLOYED_BYTECODE`, of every module.

mod bindings;
mod calldata;
mod convert;
mod genesis;

pub use bindings::*;
pub use calldata::posted_bytes;
pub use convert::ConvertError;
pub use genesis::{
    FEE_VAULT_RECIPIENT_SLOT, GenesisAccount, GenesisParameters, TOKEN_BRIDGE_VAULT_SLOT,
    bridged_token_address, bridged_token_init_code_hash, genesis_accounts,
};
