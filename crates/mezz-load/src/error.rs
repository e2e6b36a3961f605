//! What can go wrong.

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No answer came, or none that is JSON.
    #[error("the RPC does not answer: {0}")]
    Http(#[from] reqwest::Error),
    /// The answer is not what the method answers.
    #[error("{method} answered {got}")]
    Answer {
        /// JSON-RPC method.
        method: &'static str,
        /// What came, shortened.
        got: String,
    },
    /// The funding account has too little.
    #[error(
        "{account} holds {balance} wei and the load needs {needed}: send less, or name another \
         account"
    )]
    Funds {
        /// The funding account.
        account: alloy_primitives::Address,
        /// What it has.
        balance: alloy_primitives::U256,
        /// What all senders together need.
        needed: alloy_primitives::U256,
    },
    /// A funding transaction did not arrive.
    #[error("account {account} was not funded within {secs} s")]
    NotFunded {
        /// The sender that waits.
        account: alloy_primitives::Address,
        /// How long was waited.
        secs: u64,
    },
    /// A contract of the load, or what it needs, did not get into a block.
    #[error("transaction {hash} was not included within {secs} s")]
    NotIncluded {
        /// The transaction.
        hash: alloy_primitives::B256,
        /// How long was waited.
        secs: u64,
    },
    /// A contract of the load could not be deployed or made ready.
    #[error("transaction {hash}, which prepares the load, reverted")]
    Reverted {
        /// The transaction.
        hash: alloy_primitives::B256,
    },
    /// A transaction could not be signed.
    #[error("signing: {0}")]
    Signing(#[from] alloy::signers::Error),
    /// A subscriber could not connect, or lost its connection.
    #[error("a WebSocket connection failed: {reason}")]
    Socket {
        /// Why.
        reason: String,
    },
    /// The settings ask for nothing.
    #[error("{what} must be at least 1")]
    Nothing {
        /// Which setting.
        what: &'static str,
    },
}
