//! What a transaction did, step by step: `debug_traceTransaction` and its kin.
//!
//! A [`Tracer`] executes the transactions of a past block again, on the state before it, or one
//! call on any state, and keeps one of three records:
//!
//! - [`TraceKind::Calls`]: the tree of calls;
//! - [`TraceKind::Steps`]: every opcode with stack, memory and storage;
//! - [`TraceKind::State`]: the accounts that were looked at, as they were before (and after).
//!
//! A record grows with what runs: [`TraceBudget`] bounds it in steps, bytes and time, and a trace
//! that would be longer is given up as a whole.

mod calls;
mod past;
mod recorder;
mod state;
mod steps;

use alloy_primitives::U256;

use crate::{BlockTransaction, CallOutcome, ExecutionError, InvalidTransaction};

pub use calls::{CallFrame, CallKind, CallLog};
pub use past::Tracer;
pub use state::{AccountFacts, StateTrace};
pub use steps::{Step, StepTrace};

/// What to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// The tree of calls.
    Calls(CallOptions),
    /// Every opcode.
    Steps(StepOptions),
    /// Accounts before and after.
    State(StateOptions),
}

/// What a tree of calls holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    /// Logs as well.
    pub logs: bool,
    /// The outermost call alone.
    pub top_only: bool,
}

/// What a step holds besides position, opcode and gas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepOptions {
    /// The stack before it.
    pub stack: bool,
    /// The memory before it.
    pub memory: bool,
    /// The slots of the contract seen so far, at opcodes that read or write one.
    pub storage: bool,
    /// What the last call returned.
    pub return_data: bool,
    /// Steps after which no more are kept; all are if `None`.
    pub limit: Option<usize>,
}

/// What a record of accounts holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateOptions {
    /// What changed, before and after; everything that was looked at, before, if not.
    pub diff: bool,
    /// No code.
    pub without_code: bool,
    /// No storage.
    pub without_storage: bool,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Of [`TraceKind::Calls`].
    Calls(alloc::boxed::Box<CallFrame>),
    /// Of [`TraceKind::Steps`].
    Steps(StepTrace),
    /// Of [`TraceKind::State`].
    State(StateTrace),
}

/// How much a tracer may do.
#[derive(Clone, Copy)]
pub struct TraceBudget<'a> {
    /// Opcodes.
    pub steps: u64,
    /// Bytes that its records hold.
    pub bytes: u64,
    /// Whether time is up; asked every thousand opcodes and at every transaction.
    pub expired: &'a dyn Fn() -> bool,
}

impl core::fmt::Debug for TraceBudget<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TraceBudget")
            .field("steps", &self.steps)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// What of a [`TraceBudget`] is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// Opcodes.
    #[error("the trace has more than {limit} steps")]
    Steps {
        /// The budget.
        limit: u64,
    },
    /// Bytes.
    #[error("the trace is larger than {limit} bytes")]
    Bytes {
        /// The budget.
        limit: u64,
    },
    /// Time.
    #[error("the trace takes too long")]
    Time,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError<E> {
    /// The transaction is not valid at this point.
    #[error(transparent)]
    Invalid(#[from] InvalidTransaction),
    /// It is too long.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The block around it cannot be made.
    #[error(transparent)]
    Block(#[from] ExecutionError<E>),
}

/// A transaction of a past block.
#[derive(Clone, Copy, Debug)]
pub struct PastTransaction<'t> {
    /// The transaction.
    pub transaction: &'t BlockTransaction,
    /// What it paid for its data, wei, as its receipt says: forced ones paid on L1.
    pub data_fee: U256,
}

/// A transaction, or call, and its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// What it did.
    pub outcome: CallOutcome,
    /// How.
    pub trace: Trace,
}
