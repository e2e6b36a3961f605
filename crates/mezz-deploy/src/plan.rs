//! What is to be deployed, and where it will stand: a pure function of settings and place.

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolConstructor;
use mezz_contracts::{
    Inbox, Messenger, Operators, Settlement, Vault, bridged_token_init_code_hash,
};
use mezz_l1::L1Contracts;
use mezz_types::{ChainConfig, L1BlockNumber};
use serde::{Deserialize, Serialize};

use crate::{ChainFile, DeployError, Genesis, Placement, Settings, chain_genesis};

/// Gas price floor of messages, wei per L2 gas: spam costs even where nobody else sends.
const MIN_MESSAGE_GAS_PRICE: u128 = 1_000_000;

/// Where a deployment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Chain id of L1.
    pub l1_chain_id: u64,
    /// L1 head when it was planned.
    pub l1_block: L1BlockNumber,
    /// Its timestamp: the genesis timestamp of the chain.
    pub l1_timestamp: u64,
    /// Who deploys.
    pub deployer: Address,
    /// Its nonce then.
    pub nonce: u64,
}

/// One contract to be created.
#[derive(Clone, Debug)]
pub struct Creation {
    /// Which.
    pub contract: &'static str,
    /// Where it will stand.
    pub address: Address,
    /// The deployer's nonce that puts it there.
    pub nonce: u64,
    /// Creation code and constructor arguments.
    pub init_code: Bytes,
}

/// A whole deployment.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it begins.
    pub origin: Origin,
    /// What it will be.
    pub chain: ChainFile,
    /// Its genesis.
    pub genesis: Genesis,
    /// The contracts, in order.
    pub creations: Vec<Creation>,
    /// Constructor arguments, to compare with what L1 answers.
    pub arguments: Arguments,
}

/// Constructor arguments.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// Of `Inbox`.
    pub inbox: Inbox::Config,
    /// Of `Operators`: operator, fee recipient, liveness timeout.
    pub operators: (Address, Address, u64),
    /// Of `Settlement`.
    pub settlement: Settlement::Config,
    /// Of `Vault`.
    pub vault: Vault::Config,
}

/// Plans a deployment.
///
/// # Errors
/// [`DeployError::Settings`] if the settings break a rule.
pub fn plan(settings: &Settings, origin: Origin) -> Result<Plan, DeployError> {
    settings.validate()?;
    let at = |offset: u64| origin.deployer.create(origin.nonce.saturating_add(offset));
    let contracts = L1Contracts {
        inbox: at(0),
        operators: at(1),
        settlement: at(2),
        messenger: at(3),
        vault: at(4),
        disputes: None,
    };
    let operator = settings.operator.unwrap_or(origin.deployer);
    let fee_recipient = settings.fee_recipient.unwrap_or(operator);
    let config = settings.chain_config(&Placement {
        l1_chain_id: origin.l1_chain_id,
        genesis_timestamp: origin.l1_timestamp,
        vault: contracts.vault,
        fee_recipient,
    })?;
    let genesis = chain_genesis(&config)?;
    let arguments = arguments(settings, &config, &contracts, &genesis, (operator, fee_recipient));
    let creations = creations(&origin, &contracts, &arguments);
    let chain = ChainFile {
        config,
        contracts,
        l1_start_block: origin.l1_block,
        genesis_hash: genesis.hash,
        data: settings.data,
        window_secs: settings.security.window_secs,
        liveness_timeout_secs: settings.security.liveness_timeout_secs,
        bond_wei: settings.security.bond_wei,
        max_batches_per_claim: settings.security.max_batches_per_claim,
    };
    Ok(Plan { origin, chain, genesis, creations, arguments })
}

fn arguments(
    settings: &Settings,
    config: &ChainConfig,
    contracts: &L1Contracts,
    genesis: &Genesis,
    (operator, fee_recipient): (Address, Address),
) -> Arguments {
    let limits = &settings.limits;
    let security = &settings.security;
    Arguments {
        inbox: Inbox::Config {
            genesisHash: genesis.hash,
            vault: contracts.vault,
            operators: contracts.operators,
            forceDelay: security.force_delay_secs,
            messageGas: limits.message_gas,
            batchMessages: limits.batch_messages,
            batchMessageGas: limits.batch_message_gas,
            // A quarter of the cap, as a block of Ethereum aims at half of its own: messages of
            // many L1 blocks must fit into one batch.
            blockMessageGasTarget: (limits.batch_message_gas / 4).max(1),
            blockMessageGas: limits.batch_message_gas,
            minGasPrice: MIN_MESSAGE_GAS_PRICE,
        },
        operators: (operator, fee_recipient, security.liveness_timeout_secs),
        settlement: Settlement::Config {
            configHash: config.hash(),
            genesisCommitmentHash: genesis.commitment_hash,
            inbox: contracts.inbox,
            // No proof system decides disputes on this version: a contested claim stays frozen.
            verifier: Address::ZERO,
            window: security.window_secs,
            bond: security.bond_wei.saturating_to(),
            maxBatchesPerClaim: security.max_batches_per_claim,
        },
        vault: Vault::Config {
            inbox: contracts.inbox,
            settlement: contracts.settlement,
            messenger: contracts.messenger,
            bridgedTokenInitCodeHash: bridged_token_init_code_hash(),
        },
    }
}

fn creations(origin: &Origin, at: &L1Contracts, arguments: &Arguments) -> Vec<Creation> {
    let (operator, fee_recipient, liveness) = arguments.operators;
    let encoded = [
        (
            "Inbox",
            &Inbox::BYTECODE,
            at.inbox,
            Inbox::constructorCall { config_: arguments.inbox.clone() }.abi_encode(),
        ),
        (
            "Operators",
            &Operators::BYTECODE,
            at.operators,
            Operators::constructorCall {
                inbox_: at.inbox,
                operator_: operator,
                feeRecipient_: fee_recipient,
                livenessTimeout_: liveness,
            }
            .abi_encode(),
        ),
        (
            "Settlement",
            &Settlement::BYTECODE,
            at.settlement,
            Settlement::constructorCall { config_: arguments.settlement.clone() }.abi_encode(),
        ),
        (
            "Messenger",
            &Messenger::BYTECODE,
            at.messenger,
            Messenger::constructorCall { vault_: at.vault }.abi_encode(),
        ),
        (
            "Vault",
            &Vault::BYTECODE,
            at.vault,
            Vault::constructorCall { config_: arguments.vault.clone() }.abi_encode(),
        ),
    ];
    let nonces = origin.nonce..;
    nonces
        .zip(encoded)
        .map(|(nonce, (contract, code, address, arguments))| {
            let mut init_code = code.to_vec();
            init_code.extend_from_slice(&arguments);
            Creation { contract, address, nonce, init_code: init_code.into() }
        })
        .collect()
}
