//! Configuration checks and contract deployment.

mod chain;
mod deploy;
mod error;
mod plan;
mod settings;

pub use chain::{ChainFile, Genesis, chain_genesis};
pub use deploy::{CHAIN_FILE, DEPLOYMENT_FILE, DeployEvent, deploy};
pub use error::DeployError;
pub use plan::{Arguments, Creation, Origin, Plan, plan};
pub use settings::{
    BLOB_RETENTION_SECS, DEFAULT_LIMITS, Placement, Security, Settings, SettingsError, default_fees,
};
