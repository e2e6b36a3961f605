//! The server over real connections, on a node of a whole network in one process.

mod batches;
mod calls;
mod client;
mod crowd;
mod feed;
mod fees;
mod hostile;
mod openrpc;
mod pruned;
mod served;
mod simulate;
mod subscriptions;
mod taken_back;
mod traces;
