//! `mezz.toml`: what a team decides about its chain, and the rules that it must keep.

use alloy_primitives::{Address, U256};
use mezz_types::{BatchIndex, ChainConfig, DataKind, Fees, Fork, LedgerKind, Limits, Rules};
use serde::{Deserialize, Serialize};

/// Seconds for which the consensus layer serves blobs: 4,096 epochs of 32 slots of 12 s (EIP-4844).
pub const BLOB_RETENTION_SECS: u64 = 4_096 * 32 * 12;

/// Everything in `mezz.toml`. Whatever is left out has the default shown by `mezz deploy --print`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Chain id of the new chain (EIP-155).
    pub chain_id: u64,
    /// Where batches go unless the batcher falls back to calldata.
    pub data: DataKind,
    /// Who may post batches; the deployer if it is left out.
    pub operator: Option<Address>,
    /// Who receives the fees on L1; the operator if it is left out.
    pub fee_recipient: Option<Address>,
    /// Delays and bonds.
    pub security: Security,
    /// Bounds of blocks and batches.
    pub limits: Limits,
    /// Fee market.
    pub fees: Fees,
}

/// Delays and bonds, seconds and wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// A claim is final this long after it was posted, unless disputed.
    pub window_secs: u64,
    /// The longest that a dispute may take.
    pub dispute_secs: u64,
    /// A batch has a claim this long after it was accepted, or the chain counts as stuck.
    pub claim_deadline_secs: u64,
    /// A message must be consumed within this.
    pub force_delay_secs: u64,
    /// Anybody may post batches when the operator has been silent this long.
    pub liveness_timeout_secs: u64,
    /// Unsettled work older than this opens the escape hatch.
    pub escape_timeout_secs: u64,
    /// Bond of a line of claims, wei.
    pub bond_wei: U256,
    /// Batches that one claim may cover.
    pub max_batches_per_claim: u64,
}

const DAY: u64 = 86_400;

impl Default for Security {
    fn default() -> Self {
        Self {
            window_secs: 7 * DAY,
            dispute_secs: 7 * DAY,
            claim_deadline_secs: DAY,
            force_delay_secs: DAY / 2,
            liveness_timeout_secs: DAY,
            escape_timeout_secs: 16 * DAY,
            bond_wei: U256::from(100_000_000_000_000_000u64),
            max_batches_per_claim: 256,
        }
    }
}

impl Security {
    /// Short delays for a chain that exists to be tried out.
    pub fn development() -> Self {
        Self {
            window_secs: 600,
            dispute_secs: 600,
            claim_deadline_secs: 600,
            force_delay_secs: 300,
            liveness_timeout_secs: 3_600,
            escape_timeout_secs: 7_200,
            ..Self::default()
        }
    }
}

/// Default bounds: see `docs/decisions` for how they were chosen.
pub const DEFAULT_LIMITS: Limits = Limits {
    block_gas: 100_000_000,
    batch_gas: 400_000_000,
    message_gas: 10_000_000,
    batch_message_gas: 30_000_000,
    batch_messages: 1_024,
    batch_bytes: 2_000_000,
    batch_blocks: 4_096,
    batch_transactions: 20_000,
};

/// Gas that L1 charges per byte of calldata in a data-heavy transaction (EIP-7623), thousandths.
const CALLDATA_GAS_MILLI: u64 = 40_000;
/// Blob gas per byte that a blob carries: 131,072 / 126,976, thousandths, rounded up.
const BLOB_GAS_MILLI: u64 = 1_033;

impl Default for Settings {
    fn default() -> Self {
        Self {
            chain_id: 77_001,
            data: DataKind::Blob,
            operator: None,
            fee_recipient: None,
            security: Security::default(),
            limits: DEFAULT_LIMITS,
            fees: default_fees(DataKind::Blob),
        }
    }
}

/// Fees that fit the kind of data.
pub fn default_fees(data: DataKind) -> Fees {
    let (l1_gas_per_byte_milli, blob_gas_per_byte_milli) = match data {
        DataKind::Calldata => (CALLDATA_GAS_MILLI, 0),
        DataKind::Blob => (0, BLOB_GAS_MILLI),
    };
    Fees {
        initial_base_fee: 100_000_000,
        min_base_fee: 1_000_000,
        elasticity: 4,
        change_denominator: 8,
        l1_gas_per_byte_milli,
        blob_gas_per_byte_milli,
    }
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The file is not what `mezz.toml` looks like.
    #[error("mezz.toml: {message}")]
    Syntax {
        /// What the parser says, with line and column.
        message: String,
    },
    /// A delay or a count is zero.
    #[error("{field} must not be zero")]
    Zero {
        /// Which.
        field: &'static str,
    },
    /// The escape hatch would open on a chain that is merely being disputed.
    #[error(
        "security.escape_timeout_secs ({escape}) must exceed window + dispute ({needed}): \
         otherwise a dispute alone would open the escape hatch"
    )]
    EscapeTooEarly {
        /// The timeout.
        escape: u64,
        /// Window and worst-case dispute together.
        needed: u64,
    },
    /// Blobs would be gone before a claim over them is decided.
    #[error(
        "claim deadline + window + dispute ({needed} s) must stay below the {retention} s for \
         which L1 keeps blobs: shorten one of them, or set data = \"calldata\""
    )]
    BlobsGone {
        /// The three together.
        needed: u64,
        /// How long blobs are served.
        retention: u64,
    },
    /// The transition refuses the configuration.
    #[error(transparent)]
    Chain(#[from] mezz_types::ConfigError),
}

