//! Calls that leave no trace: `eth_call`, `eth_estimateGas`, `eth_createAccessList`, and
//! `eth_simulateV1`.

mod sequence;
mod transfers;
mod watch;

use alloc::{collections::BTreeSet, vec::Vec};

use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::SignedAuthorization,
};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256};
use mezz_types::FEE_VAULT;
use revm::{
    context::{ContextTr, JournalTr as _, TxEnv, result::ExecutionResult},
    handler::PrecompileProvider,
    inspector::InspectorHandler as _,
    state::EvmState,
};

use crate::{
    BlockEnv, CallResult, Crypto, DataPrice, DataSize, ExecutionError, InvalidTransaction,
    StateReader, TRANSACTION_GAS_CAP,
    engine::{Context, Engine, call_result, engine, run},
    fees::{Offer, covering_gas},
    handler::{RunError, Terms, TransactionHandler},
    next_base_fee,
    overlay::{Overlay, ReadFailed},
    surcharge, transaction,
};

use transfers::Transfers;
use watch::{Watched, watch};

pub use sequence::{Applied, BlockChanges, NextCall};
pub use transfers::TRANSFER_EMITTER;

/// What a simulated call asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Sender; neither its nonce nor whether it has code matters.
    pub from: Address,
    /// Target, or creation.
    pub to: TxKind,
    /// Wei that goes with it; the sender must own it.
    pub value: U256,
    /// Call data or init code.
    pub data: Bytes,
    /// Gas limit; as much as the caller of the simulator allows if `None`.
    pub gas_limit: Option<u64>,
    /// Wei per gas at most (`maxFeePerGas` or `gasPrice`); gas is free if it is `None` or zero.
    pub max_fee_per_gas: Option<u128>,
    /// Wei per gas of it for the tip; all of it if `None`, as with `gasPrice`.
    pub max_priority_fee_per_gas: Option<u128>,
    /// EIP-2930.
    pub access_list: AccessList,
    /// EIP-7702; the transaction is of that type if there are any.
    pub authorizations: Vec<SignedAuthorization>,
}

impl Call {
    fn price(&self) -> Option<u128> {
        self.max_fee_per_gas.filter(|price| *price != 0)
    }

    fn data_size(&self) -> DataSize {
        DataSize::of_parts(&self.data, &self.access_list, self.authorizations.len())
    }

    /// The engine's transaction, on the terms that it pays its price if it names one.
    pub(crate) fn charged(
        &self,
        gas_limit: u64,
        base_fee: u64,
        data_price: DataPrice,
        crypto: &dyn Crypto,
    ) -> Result<(TxEnv, Terms), InvalidTransaction> {
        let Some(max_fee) = self.price() else { return Ok(self.free(gas_limit, crypto)) };
        let data_fee = data_price.fee(self.data_size().billed_bytes());
        let tip = self.max_priority_fee_per_gas;
        let offer = Offer::new(max_fee, tip, gas_limit, base_fee, data_fee)?;
        let terms = Terms {
            authorised: U256::from(max_fee).saturating_mul(U256::from(gas_limit)),
            data_fee,
            minted: U256::ZERO,
            gas_charged: true,
            sender_checked: false,
        };
        Ok((self.environment(gas_limit, offer, crypto), terms))
    }

    /// The engine's transaction, on the terms that it pays nothing.
    fn free(&self, gas_limit: u64, crypto: &dyn Crypto) -> (TxEnv, Terms) {
        let max_fee = self.price().unwrap_or(0);
        let offer = Offer { max_fee, tip: self.max_priority_fee_per_gas };
        let terms = Terms {
            authorised: U256::ZERO,
            data_fee: U256::ZERO,
            minted: U256::ZERO,
            gas_charged: false,
            sender_checked: false,
        };
        (self.environment(gas_limit, offer, crypto), terms)
    }

