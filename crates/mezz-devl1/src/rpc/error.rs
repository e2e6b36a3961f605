//! Errors in the shape that Ethereum clients know from `go-ethereum`.

use alloy::{
    rpc::types::BlockId,
    sol_types::{Panic, Revert, SolError},
};
use alloy_primitives::{Address, Bytes};
use jsonrpsee::types::ErrorObjectOwned;

use crate::{
    chain::{PoolError, RawTransactionError},
    error::{ControlError, DevL1Error},
    log::LogError,
};

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RpcError {
    #[error("invalid argument {index}: {reason}")]
    Argument { index: usize, reason: String },
    #[error("missing value for required argument {index}: {what}")]
    ArgumentMissing { index: usize, what: &'static str },
    #[error("{0}")]
    Call(String),
    #[error("header not found: {0}")]
    BlockNotFound(BlockId),
    #[error(
        "historical state of block {number} is not available: states are kept from block {oldest} on"
    )]
    StateNotKept { number: u64, oldest: u64 },
    #[error("{}", revert_message(.output))]
    Reverted { output: Bytes },
    #[error("gas required exceeds allowance ({allowance})")]
    GasAboveAllowance { allowance: u64 },
    #[error("query returned more than {max} results")]
    TooManyResults { max: usize },
    #[error("block range of {got} blocks is too long, at most {max} are allowed")]
    RangeTooLong { got: u64, max: u64 },
    #[error("invalid block range params")]
    RangeInverted,
    #[error("filter not found")]
    FilterNotFound,
    #[error("{max} filters are open already")]
    TooManyFilters { max: usize },
    #[error(
        "unknown account {0}: only the accounts of the test mnemonic and impersonated ones are unlocked"
    )]
    UnknownAccount(Address),
    #[error(transparent)]
    Raw(#[from] RawTransactionError),
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Node(#[from] DevL1Error),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("internal: {0}")]
    Internal(String),
}

impl RpcError {
    /// Code of JSON-RPC, or of `go-ethereum` where it has one.
    fn code(&self) -> i32 {
        match self {
            Self::Argument { .. } | Self::ArgumentMissing { .. } => -32602,
            Self::Reverted { .. } => 3,
            Self::TooManyResults { .. } | Self::TooManyFilters { .. } => -32005,
            Self::Log(_) | Self::Internal(_) => -32603,
            Self::Call(_)
            | Self::BlockNotFound(_)
            | Self::StateNotKept { .. }
            | Self::GasAboveAllowance { .. }
            | Self::RangeTooLong { .. }
            | Self::RangeInverted
            | Self::FilterNotFound
            | Self::UnknownAccount(_)
            | Self::Raw(_)
            | Self::Pool(_)
            | Self::Control(_)
            | Self::Node(_) => -32000,
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let data = match &error {
            RpcError::Reverted { output } => Some(output.clone()),
            _ => None,
        };
        Self::owned(error.code(), error.to_string(), data)
    }
}

/// The reason that Solidity encodes, if it is one of the two kinds that the compiler makes.
fn revert_message(output: &[u8]) -> String {
    let reason = Revert::abi_decode(output)
        .map(|revert| revert.reason)
        .or_else(|_| Panic::abi_decode(output).map(|panic| panic.to_string()));
    match reason {
        Ok(reason) => format!("execution reverted: {reason}"),
        Err(_) => "execution reverted".to_owned(),
    }
}
