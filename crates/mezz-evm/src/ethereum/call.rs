//! Calls that leave nothing behind: `eth_call` and `eth_estimateGas`.

use alloc::vec::Vec;

use alloy_consensus::Transaction;
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::{
    ExecuteEvm,
    context::TxEnv,
    context_interface::{Block, cfg::gas::calculate_initial_tx_gas},
    primitives::hardfork::SpecId,
};

use super::{
    block::{EthereumOutcome, engine},
    env::EthereumBlockEnv,
    error::{EthereumPushError, push_error},
};
use crate::{Crypto, StateReader, transaction::recovered};

/// What a call would pay for gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthereumCallFees {
    /// Wei per gas at most.
    pub max_fee: u128,
    /// Tip, wei per gas; `None` for a plain gas price.
    pub max_tip: Option<u128>,
}

/// A call without a signature or a nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EthereumCall {
    /// Who calls; may be a contract (EIP-3607 does not apply).
    pub from: Address,
    /// Whom, or a creation.
    pub to: TxKind,
    /// Wei; the caller must have it.
    pub value: U256,
    /// Call data or init code.
    pub data: Bytes,
    /// Gas that it may use; the cap of EIP-7825 does not apply.
    pub gas_limit: u64,
    /// `None`: gas is free.
    pub fees: Option<EthereumCallFees>,
    /// EIP-2930.
    pub access_list: Option<AccessList>,
    /// EIP-7702.
    pub authorizations: Vec<SignedAuthorization>,
    /// EIP-4844; the current blob price is paid.
    pub blob_hashes: Vec<B256>,
}

impl EthereumCall {
    /// EIP-2718 type of the transaction that it would be.
    fn kind(&self) -> u8 {
        let dynamic = self.fees.is_some_and(|fees| fees.max_tip.is_some());
        match () {
            () if !self.authorizations.is_empty() => 4,
            () if !self.blob_hashes.is_empty() => 3,
            () if dynamic => 2,
            () if self.access_list.is_some() => 1,
            () => 0,
        }
    }
}

/// Runs `call` on `state` inside a block like `env`, and forgets what it did.
///
/// # Errors
/// [`EthereumPushError`]: `Invalid` if the call breaks a rule of transactions, `Block` if the state cannot be read.
pub fn call_ethereum<S: StateReader>(
    env: &EthereumBlockEnv,
    state: S,
    crypto: &dyn Crypto,
    call: EthereumCall,
) -> Result<EthereumOutcome, EthereumPushError<S::Error>> {
    let mut rules = env.rules_for_engine();
    rules.disable_nonce_check = true;
    rules.disable_eip3607 = true;
    rules.disable_block_gas_limit = true;
    rules.tx_gas_limit_cap = Some(u64::MAX);
    rules.disable_base_fee = call.fees.is_none();
    let mut engine = engine(env, rules, state, crypto);
    let blob_price = engine.ctx.block.blob_gasprice().unwrap_or_default();
    let transaction = TxEnv {
        tx_type: call.kind(),
        caller: call.from,
        gas_limit: call.gas_limit,
        gas_price: call.fees.map_or(0, |fees| fees.max_fee),
        kind: call.to,
        value: call.value,
        data: call.data,
        nonce: 0,
        chain_id: Some(env.chain_id),
        access_list: call.access_list.unwrap_or_default(),
        gas_priority_fee: call.fees.and_then(|fees| fees.max_tip),
        max_fee_per_blob_gas: if call.blob_hashes.is_empty() { 0 } else { blob_price },
        blob_hashes: call.blob_hashes,
        authorization_list: recovered(&call.authorizations, crypto),
    };
    let result = engine.transact(transaction).map_err(|error| push_error(error, env.base_fee))?;
    Ok(EthereumOutcome::from_engine(result.result))
}

/// The least gas limit with which `transaction` can be valid: its intrinsic gas, or the floor of EIP-7623 if that is more.
pub fn ethereum_intrinsic_gas(transaction: &impl Transaction) -> u64 {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let list = transaction.access_list();
    let slots = list.map_or(0, |list| list.iter().map(|item| item.storage_keys.len()).sum());
    let gas = calculate_initial_tx_gas(
        SpecId::OSAKA,
        transaction.input(),
        transaction.is_create(),
        count(list.map_or(0, |list| list.len())),
        count(slots),
        count(transaction.authorization_list().map_or(0, <[_]>::len)),
        None,
    );
    gas.initial_total_gas().max(gas.floor_gas())
}
