//! What only a development chain has: time travel, mining on demand, reorganisations, hands in the state.
//!
//! The names and arguments are those of Anvil and Hardhat, so that their tools work; `mezzdev_reorg` says more.
#![expect(
    clippy::drop_non_drop,
    reason = "arguments that are not dropped count as held across an await"
)]

use std::{num::NonZeroU64, sync::Arc};

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use jsonrpsee::{RpcModule, types::Params};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Registered, Rpc, acting,
    args::{Args, Number},
    error::RpcError,
};
use crate::{
    chain::CheckedTransaction,
    config::Mining,
    node::{Dropped, Edit, Message, Reorg},
};

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    acting(module, "evm_mine", evm_mine)?;
    acting(module, "anvil_mine", anvil_mine)?;
    acting(module, "evm_increaseTime", increase_time)?;
    acting(module, "evm_setTime", set_time)?;
    acting(module, "evm_setNextBlockTimestamp", set_next_timestamp)?;
    acting(module, "anvil_setNextBlockBaseFeePerGas", set_next_base_fee)?;
    acting(module, "evm_setAutomine", set_automine)?;
    acting(module, "evm_setIntervalMining", set_interval)?;
    acting(module, "evm_snapshot", snapshot)?;
    acting(module, "evm_revert", revert)?;
    acting(module, "anvil_setBalance", set_balance)?;
    acting(module, "anvil_setNonce", set_nonce)?;
    acting(module, "anvil_setCode", set_code)?;
    acting(module, "anvil_setStorageAt", set_slot)?;
    acting(module, "anvil_impersonateAccount", impersonate)?;
    acting(module, "anvil_stopImpersonatingAccount", stop_impersonating)?;
    acting(module, "anvil_dropTransaction", drop_transaction)?;
    acting(module, "anvil_dropAllTransactions", drop_all_transactions)?;
    acting(module, "anvil_reorg", anvil_reorg)?;
    acting(module, "anvil_rollback", rollback)?;
    acting(module, "mezzdev_reorg", reorg)?;
    for (alias, method) in ALIASES {
        module.register_alias(alias, method)?;
    }
    Ok(())
}

const ALIASES: [(&str, &str); 18] = [
    ("hardhat_mine", "anvil_mine"),
    ("anvil_increaseTime", "evm_increaseTime"),
    ("anvil_setTime", "evm_setTime"),
    ("anvil_setNextBlockTimestamp", "evm_setNextBlockTimestamp"),
    ("hardhat_setNextBlockBaseFeePerGas", "anvil_setNextBlockBaseFeePerGas"),
    ("anvil_setAutomine", "evm_setAutomine"),
    ("anvil_setIntervalMining", "evm_setIntervalMining"),
    ("anvil_snapshot", "evm_snapshot"),
    ("anvil_revert", "evm_revert"),
    ("hardhat_setBalance", "anvil_setBalance"),
    ("hardhat_setNonce", "anvil_setNonce"),
    ("hardhat_setCode", "anvil_setCode"),
    ("hardhat_setStorageAt", "anvil_setStorageAt"),
    ("hardhat_impersonateAccount", "anvil_impersonateAccount"),
    ("hardhat_stopImpersonatingAccount", "anvil_stopImpersonatingAccount"),
    ("hardhat_dropTransaction", "anvil_dropTransaction"),
    ("evm_setAccountBalance", "anvil_setBalance"),
    ("evm_setAccountNonce", "anvil_setNonce"),
];

