//! Gives the senders what they spend.

use std::time::Duration;

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, Bytes, U256};
use tokio::time::Instant;

use crate::{
    LoadError,
    client::Client,
    workload::{Terms, sign},
};

/// Transactions in one request.
const CHUNK: usize = 50;
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

/// Brings every one of `accounts` to `needed` wei from `funder`; `terms` are those of a plain transfer.
pub(crate) async fn fund(
    client: &Client,
    funder: &PrivateKeySigner,
    accounts: &[Address],
    needed: U256,
    terms: &Terms,
) -> Result<(), LoadError> {
    let mut missing = Vec::new();
    for account in accounts {
        let balance = client.balance(*account).await?;
        if balance < needed {
            missing.push((*account, needed - balance));
        }
    }
    let total = missing.iter().fold(U256::ZERO, |sum, (_, wei)| sum + *wei + terms.cost());
    let balance = client.balance(funder.address()).await?;
    if balance < total {
        return Err(LoadError::Funds { account: funder.address(), balance, needed: total });
    }
    let mut nonce = client.nonce(funder.address()).await?;
    for chunk in missing.chunks(CHUNK) {
        let mut signed = Vec::new();
        for (account, wei) in chunk {
            signed.push(sign(funder, nonce, ((*account).into(), *wei, Bytes::new()), terms)?);
            nonce = nonce.saturating_add(1);
        }
        let raw: Vec<&[u8]> = signed.iter().map(|it| it.raw.as_slice()).collect();
        if let Some(reason) = client.send(&raw).await?.into_iter().flatten().next() {
            return Err(LoadError::Answer { method: "eth_sendRawTransaction", got: reason });
        }
    }
    let started = Instant::now();
    for (account, _) in missing {
        while client.balance(account).await? < needed {
            if started.elapsed() > PATIENCE {
                return Err(LoadError::NotFunded { account, secs: PATIENCE.as_secs() });
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}
