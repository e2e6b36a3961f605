//! `mezz deposit`: from L1 to L2.

use alloy::{
    providers::Provider as _,
    sol_types::{SolCall, SolEvent},
};
use alloy_primitives::{Address, B256, U256};
use eyre::{WrapErr as _, eyre};
use mezz_contracts::{BridgedToken, Inbox, Vault, bridged_token_address};
use mezz_l1::{L1Call, TxSender};
use mezz_types::{Message, SystemTransaction};
use serde_json::json;

use crate::{
    args::{DepositArgs, ether},
    client::{Client, POLL},
    deposit::{deposit_ether, message_fee, view},
    output::Output,
};

/// Largest L2 gas that the vault asks for a token deposit, which it chooses itself.
const TOKEN_GAS: u64 = 3_000_000;

/// Deposits and waits until L2 has it.
pub(crate) async fn run(args: &DepositArgs, out: Output) -> eyre::Result<()> {
    let client = Client::connect(&args.chain).await?;
    let key = client.signer(&args.key)?;
    let sender = client.l1_sender(key);
    let to = args.to.unwrap_or_else(|| sender.address());
    let call = match args.token {
        Some(token) => {
            let amount = args.amount.parse().wrap_err("an amount of smallest units")?;
            approve(&client, &sender, token, amount, out).await?;
            token_call(&client, token, to, amount).await?
        }
        None => {
            let amount = ether(&args.amount)?;
            let contracts = &client.info.contracts;
            deposit_ether(&client.l1, contracts, to, amount, args.call.clone()).await?
        }
    };
    let waiting = out.wait("Waiting for L1");
    let deposited = send(&sender, call).await;
    waiting.finish_and_clear();
    let deposited = deposited?;
    let value = json!({
        "l1Transaction": deposited.l1_transaction, "gasUsed": deposited.gas_used,
        "inboxIndex": deposited.index, "l2Transaction": deposited.l2_transaction,
    });
    let text = format!(
        "in the inbox as message {} · {} L1 gas · {}",
        deposited.index, deposited.gas_used, deposited.l1_transaction
    );
    out.emit("enqueued", &value, text);
    let waiting = out.wait("Waiting for L2");
    let credited = wait_for(&client, deposited.l2_transaction).await;
    waiting.finish_and_clear();
    let succeeded = credited?;
    let token = args.token.map(bridged_token_address);
    let balance = match token {
        Some(token) => view(&client.l2, token, BridgedToken::balanceOfCall { account: to }).await?,
        None => client.l2.get_balance(to).await?,
    };
    let value = json!({ "to": to, "token": token, "balance": balance, "success": succeeded });
    let note = if succeeded { "" } else { " (the call failed; the money was credited)" };
    out.emit("credited", &value, format!("{to} now holds {balance} on L2{note}"));
    Ok(())
}

/// A message that entered the inbox.
pub(crate) struct Enqueued {
    pub(crate) index: u64,
    pub(crate) l1_transaction: B256,
    pub(crate) gas_used: u64,
    pub(crate) l2_transaction: B256,
}

/// Sends a call that puts one message into the inbox.
pub(crate) async fn send(sender: &TxSender, call: L1Call) -> eyre::Result<Enqueued> {
    let receipt = sender.send(call).await?;
    let found = receipt.logs().iter().find_map(|log| {
        let event = Inbox::MessageEnqueued::decode_log(&log.inner).ok()?;
        Message::try_from(event.data.message).ok()
    });
    let message = found.ok_or_else(|| eyre!("the inbox did not record the message"))?;
    // A forced transaction keeps its own hash: its bytes are the transaction.
    let l2_transaction = SystemTransaction::from_message(&message)
        .map_or_else(|| alloy_primitives::keccak256(&message.data), |it| it.hash());
    Ok(Enqueued {
        index: message.index.get(),
        l1_transaction: receipt.transaction_hash,
        gas_used: receipt.gas_used,
        l2_transaction,
    })
}

/// Waits until L2 has executed a transaction; whether it succeeded.
pub(crate) async fn wait_for(client: &Client, transaction: B256) -> eyre::Result<bool> {
    loop {
        let receipt: Option<serde_json::Value> =
            client.l2.raw_request("eth_getTransactionReceipt".into(), (transaction,)).await?;
        if let Some(receipt) = receipt {
            return Ok(receipt.get("status").and_then(|status| status.as_str()) == Some("0x1"));
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn approve(
    client: &Client,
    sender: &TxSender,
    token: Address,
    amount: U256,
    out: Output,
) -> eyre::Result<()> {
    let vault = client.info.contracts.vault;
    let allowed = BridgedToken::allowanceCall { owner: sender.address(), spender: vault };
    if view(&client.l1, token, allowed).await.wrap_err("the token on L1")? >= amount {
        return Ok(());
    }
    let data = BridgedToken::approveCall { spender: vault, value: amount }.abi_encode().into();
    let receipt = sender.send(L1Call { to: Some(token), data, ..L1Call::default() }).await?;
    let value = json!({ "token": token, "amount": amount, "gasUsed": receipt.gas_used });
    out.emit("approved", &value, format!("approved · {} L1 gas", receipt.gas_used));
    Ok(())
}

async fn token_call(
    client: &Client,
    token: Address,
    to: Address,
    amount: U256,
) -> eyre::Result<L1Call> {
    let contracts = &client.info.contracts;
    let value = message_fee(&client.l1, contracts, TOKEN_GAS).await?;
    let data = Vault::depositTokenCall { token, to, amount }.abi_encode().into();
    Ok(L1Call { to: Some(contracts.vault), value, data, ..L1Call::default() })
}
