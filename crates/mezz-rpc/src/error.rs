//! Errors as clients know them: codes and messages as in geth and the execution APIs.

use alloy_primitives::{Bytes, hex};
use jsonrpsee::types::ErrorObjectOwned;
use mezz_evm::{CallResult, InvalidTransaction};
use mezz_node::EngineError;
use mezz_store::StoreError;

/// Code of the execution APIs for what was there and is not kept any more.
const PRUNED: i32 = 4444;
/// Bytes of an error's message; a reason to revert is whole in the error's data.
const MESSAGE_BYTES: usize = 1_024;

/// Why a request gets no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RpcError {
    /// The parameters are not what the method takes.
    #[error("invalid params: {0}")]
    Params(String),
    /// The method is understood but cannot be served; the text says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// Blocks were taken back while their state was read.
    #[error("{0}")]
    Moved(String),
    /// The call reverted.
    #[error("execution reverted{}", reason(.0))]
    Reverted(Bytes),
    /// More was asked for than a request may have.
    #[error("{0}")]
    Limit(String),
    /// Too many requests that take long wait already.
    #[error(
        "too busy: {threads} requests of this kind are under way and {queue} wait already; try again \
         later, or ask for less at once"
    )]
    Busy {
        /// How many are under way.
        threads: usize,
        /// How many wait.
        queue: usize,
    },
    /// An error with a code of its own in the execution APIs.
    #[error("{message}")]
    Coded {
        /// The code.
        code: i32,
        /// Why.
        message: String,
    },
    /// The block is not known.
    #[error("header not found")]
    UnknownBlock,
    /// The node has a problem of its own.
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<StoreError> for RpcError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UnknownBlock { .. } => Self::UnknownBlock,
            StoreError::OutsideHistory { block, oldest } => Self::Refused(format!(
                "the state after block {block} is no longer kept: {oldest} is the oldest block \
                 whose state this node can read"
            )),
            StoreError::Pruned { .. } => Self::Coded { code: PRUNED, message: error.to_string() },
            StoreError::ViewExpired { .. } => Self::Moved(error.to_string()),
            StoreError::DiskFull { .. } => Self::Refused("the node's disk is full".into()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<EngineError> for RpcError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::NoBlock { .. } => Self::UnknownBlock,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let message = shortened(error.to_string());
        let code = match &error {
            RpcError::Params(_) => -32602,
            RpcError::Refused(_) | RpcError::Moved(_) | RpcError::UnknownBlock => -32000,
            RpcError::Limit(_) | RpcError::Busy { .. } => -32005,
            RpcError::Coded { code, .. } => *code,
            RpcError::Internal(_) => -32603,
            RpcError::Reverted(data) => {
                return Self::owned(3, message, Some(data.to_string()));
            }
        };
        Self::owned(code, message, None::<()>)
    }
}

/// A transaction that is not valid as an error: clients know the reason by geth's words.
impl From<InvalidTransaction> for RpcError {
    fn from(reason: InvalidTransaction) -> Self {
        use InvalidTransaction as Reason;
        let known = match &reason {
            Reason::Balance { .. } => "insufficient funds for gas * price + value",
            Reason::GasLimitBelowIntrinsic { .. } => "intrinsic gas too low",
            Reason::NonceTooLow { .. } => "nonce too low",
            Reason::NonceTooHigh { .. } => "nonce too high",
            Reason::NonceAtEnd => "nonce has max value",
            Reason::TipAboveMaxFee { .. } => "max priority fee per gas higher than max fee per gas",
            Reason::MaxFeeBelowBaseFee { .. } | Reason::DataFeeNotCovered { .. } => {
                "max fee per gas less than block base fee"
            }
            Reason::GasLimitAboveBlock { .. } | Reason::GasLimitAboveCap { .. } => {
                "exceeds block gas limit"
            }
            Reason::InitCodeTooLong { .. } => "max initcode size exceeded",
            Reason::UnknownType { .. } => "transaction type not supported",
            Reason::ChainId { .. } => "invalid chain id for signer",
            Reason::Signature => "invalid sender",
            Reason::SenderIsContract { .. } => "sender not an eoa",
            Reason::Blob | Reason::NoAuthorizations => return Self::Refused(reason.to_string()),
        };
        Self::Refused(format!("{known}: {reason}"))
    }
}

