//! From an executed block to what the store keeps.

use alloy_primitives::Log;
use alloy_sol_types::SolEvent;
use mezz_contracts::Outbox;
use mezz_evm::{BlockTransaction, SealedBlock};
use mezz_store::{Block, Receipt};
use mezz_types::{OUTBOX, Withdrawal};

use super::EngineError;

/// The block as the store keeps it.
pub(super) fn stored_block(sealed: &SealedBlock) -> Result<Block, EngineError> {
    let block = &sealed.block;
    let mut receipts = Vec::with_capacity(block.receipts.len());
    let (mut cumulative, mut first_log_index) = (0u64, 0u64);
    let parts = block.transactions.iter().zip(&block.receipts).zip(&block.extras);
    for ((transaction, receipt), extras) in parts {
        cumulative = cumulative.saturating_add(extras.gas_used);
        let logs = receipt.logs().to_vec();
        let count = u64::try_from(logs.len()).unwrap_or(u64::MAX);
        receipts.push(Receipt {
            kind: receipt.kind,
            success: receipt.inner.receipt.status.coerce_status(),
            gas_used: extras.gas_used,
            cumulative_gas_used: cumulative,
            effective_gas_price: extras.effective_gas_price,
            l1_data_fee: extras.data_fee,
            from: transaction.sender(),
            contract_address: extras.contract_address,
            first_log_index,
            logs,
        });
        first_log_index = first_log_index.saturating_add(count);
    }
    let from_inbox = block
        .messages
        .iter()
        .filter(|outcome| matches!(outcome, mezz_evm::MessageOutcome::Executed { .. }))
        .count();
    Ok(Block {
        header: sealed.header.inner().clone(),
        from_inbox: u32::try_from(from_inbox).unwrap_or(u32::MAX),
        transactions: block.transactions.iter().map(|it| it.encode_2718().into()).collect(),
        transaction_hashes: block.transactions.iter().map(BlockTransaction::hash).collect(),
        withdrawals: withdrawals(sealed, receipts.iter().flat_map(|receipt| &receipt.logs))?,
        receipts,
    })
}

fn withdrawals<'a>(
    sealed: &SealedBlock,
    logs: impl Iterator<Item = &'a Log>,
) -> Result<Vec<Withdrawal>, EngineError> {
    let bad = |reason: String| EngineError::OutboxLog { block: sealed.block.number, reason };
    let mut found = Vec::new();
    for log in logs.filter(|log| log.address == OUTBOX) {
        if log.topics().first() != Some(&Outbox::WithdrawalRecorded::SIGNATURE_HASH) {
            continue;
        }
        let event =
            Outbox::WithdrawalRecorded::decode_log(log).map_err(|error| bad(error.to_string()))?;
        let withdrawal =
            Withdrawal::try_from(event.data.withdrawal).map_err(|error| bad(error.to_string()))?;
        found.push(withdrawal);
    }
    Ok(found)
}
