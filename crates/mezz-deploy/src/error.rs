//! Why a deployment is refused or stops.

use std::path::PathBuf;

use alloy_primitives::{Address, B256};
use mezz_l1::L1Error;

use crate::SettingsError;

/// Why a deployment is refused or stops. What was done stays done: run it again to go on.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The configuration breaks a rule.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The transition refuses the configuration.
    #[error(transparent)]
    Config(#[from] mezz_types::ConfigError),
    /// L1 did not take a step.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {reason}")]
    Parse {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A chain file's genesis hash does not follow from its configuration.
    #[error(
        "genesis hash {got} does not follow from the configuration, which gives {expected}: this program and the chain are not of one version, or the file was edited"
    )]
    GenesisHash {
        /// What the configuration gives.
        expected: B256,
        /// What the file says.
        got: B256,
    },
    /// An unfinished deployment was made with another key.
    #[error(
        "the unfinished deployment belongs to {expected}, this key is {got}: use that key, or remove deployment.json to start again"
    )]
    OtherDeployer {
        /// Who started it.
        expected: Address,
        /// Who goes on.
        got: Address,
    },
    /// An unfinished deployment was made on another L1.
    #[error(
        "the unfinished deployment is on chain {expected}, this L1 is {got}: use that L1, or remove deployment.json to start again"
    )]
    OtherL1 {
        /// Where it was started.
        expected: u64,
        /// Where it goes on.
        got: u64,
    },
    /// The deployer sent other transactions in between, so that the planned addresses are gone.
    #[error(
        "{contract} was planned for nonce {expected} of {deployer}, whose nonce is {got}: remove deployment.json to start again"
    )]
    NonceMoved {
        /// The contract.
        contract: &'static str,
        /// The deployer.
        deployer: Address,
        /// The nonce it needs.
        expected: u64,
        /// The nonce there is.
        got: u64,
    },
    /// What stands at a planned address is not what was to be deployed.
    #[error("{contract} at {address}: {what} is {got}, expected {expected}")]
    Mismatch {
        /// The contract.
        contract: &'static str,
        /// Its address.
        address: Address,
        /// What was compared.
        what: &'static str,
        /// What should be there.
        expected: String,
        /// What is there.
        got: String,
    },
}