    fn environment(&self, gas_limit: u64, offer: Offer, crypto: &dyn Crypto) -> TxEnv {
        // Type 2 gives every field its meaning; a missing tip is the whole price (types 0 and 1).
        let tx_type = if self.authorizations.is_empty() { 2 } else { 4 };
        TxEnv {
            tx_type,
            caller: self.from,
            gas_limit,
            gas_price: offer.max_fee,
            kind: self.to,
            value: self.value,
            data: self.data.clone(),
            nonce: 0,
            chain_id: None,
            access_list: self.access_list.clone(),
            gas_priority_fee: offer.tip,
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: transaction::recovered(&self.authorizations, crypto),
        }
    }
}

/// What a simulated call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallOutcome {
    /// How it ended.
    pub result: CallResult,
    /// Gas that it used.
    pub gas_used: u64,
    /// Logs, in order; none if it failed.
    pub logs: Vec<Log>,
}

/// A gas limit with which a call succeeds as a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasEstimate {
    /// The gas limit to sign.
    pub gas_limit: u64,
    /// How much of it the execution needs; the rest carries the data fee and comes back unspent.
    pub execution_gas: u64,
    /// Data fee at the price in force, wei.
    pub data_fee: U256,
}

/// Accounts and slots that a call touches, and what it costs with them declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// The list, in order.
    pub access_list: AccessList,
    /// What the call does with it.
    pub outcome: CallOutcome,
}

/// Why a simulation has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError<E> {
    /// As a transaction, the call would not be valid.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// It fails with all the gas that it may have, so that no gas limit makes it succeed.
    #[error("the call fails: {result:?}")]
    Failed {
        /// How.
        result: CallResult,
    },
    /// It was stopped half-way, since its time was up.
    #[error("the time for calls is over")]
    TimeUp,
    /// The block around it cannot be made.
    #[error(transparent)]
    Block(ExecutionError<E>),
}

/// Runs calls in one block on one state, each as if it were alone.
pub struct Simulator<'a, S: StateReader> {
    env: BlockEnv<'a>,
    crypto: &'a dyn Crypto,
    engine: Engine<'a, Watched<'a, S>, Transfers>,
    data_price: DataPrice,
}

impl<'a, S: StateReader> Simulator<'a, S> {
    /// A simulator in `env` ([`BlockEnv::of`] for a block that exists) on `state`.
    ///
    /// Whenever `expired` says that time is up, the call under way ends with [`SimulationError::TimeUp`], and so
    /// does every later one.
    ///
    /// # Errors
    /// [`ExecutionError::State`].
    pub fn new(
        env: BlockEnv<'a>,
        state: S,
        crypto: &'a dyn Crypto,
        expired: &'a dyn Fn() -> bool,
    ) -> Result<Self, ExecutionError<S::Error>> {
        let mut overlay = Overlay::new(Watched::new(state, expired));
        let facts = match overlay.l1_facts() {
            Ok(facts) => facts,
            Err(ReadFailed) => return Err(overlay.error()),
        };
        let mut engine = engine(&env, overlay, crypto, Transfers::default());
        watch(&mut engine);
        Ok(Self { env, crypto, engine, data_price: DataPrice::new(&env.config.fees, &facts) })
    }

    /// Wei per byte that a transaction pays for its data on L1.
    pub const fn data_price(&self) -> DataPrice {
        self.data_price
    }

    /// `eth_call`: runs `call` with at most `gas_cap`. If it names a price, it must own what it
    /// would pay, data fee included.
    ///
    /// # Errors
    /// [`SimulationError::Invalid`] or [`SimulationError::Block`]; a call that fails is an
    /// outcome.
    pub fn call(
        &mut self,
        call: &Call,
        gas_cap: u64,
    ) -> Result<CallOutcome, SimulationError<S::Error>> {
        let gas_limit = call.gas_limit.map_or(gas_cap, |limit| limit.min(gas_cap));
        Ok(call_outcome(self.run_charged(call, gas_limit)?.0))
    }

