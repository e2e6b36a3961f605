//! What gas costs.

use alloy::{
    consensus::Transaction as _,
    rpc::types::{BlockNumberOrTag, FeeHistory},
};
use alloy_primitives::U256;
use jsonrpsee::RpcModule;

use super::{
    Registered, Rpc,
    args::{Args, Number},
    error::RpcError,
    heavy, quick, select,
};
use crate::{
    chain::{Block, View},
    log::LogError,
};

/// Blocks from which a tip is suggested.
const TIP_BLOCKS: u64 = 20;
/// Which of their tips it is, percent.
const TIP_PERCENTILE: usize = 60;
/// The least that is suggested, wei per gas.
const MIN_TIP: u128 = 1_000_000;
/// Most blocks of a fee history.
const MAX_HISTORY: u64 = 1_024;
/// Most percentiles of a fee history.
const MAX_PERCENTILES: usize = 100;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    heavy(module, "eth_gasPrice", |rpc, _| {
        let version = rpc.version();
        let view = version.view();
        let base_fee = u128::from(next_base_fee(view));
        Ok(U256::from(base_fee.saturating_add(suggested_tip(view)?)))
    })?;
    heavy(module, "eth_maxPriorityFeePerGas", |rpc, _| {
        Ok(U256::from(suggested_tip(rpc.version().view())?))
    })?;
    quick(module, "eth_blobBaseFee", |rpc, _| {
        let version = rpc.version();
        let view = version.view();
        let excess = view.rules.next_excess_blob_gas(&view.head().header);
        Ok(U256::from(view.rules.blobs.calc_blob_fee(excess)))
    })?;
    heavy(module, "eth_feeHistory", fee_history)
}

/// Base fee of the next block, wei per gas.
pub(super) fn next_base_fee(view: &View) -> u64 {
    view.next.base_fee.unwrap_or_else(|| view.rules.next_base_fee(&view.head().header))
}

/// A tip that recent blocks would have taken, wei per gas.
pub(super) fn suggested_tip(view: &View) -> Result<u128, LogError> {
    let first = view.number().saturating_sub(TIP_BLOCKS - 1);
    let mut tips: Vec<u128> = Vec::new();
    for number in first..=view.number() {
        let Some(block) = view.block(number)? else { continue };
        let base_fee = block.base_fee();
        let paid = block.transactions.iter().map(|tx| tx.signed.effective_tip_per_gas(base_fee));
        tips.extend(paid.map(Option::unwrap_or_default));
    }
    tips.sort_unstable();
    let last = tips.len().saturating_sub(1);
    Ok(tips.get(last * TIP_PERCENTILE / 100).copied().unwrap_or_default().max(MIN_TIP))
}

fn fee_history(rpc: &Rpc, mut args: Args<'_>) -> Result<FeeHistory, RpcError> {
    let Number(count) = args.next("block count")?;
    let newest: BlockNumberOrTag = args.next("newest block")?;
    let percentiles: Vec<f64> = args.optional()?.unwrap_or_default();
    let rising = percentiles.is_sorted() && percentiles.iter().all(|p| (0.0..=100.0).contains(p));
    if !rising || percentiles.len() > MAX_PERCENTILES {
        return Err(RpcError::Call("invalid reward percentiles".to_owned()));
    }
    let version = rpc.version();
    let view = version.view();
    let newest = select::number(view, newest).unwrap_or_else(|| view.number());
    if newest > view.number() {
        return Err(RpcError::BlockNotFound(newest.into()));
    }
    let count = count.min(MAX_HISTORY).min(newest + 1);
    let oldest_block = newest + 1 - count;
    let mut history = FeeHistory { oldest_block, ..FeeHistory::default() };
    let mut rewards = Vec::new();
    let mut last = None;
    for number in oldest_block..=newest {
        let Some(block) = view.block(number)? else { continue };
        let header = &block.header;
        history.base_fee_per_gas.push(u128::from(block.base_fee()));
        history.gas_used_ratio.push(ratio(header.gas_used, header.gas_limit));
        history.base_fee_per_blob_gas.push(view.rules.blob_base_fee(header));
        let blob_gas = header.blob_gas_used.unwrap_or_default();
        let max_blob_gas = view.rules.blobs.max_blob_gas_per_block();
        history.blob_gas_used_ratio.push(ratio(blob_gas, max_blob_gas));
        rewards.push(reward(&block, &percentiles));
        last = Some(block);
    }
    if let Some(block) = last {
        // What the block after the newest has.
        history.base_fee_per_gas.push(u128::from(view.rules.next_base_fee(&block.header)));
        let excess = view.rules.next_excess_blob_gas(&block.header);
        history.base_fee_per_blob_gas.push(view.rules.blobs.calc_blob_fee(excess));
    }
    history.reward = (!percentiles.is_empty()).then_some(rewards);
    Ok(history)
}

#[allow(clippy::cast_precision_loss, reason = "the interface has a floating point number here")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The tips below which the given shares of the block's gas paid, wei per gas.
fn reward(block: &Block, percentiles: &[f64]) -> Vec<u128> {
    let base_fee = block.base_fee();
    let mut paid: Vec<(u128, u64)> = block
        .transactions
        .iter()
        .zip(&block.receipts)
        .map(|(transaction, receipt)| {
            let tip = transaction.signed.effective_tip_per_gas(base_fee).unwrap_or_default();
            (tip, receipt.gas_used)
        })
        .collect();
    paid.sort_unstable();
    percentiles
        .iter()
        .map(|percentile| {
            let mut sum = 0;
            let mut found = paid.iter().find(|(_, gas)| {
                sum += gas;
                ratio(sum, block.header.gas_used) * 100.0 >= *percentile
            });
            found.get_or_insert(&(0, 0)).0
        })
        .collect()
}
