//! The development L1 from outside: JSON-RPC and the beacon API, without sockets and without waiting.

mod blobs;
mod contracts;
mod control;
mod errors;
mod persistence;
mod reads;
mod reorgs;
mod server;
mod transactions;
mod world;
