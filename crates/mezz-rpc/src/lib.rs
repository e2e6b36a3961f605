//! Ethereum JSON-RPC over a node.

mod types;

pub use types::{
    BlockLabel, ChainInfo, ChainStatus, CommitmentFields, WithdrawalStage, WithdrawalStatus,
};
