//! Why a block, or a transaction in it, is refused.

use alloc::string::String;

use alloy_primitives::{Address, U256};
use mezz_types::InboxIndex;

/// Why a block cannot be executed. Nothing of it may be kept.
///
/// `E` is the error of the [`StateReader`](crate::StateReader).
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError<E> {
    /// The state could not be read: a database fault, or a witness that lacks a node.
    #[error("state: {0}")]
    State(#[source] E),
    /// An earlier call of the same executor met [`ExecutionError::State`]: what it holds is not
    /// a block any more.
    #[error("the block was given up after its state could not be read")]
    GivenUp,
    /// The parent's header is none that this chain makes.
    #[error(transparent)]
    Parent(#[from] ParentError),
    /// A message is not the next one of the inbox.
    #[error("message {expected} is next, got {got}")]
    MessageOrder {
        /// The next one.
        expected: InboxIndex,
        /// What was passed.
        got: InboxIndex,
    },
    /// Messages were passed after a transaction or other messages of the same block.
    #[error("the messages of a block come once, before its transactions")]
    MessagesLate,
    /// The engine stopped for a reason of its own, which its rules exclude.
    #[error("the engine stopped: {reason}")]
    Engine {
        /// What it says.
        reason: String,
    },
}

/// Why no block can stand on a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParentError {
    /// Its `extraData` does not have the layout of `docs/formats.md`, section 4.
    #[error("extraData of block {number} is not in this chain's layout")]
    ExtraData {
        /// Its height.
        number: u64,
    },
    /// Its header lacks a base fee.
    #[error("block {number} has no base fee")]
    NoBaseFee {
        /// Its height.
        number: u64,
    },
    /// There is no height after it.
    #[error("block {number} can have no child")]
    LastNumber {
        /// Its height.
        number: u64,
    },
    /// The new block would be earlier than its parent.
    #[error("timestamp {got} is before the parent's, {parent}")]
    Timestamp {
        /// The parent's, seconds.
        parent: u64,
        /// The new block's, seconds.
        got: u64,
    },
}

/// Why a transaction was not put into a block.
#[derive(Debug, thiserror::Error)]
pub enum PushError<E> {
    /// It is not valid at this point; the block goes on without it.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// It is asking for more gas than is left in the block; the block goes on without it.
    #[error("gas limit {gas_limit} does not fit: {left} left in the block")]
    DoesNotFit {
        /// What it asks for.
        gas_limit: u64,
        /// What is left.
        left: u64,
    },
    /// The block itself cannot go on.
    #[error(transparent)]
    Block(ExecutionError<E>),
}

/// Why a transaction is not valid at a point of the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransaction {
    /// EIP-4844: this chain carries no blobs.
    #[error("blob transactions are not accepted on this chain")]
    Blob,
    /// Signed for another chain (EIP-155).
    #[error("chain id {got}, this chain is {expected}")]
    ChainId {
        /// This chain.
        expected: u64,
        /// What was signed.
        got: u64,
    },
    /// No key gives this signature, or `s` is in the upper half of the order (EIP-2).
    #[error("the signature is not valid")]
    Signature,
    /// Above the limit of EIP-7825, 2^24.
    #[error("gas limit {got} is above the cap of {cap} for one transaction")]
    GasLimitAboveCap {
        /// The cap.
        cap: u64,
        /// What it asks for.
        got: u64,
    },
    /// More than a block of this chain has.
    #[error("gas limit {got} is above the block's, {block}")]
    GasLimitAboveBlock {
        /// Gas of a block.
        block: u64,
        /// What it asks for.
        got: u64,
    },
    /// Less than the intrinsic gas, or than the floor of EIP-7623.
    #[error("gas limit {got} is below the intrinsic gas, {required}")]
    GasLimitBelowIntrinsic {
        /// The least it must be.
        required: u64,
        /// What it is.
        got: u64,
    },
    /// EIP-1559: the tip exceeds the maximum that it is part of.
    #[error("tip {tip} is above the maximum fee, {max_fee}")]
    TipAboveMaxFee {
        /// Wei per gas.
        tip: u128,
        /// Wei per gas.
        max_fee: u128,
    },
    /// It pays less than the base fee.
    #[error("maximum fee {max_fee} is below the base fee, {base_fee}")]
    MaxFeeBelowBaseFee {
        /// Base fee of the block, wei per gas.
        base_fee: u128,
        /// What it offers, wei per gas.
        max_fee: u128,
    },
    /// It pays the base fee, but not the fee for its L1 data as well.
    #[error(
        "maximum fee {max_fee} does not cover base fee {base_fee} and {surcharge} for data on L1: \
         raise the fee or the gas limit"
    )]
    DataFeeNotCovered {
        /// Base fee of the block, wei per gas.
        base_fee: u128,
        /// Data fee spread over the gas limit, wei per gas.
        surcharge: U256,
        /// What it offers, wei per gas.
        max_fee: u128,
    },
    /// Init code longer than EIP-3860 allows.
    #[error("init code of {got} bytes, at most {max} are allowed")]
    InitCodeTooLong {
        /// The limit, bytes.
        max: usize,
        /// Its length, bytes.
        got: usize,
    },
    /// EIP-7702 demands at least one authorization.
    #[error("an EIP-7702 transaction without authorizations")]
    NoAuthorizations,
    /// The last nonce can never be used (EIP-2681).
    #[error("nonce 2^64 - 1 cannot be used")]
    NonceAtEnd,
    /// An earlier transaction of the sender is missing.
    #[error("nonce {got} is too high, {expected} is next")]
    NonceTooHigh {
        /// The sender's nonce.
        expected: u64,
        /// What was signed.
        got: u64,
    },
    /// The nonce is used already.
    #[error("nonce {got} is too low, {expected} is next")]
    NonceTooLow {
        /// The sender's nonce.
        expected: u64,
        /// What was signed.
        got: u64,
    },
    /// The sender has code that is no EIP-7702 delegation (EIP-3607).
    #[error("sender {sender} is a contract")]
    SenderIsContract {
        /// The sender.
        sender: Address,
    },
    /// The sender cannot pay `value + gas limit × maximum fee`.
    #[error("balance {balance} is below {required}, which is value and fees at most")]
    Balance {
        /// Wei.
        balance: U256,
        /// Wei; `U256::MAX` if the sum is larger than any balance.
        required: U256,
    },
    /// A type that this chain does not know.
    #[error("transaction type {kind:#04x} is not known")]
    UnknownType {
        /// EIP-2718 type.
        kind: u8,
    },
}

impl InvalidTransaction {
    /// Whether no later state of the chain makes it valid again (under the rules now in force).
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Blob
            | Self::ChainId { .. }
            | Self::Signature
            | Self::GasLimitAboveCap { .. }
            | Self::GasLimitAboveBlock { .. }
            | Self::GasLimitBelowIntrinsic { .. }
            | Self::TipAboveMaxFee { .. }
            | Self::InitCodeTooLong { .. }
            | Self::NoAuthorizations
            | Self::NonceAtEnd
            | Self::NonceTooLow { .. }
            | Self::UnknownType { .. } => true,
            Self::MaxFeeBelowBaseFee { .. }
            | Self::DataFeeNotCovered { .. }
            | Self::NonceTooHigh { .. }
            | Self::SenderIsContract { .. }
            | Self::Balance { .. } => false,
        }
    }
}

/// Why bytes are no transaction that this chain could execute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are not one whole EIP-2718 transaction in canonical form.
    #[error("not a transaction: {reason}")]
    Malformed {
        /// What the decoder says.
        reason: String,
    },
    /// They are one, but it can never be valid here.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
}
