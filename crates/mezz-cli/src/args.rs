//! What can be typed.

use std::{net::SocketAddr, num::NonZeroU64, path::PathBuf, time::Duration};

use alloy_primitives::{Address, Bytes, U256, utils::parse_ether};
use clap::{Args, Parser, Subcommand, ValueEnum};
use mezz_load::Workload;
use mezz_node::BlobRetention;
use mezz_types::DataKind;

use crate::examples;

/// A layer 2 for Ethereum, every role in one binary.
#[derive(Debug, Parser)]
#[command(name = "mezz", version, after_help = examples::ROOT, arg_required_else_help = true)]
pub struct Cli {
    /// Print JSON, one object a line, instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to log, e.g. `info`, `mezz_node=debug` (also: MEZZ_LOG).
    #[arg(long, global = true, env = "MEZZ_LOG", default_value = "warn", value_name = "FILTER")]
    pub log: String,
    /// How to log, to stderr: for a person, or one JSON object a line for a collector.
    #[arg(long, global = true, value_enum, default_value_t, env = "MEZZ_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// One JSON object a line, with the spans around it.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start everything: L1, contracts, chain.
    #[command(after_help = examples::UP)]
    Up(UpArgs),
    /// Deploy a chain's contracts on an L1.
    #[command(after_help = examples::DEPLOY)]
    Deploy(DeployArgs),
    /// Run a node of a deployed chain, in the roles that it is given.
    #[command(after_help = examples::NODE)]
    Node(Box<NodeArgs>),
    /// Move ETH or tokens from L1 to L2.
    #[command(after_help = examples::DEPOSIT)]
    Deposit(DepositArgs),
    /// Move ETH or tokens from L2 to L1, in three steps.
    #[command(after_help = examples::WITHDRAW)]
    Withdraw {
        /// Which step.
        #[command(subcommand)]
        step: WithdrawStep,
    },
    /// Make, import and look at encrypted keys.
    #[command(after_help = examples::KEY)]
    Key {
        /// What to do.
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Check a machine and a configuration before a node runs there.
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// Back up a chain, restore it, or start a node from somebody else's snapshot.
    #[command(after_help = examples::SNAPSHOT)]
    Snapshot {
        /// What to do.
        #[command(subcommand)]
        command: SnapshotCommand,
    },
    /// Show where a running chain stands.
    #[command(after_help = examples::STATUS)]
    Status(StatusArgs),
    /// Walk through what a running `mezz up` can do, with the L1 gas of each step.
    #[command(after_help = examples::TOUR)]
    Tour(TourArgs),
    /// Load any Ethereum RPC with transfers, and say how fast it takes and includes them.
    #[command(after_help = examples::LOAD)]
    Load(LoadArgs),
    /// Print the reference of all commands as Markdown: `docs/cli.md`.
    #[command(hide = true)]
    Reference,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Use this L1 instead of the embedded one, e.g. Anvil at http://127.0.0.1:8545.
    #[arg(long, value_name = "URL")]
    pub l1: Option<String>,
    /// Beacon API of that L1, for blobs; its own URL if left out, as Anvil has it.
    #[arg(long, value_name = "URL", requires = "l1")]
    pub beacon: Option<String>,
    /// Time between blocks of L2: 100ms to 12s.
    #[arg(long, default_value = "1s", value_parser = block_time, value_name = "TIME")]
    pub block_time: Duration,
    /// Where to keep the chain.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub data: PathBuf,
    /// Remove what is in the data directory and start a new chain.
    #[arg(long)]
    pub fresh: bool,
    /// Where to serve the chain's RPC.
    #[arg(long, default_value = "127.0.0.1:9545", value_name = "ADDRESS")]
    pub rpc: SocketAddr,
    /// Where to serve metrics; 127.0.0.1:9546, or any free port, if left out.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Where to serve the embedded L1's RPC.
    #[arg(long, default_value = "127.0.0.1:8545", value_name = "ADDRESS")]
    pub l1_rpc: SocketAddr,
    /// Take no transactions while less than this is free on the disk, MiB; what was accepted goes on.
    #[arg(long, default_value_t = 1_024, value_name = "MIB")]
    pub disk_reserve: u64,
    /// Where batches go on L1.
    #[arg(long, value_enum, default_value_t = Data::Blob)]
    pub data_kind: Data,
    /// Settings for the chain instead of the ones for development.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What clients of the RPC may have at once.
    #[command(flatten)]
    pub rpc_limits: RpcLimitArgs,
}

/// Where batches go on L1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Data {
    /// In the input of the transaction.
    Calldata,
    /// In EIP-4844 blobs.
    Blob,
}