    /// `eth_estimateGas`: a gas limit of at most `gas_cap` and EIP-7825's cap with which `call`
    /// succeeds and pays for its data.
    ///
    /// If the call names no price, it is taken to offer a fifth more than the base fee, and the
    /// tip of [`DataPrice::suggested_tip`]: the least that common wallets offer.
    ///
    /// # Errors
    /// [`SimulationError::Failed`] if no such limit makes it succeed; the others as of
    /// [`Simulator::call`].
    pub fn estimate_gas(
        &mut self,
        call: &Call,
        gas_cap: u64,
    ) -> Result<GasEstimate, SimulationError<S::Error>> {
        let asked = call.gas_limit.unwrap_or(u64::MAX);
        let cap = asked.min(gas_cap).min(TRANSACTION_GAS_CAP).min(self.env.gas_limit);
        let execution_gas = self.search(call, cap)?;
        let data_fee = self.data_price.fee(call.data_size().billed_bytes());
        let base_fee = self.env.base_fee;
        let max_fee = call.price().unwrap_or_else(|| {
            let tip = self.data_price.suggested_tip(base_fee);
            u128::from(base_fee).saturating_add(u128::from(base_fee / 5)).saturating_add(tip)
        });
        let gas_limit = match covering_gas(base_fee, max_fee, data_fee) {
            Some(enough) if enough <= execution_gas => execution_gas,
            _ => execution_gas.max(self.covering_gas(max_fee, data_fee, cap)?),
        };
        if call.price().is_some() {
            self.check_balance(call, gas_limit, max_fee)?;
        }
        Ok(GasEstimate { gas_limit, execution_gas, data_fee })
    }

    /// `eth_createAccessList`: what `call` touches, with at most `gas_cap`.
    ///
    /// # Errors
    /// As of [`Simulator::call`].
    pub fn access_list(
        &mut self,
        call: &Call,
        gas_cap: u64,
    ) -> Result<AccessListOutcome, SimulationError<S::Error>> {
        let gas_limit = call.gas_limit.map_or(gas_cap, |limit| limit.min(gas_cap));
        let (_, touched) = self.run_charged(call, gas_limit)?;
        let mut declared = call.clone();
        declared.access_list = self.touched(call, &touched);
        let outcome = call_outcome(self.run_charged(&declared, gas_limit)?.0);
        Ok(AccessListOutcome { access_list: declared.access_list, outcome })
    }

    /// Accounts and slots of `state` that are not warm anyway.
    fn touched(&self, call: &Call, state: &EvmState) -> AccessList {
        let precompiles =
            PrecompileProvider::<Context<Watched<'_, S>>>::warm_addresses(&self.engine.precompiles);
        let warm = |address: &Address| {
            *address == call.from
                || call.to.to() == Some(address)
                || *address == FEE_VAULT
                || precompiles.contains(address)
        };
        let mut items = Vec::new();
        for (address, account) in state {
            let slots: BTreeSet<_> = account.storage.keys().map(|slot| B256::from(*slot)).collect();
            if !slots.is_empty() || !warm(address) {
                let storage_keys = slots.into_iter().collect();
                items.push(AccessListItem { address: *address, storage_keys });
            }
        }
        items.sort_by_key(|item| item.address);
        AccessList(items)
    }

