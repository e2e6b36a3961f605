//! What gas costs.

use alloy::eips::BlockNumberOrTag;
use alloy_primitives::{U64, U256};
use jsonrpsee::{RpcModule, core::RegisterMethodError};
use mezz_evm::next_base_fee;
use mezz_store::Receipt;
use mezz_types::BlockNumber;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::RpcError,
    json::quantity,
    register::{method, method_async},
};

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
    method_async(
        module,
        "eth_feeHistory",
        |params: (U64, BlockNumberOrTag, Option<Vec<f64>>), context| async move {
            let (count, newest, percentiles) = params;
            let percentiles = percentiles.unwrap_or_default();
            check_percentiles(&percentiles)?;
            context
                .run_heavy(move |context| fee_history(context, count.to(), newest, &percentiles))
                .await
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

/// Refuses percentiles that are not from 0 to 100, each above the one before.
fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    let refuse =
        |reason: String| Err(RpcError::Params(format!("invalid reward percentile: {reason}")));
    if percentiles.len() > MAX_PERCENTILES {
        return refuse(format!("{} of them, at most {MAX_PERCENTILES}", percentiles.len()));
    }
    if let Some(wrong) = percentiles.iter().find(|percent| !(0.0..=100.0).contains(*percent)) {
        return refuse(format!("{wrong} is not from 0 to 100"));
    }
    match percentiles.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => refuse(format!("{} comes before {}", pair[0], pair[1])),
        None => Ok(()),
    }
}

/// The last block of a history: one that is to come has none.
fn newest_block(context: &Context, newest: BlockNumberOrTag) -> Result<u64, RpcError> {
    let head = context.known_block(BlockNumberOrTag::Latest.into())?.number.get();
    match newest {
        BlockNumberOrTag::Number(number) if number > head => Err(RpcError::Refused(format!(
            "request beyond head block: requested {number}, head {head}"
        ))),
        newest => Ok(context.known_block(newest.into())?.number.get()),
    }
}

fn fee_history(
    context: &Context,
    count: u64,
    newest: BlockNumberOrTag,
    percentiles: &[f64],
) -> Result<Value, RpcError> {
    let last = newest_block(context, newest)?;
    let count = count.min(MAX_HISTORY).min(last.saturating_add(1));
    if count == 0 {
        return Ok(json!({ "oldestBlock": "0x0", "baseFeePerGas": [], "gasUsedRatio": [] }));
    }
    let first = last.saturating_add(1).saturating_sub(count);
    let (mut base_fees, mut ratios, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    let least = if percentiles.is_empty() { 0 } else { suggestion(context)?.1 };
    let mut next = 0;
    for number in first..=last {
        let number = BlockNumber::new(number);
        let (_, header) = context.header(number)?;
        let base_fee = header.base_fee_per_gas.unwrap_or_default();
        base_fees.push(quantity(U256::from(base_fee)));
        ratios.push(header.gas_used as f64 / header.gas_limit.max(1) as f64);
        if !percentiles.is_empty() {
            let receipts = context.view.reader.receipts(number)?.ok_or(RpcError::UnknownBlock)?;
            let paid = reward_percentiles(paid_tips(&receipts, base_fee), percentiles);
            let shown = paid.into_iter().map(|tip| quantity(U256::from(tip.max(least))));
            rewards.push(Value::Array(shown.collect()));
        }
        let fees = &context.view.config.fees;
        next = next_base_fee(fees, header.gas_limit, header.gas_used, base_fee);
    }
    base_fees.push(quantity(U256::from(next)));
    let mut answer = json!({
        "oldestBlock": quantity(U256::from(first)),
        "baseFeePerGas": base_fees,
        "gasUsedRatio": ratios,
        "baseFeePerBlobGas": vec!["0x1"; base_fees.len()],
        "blobGasUsedRatio": vec![0.0; ratios.len()],
    });
    if !percentiles.is_empty()
        && let Some(object) = answer.as_object_mut()
    {
        object.insert("reward".into(), json!(rewards));
    }
    Ok(answer)
}

/// What the sender of a transaction paid on top of the base fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PaidTip {
    /// Wei per gas.
    tip: u128,
    gas_used: u64,
}

/// Tips of a block's signed transactions: messages of L1 pay none, and are not asked.
fn paid_tips(receipts: &[Receipt], base_fee: u64) -> Vec<PaidTip> {
    receipts
        .iter()
        .filter(|receipt| receipt.kind != mezz_types::SYSTEM_TRANSACTION_TYPE)
        .map(|receipt| PaidTip {
            tip: receipt.effective_gas_price.saturating_sub(base_fee.into()),
            gas_used: receipt.gas_used,
        })
        .collect()
}

/// For each percentile the tip of the gas that stands there when all gas of a block is in a row, the lowest tip
/// first; zeros for a block without any. As geth has it.
fn reward_percentiles(mut paid: Vec<PaidTip>, percentiles: &[f64]) -> Vec<u128> {
    paid.sort_unstable();
    let total: u64 = paid.iter().map(|it| it.gas_used).sum();
    let at = |percent: &f64| {
        let threshold = (total as f64 * percent / 100.0) as u64;
        let mut used = 0u64;
        let reached = paid.iter().find(|it| {
            used = used.saturating_add(it.gas_used);
            used >= threshold
        });
        reached.or(paid.last()).map_or(0, |it| it.tip)
    };
    percentiles.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paid(tips: &[(u128, u64)]) -> Vec<PaidTip> {
        tips.iter().map(|&(tip, gas_used)| PaidTip { tip, gas_used }).collect()
    }

    #[test]
    fn rewards_are_weighted_by_gas_and_not_by_count() {
        // 21 % of the gas at 10 wei, as much at 20, and 58 % at 30.
        let block = paid(&[(30, 58_000), (10, 21_000), (20, 21_000)]);
        let percentiles = [0.0, 21.0, 21.01, 42.0, 42.01, 43.0, 100.0];
        let rewards = reward_percentiles(block, &percentiles);
        // The threshold of 21.01 % is 21,010 gas, more than is paid 10 for.
        assert_eq!(rewards, [10, 10, 20, 20, 30, 30, 30]);
    }

    #[test]
    fn thresholds_are_rounded_down_and_equal_tips_are_one() {
        // Half of 99,999 is 49,999.5: still within the first.
        assert_eq!(reward_percentiles(paid(&[(1, 49_999), (2, 50_000)]), &[50.0]), [1]);
        let same = paid(&[(7, 21_000), (7, 90_000), (9, 1)]);
        assert_eq!(reward_percentiles(same, &[0.0, 99.0, 100.0]), [7, 7, 9]);
    }

    #[test]
    fn a_block_without_transactions_rewards_nobody() {
        assert_eq!(reward_percentiles(Vec::new(), &[0.0, 50.0, 100.0]), [0, 0, 0]);
    }

    #[test]
    fn percentiles_rise_from_0_to_100() {
        assert!(check_percentiles(&[]).is_ok());
        assert!(check_percentiles(&[0.0, 0.5, 100.0]).is_ok());
        for wrong in [&[-0.1][..], &[100.1], &[f64::NAN], &[50.0, 20.0], &[50.0, 50.0], &[1.0; 101]]
        {
            let said = check_percentiles(wrong).expect_err("refused").to_string();
            assert!(said.starts_with("invalid params: invalid reward percentile: "), "{said}");
        }
    }
}
