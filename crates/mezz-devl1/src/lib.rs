//! A development L1: plain Ethereum under the Osaka rules, with blobs, time travel and reorganisations on demand.
//!
//! It stands in for Anvil: everything that talks to L1 talks JSON-RPC and the beacon API, so any other node can take its
//! place. It is for development alone: twenty accounts with well-known keys are funded and unlocked.
//!
//! | what | how |
//! | --- | --- |
//! | execution | `mezz_evm`'s Ethereum blocks; real state, transaction and receipt roots |
//! | blocks | every second, on each transaction, or on demand ([`Mining`]) |
//! | labels | `safe` and `finalized` are a fixed number of blocks behind the head ([`DevL1Config`]) |
//! | older states | every block keeps the state after it, sharing what did not change; a bounded number of them |
//! | disk | one file to which is only ever added; a chain goes on where it stopped. Waiting transactions are not kept |
//! | beacon chain | none: a `block_id` is a block number, as in Anvil |
//! | deposits (EIP-6110) | none: there is no deposit contract |

mod accounts;
mod blobs;
mod chain;
mod clock;
mod config;
mod error;
mod genesis;
mod handle;
mod log;
mod node;
mod rpc;
mod server;
mod state;

pub use accounts::{DEV_ACCOUNTS, DEV_BALANCE, DEV_MNEMONIC};
pub use blobs::SidecarError;
pub use chain::{PoolError, RawTransactionError};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{DevL1Config, Mining};
pub use error::{BuildFault, ControlError, DevL1Error};
pub use handle::{DevL1, DevL1Handle};
pub use log::LogError;
pub use node::{Dropped, Reorg};
