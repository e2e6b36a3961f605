//! Calls that leave nothing behind.

use std::collections::BTreeMap;

use alloy::rpc::types::{
    BlockId, BlockOverrides, TransactionRequest,
    state::{AccountOverride, StateOverride},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256, keccak256};
use jsonrpsee::RpcModule;
use mezz_evm::{
    EthereumBlockEnv, EthereumCall, EthereumCallFees, EthereumInvalidTransaction as Invalid,
    EthereumOutcome, EthereumPushError, EthereumStatus, StateReader, call_ethereum,
};
use mezz_types::Account;

use super::{
    Registered, Rpc,
    args::Args,
    error::RpcError,
    heavy,
    select::{self, StateAt},
};
use crate::state::{StateError, WorldState};

/// Gas of a call that names none, and the most that one may have.
const CALL_GAS: u64 = 50_000_000;
/// Gas that a call with value gives along (EIP-150).
const CALL_STIPEND: u64 = 2_300;
/// An estimate may be too high by one part in so many.
const ESTIMATE_PRECISION: u64 = 64;

pub(super) fn register(module: &mut RpcModule<Rpc>) -> Registered {
    heavy(module, "eth_call", |rpc, mut args| {
        let (at, call) = read(rpc, &mut args)?;
        let outcome = at.run(rpc, call)?;
        succeeded(outcome).map(|outcome| outcome.output)
    })?;
    heavy(module, "eth_estimateGas", |rpc, mut args| {
        let (at, call) = read(rpc, &mut args)?;
        estimate(rpc, &at, call).map(U64::from)
    })
}

/// Estimates the gas of a request at the head, for those who sign it here.
pub(super) fn estimate_at_head(rpc: &Rpc, request: &TransactionRequest) -> Result<u64, RpcError> {
    let StateAt { state, env } = select::state(&rpc.version(), None)?;
    let at = Overridden { state, env, accounts: BTreeMap::new(), codes: BTreeMap::new() };
    estimate(rpc, &at, call_of(request.clone())?)
}

fn read(rpc: &Rpc, args: &mut Args<'_>) -> Result<(Overridden, EthereumCall), RpcError> {
    let request: TransactionRequest = args.next("call")?;
    let block: Option<BlockId> = args.optional()?;
    let accounts: StateOverride = args.optional()?.unwrap_or_default();
    let blocks: BlockOverrides = args.optional()?.unwrap_or_default();
    let StateAt { state, mut env } = select::state(&rpc.version(), block)?;
    override_block(&mut env, blocks)?;
    if accounts.values().any(|account| account.move_precompile_to.is_some()) {
        return Err(RpcError::Call("movePrecompileToAddress is not supported".to_owned()));
    }
    let codes = accounts.values().filter_map(|account| account.code.clone());
    let codes = codes.map(|code| (keccak256(&code), code)).collect();
    let accounts = accounts.into_iter().collect();
    Ok((Overridden { state, env, accounts, codes }, call_of(request)?))
}

fn override_block(env: &mut EthereumBlockEnv, blocks: BlockOverrides) -> Result<(), RpcError> {
    let small = |value: U256| {
        u64::try_from(value).map_err(|_| RpcError::Call("block override out of range".to_owned()))
    };
    if let Some(number) = blocks.number {
        env.number = small(number)?;
    }
    if let Some(base_fee) = blocks.base_fee {
        env.base_fee = small(base_fee)?;
    }
    env.timestamp = blocks.time.unwrap_or(env.timestamp);
    env.gas_limit = blocks.gas_limit.unwrap_or(env.gas_limit);
    env.beneficiary = blocks.coinbase.unwrap_or(env.beneficiary);
    env.prev_randao = blocks.random.unwrap_or(env.prev_randao);
    Ok(())
}

fn call_of(request: TransactionRequest) -> Result<EthereumCall, RpcError> {
    let fees = match (request.gas_price, request.max_fee_per_gas, request.max_priority_fee_per_gas)
    {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            let reason = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
            return Err(RpcError::Call(reason.to_owned()));
        }
        // Gas is free for a caller who offers nothing.
        (None | Some(0), None | Some(0), None | Some(0)) => None,
        (Some(price), ..) => Some(EthereumCallFees { max_fee: price, max_tip: None }),
        (None, max_fee, tip) => {
            let tip = tip.unwrap_or_default();
            Some(EthereumCallFees { max_fee: max_fee.unwrap_or(tip), max_tip: Some(tip) })
        }
    };
    let data = request.input.try_into_unique_input();
    Ok(EthereumCall {
        from: request.from.unwrap_or_default(),
        to: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: data.map_err(|error| RpcError::Call(error.to_string()))?.unwrap_or_default(),
        gas_limit: request.gas.unwrap_or(CALL_GAS).min(CALL_GAS),
        fees,
        access_list: request.access_list,
        authorizations: request.authorization_list.unwrap_or_default(),
        blob_hashes: request.blob_versioned_hashes.unwrap_or_default(),
    })
}

