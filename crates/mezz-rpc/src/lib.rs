//! Ethereum JSON-RPC over a node.

mod accepting;
mod batches;
mod context;
mod counts;
mod debug;
mod error;
mod eth;
mod feed;
mod filters;
mod history;
mod json;
mod limits;
mod mezz;
mod net;
mod news;
mod openrpc;
mod outbox;
mod overrides;
mod register;
mod server;
mod subscribe;
mod types;
mod workers;

pub use limits::Limits;
pub use openrpc::openrpc;
pub use server::{RpcConfig, RpcHandle, RpcLoad, RpcStartError, start};
pub use types::{
    BlockLabel, ChainInfo, ChainStatus, CommitmentFields, WithdrawalStage, WithdrawalStatus,
};
