//! The L1 port: JSON-RPC, logs, blobs, transaction sending.
