//! What one client, and all of them together, may ask for.

use std::time::{Duration, Instant};

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
    /// Messages that wait in a WebSocket connection until its client reads.
    pub messages: u32,
    /// Seconds after which a client is cut off that takes nothing of what was sent to it.
    pub unread_secs: u64,
    /// Blocks that a subscriber may be behind before its subscription is closed; of transactions that wait, 256
    /// times as many.
    pub news_items: usize,
    /// Bytes of them, as they are kept for all subscribers together.
    pub news_bytes: usize,
    /// Bytes of a transaction.
    pub transaction_bytes: usize,
    /// Gas of a simulated call.
    pub call_gas: u64,
    /// What one call, estimate or access list may take.
    pub call_time: Duration,
    /// Blocks that a query for logs may cover.
    pub log_blocks: u64,
    /// Logs that it may return.
    pub log_results: usize,
    /// Filters at once, of all clients together.
    pub filters: usize,
    /// Heavy requests at once: logs, traces, simulations.
    pub heavy: usize,
    /// Heavy requests that wait; more are refused.
    pub heavy_queue: usize,
    /// Calls at once, and what takes about as long.
    pub calls: usize,
    /// Calls that wait; more are refused.
    pub calls_queue: usize,
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
    /// What one trace, or one `eth_simulateV1`, may take.
    pub trace_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            request_bytes: 5 << 20,
            response_bytes: 64 << 20,
            batch: 1_000,
            subscriptions: 128,
            messages: 64,
            unread_secs: 60,
            news_items: 128,
            news_bytes: 128 << 20,
            transaction_bytes: 128 << 10,
            call_gas: 100_000_000,
            call_time: Duration::from_secs(5),
            log_blocks: 100_000,
            log_results: 20_000,
            filters: 10_000,
            heavy: 4,
            heavy_queue: 64,
            calls: 4,
            calls_queue: 1_024,
            pool_listing: 10_000,
            outbox_leaves: 1_000_000,
            simulated_blocks: 256,
            trace_steps: 20_000_000,
            trace_bytes: 16 << 20,
            trace_time: Duration::from_secs(10),
        }
    }
}

/// Whether `time` is over that begins now.
pub(crate) fn clock(time: Duration) -> impl Fn() -> bool {
    let began = Instant::now();
    move || began.elapsed() >= time
}
