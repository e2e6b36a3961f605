//! What a sender writes down before it sends.
//!
//! One entry for each nonce, until a transaction with that nonce is final:
//!
//! ```text
//! 0x00 ‖ others (1) ‖ ours (1) ‖ (others + ours) × hash (32)
//!      ‖ signed transaction (EIP-2718, blobs with their sidecar)
//! ```
//!
//! The hashes are those of what was sent with the nonce before, oldest first: any of them may be mined.
//! The first ones did other work than the signed transaction, the rest the same.

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::{Decodable2718 as _, Encodable2718 as _},
};
use alloy_primitives::{Address, B256, TxKind};

use super::{L1Call, bid::Bid};
use crate::L1Error;

/// First byte of an entry.
const FORMAT: u8 = 0;
/// Hashes of either kind that one entry keeps at most: a stuck transaction is bid for less often than that.
const MAX_EARLIER: usize = 64;

/// Keeps signed transactions safe before they are sent, by sender and nonce.
pub trait Journal: Send + Sync + 'static {
    /// Makes an entry durable, over what is there. The transaction is sent only after this returned.
    ///
    /// # Errors
    /// What the disk says; the transaction is not sent then.
    fn record(&self, sender: Address, nonce: u64, entry: &[u8]) -> Result<(), String>;

    /// All entries of a sender, lowest nonce first.
    ///
    /// # Errors
    /// What the disk says; nothing is sent then.
    fn entries(&self, sender: Address) -> Result<Vec<(u64, Vec<u8>)>, String>;

    /// Forgets an entry.
    ///
    /// # Errors
    /// What the disk says.
    fn remove(&self, sender: Address, nonce: u64) -> Result<(), String>;
}

/// Keeps nothing: for commands that a person repeats, which have nothing to resume.
#[derive(Clone, Copy, Debug)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn record(&self, _: Address, _: u64, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    fn entries(&self, _: Address) -> Result<Vec<(u64, Vec<u8>)>, String> {
        Ok(Vec::new())
    }

    fn remove(&self, _: Address, _: u64) -> Result<(), String> {
        Ok(())
    }
}

/// A transaction that was signed, and what was sent with its nonce before.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) nonce: u64,
    /// Hashes of other work that was sent with this nonce, oldest first.
    pub(super) others: Vec<B256>,
    /// Hashes of lower bids for the same work, oldest first.
    pub(super) ours: Vec<B256>,
    pub(super) signed: TxEnvelope,
}

impl Entry {
    pub(super) fn hash(&self) -> B256 {
        *self.signed.tx_hash()
    }

    /// All hashes that may be mined with this nonce, the newest first.
    pub(super) fn hashes(&self) -> impl Iterator<Item = B256> {
        let earlier = self.ours.iter().rev().chain(self.others.iter().rev());
        std::iter::once(self.hash()).chain(earlier.copied())
    }

    pub(super) fn raw(&self) -> Vec<u8> {
        self.signed.encoded_2718()
    }

    pub(super) fn bid(&self) -> Bid {
        Bid {
            max_fee: self.signed.max_fee_per_gas(),
            tip: self.signed.max_priority_fee_per_gas().unwrap_or_default(),
            blob_fee: self.signed.max_fee_per_blob_gas().unwrap_or_default(),
        }
    }

    /// Whether it does what `call` asks for; `blobs` are the versioned hashes of its blobs.
    pub(super) fn does(&self, call: &L1Call, blobs: &[B256]) -> bool {
        self.signed.kind() == call.to.map_or(TxKind::Create, TxKind::Call)
            && self.signed.value() == call.value
            && *self.signed.input() == call.data
            && self.signed.blob_versioned_hashes().unwrap_or_default() == blobs
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (others, ours) = (last(&self.others), last(&self.ours));
        let count = |hashes: &[B256]| u8::try_from(hashes.len()).unwrap_or(u8::MAX);
        let mut bytes = vec![FORMAT, count(others), count(ours)];
        bytes.extend(others.iter().chain(ours).flat_map(|hash| hash.0));
        self.signed.encode_2718(&mut bytes);
        bytes
    }

