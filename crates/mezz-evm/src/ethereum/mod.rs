//! Blocks of Ethereum itself under the Osaka rules: what the development L1 executes.
//!
//! | when | what runs |
//! | --- | --- |
//! | before the transactions | EIP-4788 (parent beacon block root), EIP-2935 (parent hash) |
//! | one by one | transactions of every type: legacy, EIP-2930, EIP-1559, EIP-4844, EIP-7702 |
//! | after them | EIP-7002 (withdrawal requests), EIP-7251 (consolidation requests) |
//!
//! `BLOCKHASH` is answered from the history contract of EIP-2935, which a chain that runs here has from
//! its genesis on. There is no deposit contract (EIP-6110), so no block has deposit requests.

mod block;
mod call;
mod database;
mod env;
mod error;

#[cfg(test)]
mod tests;

pub use block::{EthereumBlock, EthereumOutcome, EthereumStatus, FinishedEthereumBlock};
pub use call::{EthereumCall, EthereumCallFees, call_ethereum, ethereum_intrinsic_gas};
pub use database::{EthereumAccountChange, EthereumChanges};
pub use env::{BlobRules, EthereumBlockEnv};
pub use error::{EthereumError, EthereumInvalidTransaction, EthereumPushError};