    /// The least gas limit up to `cap` with which `call` succeeds, to within a 64th.
    fn search(&mut self, call: &Call, cap: u64) -> Result<u64, SimulationError<S::Error>> {
        let result = self.run_free(call, cap)?.0;
        if !result.is_success() {
            return Err(SimulationError::Failed { result: call_result(result).0 });
        }
        // Code that does not look at its gas needs what it spent before refunds.
        let spent = result.gas().total_gas_spent().max(result.tx_gas_used());
        if spent >= cap || self.succeeds(call, spent)? {
            return Ok(spent.min(cap));
        }
        let (mut low, mut high) = (spent, cap);
        while high.saturating_sub(low) > (low / 64).max(1) {
            let middle = low.midpoint(high);
            if self.succeeds(call, middle)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(high)
    }

    fn succeeds(&mut self, call: &Call, gas_limit: u64) -> Result<bool, SimulationError<S::Error>> {
        match self.run_free(call, gas_limit) {
            Ok((result, _)) => Ok(result.is_success()),
            Err(SimulationError::Invalid(InvalidTransaction::GasLimitBelowIntrinsic {
                ..
            })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The gas limit, at most `cap`, that carries `data_fee`: above the highest base fee that the next
    /// block can have, or at least above this one's.
    fn covering_gas(
        &self,
        max_fee: u128,
        data_fee: U256,
        cap: u64,
    ) -> Result<u64, InvalidTransaction> {
        let BlockEnv { base_fee, gas_limit, config, .. } = self.env;
        let highest = next_base_fee(&config.fees, gas_limit, gas_limit, base_fee);
        let lowest = u128::from(base_fee);
        if max_fee < lowest {
            return Err(InvalidTransaction::MaxFeeBelowBaseFee { base_fee: lowest, max_fee });
        }
        [highest, base_fee]
            .into_iter()
            .find_map(|base_fee| {
                covering_gas(base_fee, max_fee, data_fee).filter(|gas| *gas <= cap)
            })
            .ok_or(InvalidTransaction::DataFeeNotCovered {
                base_fee: lowest,
                surcharge: surcharge(data_fee, cap),
                max_fee,
            })
    }

    fn check_balance(
        &mut self,
        call: &Call,
        gas_limit: u64,
        max_fee: u128,
    ) -> Result<(), SimulationError<S::Error>> {
        let overlay = self.engine.ctx.db_mut();
        let balance = match overlay.account(call.from) {
            Ok(account) => account.unwrap_or_default().balance,
            Err(ReadFailed) => return Err(SimulationError::Block(overlay.error())),
        };
        let gas = U256::from(max_fee).saturating_mul(U256::from(gas_limit));
        let required = gas.checked_add(call.value).unwrap_or(U256::MAX);
        if balance < required {
            return Err(InvalidTransaction::Balance { balance, required }.into());
        }
        Ok(())
    }

    /// Runs `call` and charges what it would pay, if it names a price.
    fn run_charged(
        &mut self,
        call: &Call,
        gas_limit: u64,
    ) -> Result<(ExecutionResult, EvmState), SimulationError<S::Error>> {
        let (tx, terms) =
            call.charged(gas_limit, self.env.base_fee, self.data_price, self.crypto)?;
        self.run(tx, terms)
    }

    /// Runs `call` and charges nothing; opcodes see the price that it names.
    fn run_free(
        &mut self,
        call: &Call,
        gas_limit: u64,
    ) -> Result<(ExecutionResult, EvmState), SimulationError<S::Error>> {
        let (tx, terms) = call.free(gas_limit, self.crypto);
        self.run(tx, terms)
    }

    fn run(
        &mut self,
        tx: TxEnv,
        terms: Terms,
    ) -> Result<(ExecutionResult, EvmState), SimulationError<S::Error>> {
        if self.engine.ctx.db().reader().is_over() {
            return Err(SimulationError::TimeUp);
        }
        let result = if self.engine.inspector.on {
            self.engine.inspector.begin();
            self.engine.ctx.tx = tx;
            let result = TransactionHandler::new(terms).inspect_run(&mut self.engine);
            let state = self.engine.ctx.journal_mut().finalize();
            result.map(|result| (result, state))
        } else {
            run(&mut self.engine, tx, terms)
        };
        if let Some(failure) = self.engine.ctx.db_mut().take_failure() {
            return Err(SimulationError::Block(ExecutionError::State(failure)));
        }
        result.map_err(|error| match error {
            RunError::Invalid(invalid) => SimulationError::Invalid(invalid),
            // Why a read failed is said above, so that nothing did.
            RunError::State(ReadFailed) => SimulationError::TimeUp,
            RunError::Engine(reason) => SimulationError::Block(ExecutionError::Engine { reason }),
        })
    }
}

pub(crate) fn call_outcome(result: ExecutionResult) -> CallOutcome {
    let gas_used = result.tx_gas_used();
    let (result, logs) = call_result(result);
    CallOutcome { result, gas_used, logs }
}
