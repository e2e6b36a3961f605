//! What is written down, and how.
//!
//! A record is `kind (1) ‖ rlp(fields)`. Lists are RLP lists, numbers RLP integers.
//!
//! | kind | record | fields |
//! | --- | --- | --- |
//! | 0 | genesis | version = 1, chain id, timestamp, block hash |
//! | 1 | block | header, transactions, receipts, edits, changes |
//! | 2 | edits | changes: all that was edited since the head |
//! | 3 | rewind | number of the block that is the head again, without edits |
//!
//! A transaction is `[sender, EIP-2718 bytes, blobs]`, a blob `[versioned hash, bytes without the zeros at the end]`;
//! a receipt `[EIP-2718 bytes, gas used, created address or empty]`; changes `[accounts, codes]`, an account
//! `[address, 0 if it is gone, nonce, balance, code hash, slots]`, a slot `[slot, value]`.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    consensus::{Header, ReceiptEnvelope, Sealable, TxEnvelope, transaction::Recovered},
    eips::{Decodable2718, Encodable2718},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};
use mezz_evm::{EthereumAccountChange, EthereumChanges};
use mezz_types::Account;

use crate::{
    blobs::VerifiedBlobs,
    chain::{Block, CheckedTransaction, Receipt},
};

/// One thing that happened to the chain.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    Genesis(GenesisRecord),
    Block(Arc<Block>),
    Edits(Arc<EthereumChanges>),
    Rewind { to: u64 },
}

/// What a log begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct GenesisRecord {
    pub(crate) version: u64,
    pub(crate) chain_id: u64,
    pub(crate) timestamp: u64,
    pub(crate) hash: B256,
}

impl GenesisRecord {
    pub(crate) const VERSION: u64 = 1;
}

#[derive(RlpEncodable, RlpDecodable)]
struct BlockFields {
    header: Header,
    transactions: Vec<TransactionFields>,
    receipts: Vec<ReceiptFields>,
    size: u64,
    edits: ChangesFields,
    changes: ChangesFields,
}

