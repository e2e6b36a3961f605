//! Ethereum JSON-RPC over a node.

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

pub use openrpc::openrpc;
pub use server::{Limits, RpcConfig, RpcHandle, RpcStartError, start};
pub use types::{
    BlockLabel, ChainInfo, ChainStatus, CommitmentFields, WithdrawalStage, WithdrawalStatus,
};
