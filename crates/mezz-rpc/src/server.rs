//! The server.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy::signers::local::PrivateKeySigner;
use jsonrpsee::{
    RpcModule,
    core::{RegisterMethodError, middleware::RpcServiceBuilder},
    server::{BatchRequestConfig, Server, ServerConfig, ServerHandle},
};
use mezz_node::{ChainView, L1View, PoolHandle};
use socket2::{Domain, Socket, Type};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
};

use crate::{
    ChainInfo, Limits,
    accepting::Accepting,
    batches::Batches,
    context::Context,
    counts::RequestCounts,
    debug, eth, feed,
    filters::Filters,
    mezz, net,
    news::{self, News},
    openrpc,
    subscribe::{self, SubscriptionIds},
    workers::{Crew, Workers},
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;
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
    /// There are no threads for it.
    #[error("the threads of the RPC server cannot be started: {0}")]
    Threads(std::io::Error),
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
    strain: Arc<Strain>,
    /// Ends with the last handle.
    _threads: Arc<Threads>,
}

/// The threads of connections. They are the server's own, so that nothing else waits for its turn behind ten
/// thousand subscribers.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// How much is asked of the server.
#[derive(Debug, Default)]
pub(crate) struct Strain {
    pub(crate) subscriptions: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) busy: Arc<AtomicU64>,
}

/// How much is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcLoad {
    /// Subscriptions that are open.
    pub subscriptions: u64,
    /// Subscriptions that were closed so far because their clients read too slowly.
    pub subscriptions_closed: u64,
    /// Requests that were refused so far because too many that take long were waiting.
    pub busy: u64,
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

    /// How much is asked of it.
    pub fn load(&self) -> RpcLoad {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RpcLoad {
            subscriptions: read(&self.strain.subscriptions),
            subscriptions_closed: read(&self.strain.closed),
            busy: read(&self.strain.busy),
        }
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

/// Serves HTTP and WebSocket on one port, on threads of its own.
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
    let runtime = Builder::new_multi_thread().thread_name("rpc").enable_all().build();
    let runtime = runtime.map_err(RpcStartError::Threads)?;
    let on = runtime.handle().clone();
    let threads = Arc::new(Threads(Some(runtime)));
    let serving = on.spawn(serve(config, view, pool, l1, info, threads));
    serving.await.map_err(|error| RpcStartError::Threads(error.into()))?
}

async fn serve(
    config: RpcConfig,
    view: ChainView,
    pool: Option<PoolHandle>,
    l1: watch::Receiver<L1View>,
    info: ChainInfo,
    threads: Arc<Threads>,
) -> Result<RpcHandle, RpcStartError> {
    let limits = config.limits;
    let addr = config.addr;
    let listener =
        listen(addr, &limits).map_err(|source| RpcStartError::Listen { addr, source })?;
    let counts = RequestCounts::default();
    let strain = Arc::new(Strain::default());
    let crew = |name, threads, queue, nice| {
        let crew = Crew { name, threads, queue, nice };
        Workers::start(crew, Arc::clone(&strain.busy)).map_err(RpcStartError::Threads)
    };
    let filters = Filters::new(&view);
    let news = News::new(&view, pool.as_ref(), &limits);
    let context = Arc::new(Context {
        view,
        pool,
        l1,
        info,
        limits,
        dev_accounts: config.dev_accounts,
        feed_signer: config.feed_signer,
        filters,
        news,
        counts: counts.clone(),
        calls: crew("rpc-calls", limits.calls, limits.calls_queue, 5)?,
        heavy: crew("rpc-heavy", limits.heavy, limits.heavy_queue, 15)?,
        strain: Arc::clone(&strain),
        accepting: Accepting::default(),
        facts: Mutex::default(),
    });
    news::start(&context);
    let accepting = context.accepting.clone();
    let module = module(context)?;
    let methods = module.method_names().collect();
    let bytes = usize::try_from(limits.response_bytes).unwrap_or(usize::MAX);
    let middleware = RpcServiceBuilder::new().layer_fn(move |service| {
        let accepting = accepting.clone();
        Batches { service, bytes, accepting }
    });
    let server = Server::builder()
        .set_config(server_config(&limits))
        .set_rpc_middleware(middleware)
        .build_from_tcp(listener)
        .and_then(|server| server.local_addr().map(|addr| (server, addr)));
    let (server, addr) = server.map_err(|source| RpcStartError::Listen { addr, source })?;
    let handle = server.start(module);
    Ok(RpcHandle { addr, methods, handle, counts, strain, _threads: threads })
}

fn module(context: Arc<Context>) -> Result<RpcModule<Context>, RegisterMethodError> {
    let mut module = RpcModule::from_arc(context);
    eth::register(&mut module)?;
    debug::register(&mut module)?;
    mezz::register(&mut module)?;
    feed::register(&mut module)?;
    net::register(&mut module)?;
    openrpc::register(&mut module)?;
    subscribe::register(&mut module)?;
    Ok(module)
}

fn server_config(limits: &Limits) -> ServerConfig {
    ServerConfig::builder()
        .max_connections(limits.connections)
        .max_request_body_size(limits.request_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_subscriptions_per_connection(limits.subscriptions)
        .set_message_buffer_capacity(limits.messages.max(1))
        .set_batch_request_config(BatchRequestConfig::Limit(limits.batch))
        .set_id_provider(SubscriptionIds::default())
        .build()
}

fn listen(addr: SocketAddr, limits: &Limits) -> std::io::Result<TcpListener> {
    let domain = if addr.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM, None)?;
    // A port is free again as soon as its server is gone.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    // Connections inherit it. Without it, who never reads keeps a connection for ever.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(Duration::from_secs(limits.unread_secs)))?;
    #[cfg(not(target_os = "linux"))]
    let _ = limits;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
