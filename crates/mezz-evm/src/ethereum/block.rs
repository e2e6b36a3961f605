//! Execution of one block, transaction by transaction.

use alloc::{format, string::String, vec::Vec};

use alloy_consensus::Transaction;
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS,
    eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
};
use alloy_primitives::{Address, B256, Bytes, Log};
use revm::{
    Context, ExecuteEvm, Journal, SystemCallEvm,
    context::{BlockEnv, CfgEnv, Evm, TxEnv},
    context_interface::{
        ContextTr,
        result::{ExecutionResult, HaltReason, Output},
    },
    handler::{EthFrame, instructions::EthInstructions},
    interpreter::interpreter::EthInterpreter,
};

use super::{
    database::{EthereumChanges, Overlay},
    env::{EthereumBlockEnv, blob_gas},
    error::{EthereumError, EthereumPushError, push_error},
};
use crate::{Crypto, MezzPrecompiles, StateReader, transaction::recovered};

pub(super) type EngineContext<S> =
    Context<BlockEnv, TxEnv, CfgEnv, Overlay<S>, Journal<Overlay<S>>, ()>;
pub(super) type Engine<'a, S> = Evm<
    EngineContext<S>,
    (),
    EthInstructions<EthInterpreter, EngineContext<S>>,
    MezzPrecompiles<'a, dyn Crypto + 'a>,
    EthFrame<EthInterpreter>,
>;

pub(super) fn engine<'a, S: StateReader>(
    env: &EthereumBlockEnv,
    rules: CfgEnv,
    state: S,
    crypto: &'a (dyn Crypto + 'a),
) -> Engine<'a, S> {
    let spec = rules.spec;
    let context =
        EngineContext::new(Overlay::new(state), spec).with_cfg(rules).with_block(env.for_engine());
    Evm::new(
        context,
        EthInstructions::new_mainnet_with_spec(spec),
        MezzPrecompiles::unbounded(crypto),
    )
}

/// How a transaction or call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EthereumStatus {
    /// As it was meant to.
    Success,
    /// By `REVERT`; the output says why.
    Revert,
    /// By a fault, with all of its gas.
    Halt {
        /// The engine's name for it.
        reason: String,
        /// Whether more gas might have helped.
        out_of_gas: bool,
    },
}

/// What a transaction or call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EthereumOutcome {
    /// How it ended.
    pub status: EthereumStatus,
    /// Gas that it paid for.
    pub gas_used: u64,
    /// The most gas that it held at any time: `gas_used` before refunds.
    pub gas_spent: u64,
    /// What it returned; the runtime code if it created a contract.
    pub output: Bytes,
    /// The contract that it created.
    pub created: Option<Address>,
    /// Its logs; none unless it succeeded.
    pub logs: Vec<Log>,
}

impl EthereumOutcome {
    pub(super) fn from_engine(result: ExecutionResult) -> Self {
        let gas_used = result.tx_gas_used();
        let gas_spent = result.gas().total_gas_spent().max(gas_used);
        match result {
            ExecutionResult::Success { output, logs, .. } => {
                let created = match &output {
                    Output::Create(_, address) => *address,
                    Output::Call(_) => None,
                };
                let output = output.into_data();
                let status = EthereumStatus::Success;
                Self { status, gas_used, gas_spent, output, created, logs }
            }
            ExecutionResult::Revert { output, .. } => Self {
                status: EthereumStatus::Revert,
                gas_used,
                gas_spent,
                output,
                created: None,
                logs: Vec::new(),
            },
            ExecutionResult::Halt { reason, .. } => Self {
                status: EthereumStatus::Halt {
                    out_of_gas: matches!(reason, HaltReason::OutOfGas(_)),
                    reason: format!("{reason:?}"),
                },
                gas_used,
                gas_spent,
                output: Bytes::new(),
                created: None,
                logs: Vec::new(),
            },
        }
    }

    /// Whether it ended as it was meant to.
    pub fn is_success(&self) -> bool {
        self.status == EthereumStatus::Success
    }
}

/// What a whole block did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedEthereumBlock {
    /// New state, relative to the one that the block started on.
    pub changes: EthereumChanges,
    /// Gas that its transactions paid for.
    pub gas_used: u64,
    /// Blob gas of its transactions.
    pub blob_gas_used: u64,
    /// EIP-7685 requests, each with its type as first byte; empty ones left out.
    pub requests: Vec<Bytes>,
}

/// A block in the making.
#[allow(missing_debug_implementations, reason = "the engine's state says nothing to a reader")]
pub struct EthereumBlock<'a, S: StateReader> {
    env: EthereumBlockEnv,
    crypto: &'a (dyn Crypto + 'a),
    engine: Engine<'a, S>,
    gas_used: u64,
    blob_gas_used: u64,
}

