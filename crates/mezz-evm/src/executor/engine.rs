//! One engine for all transactions of a block.

use alloy_primitives::U256;
use mezz_types::{FEE_VAULT, Rules};
use revm::{
    Journal,
    context::{
        BlockEnv as EngineBlock, CfgEnv, ContextTr, Evm, JournalTr, TxEnv, result::ExecutionResult,
    },
    context_interface::block::BlobExcessGasAndPrice,
    handler::{EthFrame, Handler, instructions::EthInstructions},
    inspector::{Inspector, InspectorHandler},
    interpreter::interpreter::EthInterpreter,
    primitives::hardfork::SpecId,
};

use super::{
    handler::{RunError, Terms, TransactionHandler},
    overlay::Overlay,
};
use crate::{BlockEnv, Crypto, MezzPrecompiles, StateReader};

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

/// Runs `tx` and takes its effects into the overlay; an `Err` leaves no effect.
pub(crate) fn run<S: StateReader, I>(
    engine: &mut Engine<'_, S, I>,
    tx: TxEnv,
    terms: Terms,
) -> Result<ExecutionResult, RunError> {
    engine.ctx.tx = tx;
    let result = TransactionHandler::new(terms).run(engine);
    settle(engine, result)
}

/// As [`run`], with the engine's inspector looking on.
pub(crate) fn inspect<S: StateReader, I: Inspector<Context<S>, EthInterpreter>>(
    engine: &mut Engine<'_, S, I>,
    tx: TxEnv,
    terms: Terms,
) -> Result<ExecutionResult, RunError> {
    engine.ctx.tx = tx;
    let result = TransactionHandler::new(terms).inspect_run(engine);
    settle(engine, result)
}

fn settle<S: StateReader, I>(
    engine: &mut Engine<'_, S, I>,
    result: Result<ExecutionResult, RunError>,
) -> Result<ExecutionResult, RunError> {
    let state = engine.ctx.journal_mut().finalize();
    let result = result?;
    engine.ctx.db_mut().commit(state);
    Ok(result)
}
