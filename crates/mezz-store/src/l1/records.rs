//! Facts of L1 as they are stored. All of them were checked before they came here.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use mezz_types::{
    Batch, BatchIndex, BlockNumber, ClaimId, Commitment, DataKind, DataVerdict, InboxIndex,
    L1BlockNumber, L1Facts, Message, MessageKind,
};

use crate::{StoreError, block::decode_rlp};

/// Names an L1 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1BlockRef {
    /// Its height.
    pub number: L1BlockNumber,
    /// Its hash.
    pub hash: B256,
}

/// Where on L1 something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Position {
    /// The block.
    pub block: L1BlockRef,
    /// Hash of the transaction.
    pub transaction: B256,
    /// Position of the log in the block.
    pub log_index: u64,
}

/// A message of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// The message.
    pub message: Message,
    /// Inbox accumulator after it: the one at its index plus one.
    pub accumulator: B256,
    /// Where it was accepted.
    pub position: L1Position,
}

/// A batch that L1 accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    /// Its header.
    pub batch: Batch,
    /// Its hash: the batch accumulator at its index plus one.
    pub hash: B256,
    /// Where it was accepted.
    pub position: L1Position,
}

/// What deriving a batch gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOutcome {
    /// First block.
    pub first_block: BlockNumber,
    /// Last block.
    pub last_block: BlockNumber,
    /// The chain after the last block.
    pub post: Commitment,
    /// Why it gave a default block instead of its own, if it did.
    pub void: Option<String>,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// Its `post` is final.
    Final,
    /// The proof system rejected it or chose another in its range.
    Lost,
    /// Another branch is final.
    Superseded,
}

impl ClaimOutcome {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Final => 1,
            Self::Lost => 2,
            Self::Superseded => 3,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Final),
            2 => Some(Self::Lost),
            3 => Some(Self::Superseded),
            _ => None,
        }
    }
}

/// A claim in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredClaim {
    /// Its id.
    pub id: ClaimId,
    /// The claim that it follows.
    pub parent: ClaimId,
    /// What a proof system is asked about.
    pub digest: B256,
    /// Hash of the commitment that it claims.
    pub post: B256,
    /// One past the last batch covered.
    pub batch_end: BatchIndex,
    /// Line that it belongs to.
    pub line: u64,
    /// Who proposed it.
    pub proposer: Address,
    /// No rival is accepted from here on, seconds.
    pub window_end: u64,
    /// Where it was proposed.
    pub proposed: L1Position,
    /// Where a rival joined its range.
    pub contested: Option<L1Position>,
    /// What became of it, and where.
    pub outcome: Option<(ClaimOutcome, L1Position)>,
}

#[derive(Clone, Copy, RlpEncodable, RlpDecodable)]
struct PositionFields {
    number: u64,
    hash: B256,
    transaction: B256,
    log_index: u64,
}

impl From<L1Position> for PositionFields {
    fn from(position: L1Position) -> Self {
        Self {
            number: position.block.number.get(),
            hash: position.block.hash,
            transaction: position.transaction,
            log_index: position.log_index,
        }
    }
}