impl<'a, S: StateReader> EthereumBlock<'a, S> {
    /// Starts a block on `state`, the one after its parent, and runs the system contracts that come first.
    ///
    /// # Errors
    /// [`EthereumError`] if the state cannot be read or a system contract fails.
    pub fn start(
        env: EthereumBlockEnv,
        state: S,
        crypto: &'a (dyn Crypto + 'a),
    ) -> Result<Self, EthereumError<S::Error>> {
        let engine = engine(&env, env.rules_for_engine(), state, crypto);
        let mut block = Self { env, crypto, engine, gas_used: 0, blob_gas_used: 0 };
        block.system_call(BEACON_ROOTS_ADDRESS, env.parent_beacon_root.into())?;
        block.system_call(HISTORY_STORAGE_ADDRESS, env.parent_hash.into())?;
        Ok(block)
    }

    /// Runs `transaction` of `sender`, whose signature the caller has checked, and keeps what it did.
    ///
    /// # Errors
    /// [`EthereumPushError`]; all but its `Block` leave the block as it was.
    pub fn push(
        &mut self,
        transaction: &impl Transaction,
        sender: Address,
    ) -> Result<EthereumOutcome, EthereumPushError<S::Error>> {
        let gas_limit = transaction.gas_limit();
        let left = self.gas_left();
        if gas_limit > left && gas_limit <= self.env.gas_limit {
            return Err(EthereumPushError::GasDoesNotFit { gas_limit, left });
        }
        let blobs = transaction.blob_versioned_hashes().map_or(0, <[B256]>::len);
        let blob_gas = blob_gas(blobs);
        let left = self.env.max_blob_gas().saturating_sub(self.blob_gas_used);
        if blob_gas > left {
            return Err(EthereumPushError::BlobsDoNotFit { blob_gas, left });
        }
        let result = self
            .engine
            .transact(engine_transaction(transaction, sender, self.crypto))
            .map_err(|error| push_error(error, self.env.base_fee))?;
        self.commit(result.state).map_err(EthereumPushError::Block)?;
        let outcome = EthereumOutcome::from_engine(result.result);
        self.gas_used = self.gas_used.saturating_add(outcome.gas_used);
        self.blob_gas_used = self.blob_gas_used.saturating_add(blob_gas);
        Ok(outcome)
    }

    /// Gas that transactions may still ask for.
    pub fn gas_left(&self) -> u64 {
        self.env.gas_limit.saturating_sub(self.gas_used)
    }

    /// Runs the system contracts that come last, and ends the block.
    ///
    /// # Errors
    /// [`EthereumError`] if the state cannot be read or a system contract fails.
    pub fn finish(mut self) -> Result<FinishedEthereumBlock, EthereumError<S::Error>> {
        let mut requests = Vec::new();
        for (kind, address) in [
            (0x01u8, WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS),
            (0x02, CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS),
        ] {
            let output = self.system_call(address, Bytes::new())?;
            if !output.is_empty() {
                requests.push(core::iter::once(kind).chain(output).collect());
            }
        }
        Ok(FinishedEthereumBlock {
            changes: self.engine.ctx.db_mut().take_changes(),
            gas_used: self.gas_used,
            blob_gas_used: self.blob_gas_used,
            requests,
        })
    }

    fn system_call(
        &mut self,
        address: Address,
        input: Bytes,
    ) -> Result<Bytes, EthereumError<S::Error>> {
        let result = self.engine.system_call(address, input).map_err(|error| {
            match push_error(error, self.env.base_fee) {
                EthereumPushError::Block(error) => error,
                other => EthereumError::SystemContract { address, reason: format!("{other}") },
            }
        })?;
        self.commit(result.state)?;
        let outcome = EthereumOutcome::from_engine(result.result);
        if !outcome.is_success() {
            let reason = format!("{:?}", outcome.status);
            return Err(EthereumError::SystemContract { address, reason });
        }
        Ok(outcome.output)
    }

    fn commit(&mut self, state: revm::state::EvmState) -> Result<(), EthereumError<S::Error>> {
        self.engine.ctx.db_mut().commit(state).map_err(EthereumError::State)
    }
}

fn engine_transaction(
    transaction: &impl Transaction,
    sender: Address,
    crypto: &dyn Crypto,
) -> TxEnv {
    TxEnv {
        tx_type: transaction.ty(),
        caller: sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: transaction.blob_versioned_hashes().unwrap_or_default().to_vec(),
        max_fee_per_blob_gas: transaction.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: recovered(transaction.authorization_list().unwrap_or_default(), crypto),
    }
}
