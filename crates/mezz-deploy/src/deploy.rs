//! Carrying a plan out, in steps that can be interrupted anywhere.
//!
//! # Rules
//! - Y1 The plan's origin is on disk before the first transaction is sent; with the settings it
//!   gives the same plan again.
//! - Y2 A contract that stands at its planned address is not created again: only the deployer's key
//!   at the planned nonce can have put it there.
//! - Y3 At the end every constructor argument is read back from L1 and compared; only then is
//!   `chain.json` written.

use std::path::Path;

use alloy::{
    eips::BlockNumberOrTag,
    network::TransactionBuilder as _,
    providers::{DynProvider, Provider as _},
    rpc::types::TransactionRequest,
};
use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use mezz_contracts::{Inbox, Messenger, Operators, Settlement, Vault};
use mezz_l1::{L1Call, L1Error, TxSender};
use mezz_types::L1BlockNumber;
use serde::{Deserialize, Serialize};

use crate::{ChainFile, DeployError, Origin, Plan, Settings, chain::write_json, plan};

/// File that an unfinished deployment is kept in.
pub const DEPLOYMENT_FILE: &str = "deployment.json";
/// File that describes the finished chain.
pub const CHAIN_FILE: &str = "chain.json";

/// What `deployment.json` holds (Y1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unfinished {
    origin: Origin,
    settings: Settings,
}

/// What happens while a plan is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeployEvent {
    /// An earlier attempt goes on.
    Resumed,
    /// A contract was created.
    Created {
        /// Which.
        contract: &'static str,
        /// Where.
        address: Address,
        /// Gas that L1 took.
        gas_used: u64,
    },
    /// It was there from an earlier attempt.
    Found {
        /// Which.
        contract: &'static str,
        /// Where.
        address: Address,
    },
    /// Everything was read back and is as planned.
    Verified,
}

/// Deploys a chain into `dir`, or goes on where an earlier attempt stopped.
///
/// # Errors
/// [`DeployError`]; what was done stays done, and another call goes on.
pub async fn deploy(
    dir: &Path,
    settings: &Settings,
    provider: &DynProvider,
    sender: &TxSender,
    mut progress: impl FnMut(DeployEvent),
) -> Result<ChainFile, DeployError> {
    settings.validate()?;
    let unfinished = dir.join(DEPLOYMENT_FILE);
    let plan = match read_unfinished(&unfinished)? {
        Some(Unfinished { origin, settings }) => {
            check_origin(&origin, provider, sender).await?;
            progress(DeployEvent::Resumed);
            plan(&settings, origin)?
        }
        None => {
            let origin = origin(provider, sender).await?;
            let plan = plan(settings, origin)?;
            let settings = settings.clone();
            std::fs::create_dir_all(dir)
                .map_err(|source| DeployError::File { path: dir.to_owned(), source })?;
            write_json(&unfinished, &Unfinished { origin, settings })?;
            plan
        }
    };
    carry_out(&plan, provider, sender, &mut progress).await?;
    verify(&plan, provider).await?;
    progress(DeployEvent::Verified);
    plan.chain.write(&dir.join(CHAIN_FILE))?;
    std::fs::remove_file(&unfinished)
        .map_err(|source| DeployError::File { path: unfinished, source })?;
    Ok(plan.chain)
}

fn read_unfinished(path: &Path) -> Result<Option<Unfinished>, DeployError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DeployError::File { path: path.to_owned(), source }),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| DeployError::Parse { path: path.to_owned(), reason: error.to_string() })
}

async fn origin(provider: &DynProvider, sender: &TxSender) -> Result<Origin, DeployError> {
    let deployer = sender.address();
    let l1_chain_id = provider.get_chain_id().await.map_err(L1Error::from)?;
    let head = provider.get_block(BlockNumberOrTag::Latest.into()).await.map_err(L1Error::from)?;
    let missing = L1Error::Missing { what: "its latest block", hash: Default::default() };
    let head = head.ok_or(missing)?;
    let nonce = provider.get_transaction_count(deployer).await.map_err(L1Error::from)?;
    Ok(Origin {
        l1_chain_id,
        l1_block: L1BlockNumber::new(head.header.number),
        l1_timestamp: head.header.timestamp,
        deployer,
        nonce,
    })
}

