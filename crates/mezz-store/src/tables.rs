//! The tables of `chain.redb`, `logs.redb` and `pool.redb`. Every value is drawn byte by byte in `docs/storage.md`.

use redb::TableDefinition;

/// A table of values by number.
pub(crate) type ByNumber = TableDefinition<'static, u64, &'static [u8]>;
/// A table of values by hash.
pub(crate) type ByHash = TableDefinition<'static, &'static [u8; 32], &'static [u8]>;

/// Version of everything in the directory.
pub(crate) const FORMAT: u32 = 1;

/// Facts that there is one of, by name.
pub(crate) const META: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("meta");
/// Block number → hash and header.
pub(crate) const HEADERS: ByNumber = TableDefinition::new("headers");
/// Block hash → number.
pub(crate) const NUMBERS: TableDefinition<'static, &'static [u8; 32], u64> =
    TableDefinition::new("numbers");
/// Block number → transactions.
pub(crate) const BODIES: ByNumber = TableDefinition::new("bodies");
/// Block number → receipts.
pub(crate) const RECEIPTS: ByNumber = TableDefinition::new("receipts");
/// Transaction hash → block number and position.
pub(crate) const TRANSACTIONS: TableDefinition<'static, &'static [u8; 32], (u64, u32)> =
    TableDefinition::new("transactions");
/// Block number → bloom filter of its logs; only blocks that have logs.
pub(crate) const BLOOMS: TableDefinition<'static, u64, &'static [u8; 256]> =
    TableDefinition::new("blooms");
/// Block number → value of every written leaf after the block; until the block is final.
pub(crate) const FORWARD: ByNumber = TableDefinition::new("forward");
/// Block number → value of every written leaf before the block; while it is in the window or not final.
pub(crate) const REVERSE: ByNumber = TableDefinition::new("reverse");
/// Block number → filter over the keys in `REVERSE`.
pub(crate) const FILTERS: ByNumber = TableDefinition::new("filters");
/// Block number → witness; until the block is final.
pub(crate) const WITNESSES: ByNumber = TableDefinition::new("witnesses");
/// Code by its Keccak-256.
pub(crate) const CODES: ByHash = TableDefinition::new("codes");
/// Outbox index → block number and withdrawal.
pub(crate) const WITHDRAWALS: ByNumber = TableDefinition::new("withdrawals");
/// Block number → root of the outbox after it; only blocks that changed it.
pub(crate) const OUTBOX_ROOTS: TableDefinition<'static, u64, &'static [u8; 32]> =
    TableDefinition::new("outbox-roots");
/// L1 block number → hash; while a reorganisation may take it back.
pub(crate) const L1_BLOCKS: TableDefinition<'static, u64, &'static [u8; 32]> =
    TableDefinition::new("l1-blocks");
/// Message index → message.
pub(crate) const MESSAGES: ByNumber = TableDefinition::new("messages");
/// Batch index → batch.
pub(crate) const BATCHES: ByNumber = TableDefinition::new("batches");
/// Batch index → what deriving it gave.
pub(crate) const OUTCOMES: ByNumber = TableDefinition::new("outcomes");
/// Batch end and claim id → claim.
pub(crate) const CLAIMS: TableDefinition<'static, &'static [u8; 40], &'static [u8]> =
    TableDefinition::new("claims");
/// Claim id → batch end.
pub(crate) const CLAIM_BATCHES: TableDefinition<'static, &'static [u8; 32], u64> =
    TableDefinition::new("claim-batches");
/// Sender and nonce → transaction to L1 on its way.
pub(crate) const JOURNAL: TableDefinition<'static, &'static [u8; 28], &'static [u8]> =
    TableDefinition::new("journal");
/// First block of a section of the index of logs → its last block and that block's hash; in `logs.redb`.
pub(crate) const LOG_SECTIONS: ByNumber = TableDefinition::new("log-sections");
/// First block of a section and lowest entry → entries, ascending; in `logs.redb`.
pub(crate) const LOG_ENTRIES: TableDefinition<'static, (u64, u64), &'static [u8]> =
    TableDefinition::new("log-entries");
/// Order of arrival → transaction that waits for a block; in `pool.redb`.
pub(crate) const WAITING: ByNumber = TableDefinition::new("waiting");
/// Transaction hash → transaction of a block that is being taken back; in `pool.redb`.
pub(crate) const RETURNED: TableDefinition<'static, &'static [u8; 32], &'static [u8]> =
    TableDefinition::new("returned");

/// Names in [`META`].
pub(crate) mod meta {
    /// [`super::FORMAT`], 4 bytes.
    pub(crate) const FORMAT: &str = "format";
    /// Identity of the chain, 32 bytes.
    pub(crate) const IDENTITY: &str = "identity";
    /// Present once both state instances were made.
    pub(crate) const READY: &str = "ready";
    /// Last block whose batch is on L1, 8 bytes.
    pub(crate) const SAFE: &str = "safe";
    /// Last final block, 8 bytes: where the final instance stands.
    pub(crate) const FINAL: &str = "final";
    /// Block that the final instance is on the way to, 8 bytes.
    pub(crate) const FINAL_TARGET: &str = "final-target";
    /// Block that a rollback is on the way to, 8 bytes.
    pub(crate) const ROLLBACK_TARGET: &str = "rollback-target";
    /// First block whose body, receipts and logs are there, beside genesis, 8 bytes; all if it is not there.
    pub(crate) const HISTORY_FROM: &str = "history-from";
    /// First block whose header is there, beside genesis, 8 bytes; all if it is not there.
    pub(crate) const HEADERS_FROM: &str = "headers-from";
    /// Inbox accumulator before the first message that is there, 32 bytes; zero if it is not there.
    pub(crate) const FIRST_ACCUMULATOR: &str = "first-accumulator";
    /// What the snapshot rests on that the store was made from, until L1 was asked about it.
    pub(crate) const SNAPSHOT: &str = "snapshot";
    /// L1 block that was read last, 40 bytes.
    pub(crate) const L1_CURSOR: &str = "l1-cursor";
}