impl Settings {
    /// Reads and checks `mezz.toml`.
    ///
    /// # Errors
    /// The first [`SettingsError`] found.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let table: toml::Table = toml::from_str(text).map_err(syntax)?;
        let names_fees = table.contains_key("fees");
        let mut settings: Self = toml::from_str(text).map_err(syntax)?;
        if !names_fees {
            settings.fees = default_fees(settings.data);
        }
        settings.validate()?;
        Ok(settings)
    }

    /// Checks the rules between the delays.
    ///
    /// # Errors
    /// The first [`SettingsError`] found.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let security = &self.security;
        for (field, value) in [
            ("security.window_secs", security.window_secs),
            ("security.dispute_secs", security.dispute_secs),
            ("security.claim_deadline_secs", security.claim_deadline_secs),
            ("security.force_delay_secs", security.force_delay_secs),
            ("security.liveness_timeout_secs", security.liveness_timeout_secs),
            ("security.max_batches_per_claim", security.max_batches_per_claim),
        ] {
            if value == 0 {
                return Err(SettingsError::Zero { field });
            }
        }
        if security.bond_wei.is_zero() {
            return Err(SettingsError::Zero { field: "security.bond_wei" });
        }
        let decided = security.window_secs.saturating_add(security.dispute_secs);
        if security.escape_timeout_secs <= decided {
            let escape = security.escape_timeout_secs;
            return Err(SettingsError::EscapeTooEarly { escape, needed: decided });
        }
        let needed = decided.saturating_add(security.claim_deadline_secs);
        if self.data == DataKind::Blob && needed >= BLOB_RETENTION_SECS {
            return Err(SettingsError::BlobsGone { needed, retention: BLOB_RETENTION_SECS });
        }
        Ok(())
    }

    /// The configuration of the chain, once L1 and the addresses are known.
    ///
    /// # Errors
    /// [`SettingsError::Chain`] if the transition refuses it.
    pub fn chain_config(&self, on: &Placement) -> Result<ChainConfig, SettingsError> {
        let config = ChainConfig {
            l1_chain_id: on.l1_chain_id,
            l2_chain_id: self.chain_id,
            ledger: LedgerKind::Evm,
            genesis_timestamp: on.genesis_timestamp,
            vault: on.vault,
            fee_recipient: on.fee_recipient,
            force_delay: self.security.force_delay_secs,
            limits: self.limits,
            fees: self.fees,
            forks: vec![Fork { from_batch: BatchIndex::ZERO, rules: Rules::Osaka }],
        };
        config.validate()?;
        Ok(config)
    }
}

/// What the settlement layer adds to the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// Timestamp of the L1 head when the deployment was planned.
    pub genesis_timestamp: u64,
    /// Address of the vault.
    pub vault: Address,
    /// Who receives the fees on L1.
    pub fee_recipient: Address,
}

fn syntax(error: toml::de::Error) -> SettingsError {
    SettingsError::Syntax { message: error.to_string().trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_a_valid_configuration() {
        assert_eq!(Settings::parse(""), Ok(Settings::default()));
        let development = Settings { security: Security::development(), ..Settings::default() };
        assert_eq!(development.validate(), Ok(()));
    }

    #[test]
    fn a_file_round_trips() {
        let text = toml::to_string(&Settings::default()).unwrap();
        assert_eq!(Settings::parse(&text), Ok(Settings::default()), "{text}");
    }

    #[test]
    fn calldata_chains_bill_calldata() {
        let settings = Settings::parse("data = \"calldata\"").unwrap();
        assert_eq!(settings.fees.l1_gas_per_byte_milli, 40_000);
        assert_eq!(settings.fees.blob_gas_per_byte_milli, 0);
    }

    #[test]
    fn delays_that_open_a_hole_are_refused() {
        let escape = "[security]\nescape_timeout_secs = 1209600";
        assert_eq!(
            Settings::parse(escape),
            Err(SettingsError::EscapeTooEarly { escape: 1_209_600, needed: 1_209_600 })
        );
        let blobs = "[security]\nclaim_deadline_secs = 363264";
        assert_eq!(
            Settings::parse(blobs),
            Err(SettingsError::BlobsGone { needed: 1_572_864, retention: 1_572_864 })
        );
        assert!(Settings::parse(&format!("data = \"calldata\"\n{blobs}")).is_ok());
        assert_eq!(
            Settings::parse("[security]\nbond_wei = \"0x0\""),
            Err(SettingsError::Zero { field: "security.bond_wei" })
        );
    }

    #[test]
    fn unknown_keys_are_named() {
        let Err(SettingsError::Syntax { message }) = Settings::parse("chain_idd = 5") else {
            panic!("accepted an unknown key")
        };
        assert!(message.contains("chain_idd"), "{message}");
    }
}