/// Makes one block, at a timestamp if one is given.
async fn evm_mine(rpc: Arc<Rpc>, params: Params<'static>) -> Result<&'static str, RpcError> {
    #[derive(Deserialize)]
    struct Options {
        timestamp: Option<Number>,
        blocks: Option<Number>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Argument {
        Timestamp(Number),
        Options(Options),
    }
    let argument: Option<Argument> = Args::new(&params).optional()?;
    let (timestamp, blocks) = match argument {
        None => (None, None),
        Some(Argument::Timestamp(timestamp)) => (Some(timestamp), None),
        Some(Argument::Options(options)) => (options.timestamp, options.blocks),
    };
    if let Some(Number(timestamp)) = timestamp {
        rpc.node.ask(|reply| Message::SetNextTimestamp { timestamp, reply }).await??;
    }
    let Number(count) = blocks.unwrap_or(Number(1));
    rpc.node.ask(|reply| Message::Mine { count, interval_secs: None, reply }).await??;
    Ok("0x0")
}

/// Makes blocks, so many seconds apart.
async fn anvil_mine(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let mut args = Args::new(&params);
    let Number(count) = args.optional()?.unwrap_or(Number(1));
    let interval_secs = args.optional()?.map(|Number(secs)| secs);
    rpc.node.ask(|reply| Message::Mine { count, interval_secs, reply }).await??;
    Ok(())
}

async fn increase_time(rpc: Arc<Rpc>, params: Params<'static>) -> Result<i64, RpcError> {
    let Number(secs) = Args::new(&params).next("seconds")?;
    Ok(rpc.node.ask(|reply| Message::IncreaseTime { secs, reply }).await??)
}

async fn set_time(rpc: Arc<Rpc>, params: Params<'static>) -> Result<u64, RpcError> {
    let Number(timestamp) = Args::new(&params).next("timestamp")?;
    rpc.node.ask(|reply| Message::SetTime { timestamp, reply }).await??;
    Ok(timestamp)
}

async fn set_next_timestamp(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let Number(timestamp) = Args::new(&params).next("timestamp")?;
    Ok(rpc.node.ask(|reply| Message::SetNextTimestamp { timestamp, reply }).await??)
}

async fn set_next_base_fee(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let Number(base_fee) = Args::new(&params).next("base fee")?;
    Ok(rpc.node.ask(|reply| Message::SetNextBaseFee { base_fee, reply }).await?)
}

async fn set_automine(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let on: bool = Args::new(&params).next("on or off")?;
    let mining = if on { Mining::OnTransaction } else { Mining::Manual };
    Ok(rpc.node.ask(|reply| Message::SetMining { mining, reply }).await?)
}

async fn set_interval(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let Number(secs) = Args::new(&params).next("seconds")?;
    let mining = NonZeroU64::new(secs).map_or(Mining::Manual, Mining::Interval);
    Ok(rpc.node.ask(|reply| Message::SetMining { mining, reply }).await?)
}

async fn snapshot(rpc: Arc<Rpc>, _: Params<'static>) -> Result<U64, RpcError> {
    Ok(U64::from(rpc.node.ask(|reply| Message::Snapshot { reply }).await??))
}

async fn revert(rpc: Arc<Rpc>, params: Params<'static>) -> Result<bool, RpcError> {
    let Number(id) = Args::new(&params).next("snapshot id")?;
    Ok(rpc.node.ask(|reply| Message::Revert { id, reply }).await??)
}

async fn edit(rpc: &Rpc, address: Address, edit: Edit) -> Result<(), RpcError> {
    Ok(rpc.node.ask(|reply| Message::Edit { address, edit, reply }).await?)
}

async fn set_balance(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let mut args = Args::new(&params);
    let (address, balance) = (args.next("address")?, args.next("balance")?);
    drop(args);
    edit(&rpc, address, Edit::Balance(balance)).await
}

async fn set_nonce(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let mut args = Args::new(&params);
    let (address, Number(nonce)) = (args.next("address")?, args.next("nonce")?);
    drop(args);
    edit(&rpc, address, Edit::Nonce(nonce)).await
}

async fn set_code(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let mut args = Args::new(&params);
    let (address, code): (_, Bytes) = (args.next("address")?, args.next("code")?);
    drop(args);
    edit(&rpc, address, Edit::Code(code)).await
}

async fn set_slot(rpc: Arc<Rpc>, params: Params<'static>) -> Result<bool, RpcError> {
    let mut args = Args::new(&params);
    let address = args.next("address")?;
    let (slot, value): (U256, B256) = (args.next("slot")?, args.next("value")?);
    drop(args);
    edit(&rpc, address, Edit::Slot { slot, value: value.into() }).await?;
    Ok(true)
}

async fn impersonate(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let address = Args::new(&params).next("address")?;
    Ok(rpc.node.ask(|reply| Message::Impersonate { address, on: true, reply }).await?)
}

async fn stop_impersonating(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let address = Args::new(&params).next("address")?;
    Ok(rpc.node.ask(|reply| Message::Impersonate { address, on: false, reply }).await?)
}

async fn drop_transaction(
    rpc: Arc<Rpc>,
    params: Params<'static>,
) -> Result<Option<B256>, RpcError> {
    let hash = Args::new(&params).next("transaction hash")?;
    let was_there = rpc.node.ask(|reply| Message::DropTransaction { hash, reply }).await?;
    Ok(was_there.then_some(hash))
}

async fn drop_all_transactions(rpc: Arc<Rpc>, _: Params<'static>) -> Result<(), RpcError> {
    Ok(rpc.node.ask(|reply| Message::DropAllTransactions { reply }).await?)
}

/// `[depth, [[raw transaction, block], …]]`, or the same as an object `{ depth, txBlockPairs }`.
async fn anvil_reorg(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Options {
        depth: Number,
        #[serde(default)]
        tx_block_pairs: Vec<(Value, Number)>,
    }
    let mut args = Args::new(&params);
    let options = if params.is_object() {
        params.parse().map_err(|error| RpcError::Call(error.message().to_owned()))?
    } else {
        match args.next::<Value>("depth")? {
            options @ Value::Object(_) => serde_json::from_value(options)
                .map_err(|error| RpcError::Argument { index: 0, reason: error.to_string() })?,
            depth => Options {
                depth: serde_json::from_value(depth)
                    .map_err(|error| RpcError::Argument { index: 0, reason: error.to_string() })?,
                tx_block_pairs: args.optional()?.unwrap_or_default(),
            },
        }
    };
    drop(args);
    let mut transactions = Vec::new();
    for (transaction, Number(block)) in options.tx_block_pairs {
        let raw: Bytes = serde_json::from_value(transaction).map_err(|error| {
            let reason = format!("a signed transaction in hexadecimal is expected: {error}");
            RpcError::Argument { index: 1, reason }
        })?;
        transactions.push((CheckedTransaction::decode(&raw, &*rpc.crypto)?, block));
    }
    let Number(depth) = options.depth;
    rpc.node.ask(|reply| Message::ReorgWith { depth, transactions, reply }).await??;
    Ok(())
}

async fn rollback(rpc: Arc<Rpc>, params: Params<'static>) -> Result<(), RpcError> {
    let Number(depth) = Args::new(&params).optional()?.unwrap_or(Number(1));
    Ok(rpc.node.ask(|reply| Message::Rollback { depth, reply }).await??)
}

/// `[{ depth, blocks?, transactions?: "remine" | "return" | "forget", delaySecs? }]`; gives the new head's hash.
async fn reorg(rpc: Arc<Rpc>, params: Params<'static>) -> Result<B256, RpcError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Transactions {
        Remine,
        Return,
        Forget,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Options {
        depth: Number,
        blocks: Option<Number>,
        transactions: Option<Transactions>,
        delay_secs: Option<Number>,
    }
    let options: Options = Args::new(&params).next("options")?;
    let reorg = Reorg {
        depth: options.depth.0,
        blocks: options.blocks.map(|Number(blocks)| blocks),
        dropped: match options.transactions {
            None | Some(Transactions::Remine) => Dropped::Remine,
            Some(Transactions::Return) => Dropped::Return,
            Some(Transactions::Forget) => Dropped::Forget,
        },
        delay_secs: options.delay_secs.map_or(0, |Number(secs)| secs),
    };
    Ok(rpc.node.ask(|reply| Message::Reorg { reorg, reply }).await??)
}