async fn check_origin(
    origin: &Origin,
    provider: &DynProvider,
    sender: &TxSender,
) -> Result<(), DeployError> {
    let got = sender.address();
    if got != origin.deployer {
        return Err(DeployError::OtherDeployer { expected: origin.deployer, got });
    }
    let got = provider.get_chain_id().await.map_err(L1Error::from)?;
    if got != origin.l1_chain_id {
        return Err(DeployError::OtherL1 { expected: origin.l1_chain_id, got });
    }
    Ok(())
}

async fn carry_out(
    plan: &Plan,
    provider: &DynProvider,
    sender: &TxSender,
    progress: &mut impl FnMut(DeployEvent),
) -> Result<(), DeployError> {
    let deployer = plan.origin.deployer;
    for creation in &plan.creations {
        let (contract, address) = (creation.contract, creation.address);
        let code = provider.get_code_at(address).await.map_err(L1Error::from)?;
        if !code.is_empty() {
            progress(DeployEvent::Found { contract, address });
            continue;
        }
        let expected = creation.nonce;
        let got = provider.get_transaction_count(deployer).await.map_err(L1Error::from)?;
        if got != expected {
            return Err(DeployError::NonceMoved { contract, deployer, expected, got });
        }
        let data = creation.init_code.clone();
        let receipt = sender.send(L1Call { data, ..L1Call::default() }).await?;
        progress(DeployEvent::Created { contract, address, gas_used: receipt.gas_used });
    }
    Ok(())
}

/// Y3.
async fn verify(plan: &Plan, provider: &DynProvider) -> Result<(), DeployError> {
    let at = &plan.chain.contracts;
    let read = Read { provider };
    let expect = &plan.arguments;
    let inbox = read.call(at.inbox, Inbox::configCall {}).await?;
    same("Inbox", at.inbox, "configuration", &expect.inbox, &inbox)?;
    let settlement = read.call(at.settlement, Settlement::configCall {}).await?;
    same("Settlement", at.settlement, "configuration", &expect.settlement, &settlement)?;
    let vault = read.call(at.vault, Vault::configCall {}).await?;
    same("Vault", at.vault, "configuration", &expect.vault, &vault)?;
    let messenger = read.call(at.messenger, Messenger::vaultCall {}).await?;
    same("Messenger", at.messenger, "vault", &at.vault, &messenger)?;
    let operators = (
        read.call(at.operators, Operators::operatorCall {}).await?,
        read.call(at.operators, Operators::feeRecipientCall {}).await?,
        read.call(at.operators, Operators::livenessTimeoutCall {}).await?,
    );
    same("Operators", at.operators, "operator and timeout", &expect.operators, &operators)?;
    let inbox = read.call(at.operators, Operators::inboxCall {}).await?;
    same("Operators", at.operators, "inbox", &at.inbox, &inbox)
}

struct Read<'a> {
    provider: &'a DynProvider,
}

impl Read<'_> {
    async fn call<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, DeployError> {
        let request =
            TransactionRequest::default().with_to(to).with_input(Bytes::from(call.abi_encode()));
        let answer = self.provider.call(request).await.map_err(L1Error::from)?;
        C::abi_decode_returns(&answer).map_err(|error| {
            let (event, reason) = (C::SIGNATURE, error.to_string());
            DeployError::L1(L1Error::Event { event, reason })
        })
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    contract: &'static str,
    address: Address,
    what: &'static str,
    expected: &T,
    got: &T,
) -> Result<(), DeployError> {
    if expected == got {
        return Ok(());
    }
    let (expected, got) = (format!("{expected:?}"), format!("{got:?}"));
    Err(DeployError::Mismatch { contract, address, what, expected, got })
}
