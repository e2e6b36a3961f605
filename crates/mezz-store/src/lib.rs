//! State, blocks, receipts, indexes and history on disk.
