//! What gas costs.

use alloy::eips::BlockNumberOrTag;
use alloy_primitives::{U64, U256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_evm::next_base_fee;
use mezz_types::BlockNumber;
use serde_json::{Value, json};

use crate::{context::Context, error::RpcError, json::quantity, register::method};

/// Blocks that one `eth_feeHistory` may cover, as in geth.
const MAX_HISTORY: u64 = 1_024;
/// Percentiles that it may ask for.
const MAX_PERCENTILES: usize = 100;

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method(module, "eth_gasPrice", |_: Vec<Value>, context| {
        let (base_fee, tip) = suggestion(context)?;
        // Room for the base fee to rise before the transaction is in a block.
        let price = u128::from(base_fee).saturating_add(u128::from(base_fee / 5));
        Ok(quantity(U256::from(price.saturating_add(tip))))
    })?;
    method(module, "eth_maxPriorityFeePerGas", |_: Vec<Value>, context| {
        Ok(quantity(U256::from(suggestion(context)?.1)))
    })?;
    method(module, "eth_blobBaseFee", |_: Vec<Value>, _| Ok(json!("0x1")))?;
    method(
        module,
        "eth_feeHistory",
        |params: (U64, BlockNumberOrTag, Option<Vec<f64>>), context| {
            fee_history(context, params.0.to(), params.1, &params.2.unwrap_or_default())
        },
    )
}

/// Base fee of the next block and the tip that carries a plain transfer's data fee.
pub(crate) fn suggestion(context: &Context) -> Result<(u64, u128), RpcError> {
    let head = std::sync::Arc::clone(&context.view.head.borrow());
    let base_fee = next_base_fee(
        &context.view.config.fees,
        head.gas_limit,
        head.gas_used,
        head.base_fee_per_gas.unwrap_or_default(),
    );
    let price = context
        .simulate(BlockNumberOrTag::Latest.into(), |simulator| Ok(simulator.data_price()))?;
    Ok((base_fee, price.suggested_tip(base_fee)))
}

fn fee_history(
    context: &Context,
    count: u64,
    newest: BlockNumberOrTag,
    percentiles: &[f64],
) -> Result<Value, RpcError> {
    let sorted = percentiles.windows(2).all(|pair| pair[0] <= pair[1]);
    let in_range = percentiles.iter().all(|percent| (0.0..=100.0).contains(percent));
    if percentiles.len() > MAX_PERCENTILES || !sorted || !in_range {
        return Err(RpcError::Params(
            "reward percentiles must be at most 100 values from 0 to 100, in order".into(),
        ));
    }
    let last = context.known_block(newest.into())?.number.get();
    let count = count.min(MAX_HISTORY).min(last.saturating_add(1));
    let first = last.saturating_add(1).saturating_sub(count);
    let (mut base_fees, mut ratios, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    let tip = suggestion(context)?.1;
    let mut next = 0;
    for number in first..first.saturating_add(count) {
        let (_, header) = context.header(BlockNumber::new(number))?;
        let base_fee = header.base_fee_per_gas.unwrap_or_default();
        base_fees.push(quantity(U256::from(base_fee)));
        ratios.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        rewards.push(block_rewards(context, number, base_fee, percentiles, tip)?);
        let fees = &context.view.config.fees;
        next = next_base_fee(fees, header.gas_limit, header.gas_used, base_fee);
    }
    base_fees.push(quantity(U256::from(next)));
    let mut answer = json!({
        "oldestBlock": quantity(U256::from(first)),
        "baseFeePerGas": base_fees,
        "gasUsedRatio": ratios,
        "baseFeePerBlobGas": vec!["0x1"; usize::try_from(count).unwrap_or_default() + 1],
        "blobGasUsedRatio": vec![0.0; usize::try_from(count).unwrap_or_default()],
    });
    if !percentiles.is_empty()
        && let Some(object) = answer.as_object_mut()
    {
        object.insert("reward".into(), json!(rewards));
    }
    Ok(answer)
}

/// Tips at the percentiles of the block's gas, never below what carries a transfer's data fee:
/// wallets take their tip from here.
fn block_rewards(
    context: &Context,
    number: u64,
    base_fee: u64,
    percentiles: &[f64],
    least: u128,
) -> Result<Vec<Value>, RpcError> {
    let receipts = context.view.reader.receipts(BlockNumber::new(number))?.unwrap_or_default();
    let mut tips: Vec<(u128, u64)> = receipts
        .iter()
        .filter(|receipt| receipt.kind != mezz_types::SYSTEM_TRANSACTION_TYPE)
        .map(|receipt| {
            let tip = receipt.effective_gas_price.saturating_sub(base_fee.into());
            (tip, receipt.gas_used)
        })
        .collect();
    tips.sort_unstable();
    let total: u64 = tips.iter().map(|(_, gas)| gas).sum();
    Ok(percentiles
        .iter()
        .map(|percent| {
            let threshold = (total as f64 * percent / 100.0) as u64;
            let mut used = 0u64;
            let tip = tips.iter().find(|(_, gas)| {
                used = used.saturating_add(*gas);
                used >= threshold
            });
            quantity(U256::from(tip.map_or(0, |(tip, _)| *tip).max(least)))
        })
        .collect())
}
