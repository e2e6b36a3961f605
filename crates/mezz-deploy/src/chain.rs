//! `chain.json`: the public description of a chain, all that anybody needs to follow it.

use std::path::{Path, PathBuf};

use alloy_primitives::{B256, U256};
use mezz_contracts::{GenesisParameters, genesis_accounts};
use mezz_evm::{GenesisAccount, SealedBlock, genesis};
use mezz_l1::L1Contracts;
use mezz_trie::{PartialTrie, Witness};
use mezz_types::{ChainConfig, DataKind, L1BlockNumber, StateChanges, genesis_batch_accumulator};
use serde::{Deserialize, Serialize};

use crate::DeployError;

/// The public description of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainFile {
    /// What every claim is about.
    pub config: ChainConfig,
    /// Contracts on L1.
    pub contracts: L1Contracts,
    /// L1 block of the first contract, or one before it.
    pub l1_start_block: L1BlockNumber,
    /// Binds configuration and genesis: the batch accumulator at 0 and the root of the claim tree.
    pub genesis_hash: B256,
    /// Where batches go.
    pub data: DataKind,
    /// Seconds until a claim is final.
    pub window_secs: u64,
    /// Seconds of silence after which anybody may post.
    pub liveness_timeout_secs: u64,
    /// Bond of a line of claims, wei.
    pub bond_wei: U256,
    /// Batches that one claim may cover.
    pub max_batches_per_claim: u64,
}

impl ChainFile {
    /// Reads and checks `chain.json`: the genesis hash must follow from the configuration.
    ///
    /// # Errors
    /// [`DeployError::File`], [`DeployError::Parse`], [`DeployError::GenesisHash`].
    pub fn read(path: &Path) -> Result<Self, DeployError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| DeployError::File { path: path.to_owned(), source })?;
        let chain: Self = serde_json::from_str(&text).map_err(|error| DeployError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        chain.config.validate()?;
        let expected = chain_genesis(&chain.config)?.hash;
        if expected != chain.genesis_hash {
            return Err(DeployError::GenesisHash { expected, got: chain.genesis_hash });
        }
        Ok(chain)
    }

    /// Writes `chain.json`.
    ///
    /// # Errors
    /// [`DeployError::File`].
    pub fn write(&self, path: &Path) -> Result<(), DeployError> {
        write_json(path, self)
    }
}

/// Block 0 and what follows from it.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// Accounts.
    pub accounts: Vec<GenesisAccount>,
    /// The block.
    pub block: SealedBlock,
    /// Its commitment's hash.
    pub commitment_hash: B256,
    /// The genesis hash.
    pub hash: B256,
}

/// The genesis of a chain with this configuration.
///
/// # Errors
/// [`DeployError::Config`].
pub fn chain_genesis(config: &ChainConfig) -> Result<Genesis, DeployError> {
    config.validate()?;
    let parameters = GenesisParameters { vault: config.vault, fee_recipient: config.fee_recipient };
    let accounts: Vec<_> = genesis_accounts(&parameters)
        .into_iter()
        .map(|account| GenesisAccount {
            address: account.address,
            code: account.code,
            storage: account.storage.into_iter().collect(),
        })
        .collect();
    let executed = genesis(config, &accounts);
    let root = root_from_nothing(&executed.changes);
    let block = executed.seal(root);
    let commitment_hash = block.commitment().hash();
    let hash = genesis_batch_accumulator(config.hash(), commitment_hash);
    Ok(Genesis { accounts, block, commitment_hash, hash })
}

/// Root of the state that `changes` make of the empty one.
fn root_from_nothing(changes: &StateChanges) -> B256 {
    let root = PartialTrie::new([0; 32]).update(&Witness::default(), &changes.leaves);
    root.expect("the empty trie needs no witness").into()
}

/// Writes JSON so that a crash leaves the old file or the new one.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), DeployError> {
    let file = |source| DeployError::File { path: path.to_owned(), source };
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| DeployError::Parse { path: path.to_owned(), reason: error.to_string() })?;
    text.push('\n');
    let mut temporary = PathBuf::from(path);
    temporary.as_mut_os_string().push(".new");
    let written = std::fs::File::create(&temporary).and_then(|mut to| {
        std::io::Write::write_all(&mut to, text.as_bytes())?;
        to.sync_all()
    });
    written.map_err(file)?;
    std::fs::rename(&temporary, path).map_err(file)
}
