//! Execution of EVM blocks over any state, with cryptography as an argument.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects
    )
)]

extern crate alloc;

mod block;
mod crypto;
mod engine;
mod env;
mod error;
mod ethereum;
mod executor;
mod fees;
mod genesis;
mod handler;
mod overlay;
mod plain;
mod precompiles;
mod receipt;
mod recording;
mod simulation;
mod state;
#[cfg(feature = "std")]
mod trace;
mod transaction;

pub use block::{
    CallResult, ExecutedBlock, MessageOutcome, SealedBlock, SkipReason, TransactionExtras,
    TransactionOutcome,
};
pub use crypto::{
    Blake2Input, Bls12Fp, Bls12Fp2, Bls12G1, Bls12G2, Bls12Scalar, Bn254G1, Bn254Pair, Crypto,
    KzgOpening, P256Signature,
};
pub use env::{BlockEnv, ExtraData};
pub use error::{DecodeError, ExecutionError, InvalidTransaction, ParentError, PushError};
pub use ethereum::{
    BlobRules, EthereumAccountChange, EthereumBlock, EthereumBlockEnv, EthereumCall,
    EthereumCallFees, EthereumChanges, EthereumError, EthereumInvalidTransaction, EthereumOutcome,
    EthereumPushError, EthereumStatus, FinishedEthereumBlock, call_ethereum,
    ethereum_intrinsic_gas,
};
pub use executor::BlockExecutor;
pub use fees::{DataPrice, DataSize, data_fee, next_base_fee, surcharge};
pub use genesis::{GenesisAccount, genesis};
pub use plain::PlainCrypto;
pub use precompiles::{MAX_PRECOMPILE_INPUT, MezzPrecompiles};
pub use receipt::Receipt;
pub use recording::{Reads, Recording};
pub use simulation::{
    AccessListOutcome, Applied, BlockChanges, Call, CallOutcome, GasEstimate, NextCall,
    SimulationError, Simulator, TRANSFER_EMITTER,
};
pub use state::{State, StateReader};
#[cfg(feature = "std")]
pub use trace::{
    AccountFacts, CallFrame, CallKind, CallLog, CallOptions, Exhausted, PastTransaction,
    StateOptions, StateTrace, Step, StepOptions, StepTrace, Trace, TraceBudget, TraceError,
    TraceKind, Traced, Tracer,
};
pub use transaction::{
    BlockTransaction, MAX_INIT_CODE_BYTES, TRANSACTION_GAS_CAP, check_transaction,
    decode_transaction, intrinsic_gas, recover,
};
