//! `eth_*`.

mod blocks;
pub(crate) mod fees;
pub(crate) mod logs;
pub(crate) mod roots;
mod simulate;
pub(crate) mod state;
mod submit;

use jsonrpsee::{RpcModule, core::RegisterMethodError};
use serde_json::{Value, json};

use crate::{context::Context, json::quantity, register::method};

pub(crate) use blocks::block_logs;

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method(module, "eth_chainId", |_: Vec<Value>, context| {
        Ok(quantity(alloy_primitives::U256::from(context.view.config.l2_chain_id)))
    })?;
    method(module, "eth_syncing", |_: Vec<Value>, _| Ok(json!(false)))?;
    method(module, "eth_accounts", |_: Vec<Value>, context| {
        let accounts = context.dev_accounts.iter().map(|signer| signer.address());
        Ok(json!(accounts.collect::<Vec<_>>()))
    })?;
    blocks::register(module)?;
    state::register(module)?;
    simulate::register(module)?;
    fees::register(module)?;
    submit::register(module)?;
    logs::register(module)
}