impl From<Data> for DataKind {
    fn from(data: Data) -> Self {
        match data {
            Data::Calldata => Self::Calldata,
            Data::Blob => Self::Blob,
        }
    }
}

/// A key that pays on L1 or L2.
#[derive(Clone, Debug, Default, Args)]
pub struct KeyArgs {
    /// Keystore, as `mezz key new` makes it; on a development L1 also a private key in hex.
    #[arg(long, visible_alias = "operator-key-file", value_name = "FILE", group = "key")]
    pub key_file: Option<PathBuf>,
    /// File that holds the keystore's password; else MEZZ_KEY_PASSWORD, else it is asked for.
    #[arg(long, value_name = "FILE", requires = "key_file")]
    pub password_file: Option<PathBuf>,
    /// Account of the public test mnemonic, for development only: 0 to 19.
    #[arg(long, value_name = "N", group = "key", value_parser = clap::value_parser!(u32).range(0..20))]
    pub dev_account: Option<u32>,
    /// Remote signer that keeps the key and answers eth_signTransaction, as Web3Signer does.
    #[arg(long, value_name = "URL", group = "key", requires = "signer_address")]
    pub signer: Option<String>,
    /// Address of the key that the remote signer is to sign with; what it returns is checked.
    #[arg(long, value_name = "ADDRESS", requires = "signer")]
    pub signer_address: Option<Address>,
}

/// Signers of single roles, where they are not the same for all.
#[derive(Clone, Debug, Default, Args)]
pub struct RoleSignerArgs {
    /// Remote signer of the batcher, if it has one of its own.
    #[arg(long, value_name = "URL", requires = "batcher_address")]
    pub batcher_signer: Option<String>,
    /// Address of the key that the batcher's signer is to sign with.
    #[arg(long, value_name = "ADDRESS", requires = "batcher_signer")]
    pub batcher_address: Option<Address>,
    /// Remote signer of the proposer, if it has one of its own.
    #[arg(long, value_name = "URL", requires = "proposer_address")]
    pub proposer_signer: Option<String>,
    /// Address of the key that the proposer's signer is to sign with.
    #[arg(long, value_name = "ADDRESS", requires = "proposer_signer")]
    pub proposer_address: Option<Address>,
}

impl KeyArgs {
    /// Whether the command line names a key.
    pub(crate) const fn is_given(&self) -> bool {
        self.key_file.is_some() || self.dev_account.is_some()
    }
}