/// What a call returned, or the error that says why it did not.
fn succeeded(outcome: EthereumOutcome) -> Result<EthereumOutcome, RpcError> {
    match outcome.status {
        EthereumStatus::Success => Ok(outcome),
        EthereumStatus::Revert => Err(RpcError::Reverted { output: outcome.output }),
        EthereumStatus::Halt { out_of_gas: true, .. } => {
            Err(RpcError::Call("out of gas".to_owned()))
        }
        EthereumStatus::Halt { reason, .. } => Err(RpcError::Call(reason)),
    }
}

/// The least gas limit with which the call ends well, by bisection.
fn estimate(rpc: &Rpc, at: &Overridden, call: EthereumCall) -> Result<u64, RpcError> {
    let most = at.env.gas_limit.min(mezz_evm::TRANSACTION_GAS_CAP).min(call.gas_limit);
    let most = most.min(affordable(at, &call)?);
    let run = |gas_limit| at.run(rpc, EthereumCall { gas_limit, ..call.clone() });
    let outcome = match run(most) {
        // Not even its intrinsic gas.
        Err(RpcError::GasAboveAllowance { .. }) => {
            return Err(RpcError::GasAboveAllowance { allowance: most });
        }
        other => other?,
    };
    if matches!(outcome.status, EthereumStatus::Halt { out_of_gas: true, .. }) {
        return Err(RpcError::GasAboveAllowance { allowance: most });
    }
    let outcome = succeeded(outcome)?;
    let fits = |gas_limit| match run(gas_limit) {
        Ok(outcome) => Ok(outcome.is_success()),
        Err(RpcError::GasAboveAllowance { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    // Often exact: transfers, and calls that need nothing in passing.
    if fits(outcome.gas_used)? {
        return Ok(outcome.gas_used);
    }
    let (mut low, mut high) = (outcome.gas_used, most);
    // Calls within keep one part in 64 back: usually this much is enough.
    let likely = (outcome.gas_spent + CALL_STIPEND) * 64 / 63;
    if likely < high {
        if fits(likely)? {
            high = likely;
        } else {
            low = likely;
        }
    }
    while low + 1 < high && high - low > high / ESTIMATE_PRECISION {
        // Twice the least possible is more likely to do than the middle.
        let middle = (low + (high - low) / 2).min(low * 2);
        if fits(middle)? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high)
}

/// Gas that the caller can pay for.
fn affordable(at: &Overridden, call: &EthereumCall) -> Result<u64, RpcError> {
    let Some(fees) = call.fees else { return Ok(u64::MAX) };
    let account = at.account(call.from).map_err(|error| RpcError::Internal(error.to_string()))?;
    let balance = account.unwrap_or_default().balance;
    let left = balance
        .checked_sub(call.value)
        .ok_or_else(|| RpcError::Call("insufficient funds for transfer".to_owned()))?;
    let gas = left / U256::from(fees.max_fee.max(1));
    Ok(u64::try_from(gas).unwrap_or(u64::MAX))
}

/// A state with a caller's wishes over it.
#[derive(Debug)]
struct Overridden {
    state: WorldState,
    env: EthereumBlockEnv,
    accounts: BTreeMap<Address, AccountOverride>,
    codes: BTreeMap<B256, Bytes>,
}

impl Overridden {
    fn run(&self, rpc: &Rpc, call: EthereumCall) -> Result<EthereumOutcome, RpcError> {
        let gas_limit = call.gas_limit;
        call_ethereum(&self.env, self, &*rpc.crypto, call).map_err(|error| match error {
            EthereumPushError::Invalid(Invalid::GasLimitBelowIntrinsic { .. }) => {
                RpcError::GasAboveAllowance { allowance: gas_limit }
            }
            EthereumPushError::Invalid(Invalid::Balance { balance, required }) => {
                RpcError::Call(format!(
                    "insufficient funds for gas * price + value: have {balance} want {required}"
                ))
            }
            EthereumPushError::Invalid(Invalid::MaxFeeBelowBaseFee { base_fee }) => RpcError::Call(
                format!("max fee per gas less than block base fee: baseFee: {base_fee}"),
            ),
            EthereumPushError::Block(error) => RpcError::Internal(error.to_string()),
            other => RpcError::Call(other.to_string()),
        })
    }
}

impl StateReader for Overridden {
    type Error = StateError;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        let account = self.state.account(address)?;
        let Some(wish) = self.accounts.get(&address) else { return Ok(account) };
        let mut account = account.unwrap_or_default();
        account.balance = wish.balance.unwrap_or(account.balance);
        account.nonce = wish.nonce.unwrap_or(account.nonce);
        if let Some(code) = &wish.code {
            account.code_hash = keccak256(code);
        }
        Ok(Some(account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        let wish = self.accounts.get(&address);
        let key = B256::from(slot);
        if let Some(all) = wish.and_then(|wish| wish.state.as_ref()) {
            return Ok(all.get(&key).copied().unwrap_or_default().into());
        }
        match wish.and_then(|wish| wish.state_diff.as_ref()).and_then(|some| some.get(&key)) {
            Some(value) => Ok((*value).into()),
            None => self.state.storage(address, slot),
        }
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        match self.codes.get(&code_hash) {
            Some(code) => Ok(code.clone()),
            None => self.state.code(code_hash),
        }
    }
}
