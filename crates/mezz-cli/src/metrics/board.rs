//! Every number there is, with its name and meaning.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// Names and values that tell the series of one metric apart.
pub(crate) type Labels = Vec<(&'static str, String)>;
/// A number that goes up and down.
pub(crate) type Level = Gauge<f64, AtomicU64>;
type Levels = Family<Labels, Level>;

/// Seconds that a step of a block takes: from a millisecond to the longest block time.
const STEP_SECONDS: [f64; 12] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The metrics of a node. Cheap to clone; clones share the numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board {
    pub(crate) block_number: Levels,
    pub(crate) head_timestamp: Level,
    pub(crate) l1_block_number: Level,
    pub(crate) l1_timestamp: Level,
    pub(crate) l1_seen_age: Level,
    pub(crate) l1_reachable: Level,
    pub(crate) pool_transactions: Levels,
    pub(crate) batches: Levels,
    pub(crate) claims: Levels,
    pub(crate) wrong_final_claim: Level,
    pub(crate) messages_unconsumed: Level,
    pub(crate) unposted_blocks: Level,
    pub(crate) unposted_age: Level,
    pub(crate) key_balance: Levels,
    pub(crate) disk_free: Level,
    pub(crate) disk_reserve: Level,
    pub(crate) data_bytes: Levels,
    pub(crate) data_growth: Level,
    pub(crate) state_buckets: Levels,
    pub(crate) history_from: Level,
    pub(crate) ready: Level,
    pub(crate) batches_posted: Counter,
    pub(crate) batch_bytes: Counter,
    pub(crate) claims_posted: Counter,
    pub(crate) claims_finalized: Counter,
    pub(crate) l1_gas_used: Family<Labels, Counter>,
    pub(crate) transactions: Counter,
    pub(crate) block_step: Steps,
    pub(crate) rpc_requests: Family<Labels, Counter>,
    pub(crate) rpc_subscriptions: Level,
    pub(crate) rpc_subscriptions_closed: Counter,
    pub(crate) rpc_busy: Counter,
    build_info: Levels,
}

/// How long the steps of a block take.
#[derive(Clone, Debug)]
pub(crate) struct Steps(Family<Labels, Histogram, fn() -> Histogram>);

impl Default for Steps {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(STEP_SECONDS)))
    }
}

impl Steps {
    /// Counts one step.
    pub(crate) fn observe(&self, step: &str, seconds: f64) {
        self.0.get_or_create(&vec![("step", step.to_owned())]).observe(seconds);
    }
}

impl Board {
    /// All numbers at zero.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One level of a family.
    pub(crate) fn set(family: &Levels, label: &'static str, value: &str, level: f64) {
        family.get_or_create(&vec![(label, value.to_owned())]).set(level);
    }

    /// The text that Prometheus reads.
    pub(crate) fn encode(&self) -> String {
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        self.build_info.get_or_create(&version).set(1.0);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry());
        text
    }

    fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("mezz");
        let it = self.clone();
        all.register("build_info", "1, with the version of the program", it.build_info);
        all.register("block_number", "Last block: latest, safe, finalized", it.block_number);
        all.register("head_timestamp_seconds", "Timestamp of the last block", it.head_timestamp);
        all.register("l1_block_number", "L1 block last processed", it.l1_block_number);
        all.register("l1_timestamp_seconds", "Timestamp of that L1 block", it.l1_timestamp);
        all.register("l1_seen_age_seconds", "Since that L1 block was processed", it.l1_seen_age);
        all.register("l1_reachable", "1 if the L1 RPC answered last time", it.l1_reachable);
        all.register("pool_transactions", "Waiting transactions", it.pool_transactions);
        all.register(
            "batches",
            "Batches: posted on L1, derived here, under final claims",
            it.batches,
        );
        all.register("claims", "Claims that are not final: open, contested", it.claims);
        all.register(
            "wrong_final_claim",
            "1 if the last final claim on L1 contradicts what this node derived",
            it.wrong_final_claim,
        );
        all.register(
            "messages_unconsumed",
            "L1 messages not in a block yet",
            it.messages_unconsumed,
        );
        all.register("unposted_blocks", "Blocks whose batch is not on L1", it.unposted_blocks);
        all.register(
            "unposted_age_seconds",
            "Age of the oldest of them that has transactions",
            it.unposted_age,
        );
        all.register("key_balance_ether", "ETH on L1 of a key that posts", it.key_balance);
        all.register("disk_free_bytes", "Free where the data directory is", it.disk_free);
        all.register(
            "disk_reserve_bytes",
            "Less than this free, and a sequencer takes no transactions",
            it.disk_reserve,
        );
        all.register(
            "data_bytes",
            "Bytes on disk of each part of the data directory",
            it.data_bytes,
        );
        all.register(
            "data_growth_bytes_per_day",
            "Estimate from the last blocks; 0 on a young chain",
            it.data_growth,
        );
        all.register(
            "state_buckets",
            "Hash tables of the state: used, available",
            it.state_buckets,
        );
        all.register("history_from", "First block that is kept whole", it.history_from);
        all.register("ready", "1 if the node follows L1 and is not behind", it.ready);
        self.register_work(&mut all);
        all
    }

    /// What this node did, counted from its start.
    fn register_work(&self, all: &mut Registry) {
        let it = self.clone();
        all.register("batches_posted", "Batches that this node posted", it.batches_posted);
        all.register("batch_bytes", "Bytes in them", it.batch_bytes);
        all.register("claims_posted", "Claims that this node posted", it.claims_posted);
        all.register("claims_finalized", "Claims that this node made final", it.claims_finalized);
        all.register("l1_gas_used", "L1 gas that this node's roles took", it.l1_gas_used);
        all.register("transactions", "Transactions in blocks built here", it.transactions);
        all.register(
            "block_step_seconds",
            "Steps of building a block: execute, commit",
            it.block_step.0,
        );
        all.register("rpc_requests", "RPC requests by method and outcome", it.rpc_requests);
        all.register("rpc_subscriptions", "Subscriptions that are open", it.rpc_subscriptions);
        all.register(
            "rpc_subscriptions_closed",
            "Subscriptions closed because their clients read too slowly",
            it.rpc_subscriptions_closed,
        );
        all.register(
            "rpc_busy",
            "RPC requests refused because too many that take long were waiting",
            it.rpc_busy,
        );
    }
}