/// What `snapshot` does.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Write the chain as of its last final block to a file; a node that runs goes on meanwhile.
    #[command(after_help = examples::SNAPSHOT_CREATE)]
    Create {
        /// The node's data directory.
        #[arg(long, default_value = "node", value_name = "DIR")]
        data: PathBuf,
        /// Where it goes; a file that exists is not written over.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make a new data directory from a file.
    #[command(after_help = examples::SNAPSHOT_RESTORE)]
    Restore(RestoreArgs),
    /// Check a file, and say what is in it.
    #[command(after_help = examples::SNAPSHOT_INSPECT)]
    Inspect {
        /// The snapshot.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Arguments of `snapshot restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The snapshot.
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// The node's data directory, which must not hold a chain yet.
    #[arg(long, default_value = "node", value_name = "DIR")]
    pub data: PathBuf,
    /// The chain that it must be of: its chain.json.
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// Ask this L1 at once whether it has the snapshot's claim as final; the node asks in any case.
    #[arg(long, value_name = "URL", requires = "chain")]
    pub l1: Vec<String>,
}

/// What `key` does.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new key, and encrypt it into a new file.
    #[command(after_help = examples::KEY_NEW)]
    New(NewKeystore),
    /// Encrypt a key that exists into a new file.
    #[command(after_help = examples::KEY_IMPORT)]
    Import {
        /// File that holds the private key in hex; else MEZZ_PRIVATE_KEY, else standard input.
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        /// Where it goes.
        #[command(flatten)]
        to: NewKeystore,
    },
    /// Print whose key a keystore holds.
    #[command(after_help = examples::KEY_ADDRESS)]
    Address {
        /// The keystore.
        #[arg(value_name = "FILE")]
        keystore: PathBuf,
        /// Decrypt it, instead of believing what it says.
        #[arg(long)]
        check: bool,
        /// File that holds the password; else MEZZ_KEY_PASSWORD, else it is asked for.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

/// Where a keystore goes.
#[derive(Debug, Args)]
pub struct NewKeystore {
    /// The new file; one that exists is not written over.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// File that holds the password; else MEZZ_KEY_PASSWORD, else it is asked for, twice.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// Arguments of `deploy`.
#[derive(Debug, Args)]
pub struct DeployArgs {
    /// The L1 to deploy on.
    #[arg(long, value_name = "URL", required_unless_present = "print")]
    pub l1: Option<String>,
    /// Settings; the defaults if left out.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where chain.json goes; an interrupted deployment goes on from here.
    #[arg(long, default_value = "data", value_name = "DIR")]
    pub data: PathBuf,
    /// Check the settings, print them with all defaults, and deploy nothing.
    #[arg(long)]
    pub print: bool,
    /// Who deploys.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// A role of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Builds blocks.
    Sequencer,
    /// Posts batches to L1.
    Batcher,
    /// Posts claims to L1 and finalizes them.
    Proposer,
}

/// How long blobs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeepBlobs {
    /// As long as their batch can be disputed.
    UntilFinal,
    /// For nodes that derive the chain after L1 forgot them.
    Forever,
}

impl From<KeepBlobs> for BlobRetention {
    fn from(keep: KeepBlobs) -> Self {
        match keep {
            KeepBlobs::UntilFinal => Self::UntilFinal,
            KeepBlobs::Forever => Self::Forever,
        }
    }
}

/// Arguments of `node`.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The chain: its chain.json.
    #[arg(long, value_name = "FILE")]
    pub chain: PathBuf,
    /// L1; repeat it for more than one. One that fails is passed over; of three or more, most must agree.
    #[arg(long, value_name = "URL", required = true)]
    pub l1: Vec<String>,
    /// How many L1 nodes must agree on a block; without it, more than half of three or more.
    #[arg(long, value_name = "NUMBER")]
    pub l1_quorum: Option<usize>,
    /// Beacon API for blobs, or a node with --serve-blobs; repeat it for more than one. The L1 URL if left out.
    #[arg(long, value_name = "URL")]
    pub beacon: Vec<String>,
    /// How long the blobs of batches stay on this machine, 128 KiB each.
    #[arg(long, value_enum, default_value = "until-final")]
    pub keep_blobs: KeepBlobs,
    /// Where to give kept blobs to other nodes, as a beacon node does; nowhere if left out.
    #[arg(long, value_name = "ADDRESS")]
    pub serve_blobs: Option<SocketAddr>,
    /// Where to keep the node's data.
    #[arg(long, default_value = "node", value_name = "DIR")]
    pub data: PathBuf,
    /// Roles; without any, the node derives the chain from L1 alone.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROLE")]
    pub roles: Vec<Role>,
    /// RPC of the sequencer: take its signed blocks before L1 has them; repeat it for more than one place.
    #[arg(long, value_name = "URL", requires = "sequencer")]
    pub follow: Vec<String>,
    /// The address that signs the blocks of --follow: that of the sequencer's key.
    #[arg(long, value_name = "ADDRESS", requires = "follow")]
    pub sequencer: Option<Address>,
    /// Where to serve RPC.
    #[arg(long, default_value = "127.0.0.1:9545", value_name = "ADDRESS")]
    pub rpc: SocketAddr,
    /// Where to serve /metrics, /healthz and /readyz; nowhere if left out.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// As a sequencer, take no transactions while less than this is free on the disk, MiB; what was accepted goes on.
    #[arg(long, default_value_t = 1_024, value_name = "MIB")]
    pub disk_reserve: u64,
    /// Keep transactions, receipts and logs of so many last blocks, and headers of all; `all` keeps everything. What is
    /// not final is kept in any case. Forgotten is forgotten.
    #[arg(long, default_value = "all", value_parser = history, value_name = "BLOCKS|all")]
    pub history: History,
    /// Time between blocks, for a sequencer: 100ms to 12s.
    #[arg(long, default_value = "1s", value_parser = block_time, value_name = "TIME")]
    pub block_time: Duration,
    /// L1 blocks on top of a message before a sequencer consumes it.
    #[arg(long, default_value_t = 2)]
    pub confirmations: u64,
    /// Longest that a block waits until the batcher posts it; a full batch goes at once.
    #[arg(long, default_value = "60s", value_parser = pace, value_name = "TIME")]
    pub batch_age: Duration,
    /// Time between the proposer's claims.
    #[arg(long, default_value = "1h", value_parser = pace, value_name = "TIME")]
    pub claim_interval: Duration,
    /// The key that posts, for batcher and proposer; a sequencer with a key signs its blocks for replicas.
    #[command(flatten)]
    pub key: KeyArgs,
    /// Keys of single roles.
    #[command(flatten)]
    pub role_signers: RoleSignerArgs,
    /// What clients of the RPC may have at once.
    #[command(flatten)]
    pub rpc_limits: RpcLimitArgs,
}

/// Which blocks are kept whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History(pub Option<u64>);

/// How to reach a chain.
#[derive(Debug, Args)]
pub struct ChainArgs {
    /// RPC of the chain.
    #[arg(long, default_value = "http://127.0.0.1:9545", value_name = "URL", global = true)]
    pub rpc: String,
    /// RPC of L1.
    #[arg(long, default_value = "http://127.0.0.1:8545", value_name = "URL", global = true)]
    pub l1: String,
}

/// Arguments of `deposit`.
#[derive(Debug, Args)]
pub struct DepositArgs {
    /// How much: ETH with up to 18 decimals, or smallest units of --token.
    #[arg(value_name = "AMOUNT")]
    pub amount: String,
    /// ERC-20 on L1; ETH if left out.
    #[arg(long, value_name = "ADDRESS")]
    pub token: Option<Address>,
    /// Who is credited on L2; the sender if left out.
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<Address>,
    /// Call data for a contract at --to.
    #[arg(long, value_name = "HEX", requires = "to", conflicts_with = "token")]
    pub call: Option<Bytes>,
    /// How to reach the chain.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// Who pays.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Steps of a withdrawal.
#[derive(Debug, Subcommand)]
pub enum WithdrawStep {
    /// Put a withdrawal into the chain's outbox.
    #[command(after_help = examples::WITHDRAW_START)]
    Start {
        /// How much: ETH with up to 18 decimals, or smallest units of --token.
        #[arg(value_name = "AMOUNT")]
        amount: String,
        /// ERC-20 on L1; ETH if left out.
        #[arg(long, value_name = "ADDRESS")]
        token: Option<Address>,
        /// Who receives it on L1; the sender if left out.
        #[arg(long, value_name = "ADDRESS")]
        to: Option<Address>,
        /// How to reach the chain.
        #[command(flatten)]
        chain: ChainArgs,
        /// Whose money.
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Put the fees that the chain took into its outbox, for its fee recipient. Anybody may.
    #[command(after_help = examples::WITHDRAW_FEES)]
    Fees {
        /// How to reach the chain.
        #[command(flatten)]
        chain: ChainArgs,
        /// Who pays the gas on L2.
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Say what a withdrawal waits for, and how long still.
    #[command(after_help = examples::WITHDRAW_STATUS)]
    Status {
        /// Its index, as `start` printed it.
        index: u64,
        /// How to reach the chain.
        #[command(flatten)]
        chain: ChainArgs,
    },
    /// Prove a withdrawal on L1 and have it paid. Anybody may.
    #[command(after_help = examples::WITHDRAW_FINISH)]
    Finish {
        /// Its index, as `start` printed it.
        index: u64,
        /// Wait until it can be paid.
        #[arg(long)]
        wait: bool,
        /// How to reach the chain.
        #[command(flatten)]
        chain: ChainArgs,
        /// Who pays the gas.
        #[command(flatten)]
        key: KeyArgs,
    },
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// How to reach the chain.
    #[command(flatten)]
    pub chain: ChainArgs,
}

/// Arguments of `doctor`: those of the node that is to run.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The chain: its chain.json.
    #[arg(long, value_name = "FILE")]
    pub chain: Option<PathBuf>,
    /// L1; repeat it for every server that you use: they are compared.
    #[arg(long, value_name = "URL")]
    pub l1: Vec<String>,
    /// Beacon API for blobs; repeat it for more than one.
    #[arg(long, value_name = "URL")]
    pub beacon: Vec<String>,
    /// Where the node's data goes.
    #[arg(long, default_value = "node", value_name = "DIR")]
    pub data: PathBuf,
    /// Where RPC is to be served.
    #[arg(long, default_value = "127.0.0.1:9545", value_name = "ADDRESS")]
    pub rpc: SocketAddr,
    /// Where metrics are to be served.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<SocketAddr>,
    /// Roles of the node.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROLE")]
    pub roles: Vec<Role>,
    /// The key that posts.
    #[command(flatten)]
    pub key: KeyArgs,
    /// Keys of single roles.
    #[command(flatten)]
    pub role_signers: RoleSignerArgs,
}

/// Arguments of `tour`.
#[derive(Debug, Args)]
pub struct TourArgs {
    /// How to reach the chain.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// How many transfers to send.
    #[arg(long, default_value_t = 1_000)]
    pub transfers: u32,
}

/// Arguments of `load`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LoadArgs {
    /// Another kind of load.
    #[command(subcommand)]
    pub other: Option<OtherLoad>,
    /// The RPC to load.
    #[arg(long, default_value = "http://127.0.0.1:9545", value_name = "URL")]
    pub rpc: String,
    /// Transactions a second, sent when due whatever became of those before; as fast as answers come if left out.
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<NonZeroU64>,
    /// Transactions in all.
    #[arg(long, default_value_t = 10_000)]
    pub count: u64,
    /// What each transaction does.
    #[arg(long, value_enum, default_value_t = LoadKind::Ether)]
    pub kind: LoadKind,
    /// Accounts that send; they are funded first.
    #[arg(long, default_value_t = 100)]
    pub senders: u64,
    /// So many accounts receive, drawn uniformly; the senders pay each other if left out.
    #[arg(long, value_name = "ACCOUNTS")]
    pub recipients: Option<NonZeroU64>,
    /// Transactions in one request.
    #[arg(long, default_value_t = 1)]
    pub batch: u64,
    /// Requests without an answer at once.
    #[arg(long, default_value_t = 64)]
    pub in_flight: u64,
    /// How long to wait for the last blocks.
    #[arg(long, default_value = "60s", value_parser = time, value_name = "TIME")]
    pub patience: Duration,
    /// Names the senders: the same accounts for the same number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Who funds the senders; account 0 of the public test mnemonic if left out.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Loads that are not of transactions.
#[derive(Debug, Subcommand)]
pub enum OtherLoad {
    /// Open many WebSocket subscribers, flood the node with heavy requests, and compare blocks without and with that.
    #[command(after_help = examples::LOAD_SUBSCRIBERS)]
    Subscribers(SubscribersArgs),
}

/// Arguments of `load subscribers`.
#[derive(Debug, Args)]
pub struct SubscribersArgs {
    /// The RPC to load, for HTTP and WebSocket; start it with --rpc-connections above --subscribers.
    #[arg(long, default_value = "http://127.0.0.1:9545", value_name = "URL")]
    pub rpc: String,
    /// Subscribers, each with a connection of its own: to heads and to logs in turn.
    #[arg(long, default_value_t = 10_000)]
    pub subscribers: usize,
    /// Heavy requests under way at once: eth_getLogs, debug_traceBlockByNumber, debug_traceCall.
    #[arg(long, default_value_t = 16, value_name = "REQUESTS")]
    pub flood: usize,
    /// Token transfers a second whose way into a block is timed.
    #[arg(long, default_value = "2", value_name = "PER_SECOND")]
    pub rate: NonZeroU64,
    /// How long to look, first without and then with subscribers and flood.
    #[arg(long, default_value = "60s", value_parser = time, value_name = "TIME")]
    pub duration: Duration,
    /// How long to wait for what was not delivered.
    #[arg(long, default_value = "60s", value_parser = time, value_name = "TIME")]
    pub patience: Duration,
    /// Process of the node, if it runs on this machine and its memory is to be looked at.
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// Who funds the transfers; account 0 of the public test mnemonic if left out.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// What clients of the RPC may have at once.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "RPC limits")]
pub struct RpcLimitArgs {
    /// Connections at once, HTTP and WebSocket together; each takes an open file.
    #[arg(long, default_value_t = 1_024, value_name = "NUMBER")]
    pub rpc_connections: u32,
    /// Subscriptions of one connection.
    #[arg(long, default_value_t = 128, value_name = "NUMBER")]
    pub rpc_subscriptions: u32,
    /// Blocks that a subscriber may be behind before its subscription is closed.
    #[arg(long, default_value_t = 128, value_name = "BLOCKS")]
    pub rpc_behind: usize,
    /// Filters at once, of all clients together; one that nobody polls for five minutes is forgotten.
    #[arg(long, default_value_t = 10_000, value_name = "NUMBER")]
    pub rpc_filters: usize,
    /// Heavy requests (logs, traces, simulations, proofs) under way at once.
    #[arg(long, default_value_t = 4, value_name = "NUMBER")]
    pub rpc_heavy: usize,
    /// Heavy requests that wait; more are refused with -32005.
    #[arg(long, default_value_t = 64, value_name = "NUMBER")]
    pub rpc_heavy_queue: usize,
    /// What one call, estimate or access list may take; it is stopped then.
    #[arg(long, default_value = "5s", value_parser = time, value_name = "TIME")]
    pub rpc_call_time: Duration,
    /// What one trace or eth_simulateV1 may take; it is stopped then.
    #[arg(long, default_value = "10s", value_parser = time, value_name = "TIME")]
    pub rpc_trace_time: Duration,
}

impl From<&RpcLimitArgs> for mezz_rpc::Limits {
    fn from(args: &RpcLimitArgs) -> Self {
        Self {
            connections: args.rpc_connections,
            subscriptions: args.rpc_subscriptions,
            news_items: args.rpc_behind,
            filters: args.rpc_filters,
            heavy: args.rpc_heavy,
            heavy_queue: args.rpc_heavy_queue,
            call_time: args.rpc_call_time,
            trace_time: args.rpc_trace_time,
            ..Self::default()
        }
    }
}

/// What each transaction of a load does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LoadKind {
    /// Moves a wei.
    Ether,
    /// Moves a unit of an ERC-20, which is deployed first.
    Token,
    /// Swaps one token for another in a constant-product pair; all three are deployed first.
    Swap,
}

impl From<LoadKind> for Workload {
    fn from(kind: LoadKind) -> Self {
        match kind {
            LoadKind::Ether => Self::Ether,
            LoadKind::Token => Self::Token,
            LoadKind::Swap => Self::Swap,
        }
    }
}

/// An amount of ETH as a person writes it.
pub(crate) fn ether(text: &str) -> eyre::Result<U256> {
    parse_ether(text).map_err(|error| eyre::eyre!("{text:?} is no amount of ETH: {error}"))
}

fn history(text: &str) -> Result<History, String> {
    if text == "all" {
        return Ok(History(None));
    }
    let blocks: u64 = text.parse().map_err(|_| "write `all`, or a number of blocks")?;
    // Less is a slip of the pen: fees are estimated from recent blocks.
    if blocks < 1_024 {
        return Err("at least 1024 blocks are kept".into());
    }
    Ok(History(Some(blocks)))
}

fn block_time(text: &str) -> Result<Duration, String> {
    let time = time(text)?;
    if !(Duration::from_millis(100)..=Duration::from_secs(12)).contains(&time) {
        return Err("it must lie between 100ms and 12s".into());
    }
    Ok(time)
}

fn pace(text: &str) -> Result<Duration, String> {
    let time = time(text)?;
    if time < Duration::from_secs(1) {
        return Err("it must lie between 1s and 24h".into());
    }
    Ok(time)
}

fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 4] =
        [("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0), ("h", 3_600_000.0)];
    let (number, scale) = UNITS
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)))
        .ok_or("write it with its unit, e.g. 500ms, 2s, 5m or 1h")?;
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
    let ms = number * scale;
    // A day: longer is a slip of the pen.
    if !(1.0..=86_400_000.0).contains(&ms) {
        return Err("it must lie between 1ms and 24h".into());
    }
    Ok(Duration::from_millis(ms.round() as u64))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn block_times_have_bounds_and_units() {
        assert_eq!(block_time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(block_time("1.5s"), Ok(Duration::from_millis(1_500)));
        for bad in ["99ms", "12.1s", "5", "xs", "-1s", "NaNs"] {
            assert!(block_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn history_is_a_number_of_blocks_or_all() {
        assert_eq!(history("all"), Ok(History(None)));
        assert_eq!(history("86400"), Ok(History(Some(86_400))));
        for bad in ["1023", "0", "-1", "none", "1d", ""] {
            assert!(history(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paces_have_units() {
        assert_eq!(pace("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(pace("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(pace("1h"), Ok(Duration::from_secs(3_600)));
        for bad in ["999ms", "25h", "1", "h", "1d"] {
            assert!(pace(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_no_arguments() {
        for argument in Cli::command().get_subcommands().flat_map(clap::Command::get_arguments) {
            assert_ne!(argument.get_id().as_str(), "private_key");
        }
    }
}