#[derive(RlpEncodable, RlpDecodable)]
struct TransactionFields {
    sender: Address,
    bytes: Bytes,
    blobs: Vec<BlobFields>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct BlobFields {
    hash: B256,
    trimmed: Bytes,
}

#[derive(RlpEncodable, RlpDecodable)]
struct ReceiptFields {
    bytes: Bytes,
    gas_used: u64,
    created: Bytes,
}

#[derive(RlpEncodable, RlpDecodable)]
struct ChangesFields {
    accounts: Vec<AccountFields>,
    codes: Vec<Bytes>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct AccountFields {
    address: Address,
    present: bool,
    nonce: u64,
    balance: U256,
    code_hash: B256,
    slots: Vec<SlotFields>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct SlotFields {
    slot: U256,
    value: U256,
}

impl Record {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Genesis(genesis) => {
                out.push(0);
                genesis.encode(&mut out);
            }
            Self::Block(block) => {
                out.push(1);
                BlockFields::from(&**block).encode(&mut out);
            }
            Self::Edits(changes) => {
                out.push(2);
                ChangesFields::from(&**changes).encode(&mut out);
            }
            Self::Rewind { to } => {
                out.push(3);
                to.encode(&mut out);
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> alloy_rlp::Result<Self> {
        let (kind, rest) = bytes.split_first().ok_or(alloy_rlp::Error::InputTooShort)?;
        Ok(match kind {
            0 => Self::Genesis(alloy_rlp::decode_exact(rest)?),
            1 => Self::Block(Arc::new(alloy_rlp::decode_exact::<BlockFields>(rest)?.try_into()?)),
            2 => Self::Edits(Arc::new(alloy_rlp::decode_exact::<ChangesFields>(rest)?.into())),
            3 => Self::Rewind { to: alloy_rlp::decode_exact(rest)? },
            _ => return Err(alloy_rlp::Error::Custom("unknown kind of record")),
        })
    }
}

impl From<&Block> for BlockFields {
    fn from(block: &Block) -> Self {
        Self {
            header: block.header.inner().clone(),
            transactions: block.transactions.iter().map(|tx| (&**tx).into()).collect(),
            receipts: block.receipts.iter().map(Into::into).collect(),
            size: u64::try_from(block.size).unwrap_or(u64::MAX),
            edits: (&*block.edits).into(),
            changes: (&*block.changes).into(),
        }
    }
}

impl TryFrom<BlockFields> for Block {
    type Error = alloy_rlp::Error;

    fn try_from(fields: BlockFields) -> Result<Self, Self::Error> {
        let mut receipts = Vec::with_capacity(fields.receipts.len());
        let mut first_log = 0;
        for receipt in fields.receipts {
            let receipt = receipt.read(first_log)?;
            first_log += u64::try_from(receipt.envelope.logs().len()).unwrap_or(u64::MAX);
            receipts.push(receipt);
        }
        Ok(Self {
            header: fields.header.seal_slow(),
            transactions: fields
                .transactions
                .into_iter()
                .map(|fields| CheckedTransaction::try_from(fields).map(Arc::new))
                .collect::<Result<_, _>>()?,
            receipts,
            size: usize::try_from(fields.size).unwrap_or(usize::MAX),
            edits: Arc::new(fields.edits.into()),
            changes: Arc::new(fields.changes.into()),
        })
    }
}

impl From<&CheckedTransaction> for TransactionFields {
    fn from(transaction: &CheckedTransaction) -> Self {
        let blobs = transaction.blobs.iter().flat_map(|blobs| blobs.trimmed());
        Self {
            sender: transaction.sender(),
            bytes: transaction.signed.encoded_2718().into(),
            blobs: blobs
                .map(|(hash, trimmed)| BlobFields { hash: *hash, trimmed: trimmed.clone() })
                .collect(),
        }
    }
}

impl TryFrom<TransactionFields> for CheckedTransaction {
    type Error = alloy_rlp::Error;

    fn try_from(fields: TransactionFields) -> Result<Self, Self::Error> {
        let signed = TxEnvelope::decode_2718_exact(&fields.bytes)
            .map_err(|_| alloy_rlp::Error::Custom("not a transaction"))?;
        let blobs: Vec<_> =
            fields.blobs.into_iter().map(|blob| (blob.hash, blob.trimmed)).collect();
        Ok(Self {
            signed: Recovered::new_unchecked(signed, fields.sender),
            blobs: (!blobs.is_empty()).then(|| Arc::new(VerifiedBlobs::from_own_log(blobs))),
        })
    }
}

impl From<&Receipt> for ReceiptFields {
    fn from(receipt: &Receipt) -> Self {
        Self {
            bytes: receipt.envelope.encoded_2718().into(),
            gas_used: receipt.gas_used,
            created: receipt.created.map(|created| created.to_vec().into()).unwrap_or_default(),
        }
    }
}

impl ReceiptFields {
    fn read(self, first_log: u64) -> alloy_rlp::Result<Receipt> {
        let envelope = ReceiptEnvelope::decode_2718_exact(&self.bytes)
            .map_err(|_| alloy_rlp::Error::Custom("not a receipt"))?;
        let created = match self.created.len() {
            0 => None,
            _ => Some(
                Address::try_from(self.created.as_ref())
                    .map_err(|_| alloy_rlp::Error::Custom("not an address"))?,
            ),
        };
        Ok(Receipt { envelope, gas_used: self.gas_used, created, first_log })
    }
}

impl From<&EthereumChanges> for ChangesFields {
    fn from(changes: &EthereumChanges) -> Self {
        let accounts = changes.accounts.iter().map(|(address, change)| {
            let account = change.account.unwrap_or_default();
            AccountFields {
                address: *address,
                present: change.account.is_some(),
                nonce: account.nonce,
                balance: account.balance,
                code_hash: account.code_hash,
                slots: change
                    .slots
                    .iter()
                    .map(|(slot, value)| SlotFields { slot: *slot, value: *value })
                    .collect(),
            }
        });
        Self { accounts: accounts.collect(), codes: changes.codes.values().cloned().collect() }
    }
}

impl From<ChangesFields> for EthereumChanges {
    fn from(fields: ChangesFields) -> Self {
        let accounts = fields.accounts.into_iter().map(|fields| {
            let account = Account {
                nonce: fields.nonce,
                balance: fields.balance,
                code_hash: fields.code_hash,
            };
            let slots: BTreeMap<_, _> =
                fields.slots.into_iter().map(|slot| (slot.slot, slot.value)).collect();
            let account = fields.present.then_some(account);
            (fields.address, EthereumAccountChange { account, slots })
        });
        let codes = fields.codes.into_iter().map(|code| (alloy_primitives::keccak256(&code), code));
        Self { accounts: accounts.collect(), codes: codes.collect() }
    }
}
