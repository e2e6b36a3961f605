//! One module per command.

pub(crate) mod deploy;
pub(crate) mod deposit;
pub(crate) mod key;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod snapshot;
pub(crate) mod status;
pub(crate) mod tour;
pub(crate) mod up;
pub(crate) mod withdraw;