impl From<PositionFields> for L1Position {
    fn from(fields: PositionFields) -> Self {
        Self {
            block: L1BlockRef { number: L1BlockNumber::new(fields.number), hash: fields.hash },
            transaction: fields.transaction,
            log_index: fields.log_index,
        }
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct FactsFields {
    number: u64,
    timestamp: u64,
    base_fee: u128,
    blob_base_fee: u128,
}

impl From<L1Facts> for FactsFields {
    fn from(facts: L1Facts) -> Self {
        Self {
            number: facts.number.get(),
            timestamp: facts.timestamp,
            base_fee: facts.base_fee,
            blob_base_fee: facts.blob_base_fee,
        }
    }
}

impl From<FactsFields> for L1Facts {
    fn from(fields: FactsFields) -> Self {
        Self {
            number: L1BlockNumber::new(fields.number),
            timestamp: fields.timestamp,
            base_fee: fields.base_fee,
            blob_base_fee: fields.blob_base_fee,
        }
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct MessageFields {
    kind: u8,
    index: u64,
    facts: FactsFields,
    sender: Address,
    to: Address,
    refund_to: Address,
    value: U256,
    gas_limit: u64,
    data: Bytes,
    accumulator: B256,
    position: PositionFields,
}

impl StoredMessage {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let message = &self.message;
        alloy_rlp::encode(MessageFields {
            kind: message.kind.to_byte(),
            index: message.index.get(),
            facts: message.facts.into(),
            sender: message.sender,
            to: message.to,
            refund_to: message.refund_to,
            value: message.value,
            gas_limit: message.gas_limit,
            data: message.data.clone(),
            accumulator: self.accumulator,
            position: self.position.into(),
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let fields: MessageFields = decode_rlp("messages", bytes)?;
        Ok(Self {
            message: Message {
                kind: known("messages", MessageKind::from_byte(fields.kind))?,
                index: InboxIndex::new(fields.index),
                facts: fields.facts.into(),
                sender: fields.sender,
                to: fields.to,
                refund_to: fields.refund_to,
                value: fields.value,
                gas_limit: fields.gas_limit,
                data: fields.data,
            },
            accumulator: fields.accumulator,
            position: fields.position.into(),
        })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct BatchFields {
    parent: B256,
    index: u64,
    data_kind: u8,
    verdict: u8,
    data_hash: B256,
    facts: FactsFields,
    inbox_start: u64,
    inbox_end: u64,
    inbox_accumulator: B256,
    oldest_unconsumed_timestamp: u64,
    poster: Address,
    hash: B256,
    position: PositionFields,
}

impl StoredBatch {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let batch = &self.batch;
        alloy_rlp::encode(BatchFields {
            parent: batch.parent,
            index: batch.index.get(),
            data_kind: batch.data_kind.to_byte(),
            verdict: batch.verdict.to_byte(),
            data_hash: batch.data_hash,
            facts: batch.facts.into(),
            inbox_start: batch.inbox_start.get(),
            inbox_end: batch.inbox_end.get(),
            inbox_accumulator: batch.inbox_accumulator,
            oldest_unconsumed_timestamp: batch.oldest_unconsumed_timestamp,
            poster: batch.poster,
            hash: self.hash,
            position: self.position.into(),
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let fields: BatchFields = decode_rlp("batches", bytes)?;
        Ok(Self {
            batch: Batch {
                parent: fields.parent,
                index: BatchIndex::new(fields.index),
                data_kind: known("batches", DataKind::from_byte(fields.data_kind))?,
                verdict: known("batches", DataVerdict::from_byte(fields.verdict))?,
                data_hash: fields.data_hash,
                facts: fields.facts.into(),
                inbox_start: InboxIndex::new(fields.inbox_start),
                inbox_end: InboxIndex::new(fields.inbox_end),
                inbox_accumulator: fields.inbox_accumulator,
                oldest_unconsumed_timestamp: fields.oldest_unconsumed_timestamp,
                poster: fields.poster,
            },
            hash: fields.hash,
            position: fields.position.into(),
        })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct OutcomeFields {
    first_block: u64,
    last_block: u64,
    block_hash: B256,
    timestamp: u64,
    state_root: B256,
    outbox_root: B256,
    next_inbox_index: u64,
    void: Vec<String>,
}

impl BatchOutcome {
    pub(crate) fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(OutcomeFields {
            first_block: self.first_block.get(),
            last_block: self.last_block.get(),
            block_hash: self.post.block_hash,
            timestamp: self.post.timestamp,
            state_root: self.post.state_root,
            outbox_root: self.post.outbox_root,
            next_inbox_index: self.post.next_inbox_index.get(),
            void: self.void.iter().cloned().collect(),
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let fields: OutcomeFields = decode_rlp("outcomes", bytes)?;
        let last_block = BlockNumber::new(fields.last_block);
        Ok(Self {
            first_block: BlockNumber::new(fields.first_block),
            last_block,
            post: Commitment {
                block_number: last_block,
                block_hash: fields.block_hash,
                timestamp: fields.timestamp,
                state_root: fields.state_root,
                outbox_root: fields.outbox_root,
                next_inbox_index: InboxIndex::new(fields.next_inbox_index),
            },
            void: fields.void.into_iter().next(),
        })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct ClaimFields {
    id: B256,
    parent: B256,
    digest: B256,
    post: B256,
    batch_end: u64,
    line: u64,
    proposer: Address,
    window_end: u64,
    proposed: PositionFields,
    contested: Vec<PositionFields>,
    outcome: Vec<OutcomeEntry>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct OutcomeEntry {
    outcome: u8,
    position: PositionFields,
}

impl StoredClaim {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let outcome = self.outcome.map(|(outcome, position)| OutcomeEntry {
            outcome: outcome.to_byte(),
            position: position.into(),
        });
        alloy_rlp::encode(ClaimFields {
            id: self.id,
            parent: self.parent,
            digest: self.digest,
            post: self.post,
            batch_end: self.batch_end.get(),
            line: self.line,
            proposer: self.proposer,
            window_end: self.window_end,
            proposed: self.proposed.into(),
            contested: self.contested.into_iter().map(PositionFields::from).collect(),
            outcome: outcome.into_iter().collect(),
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let fields: ClaimFields = decode_rlp("claims", bytes)?;
        let outcome = match fields.outcome.first() {
            Some(entry) => Some((
                known("claims", ClaimOutcome::from_byte(entry.outcome))?,
                entry.position.into(),
            )),
            None => None,
        };
        Ok(Self {
            id: fields.id,
            parent: fields.parent,
            digest: fields.digest,
            post: fields.post,
            batch_end: BatchIndex::new(fields.batch_end),
            line: fields.line,
            proposer: fields.proposer,
            window_end: fields.window_end,
            proposed: fields.proposed.into(),
            contested: fields.contested.first().map(|position| (*position).into()),
            outcome,
        })
    }
}

fn known<T>(table: &'static str, variant: Option<T>) -> Result<T, StoreError> {
    variant.ok_or(StoreError::Corrupt { table, reason: "a byte stands for no variant" })
}
