//! An open-loop load generator for any Ethereum RPC.
//!
//! Transactions are signed before the clock starts, and each is sent when it is due, whatever became of those
//! before it: a node that slows down shows as latency and refusals, not as a lower rate. Latency is counted from
//! the time at which a transaction was due.

mod client;
mod error;
mod fund;
mod prepare;
mod report;
mod run;
mod subscribers;
mod workload;

pub use error::LoadError;
pub use report::{Percentiles, Refusal, Report};
pub use run::{Event, LoadSettings, chain_id, run};
pub use subscribers::{
    BlockPace, Delivery, HeavyRequests, SubscriberEvent, SubscriberReport, SubscriberSettings,
    run_subscribers,
};
pub use workload::{Recipients, Workload};
