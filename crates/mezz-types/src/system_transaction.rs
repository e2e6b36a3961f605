//! The L2 transaction that a message becomes.

use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};

use crate::{InboxIndex, Message, MessageKind};

/// EIP-2718 type byte of [`SystemTransaction`].
pub const SYSTEM_TRANSACTION_TYPE: u8 = 0x7d;

/// A call or creation that L1 put into the chain: no signature, no fee, gas paid on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemTransaction {
    /// Inbox position; makes its hash unique.
    pub index: InboxIndex,
    /// Sender, aliased already.
    pub from: Address,
    /// Target, or creation.
    pub to: TxKind,
    /// Who is credited when it fails.
    pub refund_to: Address,
    /// Wei credited to `from` before it runs.
    pub value: U256,
    /// Gas limit.
    pub gas_limit: u64,
    /// Call data or init code.
    pub data: Bytes,
}

#[derive(RlpEncodable, RlpDecodable)]
struct Fields {
    index: u64,
    from: Address,
    to: Bytes,
    refund_to: Address,
    value: U256,
    gas_limit: u64,
    data: Bytes,
}

impl SystemTransaction {
    /// The transaction that `message` becomes; `None` for markers and forced transactions.
    pub fn from_message(message: &Message) -> Option<Self> {
        let to = match message.kind {
            MessageKind::Call => TxKind::Call(message.to),
            MessageKind::Create => TxKind::Create,
            MessageKind::Marker | MessageKind::Forced => return None,
        };
        Some(Self {
            index: message.index,
            from: message.sender,
            to,
            refund_to: message.refund_to,
            value: message.value,
            gas_limit: message.gas_limit,
            data: message.data.clone(),
        })
    }

    /// `0x7d ‖ rlp([index, from, to, refundTo, value, gasLimit, data])`, `to` empty for a creation.
    pub fn encode_2718(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(SYSTEM_TRANSACTION_TYPE);
        let fields = Fields {
            index: self.index.get(),
            from: self.from,
            to: self.to.to().map(|to| Bytes::copy_from_slice(to.as_slice())).unwrap_or_default(),
            refund_to: self.refund_to,
            value: self.value,
            gas_limit: self.gas_limit,
            data: self.data.clone(),
        };
        alloy_rlp::Encodable::encode(&fields, &mut out);
        out
    }

    /// Reads what [`SystemTransaction::encode_2718`] wrote.
    ///
    /// # Errors
    /// [`alloy_rlp::Error`] for a wrong type byte, wrong fields or trailing bytes.
    pub fn decode_2718(bytes: &[u8]) -> Result<Self, alloy_rlp::Error> {
        let (&kind, mut rest) = bytes.split_first().ok_or(alloy_rlp::Error::InputTooShort)?;
        if kind != SYSTEM_TRANSACTION_TYPE {
            return Err(alloy_rlp::Error::Custom("not a system transaction"));
        }
        let fields = <Fields as alloy_rlp::Decodable>::decode(&mut rest)?;
        if !rest.is_empty() {
            return Err(alloy_rlp::Error::UnexpectedLength);
        }
        let to = match fields.to.len() {
            0 => TxKind::Create,
            20 => TxKind::Call(
                Address::try_from(fields.to.as_ref())
                    .map_err(|_| alloy_rlp::Error::UnexpectedLength)?,
            ),
            _ => return Err(alloy_rlp::Error::UnexpectedLength),
        };
        Ok(Self {
            index: InboxIndex::new(fields.index),
            from: fields.from,
            to,
            refund_to: fields.refund_to,
            value: fields.value,
            gas_limit: fields.gas_limit,
            data: fields.data,
        })
    }

    /// Its transaction hash.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode_2718())
    }
}
