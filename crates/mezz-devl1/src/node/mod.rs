//! The node: one actor that owns the chain.

mod actor;
mod ingress;
mod published;
mod state;

pub(crate) use actor::Actor;
pub(crate) use ingress::{MAILBOX, Mailbox, Message};
pub(crate) use published::Published;
pub(crate) use state::{ChainState, Edit};
pub use state::{Dropped, Reorg};
