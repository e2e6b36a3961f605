//! What can go wrong with L1, and what to do about it.

use alloy::transports::{RpcError, TransportErrorKind};
use alloy_primitives::{Address, B256};
use mezz_types::{BatchIndex, InboxIndex};

/// How a caller reacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Try again later.
    Temporary,
    /// L1 reorganised: go back to the last block that is still there.
    Reset,
    /// Nothing that is tried again will help.
    Critical,
}

/// What can go wrong with L1.
#[derive(Debug, thiserror::Error)]
pub enum L1Error {
    /// The request did not get an answer, or the answer was an error.
    #[error("L1 RPC: {0}")]
    Rpc(#[from] RpcError<TransportErrorKind>),
    /// The beacon API did not answer.
    #[error("beacon API: {0}")]
    Beacon(#[from] reqwest::Error),
    /// The beacon API answered with what is no answer.
    #[error("beacon API: {path}: {reason}")]
    BeaconAnswer {
        /// What was asked for.
        path: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The endpoint is no URL that can be spoken to.
    #[error("{url}: {reason}")]
    Endpoint {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The endpoint answers with something that it had said did not exist, or the reverse.
    #[error("L1 RPC lacks {what} {hash}, which it announced")]
    Missing {
        /// Kind of object.
        what: &'static str,
        /// Its hash.
        hash: B256,
    },
    /// A block's hash is not the hash of its header.
    #[error("L1 RPC: block {number} hashes to {got}, not to {expected}")]
    HeaderHash {
        /// Height.
        number: u64,
        /// What the RPC says.
        expected: B256,
        /// What the header hashes to.
        got: B256,
    },
    /// A block stands elsewhere than where it was asked for.
    #[error("L1 RPC: asked for block {expected}, it shows block {got}")]
    OtherBlock {
        /// Height that was asked for.
        expected: u64,
        /// Height in the header.
        got: u64,
    },
    /// The endpoint says two things at once.
    #[error("L1 RPC: what it shows of block {number} and of those around it is not one chain")]
    Contradiction {
        /// Height.
        number: u64,
    },
    /// The receipts of a block are not those that its header commits to: logs are missing, made up,
    /// changed or out of place.
    #[error("L1 RPC: the receipts of block {number} have the root {got}, not {expected}")]
    ReceiptsRoot {
        /// Height.
        number: u64,
        /// What the header says.
        expected: B256,
        /// What the receipts give.
        got: B256,
    },
    /// So many nodes cannot agree.
    #[error("a quorum of {got} of {nodes} L1 nodes: it must be from 1 to {nodes}")]
    Quorum {
        /// The quorum that was asked for.
        got: usize,
        /// How many nodes there are.
        nodes: usize,
    },
    /// An event's fields are out of range or do not decode.
    #[error("L1 RPC: {event} event that does not decode: {reason}")]
    Event {
        /// Name.
        event: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Message events do not continue the accumulator: logs are missing or made up.
    #[error("L1 RPC: message {got} does not follow {expected} in the accumulator")]
    MessageChain {
        /// The next one.
        expected: InboxIndex,
        /// What was shown.
        got: InboxIndex,
    },
    /// Batch events do not continue the accumulator: logs are missing or made up.
    #[error("L1 RPC: batch {got} does not follow {expected} in the accumulator")]
    BatchChain {
        /// The next one.
        expected: BatchIndex,
        /// What was shown.
        got: BatchIndex,
    },
    /// An event carries facts that are not those of its block.
    #[error("L1 RPC: an event of block {number} carries facts of another block")]
    Facts {
        /// Height.
        number: u64,
    },
    /// No source has the data of a batch, or what they have does not match.
    #[error("the data of batch {batch} is not to be had: {reason}")]
    Data {
        /// Which.
        batch: BatchIndex,
        /// What the sources say.
        reason: String,
    },
    /// The L1 transaction was mined and reverted.
    #[error("L1 transaction {hash} reverted: {reason}")]
    Reverted {
        /// Its hash.
        hash: B256,
        /// The contract's error, decoded if it is one of ours.
        reason: String,
    },
    /// The L1 transaction would revert; it was not sent.
    #[error("L1 refuses the transaction: {reason}")]
    Refused {
        /// The contract's error, decoded if it is one of ours.
        reason: String,
    },
    /// The L1 transaction was not mined in time.
    #[error("L1 transaction {hash} was not mined within {secs} s")]
    Unmined {
        /// Its hash.
        hash: B256,
        /// How long was waited.
        secs: u64,
    },
    /// The L1 transaction is stuck, and bidding higher is not allowed.
    #[error(
        "L1 transaction {hash} is stuck: a higher bid is {wanted} wei per {unit}, the settings allow \
         {allowed}; allow more, or wait until L1 is cheaper"
    )]
    FeeCap {
        /// Its hash.
        hash: B256,
        /// What is paid for: gas or blob gas.
        unit: &'static str,
        /// What the next bid would be, wei.
        wanted: u128,
        /// What the settings allow, wei.
        allowed: u128,
    },
    /// An earlier transaction of the key was mined instead, or meanwhile: what was to be sent is
    /// decided again after its block has been read.
    #[error("L1 transaction {hash} of the same key was mined in block {block} with nonce {nonce}")]
    Overtaken {
        /// The nonce.
        nonce: u64,
        /// The transaction that was mined.
        hash: B256,
        /// Where.
        block: u64,
    },
    /// Somebody else uses the key.
    #[error(
        "L1 transaction {hash} can never be mined: nonce {nonce} of {address} was used by a \
         transaction that this node did not send; give each node a key of its own"
    )]
    Displaced {
        /// Whose.
        address: Address,
        /// The nonce.
        nonce: u64,
        /// The transaction that can never be mined.
        hash: B256,
    },
    /// A transaction waits for one with a lower nonce, which is neither here nor on L1.
    #[error(
        "a transaction of {address} with nonce {got} waits for one with nonce {expected}, which was \
         sent by somebody else and dropped: send any transaction with nonce {expected}"
    )]
    NonceGap {
        /// Whose.
        address: Address,
        /// The nonce that L1 waits for.
        expected: u64,
        /// The lowest one in the journal.
        got: u64,
    },
    /// What is to be sent cannot be written down, or what was written down cannot be read.
    #[error("the journal of L1 transactions: {reason}")]
    Journal {
        /// What the disk or the decoder says.
        reason: String,
    },
    /// A transaction could not be signed or made.
    #[error("signing: {reason}")]
    Signing {
        /// What the signer says.
        reason: String,
    },
    /// The remote signer gives no signature: it does not answer, or says why not.
    #[error("the signer of {address}: {error}")]
    SignerRpc {
        /// Whose key it keeps.
        address: Address,
        /// What it says, or what became of the request.
        error: RpcError<TransportErrorKind>,
    },
    /// What the remote signer gives is no signed transaction. Nothing was sent.
    #[error("the signer of {address} gave no answer that can be used: {reason}")]
    SignerAnswer {
        /// Whose key it keeps.
        address: Address,
        /// What is wrong with it.
        reason: String,
    },
    /// The remote signer signed something else than it was asked to. Nothing was sent.
    #[error(
        "the signer of {address} was asked to sign {field} {expected}, and signed {got}: do not use it \
         before you know why"
    )]
    SignerChanged {
        /// Whose key it keeps.
        address: Address,
        /// What it changed.
        field: &'static str,
        /// What was asked for.
        expected: String,
        /// What it signed.
        got: String,
    },
    /// The remote signer signed with another key. Nothing was sent.
    #[error(
        "the signer signs with the key of {got}, not of {expected}: give it that key, or name the \
         address of the key that it has"
    )]
    SignerKey {
        /// Whose key it should keep.
        expected: Address,
        /// Whose key it used.
        got: Address,
    },
    /// Blob commitments or proofs could not be made.
    #[error("KZG: {reason}")]
    Kzg {
        /// What the library says.
        reason: String,
    },
}

impl L1Error {
    /// How to react.
    pub fn severity(&self) -> Severity {
        match self {
            Self::MessageChain { .. } | Self::BatchChain { .. } => Severity::Reset,
            Self::Endpoint { .. }
            | Self::Quorum { .. }
            | Self::Signing { .. }
            | Self::Kzg { .. }
            | Self::Journal { .. } => Severity::Critical,
            _ => Severity::Temporary,
        }
    }
}
