//! Messages from L1 to L2 and their hash chain.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

use crate::{InboxIndex, L1Facts, Words};

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum MessageKind {
    /// Appended by every accepted batch (and by the constructor); carries L1 facts only.
    Marker = 0,
    /// A call from `sender` to `to` with `value` newly credited ETH.
    Call = 1,
    /// A contract creation by `sender`; `data` is the init code.
    Create = 2,
    /// `data` is one signed L2 transaction (EIP-2718); anybody may have put it in.
    Forced = 3,
}

impl MessageKind {
    /// The byte that stands for it in hashes.
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Marker => 0,
            Self::Call => 1,
            Self::Create => 2,
            Self::Forced => 3,
        }
    }

    /// The kind that `byte` stands for.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Marker),
            1 => Some(Self::Call),
            2 => Some(Self::Create),
            3 => Some(Self::Forced),
            _ => None,
        }
    }
}

/// One entry of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Message {
    /// What it asks for.
    pub kind: MessageKind,
    /// Its position.
    pub index: InboxIndex,
    /// L1 as it was when the message was accepted.
    pub facts: L1Facts,
    /// Sender on L2, aliased already if it is a contract on L1; zero for markers and forced
    /// transactions.
    pub sender: Address,
    /// Target of a call; zero otherwise.
    pub to: Address,
    /// Who is credited with `value` when the call or creation fails.
    pub refund_to: Address,
    /// Wei that the vault took in for this message and that appear on L2.
    pub value: U256,
    /// L2 gas that was paid for on L1.
    pub gas_limit: u64,
    /// Call data, init code or transaction bytes; at most [`Message::MAX_DATA_BYTES`].
    pub data: Bytes,
}

impl Message {
    /// Largest `data`, bytes: the largest init code of EIP-3860.
    pub const MAX_DATA_BYTES: usize = 49_152;

    /// The hash that enters the inbox accumulator.
    pub fn hash(&self) -> B256 {
        self.words().keccak()
    }

    /// Preimage of [`Message::hash`].
    pub fn words(&self) -> Words {
        let words =
            Words::tagged("mezzanine.message.v1").uint(self.kind.to_byte()).uint(self.index.get());
        self.facts
            .append_to(words)
            .address(self.sender)
            .address(self.to)
            .address(self.refund_to)
            .uint(self.value)
            .uint(self.gas_limit)
            .hash(keccak256(&self.data))
    }
}

/// `acc[n + 1] = keccak256(acc[n] ‖ hash(message n))`; `acc[0]` is zero.
pub fn next_accumulator(accumulator: B256, message_hash: B256) -> B256 {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(accumulator.as_slice());
    bytes.extend_from_slice(message_hash.as_slice());
    keccak256(bytes)
}
