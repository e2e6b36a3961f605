//! `mezz withdraw`: from L2 to L1, in three steps.

use alloy::{
    providers::Provider as _,
    sol_types::{SolCall, SolEvent},
};
use alloy_primitives::{Address, B256, U256, utils::format_ether};
use eyre::{WrapErr as _, bail, eyre};
use mezz_contracts::{FeeVault, Outbox, TokenBridge, Vault};
use mezz_l1::{L1Call, TxSender};
use mezz_rpc::{WithdrawalStage, WithdrawalStatus};
use mezz_types::{FEE_VAULT, OUTBOX, TOKEN_BRIDGE};
use serde_json::json;

use crate::{
    args::{WithdrawStep, ether},
    client::{Client, POLL, duration},
    output::Output,
};

/// Runs one step.
pub(crate) async fn run(step: &WithdrawStep, out: Output) -> eyre::Result<()> {
    match step {
        WithdrawStep::Start { amount, token, to, chain, key } => {
            let client = Client::connect(chain).await?;
            let sender = client.l2_sender(client.signer(key)?);
            let to = to.unwrap_or_else(|| sender.address());
            let call = match token {
                Some(token) => {
                    let amount = amount.parse().wrap_err("an amount of smallest units")?;
                    token_call(*token, to, amount)
                }
                None => ether_call(to, ether(amount)?),
            };
            tell_started(start(&sender, call).await?, out);
        }
        WithdrawStep::Fees { chain, key } => {
            let client = Client::connect(chain).await?;
            let fees = client.l2.get_balance(FEE_VAULT).await?;
            if fees.is_zero() {
                bail!("the fee vault is empty: there is nothing to withdraw");
            }
            let recipient = client.info.config.fee_recipient;
            let sender = client.l2_sender(client.signer(key)?);
            let data = FeeVault::withdrawCall {}.abi_encode().into();
            let call = L1Call { to: Some(FEE_VAULT), data, ..L1Call::default() };
            let started = start(&sender, call).await?;
            out.say(format!("{} ETH of fees for {recipient}", format_ether(fees)));
            tell_started(started, out);
        }
        WithdrawStep::Status { index, chain } => {
            let client = Client::connect(chain).await?;
            let status = client.withdrawal(*index).await?;
            out.emit("withdrawal", &status, describe(&status, client.info.window_secs));
        }
        WithdrawStep::Finish { index, wait, chain, key } => {
            let client = Client::connect(chain).await?;
            let sender = client.l1_sender(client.signer(key)?);
            let status = ready(&client, *index, *wait, out).await?;
            let (transaction, gas_used) = finish(&client, &sender, &status).await?;
            let value = json!({ "l1Transaction": transaction, "gasUsed": gas_used });
            out.emit("paid", &value, format!("paid · {gas_used} L1 gas · {transaction}"));
        }
    }
    Ok(())
}

fn tell_started((index, transaction): (u64, B256), out: Output) {
    let value = json!({ "index": index, "l2Transaction": transaction });
    let text = format!(
        "withdrawal {index} is in the outbox. Next: mezz withdraw status {index}; when it is \
         ready: mezz withdraw finish {index}"
    );
    out.emit("started", &value, text);
}

/// The call on L2 that withdraws ETH.
pub(crate) fn ether_call(target: Address, amount: U256) -> L1Call {
    let data = Outbox::withdrawEtherCall { target }.abi_encode().into();
    L1Call { to: Some(OUTBOX), value: amount, data, ..L1Call::default() }
}

fn token_call(token: Address, to: Address, amount: U256) -> L1Call {
    let data = TokenBridge::withdrawCall { l1Token: token, to, amount }.abi_encode().into();
    L1Call { to: Some(TOKEN_BRIDGE), data, ..L1Call::default() }
}

/// Puts a withdrawal into the outbox: its index and the L2 transaction.
pub(crate) async fn start(sender: &TxSender, call: L1Call) -> eyre::Result<(u64, B256)> {
    let receipt = sender.send(call).await?;
    let recorded = receipt.logs().iter().find_map(|log| {
        let event = Outbox::WithdrawalRecorded::decode_log(&log.inner).ok()?;
        Some(event.data.index)
    });
    let index = recorded.ok_or_else(|| eyre!("the outbox did not record the withdrawal"))?;
    Ok((index, receipt.transaction_hash))
}

/// What a withdrawal waits for, as a person is told.
fn describe(status: &WithdrawalStatus, window: u64) -> String {
    let index = status.index;
    match status.stage {
        WithdrawalStage::Sequenced => format!(
            "in block {}, whose batch is not on L1 yet; then a claim, then its window of {}",
            status.block,
            duration(window)
        ),
        WithdrawalStage::Batched => {
            format!("on L1, waiting for a claim; then its window of {}", duration(window))
        }
        WithdrawalStage::Claimed => format!(
            "claimed; the window ends in {}",
            duration(status.seconds_left.unwrap_or_default())
        ),
        WithdrawalStage::Contested => {
            "a rival contests the claim: frozen until the dispute is decided".into()
        }
        WithdrawalStage::Finalizable => {
            "the window is over; the proposer (or anybody) finalizes the claim next".into()
        }
        WithdrawalStage::Ready => format!("ready: mezz withdraw finish {index}"),
    }
}

/// The withdrawal once it can be paid.
pub(crate) async fn ready(
    client: &Client,
    index: u64,
    wait: bool,
    out: Output,
) -> eyre::Result<WithdrawalStatus> {
    let mut waiting = None;
    loop {
        let status = client.withdrawal(index).await?;
        let text = describe(&status, client.info.window_secs);
        if status.stage == WithdrawalStage::Ready {
            if let Some(bar) = waiting {
                indicatif::ProgressBar::finish_and_clear(&bar);
            }
            return Ok(status);
        }
        if !wait {
            bail!("withdrawal {index} cannot be paid yet: {text}. With --wait this command waits");
        }
        waiting.get_or_insert_with(|| out.wait("Waiting")).set_message(text);
        tokio::time::sleep(POLL).await;
    }
}

/// Proves a withdrawal on L1 and has it paid: the transaction and its gas.
pub(crate) async fn finish(
    client: &Client,
    sender: &TxSender,
    status: &WithdrawalStatus,
) -> eyre::Result<(B256, u64)> {
    let (Some(commitment), Some(proof)) = (&status.commitment, &status.proof) else {
        bail!("the chain's RPC gave no proof for withdrawal {}", status.index);
    };
    let proof: [B256; 32] = proof
        .clone()
        .try_into()
        .map_err(|_| eyre!("the chain's RPC gave a proof of another length than 32"))?;
    let call = Vault::withdrawCall {
        commitment: Vault::Commitment {
            blockNumber: commitment.block_number,
            blockHash: commitment.block_hash,
            timestamp: commitment.timestamp,
            stateRoot: commitment.state_root,
            outboxRoot: commitment.outbox_root,
            nextInboxIndex: commitment.next_inbox_index,
        },
        withdrawal: Vault::Withdrawal {
            index: status.index,
            kind: status.kind,
            sender: status.sender,
            target: status.target,
            token: status.token,
            amount: status.amount,
            data: status.data.clone(),
        },
        proof,
    };
    let to = Some(client.info.contracts.vault);
    let data = call.abi_encode().into();
    let receipt = sender.send(L1Call { to, data, ..L1Call::default() }).await?;
    Ok((receipt.transaction_hash, receipt.gas_used))
}
