//! One engine for all transactions of a block.

use alloc::{format, vec::Vec};

use alloy_primitives::{Log, U256};
use mezz_types::{FEE_VAULT, Rules};
use revm::{
    Journal,
    context::{
        BlockEnv as EngineBlock, CfgEnv, ContextTr, Evm, JournalTr, TxEnv, result::ExecutionResult,
    },
    context_interface::block::BlobExcessGasAndPrice,
    handler::{EthFrame, Handler, instructions::EthInstructions},
    interpreter::interpreter::EthInterpreter,
    primitives::hardfork::SpecId,
    state::EvmState,
};

use crate::{BlockEnv, CallResult, Crypto, MezzPrecompiles, StateReader};
use crate::{
    handler::{RunError, Terms, TransactionHandler},
    overlay::Overlay,
};

pub(crate) type Context<S> =
    revm::Context<EngineBlock, TxEnv, CfgEnv, Overlay<S>, Journal<Overlay<S>>, ()>;

pub(crate) type Engine<'a, S, I> = Evm<
    Context<S>,
    I,
    EthInstructions<EthInterpreter, Context<S>>,
    MezzPrecompiles<'a, dyn Crypto + 'a>,
    EthFrame<EthInterpreter>,
>;

/// What `BLOBBASEFEE` gives: the least that EIP-4844 allows, as the header's `excessBlobGas` of
/// 0 says. The real one of L1 is in the inbox clock.
const BLOB_BASE_FEE: u128 = 1;

const fn spec(rules: Rules) -> SpecId {
    match rules {
        Rules::Osaka => SpecId::OSAKA,
    }
}

/// An engine for the block `env` on `overlay`.
pub(crate) fn engine<'a, S: StateReader, I>(
    env: &BlockEnv<'_>,
    overlay: Overlay<S>,
    crypto: &'a dyn Crypto,
    inspector: I,
) -> Engine<'a, S, I> {
    let spec = spec(env.rules);
    let mut cfg = CfgEnv::new_with_spec(spec);
    cfg.chain_id = env.config.l2_chain_id;
    // The cap is checked before; messages have another one.
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    let block = EngineBlock {
        number: U256::from(env.number.get()),
        beneficiary: FEE_VAULT,
        timestamp: U256::from(env.timestamp),
        gas_limit: env.gas_limit,
        basefee: env.base_fee,
        difficulty: U256::ZERO,
        prevrandao: Some(env.parent_hash),
        blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
            excess_blob_gas: 0,
            blob_gasprice: BLOB_BASE_FEE,
        }),
        slot_num: 0,
    };
    let context = Context::new(overlay, spec).with_cfg(cfg).with_block(block);
    Evm::new_with_inspector(
        context,
        inspector,
        EthInstructions::new_mainnet_with_spec(spec),
        MezzPrecompiles::bounded(crypto),
    )
}

/// Runs `tx`: how it ended, and every account and slot that it loaded. The overlay is as before.
pub(crate) fn run<S: StateReader, I>(
    engine: &mut Engine<'_, S, I>,
    tx: TxEnv,
    terms: Terms,
) -> Result<(ExecutionResult, EvmState), RunError> {
    engine.ctx.tx = tx;
    let result = TransactionHandler::new(terms).run(engine);
    let state = engine.ctx.journal_mut().finalize();
    Ok((result?, state))
}

/// The engine's result as this crate says it, and the logs.
pub(crate) fn call_result(result: ExecutionResult) -> (CallResult, Vec<Log>) {
    match result {
        ExecutionResult::Success { output, logs, .. } => {
            (CallResult::Success { output: output.into_data() }, logs)
        }
        // A failed transaction has no logs, whatever it logged before it failed.
        ExecutionResult::Revert { output, .. } => (CallResult::Revert { output }, Vec::new()),
        ExecutionResult::Halt { reason, .. } => {
            (CallResult::Halt { reason: format!("{reason:?}") }, Vec::new())
        }
    }
}
