//! Why a block of Ethereum, or a transaction in it, is refused.

use alloc::string::{String, ToString};

use alloy_primitives::{Address, U256};
use revm::context_interface::result::{EVMError, InvalidTransaction as EngineInvalid};

use super::database::StateFault;

/// Why a block cannot be executed. Nothing of it may be kept.
///
/// `E` is the error of the [`StateReader`](crate::StateReader).
#[derive(Debug, thiserror::Error)]
pub enum EthereumError<E> {
    /// The state could not be read.
    #[error("state: {0}")]
    State(#[source] E),
    /// A system contract is missing or failed, which makes a block invalid (EIP-7002, EIP-7251).
    #[error("the system contract {address} did not run: {reason}")]
    SystemContract {
        /// Where it should be.
        address: Address,
        /// What the engine says.
        reason: String,
    },
    /// The engine stopped for a reason of its own, which its rules exclude.
    #[error("the engine stopped: {reason}")]
    Engine {
        /// What it says.
        reason: String,
    },
}

/// Why a transaction was not put into a block, or a call not run.
#[derive(Debug, thiserror::Error)]
pub enum EthereumPushError<E> {
    /// It is not valid at this point; the block goes on without it.
    #[error(transparent)]
    Invalid(#[from] EthereumInvalidTransaction),
    /// It asks for more gas than is left in the block; the block goes on without it.
    #[error("gas limit {gas_limit} does not fit: {left} left in the block")]
    GasDoesNotFit {
        /// What it asks for.
        gas_limit: u64,
        /// What is left.
        left: u64,
    },
    /// It carries more blobs than are left in the block; the block goes on without it.
    #[error("blob gas {blob_gas} does not fit: {left} left in the block")]
    BlobsDoNotFit {
        /// What it carries.
        blob_gas: u64,
        /// What is left.
        left: u64,
    },
    /// The block itself cannot go on.
    #[error(transparent)]
    Block(EthereumError<E>),
}

/// Why a transaction is not valid at a point of an Ethereum chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EthereumInvalidTransaction {
    /// The nonce is used already.
    #[error("nonce {got} is too low, {expected} is next")]
    NonceTooLow {
        /// The sender's nonce.
        expected: u64,
        /// What was signed.
        got: u64,
    },
    /// An earlier transaction of the sender is missing.
    #[error("nonce {got} is too high, {expected} is next")]
    NonceTooHigh {
        /// The sender's nonce.
        expected: u64,
        /// What was signed.
        got: u64,
    },
    /// The sender cannot pay value and fees.
    #[error("balance {balance} is below {required}, which is value and fees at most")]
    Balance {
        /// Wei.
        balance: U256,
        /// Wei.
        required: U256,
    },
    /// It pays less than the base fee.
    #[error("maximum fee is below the base fee, {base_fee}")]
    MaxFeeBelowBaseFee {
        /// Base fee of the block, wei per gas.
        base_fee: u64,
    },
    /// It pays less than a blob costs.
    #[error("maximum fee per blob gas {max_fee} is below the blob base fee, {blob_base_fee}")]
    MaxBlobFeeBelowBlobBaseFee {
        /// Wei per blob gas.
        blob_base_fee: u128,
        /// What it offers, wei per blob gas.
        max_fee: u128,
    },
    /// EIP-1559: the tip exceeds the maximum that it is part of.
    #[error("tip is above the maximum fee")]
    TipAboveMaxFee,
    /// Above the cap of EIP-7825, 2^24.
    #[error("gas limit {got} is above the cap of {cap} for one transaction")]
    GasLimitAboveCap {
        /// The cap.
        cap: u64,
        /// What it asks for.
        got: u64,
    },
    /// More than a block has.
    #[error("gas limit is above the block's")]
    GasLimitAboveBlock,
    /// Less than the intrinsic gas, or than the floor of EIP-7623.
    #[error("gas limit {got} is below the intrinsic gas, {required}")]
    GasLimitBelowIntrinsic {
        /// The least it must be.
        required: u64,
        /// What it is.
        got: u64,
    },
    /// The sender has code that is no EIP-7702 delegation (EIP-3607).
    #[error("the sender is a contract")]
    SenderIsContract,
    /// Signed for another chain (EIP-155).
    #[error("signed for another chain")]
    ChainId,
    /// Init code longer than EIP-3860 allows.
    #[error("init code is too long")]
    InitCodeTooLong,
    /// More blobs than one transaction may carry.
    #[error("{got} blobs, at most {max} are allowed")]
    TooManyBlobs {
        /// The limit.
        max: u64,
        /// What it carries.
        got: u64,
    },
    /// Another rule that its own fields break.
    #[error("{rule}")]
    Malformed {
        /// What the engine says.
        rule: String,
    },
}

impl EthereumInvalidTransaction {
    /// Whether a later state of the chain may make it valid.
    pub const fn may_become_valid(&self) -> bool {
        matches!(
            self,
            Self::NonceTooHigh { .. }
                | Self::Balance { .. }
                | Self::MaxFeeBelowBaseFee { .. }
                | Self::MaxBlobFeeBelowBlobBaseFee { .. }
                | Self::SenderIsContract
        )
    }
}

fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Names the rule that a transaction breaks, in a block with `base_fee`.
pub(super) fn invalid(error: EngineInvalid, base_fee: u64) -> EthereumInvalidTransaction {
    use EthereumInvalidTransaction as Invalid;
    match error {
        EngineInvalid::NonceTooLow { tx, state } => {
            Invalid::NonceTooLow { expected: state, got: tx }
        }
        EngineInvalid::NonceTooHigh { tx, state } => {
            Invalid::NonceTooHigh { expected: state, got: tx }
        }
        EngineInvalid::LackOfFundForMaxFee { fee, balance } => {
            Invalid::Balance { balance: *balance, required: *fee }
        }
        EngineInvalid::GasPriceLessThanBasefee => Invalid::MaxFeeBelowBaseFee { base_fee },
        EngineInvalid::BlobGasPriceGreaterThanMax {
            block_blob_gas_price,
            tx_max_fee_per_blob_gas,
        } => Invalid::MaxBlobFeeBelowBlobBaseFee {
            blob_base_fee: block_blob_gas_price,
            max_fee: tx_max_fee_per_blob_gas,
        },
        EngineInvalid::PriorityFeeGreaterThanMaxFee => Invalid::TipAboveMaxFee,
        EngineInvalid::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            Invalid::GasLimitAboveCap { cap, got: gas_limit }
        }
        EngineInvalid::CallerGasLimitMoreThanBlock => Invalid::GasLimitAboveBlock,
        EngineInvalid::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            Invalid::GasLimitBelowIntrinsic { required: initial_gas, got: gas_limit }
        }
        EngineInvalid::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            Invalid::GasLimitBelowIntrinsic { required: gas_floor, got: gas_limit }
        }
        EngineInvalid::RejectCallerWithCode => Invalid::SenderIsContract,
        EngineInvalid::InvalidChainId | EngineInvalid::MissingChainId => Invalid::ChainId,
        EngineInvalid::CreateInitCodeSizeLimit => Invalid::InitCodeTooLong,
        EngineInvalid::TooManyBlobs { max, have } => {
            Invalid::TooManyBlobs { max: count(max), got: count(have) }
        }
        other => Invalid::Malformed { rule: other.to_string() },
    }
}

/// Sorts what the engine says into «this transaction» and «this block».
pub(super) fn push_error<E>(error: EVMError<StateFault<E>>, base_fee: u64) -> EthereumPushError<E>
where
    E: core::error::Error + Send + Sync + 'static,
{
    match error {
        EVMError::Transaction(error) => EthereumPushError::Invalid(invalid(error, base_fee)),
        EVMError::Database(StateFault(error)) => {
            EthereumPushError::Block(EthereumError::State(error))
        }
        EVMError::Header(error) => {
            EthereumPushError::Block(EthereumError::Engine { reason: error.to_string() })
        }
        EVMError::Custom(reason) => EthereumPushError::Block(EthereumError::Engine { reason }),
        EVMError::CustomAny(error) => {
            EthereumPushError::Block(EthereumError::Engine { reason: error.to_string() })
        }
    }
}
