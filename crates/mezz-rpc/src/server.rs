//! The server.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::signers::local::PrivateKeySigner;
use jsonrpsee::{
    RpcModule,
    core::{RegisterMethodError, middleware::RpcServiceBuilder},
    server::{BatchRequestConfig, Server, ServerConfig, ServerHandle},
};
use mezz_node::{ChainView, L1View, PoolHandle};
use tokio::sync::{Semaphore, watch};

use crate::{
    ChainInfo, batches::Batches, context::Context, counts::RequestCounts, debug, eth, feed,
    filters::Filters, mezz, net, news, news::News, openrpc, subscribe, subscribe::SubscriptionIds,
};

/// What one client, and all of them together, may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: u32,
    /// Bytes of a request.
    pub request_bytes: u32,
    /// Bytes of an answer.
    pub response_bytes: u32,
    /// Requests in a batch.
    pub batch: u32,
    /// Subscriptions of a connection.
    pub subscriptions: u32,
    /// Bytes of a transaction.
    pub transaction_bytes: usize,
    /// Gas of a simulated call.
    pub call_gas: u64,
    /// Blocks that a query for logs may cover.
    pub log_blocks: u64,
    /// Logs that it may return.
    pub log_results: usize,
    /// Filters at once.
    pub filters: usize,
    /// Blocks that a subscriber may be behind before its subscription is closed; of transactions that wait, 256
    /// times as many.
    pub news_items: usize,
    /// Bytes of them, as they are kept for all subscribers together.
    pub news_bytes: usize,
    /// Requests that take long, at once; others wait.
    pub heavy: usize,
    /// Transactions that a listing of the pool may show.
    pub pool_listing: usize,
    /// Withdrawals among which one is proven.
    pub outbox_leaves: u64,
    /// Blocks of one `eth_simulateV1`, filled gaps included.
    pub simulated_blocks: usize,
    /// Opcodes of one trace.
    pub trace_steps: u64,
    /// Bytes that the records of one trace hold.
    pub trace_bytes: u64,
    /// Seconds that one trace may take.
    pub trace_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            request_bytes: 5 << 20,
            response_bytes: 64 << 20,
            batch: 1_000,
            subscriptions: 128,
            transaction_bytes: 128 << 10,
            call_gas: 100_000_000,
            log_blocks: 100_000,
            log_results: 20_000,
            filters: 10_000,
            news_items: 128,
            news_bytes: 128 << 20,
            heavy: 4,
            pool_listing: 10_000,
            outbox_leaves: 1_000_000,
            simulated_blocks: 256,
            trace_steps: 20_000_000,
            trace_bytes: 16 << 20,
            trace_secs: 10,
        }
    }
}

/// Longest that a stop waits for connections to close.
const DRAIN: Duration = Duration::from_secs(10);

/// How to serve.
#[derive(Clone, Debug)]
pub struct RpcConfig {
    /// Address and port; port 0 for any.
    pub addr: SocketAddr,
    /// Limits.
    pub limits: Limits,
    /// Keys that `eth_sendTransaction` signs with: public test keys alone, never a user's.
    pub dev_accounts: Vec<PrivateKeySigner>,
    /// The sequencer's key, which signs its blocks for replicas; none if it signs none.
    pub feed_signer: Option<PrivateKeySigner>,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum RpcStartError {
    /// The address cannot be listened on.
    #[error("{addr}: {source} (is another program, or another `mezz`, listening there?)")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// Two methods have one name.
    #[error(transparent)]
    Register(#[from] RegisterMethodError),
}

/// A running server.
#[derive(Clone, Debug)]
pub struct RpcHandle {
    addr: SocketAddr,
    methods: Arc<[&'static str]>,
    handle: ServerHandle,
    counts: RequestCounts,
}

impl RpcHandle {
    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Requests so far: method, outcome (`ok` or `error`), how many. Only of methods that exist.
    pub fn requests(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.counts.all()
    }

    /// The methods that it answers.
    pub fn method_names(&self) -> &[&'static str] {
        &self.methods
    }

    /// Takes no more requests, answers those that are under way, and closes all connections. A
    /// client that does not take its answer, or does not finish its question, is left after ten
    /// seconds.
    pub async fn stop(self) {
        // It has stopped already if this fails.
        let _ = self.handle.stop();
        if tokio::time::timeout(DRAIN, self.handle.stopped()).await.is_err() {
            tracing::warn!("connections that would not close were left");
        }
    }
}

/// Serves HTTP and WebSocket on one port.
///
/// # Errors
/// [`RpcStartError`].
pub async fn start(
    config: RpcConfig,
    view: ChainView,
    pool: Option<PoolHandle>,
    l1: watch::Receiver<L1View>,
    info: ChainInfo,
) -> Result<RpcHandle, RpcStartError> {
    let limits = config.limits;
    let counts = RequestCounts::default();
    let filters = Filters::new(&view);
    let context = Arc::new(Context {
        view,
        pool,
        l1,
        info,
        limits,
        dev_accounts: config.dev_accounts,
        feed_signer: config.feed_signer,
        filters,
        news: News::new(&limits),
        counts: counts.clone(),
        heavy: Arc::new(Semaphore::new(limits.heavy.max(1))),
        facts: Mutex::default(),
    });
    news::start(&context);
    let mut module = RpcModule::from_arc(context);
    eth::register(&mut module)?;
    debug::register(&mut module)?;
    mezz::register(&mut module)?;
    feed::register(&mut module)?;
    net::register(&mut module)?;
    openrpc::register(&mut module)?;
    subscribe::register(&mut module)?;
    let server_config = ServerConfig::builder()
        .max_connections(limits.connections)
        .max_request_body_size(limits.request_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_subscriptions_per_connection(limits.subscriptions)
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch))
        .set_id_provider(SubscriptionIds::default())
        .build();
    let addr = config.addr;
    let listen = |source| RpcStartError::Listen { addr, source };
    let bytes = usize::try_from(limits.response_bytes).unwrap_or(usize::MAX);
    let middleware = RpcServiceBuilder::new().layer_fn(move |service| Batches { service, bytes });
    let server = Server::builder()
        .set_config(server_config)
        .set_rpc_middleware(middleware)
        .build(addr)
        .await
        .map_err(listen)?;
    let addr = server.local_addr().map_err(listen)?;
    let methods = module.method_names().collect();
    Ok(RpcHandle { addr, methods, handle: server.start(module), counts })
}