/// A failed call as an error.
pub(crate) fn failed(result: CallResult) -> RpcError {
    match result {
        CallResult::Revert { output } => RpcError::Reverted(output),
        CallResult::Halt { reason } => RpcError::Refused(halt_message(&reason)),
        CallResult::Success { .. } => RpcError::Internal("a call that succeeded failed".into()),
    }
}

pub(crate) fn halt_message(reason: &str) -> String {
    if reason.contains("OutOfGas") {
        return "out of gas".into();
    }
    format!("execution halted: {reason}")
}

/// What is shown of a text that somebody else wrote: a question is not sent back whole.
pub(crate) fn shortened(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES));
        text.push_str("...");
    }
    text
}

/// `: text` if the data is `Error(string)`.
fn reason(data: &Bytes) -> String {
    revert_reason(data).map(|text| format!(": {text}")).unwrap_or_default()
}

/// The text if the data is `Error(string)`.
pub(crate) fn revert_reason(data: &Bytes) -> Option<String> {
    let body = data.strip_prefix(&hex!("08c379a0"))?;
    let length = body.get(32..64)?;
    let (zeros, length) = length.split_at(24);
    if zeros.iter().any(|byte| *byte != 0) {
        return None;
    }
    let length = usize::try_from(u64::from_be_bytes(length.try_into().ok()?)).ok()?;
    let text = body.get(64..64usize.checked_add(length)?)?;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_begin_with_the_words_that_clients_look_for() {
        let said = |reason| RpcError::from(reason).to_string();
        let required = alloy_primitives::U256::from(2);
        let balance = alloy_primitives::U256::from(1);
        assert_eq!(
            said(InvalidTransaction::Balance { balance, required }),
            "insufficient funds for gas * price + value: balance 1 is below 2, which is value and \
             fees at most"
        );
        assert_eq!(
            said(InvalidTransaction::NonceTooLow { expected: 2, got: 1 }),
            "nonce too low: nonce 1 is too low, 2 is next"
        );
    }

    #[test]
    fn a_message_does_not_send_a_question_back() {
        let error: ErrorObjectOwned = RpcError::Params("é".repeat(100_000)).into();
        assert!(error.message().starts_with("invalid params: éé"), "{}", error.message());
        assert!(error.message().ends_with("é..."), "{}", error.message());
        assert!(error.message().len() < 1_100);
    }

    #[test]
    fn what_is_not_kept_has_the_code_that_execution_clients_give_it() {
        let (block, first) = (mezz_types::BlockNumber::new(3), mezz_types::BlockNumber::new(9));
        let error: ErrorObjectOwned = RpcError::from(StoreError::Pruned { block, first }).into();
        assert_eq!(error.code(), 4444);
        assert!(error.message().starts_with("pruned history unavailable"), "{error}");
    }

    #[test]
    fn a_revert_carries_its_data_and_text() {
        // Error("no")
        let data = hex!(
            "08c379a0"
            "0000000000000000000000000000000000000000000000000000000000000020"
            "0000000000000000000000000000000000000000000000000000000000000002"
            "6e6f000000000000000000000000000000000000000000000000000000000000"
        );
        let error: ErrorObjectOwned = RpcError::Reverted(Bytes::from(data)).into();
        assert_eq!(error.code(), 3);
        assert_eq!(error.message(), "execution reverted: no");
        assert_eq!(error.data().map(|data| data.get().len()), Some(2 + 2 + 2 * data.len()));
        let bare: ErrorObjectOwned = RpcError::Reverted(Bytes::from_static(&[1, 2])).into();
        assert_eq!(bare.message(), "execution reverted");
    }
}
