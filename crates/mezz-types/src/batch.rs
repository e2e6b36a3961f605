//! Batches as L1 accepted them.

use alloy_primitives::{Address, B256};

use crate::{BatchIndex, InboxIndex, L1Facts, Words};

/// Where the bytes of a batch are, and what binds them to its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
#[repr(u8)]
pub enum DataKind {
    /// In the L1 transaction's input; `data_hash` is their Keccak-256.
    Calldata = 0,
    /// In EIP-4844 blobs; `data_hash` is the Keccak-256 of the concatenated versioned hashes.
    Blob = 1,
}

impl DataKind {
    /// The byte that stands for it in hashes.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Calldata => 0,
            Self::Blob => 1,
        }
    }

    /// The kind that `byte` stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Calldata),
            1 => Some(Self::Blob),
            _ => None,
        }
    }
}

/// What L1 says of the data: part of the batch hash, so that a batch whose data turned out to be
/// unavailable is empty by rule and not by opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
#[repr(u8)]
pub enum DataVerdict {
    /// L1 itself carried the bytes.
    Available = 0,
    /// The bytes count as empty.
    Empty = 1,
}

impl DataVerdict {
    /// The byte that stands for it in hashes.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Available => 0,
            Self::Empty => 1,
        }
    }

    /// The verdict that `byte` stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Available),
            1 => Some(Self::Empty),
            _ => None,
        }
    }
}

/// The header of an accepted batch. The batch accumulator at `k` is the hash of batch `k - 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Batch {
    /// Hash of the batch before, or [`genesis_batch_accumulator`].
    pub parent: B256,
    /// Its position.
    pub index: BatchIndex,
    /// Where the bytes are.
    pub data_kind: DataKind,
    /// Whether they count.
    pub verdict: DataVerdict,
    /// What binds the bytes.
    pub data_hash: B256,
    /// L1 as it was when the batch was accepted.
    pub facts: L1Facts,
    /// First message consumed.
    pub inbox_start: InboxIndex,
    /// One past the last message consumed.
    pub inbox_end: InboxIndex,
    /// Inbox accumulator at `inbox_end`.
    pub inbox_accumulator: B256,
    /// L1 timestamp of message `inbox_end`: the oldest one left unconsumed. If there was none, that
    /// is the marker of this very batch, hence the timestamp of acceptance.
    pub oldest_unconsumed_timestamp: u64,
    /// Who posted it.
    pub poster: Address,
}

impl Batch {
    /// The hash by which the next batch names this one.
    pub fn hash(&self) -> B256 {
        self.words().keccak()
    }

    /// Preimage of [`Batch::hash`].
    pub fn words(&self) -> Words {
        let words = Words::tagged("mezzanine.batch.v1")
            .hash(self.parent)
            .uint(self.index.get())
            .uint(self.data_kind.to_byte())
            .uint(self.verdict.to_byte())
            .hash(self.data_hash);
        self.facts
            .append_to(words)
            .uint(self.inbox_start.get())
            .uint(self.inbox_end.get())
            .hash(self.inbox_accumulator)
            .uint(self.oldest_unconsumed_timestamp)
            .address(self.poster)
    }
}

/// The batch accumulator at 0: binds the first batch to a configuration and a genesis.
pub fn genesis_batch_accumulator(config_hash: B256, genesis_commitment: B256) -> B256 {
    Words::tagged("mezzanine.genesis.v1").hash(config_hash).hash(genesis_commitment).keccak()
}
