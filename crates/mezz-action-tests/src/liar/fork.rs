//! A chain that does not exist, flawless block by block.

use std::sync::Arc;

use alloy::{
    consensus::{
        Eip658Value, Receipt, ReceiptEnvelope, ReceiptWithBloom, TxReceipt as _,
        proofs::calculate_receipt_root,
    },
    rpc::types::{Block, Log as PlacedLog, TransactionReceipt},
};
use alloy_primitives::{Address, B256, Log};
use mezz_types::{L1BlockNumber, L1Facts};
use serde_json::{Value, json};

use super::changed_block;
use crate::L1;

/// Blocks that somebody made up on top of a true one.
#[derive(Debug)]
pub struct Fork {
    from: u64,
    blocks: Vec<(Value, Value)>,
}

impl Fork {
    /// So many blocks, the first one at height `from`; it has the logs that `logs` makes of its facts, the
    /// others are empty.
    pub async fn invent(
        l1: &L1,
        from: u64,
        count: u64,
        logs: impl FnOnce(&L1Facts) -> Vec<Log>,
    ) -> Arc<Self> {
        let mut head = l1.block(from - 1).await;
        let mut blocks = Vec::new();
        let mut logs = Some(logs);
        for _ in 0..count {
            let mut receipts = json!([]);
            head = changed_block(head, |block| {
                let facts = append(block);
                let logs = logs.take().map(|logs| logs(&facts)).unwrap_or_default();
                receipts = set_logs(block, logs);
            });
            blocks.push((head.clone(), receipts));
        }
        Arc::new(Self { from, blocks })
    }

    /// Height of its last block.
    pub fn end(&self) -> u64 {
        self.from + self.blocks.len() as u64 - 1
    }

    /// What it answers; none if that is as on the true chain.
    pub(super) fn answer(&self, method: &str, params: &Value, honest: &Value) -> Option<Value> {
        match method {
            "eth_getBlockByNumber" => {
                let asked = params[0].as_str().unwrap_or_default();
                let number = match asked.strip_prefix("0x") {
                    Some(hex) => u64::from_str_radix(hex, 16).ok()?,
                    None if asked == "latest" => self.end(),
                    None => super::quantity(honest["number"].as_str()?),
                };
                let index = usize::try_from(number.checked_sub(self.from)?).ok()?;
                Some(self.blocks.get(index).map_or(Value::Null, |(block, _)| block.clone()))
            }
            "eth_getBlockReceipts" | "eth_getBlockByHash" => {
                let asked = params.to_string();
                let named = |block: &Value| asked.contains(block["hash"].as_str().unwrap_or("-"));
                let (block, receipts) = self.blocks.iter().find(|(block, _)| named(block))?;
                let receipts = (method == "eth_getBlockReceipts").then_some(receipts);
                Some(receipts.unwrap_or(block).clone())
            }
            _ => None,
        }
    }
}

/// Makes of a block an empty one on top of it.
fn append(block: &mut Block) -> L1Facts {
    let header = &mut block.header.inner;
    header.parent_hash = header.hash_slow();
    header.number += 1;
    header.timestamp += 1;
    // What it holds shows that it is not the true one.
    header.extra_data = b"invented".into();
    block.transactions = alloy::rpc::types::BlockTransactions::Hashes(Vec::new());
    L1Facts {
        number: L1BlockNumber::new(header.number),
        timestamp: header.timestamp,
        base_fee: header.base_fee_per_gas.unwrap_or_default().into(),
        blob_base_fee: 1,
    }
}

/// Gives a block one receipt with these logs, or none if there are none: the receipts as L1 would show them.
fn set_logs(block: &mut Block, logs: Vec<Log>) -> Value {
    let hash = B256::repeat_byte(0x7a);
    let receipt = |logs| {
        let receipt = Receipt { status: Eip658Value::Eip658(true), cumulative_gas_used: 1, logs };
        ReceiptEnvelope::Eip1559(ReceiptWithBloom::from(receipt))
    };
    let receipts: Vec<_> =
        Some(receipt(logs)).into_iter().filter(|it| !it.logs().is_empty()).collect();
    let header = &mut block.header.inner;
    header.receipts_root = calculate_receipt_root(&receipts);
    header.logs_bloom =
        receipts.iter().map(|receipt| receipt.bloom()).fold(Default::default(), |a, b| a | b);
    let number = header.number;
    let placed = receipts.into_iter().map(|receipt| {
        let place = |inner: Log| PlacedLog {
            inner,
            block_number: Some(number),
            transaction_hash: Some(hash),
            transaction_index: Some(0),
            log_index: Some(0),
            ..PlacedLog::default()
        };
        let logs = receipt.logs().iter().cloned().map(place).collect();
        let status = Eip658Value::Eip658(true);
        let inner = Receipt { status, cumulative_gas_used: 1, logs };
        TransactionReceipt {
            inner: ReceiptEnvelope::Eip1559(inner.with_bloom()),
            transaction_hash: hash,
            transaction_index: Some(0),
            block_hash: None,
            block_number: Some(number),
            gas_used: 1,
            effective_gas_price: 1,
            blob_gas_used: None,
            blob_gas_price: None,
            from: Address::ZERO,
            to: Some(Address::ZERO),
            contract_address: None,
        }
    });
    serde_json::to_value(placed.collect::<Vec<_>>()).expect("a receipt has a JSON form")
}