    pub(super) fn decode(nonce: u64, bytes: &[u8]) -> Result<Self, L1Error> {
        let damaged = |what: &str| L1Error::Journal {
            reason: format!("the entry of nonce {nonce} is damaged: {what}"),
        };
        let [FORMAT, others, ours, rest @ ..] = bytes else {
            return Err(damaged("unknown format"));
        };
        let (others, ours) = (usize::from(*others), usize::from(*ours));
        let (hashes, mut signed) =
            rest.split_at_checked((others + ours) * 32).ok_or_else(|| damaged("it is cut off"))?;
        let mut others: Vec<B256> = hashes.chunks_exact(32).map(B256::from_slice).collect();
        let ours = others.split_off(others.len() - ours);
        let signed =
            TxEnvelope::decode_2718(&mut signed).map_err(|error| damaged(&error.to_string()))?;
        if signed.nonce() != nonce {
            return Err(damaged("its transaction has another nonce"));
        }
        Ok(Self { nonce, others, ours, signed })
    }
}

/// The newest hashes, as many as an entry keeps.
fn last(hashes: &[B256]) -> &[B256] {
    hashes.get(hashes.len().saturating_sub(MAX_EARLIER)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use alloy::{
        consensus::{SignableTransaction as _, TxEip1559},
        network::TxSignerSync as _,
        signers::local::PrivateKeySigner,
    };
    use alloy_primitives::{Bytes, U256};

    use super::*;

    fn entry() -> Entry {
        let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap();
        let mut transaction = TxEip1559 {
            chain_id: 1,
            nonce: 7,
            to: TxKind::Call(Address::repeat_byte(2)),
            value: U256::from(3),
            input: Bytes::from_static(b"work"),
            max_fee_per_gas: 30,
            max_priority_fee_per_gas: 2,
            ..TxEip1559::default()
        };
        let signature = signer.sign_transaction_sync(&mut transaction).unwrap();
        let (others, ours) = (vec![B256::repeat_byte(8)], vec![B256::repeat_byte(9)]);
        Entry { nonce: 7, others, ours, signed: transaction.into_signed(signature).into() }
    }

    #[test]
    fn an_entry_reads_back_and_damage_is_an_error() {
        let entry = entry();
        let bytes = entry.encode();
        let read = Entry::decode(7, &bytes).unwrap();
        assert_eq!((read.hash(), read.raw()), (entry.hash(), entry.raw()));
        assert_eq!((&read.others, &read.ours), (&entry.others, &entry.ours));
        assert_eq!(read.bid(), Bid { max_fee: 30, tip: 2, blob_fee: 0 });
        let newest_first: Vec<B256> = read.hashes().collect();
        assert_eq!(newest_first, [entry.hash(), B256::repeat_byte(9), B256::repeat_byte(8)]);
        for end in 0..bytes.len() {
            assert!(Entry::decode(7, &bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(Entry::decode(8, &bytes).is_err(), "another nonce");
        assert!(Entry::decode(7, &entry.raw()).is_err(), "another format");
    }

    #[test]
    fn work_is_told_from_other_work() {
        let entry = entry();
        let call = L1Call {
            to: Some(Address::repeat_byte(2)),
            value: U256::from(3),
            data: Bytes::from_static(b"work"),
            ..L1Call::default()
        };
        assert!(entry.does(&call, &[]));
        assert!(!entry.does(&call, &[B256::ZERO]));
        assert!(!entry.does(&L1Call { to: None, ..call.clone() }, &[]));
        assert!(!entry.does(&L1Call { value: U256::ZERO, ..call.clone() }, &[]));
        assert!(!entry.does(&L1Call { data: Bytes::new(), ..call }, &[]));
    }
}
