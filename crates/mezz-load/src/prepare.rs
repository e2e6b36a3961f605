//! Deploys what a load calls.

use std::time::Duration;

use alloy::{
    signers::local::PrivateKeySigner,
    sol_types::{SolCall as _, SolConstructor as _},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use mezz_contracts::{LoadPair, LoadToken};
use tokio::time::{Instant, sleep};

use crate::{
    LoadError,
    client::Client,
    workload::{Action, Recipients, Terms, Workload, recipient, sign},
};

/// Units that every holder of a token starts with.
const HOLDING: u128 = 1 << 96;
/// Holders that one transaction mints for.
const MINTED: usize = 100;
/// Transactions in one request.
const CHUNK: usize = 50;
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);

/// What a load does, and what it takes.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) action: Action,
    /// Terms of its transactions.
    pub(crate) terms: Terms,
    /// Calls that every sender makes before.
    setup: Vec<(Address, Bytes)>,
    setup_terms: Terms,
}

impl Prepared {
    /// Wei that a sender of `count` transactions may spend.
    pub(crate) fn cost(&self, count: u64) -> U256 {
        let setup = self.setup_terms.cost() * U256::from(self.setup.len());
        self.terms.cost() * U256::from(count) + setup
    }

    /// Makes the calls that every sender makes before.
    pub(crate) async fn set_up(
        &self,
        client: &Client,
        keys: &[PrivateKeySigner],
    ) -> Result<(), LoadError> {
        let mut signed = Vec::new();
        for key in keys {
            let mut nonce = client.nonce(key.address()).await?;
            for (to, input) in &self.setup {
                let call = ((*to).into(), U256::ZERO, input.clone());
                signed.push(sign(key, nonce, call, &self.setup_terms)?);
                nonce = nonce.saturating_add(1);
            }
        }
        for chunk in signed.chunks(CHUNK) {
            let raw: Vec<&[u8]> = chunk.iter().map(|it| it.raw.as_slice()).collect();
            accepted(client.send(&raw).await?)?;
        }
        for transaction in signed {
            done(client, transaction.hash).await?;
        }
        Ok(())
    }
}

/// Deploys the contracts of `workload` and gives tokens to `senders`; `plain` are the terms of a transfer.
pub(crate) async fn prepare(
    client: &Client,
    workload: Workload,
    funder: &PrivateKeySigner,
    senders: &[Address],
    plain: &Terms,
) -> Result<Prepared, LoadError> {
    let mut prepared =
        Prepared { action: Action::Ether, terms: *plain, setup: Vec::new(), setup_terms: *plain };
    if workload == Workload::Ether {
        return Ok(prepared);
    }
    let nonce = client.nonce(funder.address()).await?;
    let mut deployer = Deployer { client, funder, nonce, plain };
    let holders: Vec<Address> = senders.iter().copied().chain([funder.address()]).collect();
    let token = deployer.token(&holders).await?;
    prepared.action = Action::Token(token);
    if workload == Workload::Swap {
        let other = deployer.token(&holders).await?;
        let pair = deployer.pair(token, other).await?;
        let approve = LoadToken::approveCall { spender: pair, value: U256::MAX }.abi_encode();
        for token in [token, other] {
            let input = Bytes::from(approve.clone());
            prepared.setup_terms = deployer.call(token.into(), input.clone()).await?;
            prepared.setup.push((token, input));
        }
        prepared.action = Action::Swap(pair);
    }
    // Somebody new costs most.
    let to = recipient(Recipients::Uniform(u64::MAX), &[], 0, 0);
    let (callee, _, input) = prepared.action.call(to, 0);
    prepared.terms = deployer.terms(callee, &input).await?;
    Ok(prepared)
}

/// Sends from the funding account, one transaction after the other.
struct Deployer<'d> {
    client: &'d Client,
    funder: &'d PrivateKeySigner,
    nonce: u64,
    plain: &'d Terms,
}

impl Deployer<'_> {
    /// Terms of a call; with a third more gas than it would take now.
    async fn terms(&self, to: TxKind, input: &Bytes) -> Result<Terms, LoadError> {
        let gas = self.client.gas(self.funder.address(), to, input).await?;
        Ok(Terms { gas_limit: gas.saturating_add(gas / 3), ..*self.plain })
    }

    async fn call(&mut self, to: TxKind, input: Bytes) -> Result<Terms, LoadError> {
        let terms = self.terms(to, &input).await?;
        let signed = sign(self.funder, self.nonce, (to, U256::ZERO, input), &terms)?;
        accepted(self.client.send(&[&signed.raw]).await?)?;
        self.nonce = self.nonce.saturating_add(1);
        done(self.client, signed.hash).await?;
        Ok(terms)
    }

    async fn create(&mut self, code: &Bytes, arguments: Vec<u8>) -> Result<Address, LoadError> {
        let created = self.funder.address().create(self.nonce);
        self.call(TxKind::Create, [code.to_vec(), arguments].concat().into()).await?;
        Ok(created)
    }

    async fn mint(&mut self, token: Address, holders: &[Address]) -> Result<(), LoadError> {
        for holders in holders.chunks(MINTED) {
            let each = U256::from(HOLDING);
            let call = LoadToken::mintCall { holders: holders.to_vec(), each };
            self.call(token.into(), call.abi_encode().into()).await?;
        }
        Ok(())
    }

    async fn token(&mut self, holders: &[Address]) -> Result<Address, LoadError> {
        let token = self.create(&LoadToken::BYTECODE, Vec::new()).await?;
        self.mint(token, holders).await?;
        Ok(token)
    }

    async fn pair(&mut self, token0: Address, token1: Address) -> Result<Address, LoadError> {
        let arguments = LoadPair::constructorCall { token0_: token0, token1_: token1 };
        let pair = self.create(&LoadPair::BYTECODE, arguments.abi_encode()).await?;
        self.mint(token0, &[pair]).await?;
        self.mint(token1, &[pair]).await?;
        self.call(pair.into(), LoadPair::syncCall {}.abi_encode().into()).await?;
        Ok(pair)
    }
}

/// An error if one of the transactions was refused.
fn accepted(answers: Vec<Option<String>>) -> Result<(), LoadError> {
    match answers.into_iter().flatten().next() {
        Some(got) => Err(LoadError::Answer { method: "eth_sendRawTransaction", got }),
        None => Ok(()),
    }
}

/// Waits until a transaction is in a block.
async fn done(client: &Client, hash: B256) -> Result<(), LoadError> {
    let started = Instant::now();
    loop {
        match client.succeeded(hash).await? {
            Some(true) => return Ok(()),
            Some(false) => return Err(LoadError::Reverted { hash }),
            None if started.elapsed() > PATIENCE => {
                return Err(LoadError::NotIncluded { hash, secs: PATIENCE.as_secs() });
            }
            None => sleep(POLL).await,
        }
    }
}
