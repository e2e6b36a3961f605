//! A development L1: blobs, reorgs on demand, time travel, plain JSON-RPC.
