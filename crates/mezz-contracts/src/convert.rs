//! Between the structs of the bindings and those of `mezz-types`.

use mezz_types::{
    Batch, BatchIndex, BlockNumber, Commitment, DataKind, DataVerdict, InboxIndex, L1BlockNumber,
    L1Facts, Message, MessageKind, OutboxIndex, Withdrawal, WithdrawalKind,
};

use crate::{Inbox, Outbox, Vault};

/// A number in a log stands for no variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value} stands for no {what}")]
pub struct ConvertError {
    /// What it should stand for.
    pub what: &'static str,
    /// The number.
    pub value: u8,
}

impl From<Inbox::L1Facts> for L1Facts {
    fn from(facts: Inbox::L1Facts) -> Self {
        Self {
            number: L1BlockNumber::new(facts.number),
            timestamp: facts.timestamp,
            base_fee: facts.baseFee,
            blob_base_fee: facts.blobBaseFee,
        }
    }
}

impl TryFrom<Inbox::Message> for Message {
    type Error = ConvertError;

    fn try_from(message: Inbox::Message) -> Result<Self, ConvertError> {
        let what = "message kind";
        Ok(Self {
            kind: MessageKind::from_byte(message.kind)
                .ok_or(ConvertError { what, value: message.kind })?,
            index: InboxIndex::new(message.index),
            facts: message.facts.into(),
            sender: message.sender,
            to: message.to,
            refund_to: message.refundTo,
            value: message.value,
            gas_limit: message.gasLimit,
            data: message.data,
        })
    }
}

impl TryFrom<Inbox::Batch> for Batch {
    type Error = ConvertError;

    fn try_from(batch: Inbox::Batch) -> Result<Self, ConvertError> {
        let kind = ConvertError { what: "data kind", value: batch.dataKind };
        let verdict = ConvertError { what: "data verdict", value: batch.verdict };
        Ok(Self {
            parent: batch.parent,
            index: BatchIndex::new(batch.index),
            data_kind: DataKind::from_byte(batch.dataKind).ok_or(kind)?,
            verdict: DataVerdict::from_byte(batch.verdict).ok_or(verdict)?,
            data_hash: batch.dataHash,
            facts: batch.facts.into(),
            inbox_start: InboxIndex::new(batch.inboxStart),
            inbox_end: InboxIndex::new(batch.inboxEnd),
            inbox_accumulator: batch.inboxAccumulator,
            oldest_unconsumed_timestamp: batch.oldestUnconsumedTimestamp,
            poster: batch.poster,
        })
    }
}

impl TryFrom<Outbox::Withdrawal> for Withdrawal {
    type Error = ConvertError;

    fn try_from(withdrawal: Outbox::Withdrawal) -> Result<Self, ConvertError> {
        let kind = ConvertError { what: "withdrawal kind", value: withdrawal.kind };
        Ok(Self {
            index: OutboxIndex::new(withdrawal.index),
            kind: WithdrawalKind::from_byte(withdrawal.kind).ok_or(kind)?,
            sender: withdrawal.sender,
            target: withdrawal.target,
            token: withdrawal.token,
            amount: withdrawal.amount,
            data: withdrawal.data,
        })
    }
}

impl From<Withdrawal> for Vault::Withdrawal {
    fn from(withdrawal: Withdrawal) -> Self {
        Self {
            index: withdrawal.index.get(),
            kind: withdrawal.kind.to_byte(),
            sender: withdrawal.sender,
            target: withdrawal.target,
            token: withdrawal.token,
            amount: withdrawal.amount,
            data: withdrawal.data,
        }
    }
}

impl From<Commitment> for Vault::Commitment {
    fn from(commitment: Commitment) -> Self {
        Self {
            blockNumber: commitment.block_number.get(),
            blockHash: commitment.block_hash,
            timestamp: commitment.timestamp,
            stateRoot: commitment.state_root,
            outboxRoot: commitment.outbox_root,
            nextInboxIndex: commitment.next_inbox_index.get(),
        }
    }
}

impl From<Vault::Commitment> for Commitment {
    fn from(commitment: Vault::Commitment) -> Self {
        Self {
            block_number: BlockNumber::new(commitment.blockNumber),
            block_hash: commitment.blockHash,
            timestamp: commitment.timestamp,
            state_root: commitment.stateRoot,
            outbox_root: commitment.outboxRoot,
            next_inbox_index: InboxIndex::new(commitment.nextInboxIndex),
        }
    }
}
