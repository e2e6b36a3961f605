//! Calls that bring money and messages to L2.

use alloy::{
    network::TransactionBuilder as _,
    providers::{DynProvider, Provider as _},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use alloy_primitives::{Address, Bytes, U256};
use mezz_contracts::{Inbox, Vault};
use mezz_l1::{L1Call, L1Contracts};

/// L2 gas of a deposit without a call.
const DEPOSIT_GAS: u64 = 100_000;
/// L2 gas of a deposit with a call.
const CALL_GAS: u64 = 1_000_000;

/// Asks a view of a contract on L1.
pub(crate) async fn view<C: SolCall>(
    provider: &DynProvider,
    to: Address,
    call: C,
) -> eyre::Result<C::Return> {
    let request =
        TransactionRequest::default().with_to(to).with_input(Bytes::from(call.abi_encode()));
    let answer = provider.call(request).await?;
    Ok(C::abi_decode_returns(&answer)?)
}

/// What a message of `gas` costs now, with room for the price to rise before it is mined; the
/// contracts return the rest.
pub(crate) async fn message_fee(
    provider: &DynProvider,
    contracts: &L1Contracts,
    gas: u64,
) -> eyre::Result<U256> {
    let fee: U256 = view(provider, contracts.inbox, Inbox::quoteCall { gasLimit: gas }).await?;
    Ok(fee.saturating_mul(U256::from(2)))
}

/// A deposit of ETH to `to`, with call data for a contract there or without.
pub(crate) async fn deposit_ether(
    provider: &DynProvider,
    contracts: &L1Contracts,
    to: Address,
    amount: U256,
    data: Option<Bytes>,
) -> eyre::Result<L1Call> {
    let gas = if data.is_some() { CALL_GAS } else { DEPOSIT_GAS };
    let fee = message_fee(provider, contracts, gas).await?;
    let call =
        Vault::depositEtherCall { to, amount, gasLimit: gas, data: data.unwrap_or_default() };
    Ok(L1Call {
        to: Some(contracts.vault),
        value: amount.saturating_add(fee),
        data: call.abi_encode().into(),
        ..L1Call::default()
    })
}
