//! JSON-RPC: `eth_*`, `net_*`, `web3_*`, `txpool_*`, and what operators of a development chain need.
//!
//! Requests read one version of the chain; those that change it send a message to the node. What can take long
//! (execution, proofs, search) runs on threads of its own, a few at a time.

mod accounts;
mod args;
mod blocks;
mod calls;
mod dev;
mod error;
mod fees;
mod filters;
mod logs;
mod net;
mod select;
mod subscriptions;
mod transactions;

use std::sync::Arc;

use jsonrpsee::{
    RpcModule,
    core::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use mezz_evm::Crypto;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::{
    accounts::DevAccounts,
    clock::Clock,
    node::{Mailbox, Published},
};

use args::Args;
use error::RpcError;
use filters::Filters;

/// Most requests that execute, prove or search at the same time; the others wait.
const HEAVY_REQUESTS: usize = 8;

/// What every request may use.
#[derive(Debug)]
pub(crate) struct Rpc {
    pub(crate) node: Mailbox,
    pub(crate) accounts: DevAccounts,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) crypto: Arc<dyn Crypto>,
    filters: Filters,
    heavy: Arc<Semaphore>,
}

impl Rpc {
    pub(crate) fn new(
        node: Mailbox,
        accounts: DevAccounts,
        clock: Arc<dyn Clock>,
        crypto: Arc<dyn Crypto>,
    ) -> Self {
        let heavy = Arc::new(Semaphore::new(HEAVY_REQUESTS));
        Self { node, accounts, clock, crypto, filters: Filters::default(), heavy }
    }

    fn version(&self) -> Arc<Published> {
        self.node.version()
    }
}

/// All methods.
pub(crate) fn module(rpc: Rpc) -> Result<RpcModule<Rpc>, RegisterMethodError> {
    let mut module = RpcModule::new(rpc);
    accounts::register(&mut module)?;
    blocks::register(&mut module)?;
    calls::register(&mut module)?;
    dev::register(&mut module)?;
    fees::register(&mut module)?;
    filters::register(&mut module)?;
    logs::register(&mut module)?;
    net::register(&mut module)?;
    subscriptions::register(&mut module)?;
    transactions::register(&mut module)?;
    Ok(module)
}

type Registered = Result<(), RegisterMethodError>;

/// Registers a method that answers at once.
fn quick<R: Serialize + Clone + 'static>(
    module: &mut RpcModule<Rpc>,
    name: &'static str,
    method: fn(&Rpc, Args<'_>) -> Result<R, RpcError>,
) -> Registered {
    module.register_method(name, move |params, rpc, _| {
        method(rpc, Args::new(&params)).map_err(ErrorObjectOwned::from)
    })?;
    Ok(())
}

/// Registers a method that may execute, prove or search.
fn heavy<R: Serialize + Clone + Send + 'static>(
    module: &mut RpcModule<Rpc>,
    name: &'static str,
    method: fn(&Rpc, Args<'_>) -> Result<R, RpcError>,
) -> Registered {
    module.register_async_method(name, move |params, rpc, _| async move {
        run_heavy(rpc, params, method).await.map_err(ErrorObjectOwned::from)
    })?;
    Ok(())
}

async fn run_heavy<R: Send + 'static>(
    rpc: Arc<Rpc>,
    params: Params<'static>,
    method: impl FnOnce(&Rpc, Args<'_>) -> Result<R, RpcError> + Send + 'static,
) -> Result<R, RpcError> {
    let permit = rpc.heavy.clone().acquire_owned().await;
    let task = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        method(&rpc, Args::new(&params))
    });
    task.await.map_err(|error| RpcError::Internal(error.to_string()))?
}

/// Registers a method that asks the node to do something.
fn acting<R, Answer>(
    module: &mut RpcModule<Rpc>,
    name: &'static str,
    method: fn(Arc<Rpc>, Params<'static>) -> Answer,
) -> Registered
where
    R: Serialize + Clone + 'static,
    Answer: Future<Output = Result<R, RpcError>> + Send + 'static,
{
    module.register_async_method(name, move |params, rpc, _| async move {
        method(rpc, params).await.map_err(ErrorObjectOwned::from)
    })?;
    Ok(())
}
