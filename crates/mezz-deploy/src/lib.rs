//! Configuration checks and contract deployment.

mod settings;

pub use settings::{
    BLOB_RETENTION_SECS, DEFAULT_LIMITS, Placement, Security, Settings, SettingsError, default_fees,
};
