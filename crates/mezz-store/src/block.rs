//! Blocks, receipts and withdrawals as they are stored.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Log, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use mezz_types::{BlockNumber, OutboxIndex, Withdrawal, WithdrawalKind};

use crate::StoreError;

/// Names a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRef {
    /// Its height.
    pub number: BlockNumber,
    /// Its hash.
    pub hash: B256,
}

/// A block with all that its execution gave, except its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its header, complete.
    pub header: Header,
    /// How many transactions, counted from the first, came from the inbox.
    pub from_inbox: u32,
    /// Transactions in order, EIP-2718, system transactions among them.
    pub transactions: Vec<Bytes>,
    /// Hash of every transaction.
    pub transaction_hashes: Vec<B256>,
    /// Receipt of every transaction.
    pub receipts: Vec<Receipt>,
    /// Withdrawals that the block put into the outbox, in order.
    pub withdrawals: Vec<Withdrawal>,
}

/// What executing a transaction gave, with what RPC answers need beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// EIP-2718 type; 0 for a legacy transaction.
    pub kind: u8,
    /// Whether it succeeded.
    pub success: bool,
    /// Gas used by it.
    pub gas_used: u64,
    /// Gas used by it and all before it in the block.
    pub cumulative_gas_used: u64,
    /// Wei per gas that its sender paid.
    pub effective_gas_price: u128,
    /// Wei that its sender paid for data on L1.
    pub l1_data_fee: U256,
    /// Its sender.
    pub from: Address,
    /// Contract that it created.
    pub contract_address: Option<Address>,
    /// Logs of the block before its own.
    pub first_log_index: u64,
    /// Its logs.
    pub logs: Vec<Log>,
}

/// Where a transaction is, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTransaction {
    /// The block.
    pub block: BlockRef,
    /// Position in the block.
    pub index: u32,
    /// EIP-2718 bytes.
    pub bytes: Bytes,
}

/// The transactions of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// How many, counted from the first, came from the inbox.
    pub from_inbox: u32,
    /// EIP-2718 bytes in order.
    pub transactions: Vec<Bytes>,
}

/// A withdrawal, and the block that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWithdrawal {
    /// The block.
    pub block: BlockNumber,
    /// The withdrawal.
    pub withdrawal: Withdrawal,
}

#[derive(RlpEncodable, RlpDecodable)]
struct ReceiptFields {
    kind: u8,
    success: bool,
    gas_used: u64,
    cumulative_gas_used: u64,
    effective_gas_price: u128,
    l1_data_fee: U256,
    from: Address,
    contract_address: Bytes,
    first_log_index: u64,
    logs: Vec<Log>,
}

impl Receipt {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let contract = self.contract_address.map(|address| Bytes::copy_from_slice(&address.0.0));
        ReceiptFields {
            kind: self.kind,
            success: self.success,
            gas_used: self.gas_used,
            cumulative_gas_used: self.cumulative_gas_used,
            effective_gas_price: self.effective_gas_price,
            l1_data_fee: self.l1_data_fee,
            from: self.from,
            contract_address: contract.unwrap_or_default(),
            first_log_index: self.first_log_index,
            logs: self.logs.clone(),
        }
        .encode(&mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let fields: ReceiptFields = decode_rlp("receipts", bytes)?;
        let contract_address = match fields.contract_address.len() {
            0 => None,
            20 => Some(Address::from_slice(&fields.contract_address)),
            _ => {
                let reason = "a contract address has another length";
                return Err(StoreError::Corrupt { table: "receipts", reason });
            }
        };
        Ok(Self {
            kind: fields.kind,
            success: fields.success,
            gas_used: fields.gas_used,
            cumulative_gas_used: fields.cumulative_gas_used,
            effective_gas_price: fields.effective_gas_price,
            l1_data_fee: fields.l1_data_fee,
            from: fields.from,
            contract_address,
            first_log_index: fields.first_log_index,
            logs: fields.logs,
        })
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct WithdrawalFields {
    block: u64,
    index: u64,
    kind: u8,
    sender: Address,
    target: Address,
    token: Address,
    amount: U256,
    data: Bytes,
}

impl StoredWithdrawal {
    pub(crate) fn encode(block: BlockNumber, withdrawal: &Withdrawal) -> Vec<u8> {
        alloy_rlp::encode(WithdrawalFields {
            block: block.get(),
            index: withdrawal.index.get(),
            kind: withdrawal.kind.to_byte(),
            sender: withdrawal.sender,
            target: withdrawal.target,
            token: withdrawal.token,
            amount: withdrawal.amount,
            data: withdrawal.data.clone(),
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let fields: WithdrawalFields = decode_rlp("withdrawals", bytes)?;
        let reason = "unknown kind of withdrawal";
        let kind = WithdrawalKind::from_byte(fields.kind)
            .ok_or(StoreError::Corrupt { table: "withdrawals", reason })?;
        Ok(Self {
            block: BlockNumber::new(fields.block),
            withdrawal: Withdrawal {
                index: OutboxIndex::new(fields.index),
                kind,
                sender: fields.sender,
                target: fields.target,
                token: fields.token,
                amount: fields.amount,
                data: fields.data,
            },
        })
    }
}

/// `hash (32) ‖ rlp(header)`.
pub(crate) fn encode_header(hash: B256, header: &Header) -> Vec<u8> {
    let mut out = Vec::with_capacity(640);
    out.extend_from_slice(hash.as_slice());
    header.encode(&mut out);
    out
}

/// Reads the hash that [`encode_header`] wrote.
pub(crate) fn decode_header_hash(bytes: &[u8]) -> Result<B256, StoreError> {
    let cut = StoreError::Corrupt { table: "headers", reason: "cut short" };
    bytes.first_chunk::<32>().map(B256::from).ok_or(cut)
}

/// Reads what [`encode_header`] wrote.
pub(crate) fn decode_header(bytes: &[u8]) -> Result<(B256, Header), StoreError> {
    let hash = decode_header_hash(bytes)?;
    Ok((hash, decode_rlp("headers", bytes.get(32..).unwrap_or_default())?))
}

/// Decodes one RLP item that takes up all of `bytes`.
pub(crate) fn decode_rlp<T: Decodable>(table: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    let mut rest = bytes;
    let item =
        T::decode(&mut rest).map_err(|_| StoreError::Corrupt { table, reason: "not RLP" })?;
    if rest.is_empty() {
        Ok(item)
    } else {
        Err(StoreError::Corrupt { table, reason: "bytes after the end" })
    }
}
