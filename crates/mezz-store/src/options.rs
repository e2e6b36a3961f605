//! Sizes and windows of the store.

/// How large the store's parts are. The defaults suit a development machine; every part grows as
/// needed, so that they are starting points and not limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// Buckets of 4 KiB that the head's hash table starts with; doubled when three quarters are used.
    pub head_buckets: u32,
    /// The same of the final instance.
    pub final_buckets: u32,
    /// Memory for trie pages of the head, MiB.
    pub page_cache_mib: usize,
    /// Memory for values of the head, MiB.
    pub leaf_cache_mib: usize,
    /// Memory for pages of the database, MiB.
    pub database_cache_mib: usize,
    /// Threads that compute the head's root.
    pub commit_threads: usize,
    /// What must be free on the disk for new transactions to be taken, MiB.
    pub reserve_mib: u64,
    /// Blocks before the head whose state can be read.
    pub history_window: u64,
    /// Last blocks whose transactions, receipts and logs are kept, final or not; all without it.
    pub history_blocks: Option<u64>,
    /// Blocks of a section of the index of logs, 1 to 1,024: what a start reads again at most.
    pub log_section_blocks: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            head_buckets: 8_192,
            final_buckets: 8_192,
            page_cache_mib: 256,
            leaf_cache_mib: 256,
            database_cache_mib: 256,
            commit_threads: std::thread::available_parallelism().map_or(1, |n| n.get().min(4)),
            reserve_mib: 1_024,
            history_window: 4_096,
            history_blocks: None,
            log_section_blocks: 1_024,
        }
    }
}
