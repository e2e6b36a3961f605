//! The engine's inspector: what it shows goes into one record, within a budget.

use alloy_primitives::{Address, Log, U256};
use revm::{
    context::{ContextTr, JournalTr},
    inspector::Inspector,
    interpreter::{
        CallInputs, CallOutcome, CreateInputs, CreateOutcome, InstructionResult, Interpreter,
        interpreter::EthInterpreter,
    },
};

use super::{Exhausted, TraceBudget, TraceKind, calls::Calls, steps::Steps};
use crate::{StateReader, engine::Context};

/// Opcodes between two looks at the clock.
const STEPS_PER_LOOK: u64 = 1_000;

/// A record on its way.
#[derive(Debug)]
pub(super) enum Record {
    Nothing,
    Calls(Calls),
    Steps(Steps),
}

/// Keeps what the engine shows, until the budget is used up.
#[derive(Debug)]
pub(crate) struct Recorder<'b> {
    pub(super) budget: TraceBudget<'b>,
    pub(super) record: Record,
    pub(super) exhausted: Option<Exhausted>,
    steps: u64,
    bytes: u64,
}

impl<'b> Recorder<'b> {
    pub(super) const fn new(budget: TraceBudget<'b>) -> Self {
        Self { budget, record: Record::Nothing, exhausted: None, steps: 0, bytes: 0 }
    }

    pub(super) fn start(&mut self, kind: TraceKind) {
        self.record = match kind {
            TraceKind::Calls(options) => Record::Calls(Calls::new(options)),
            TraceKind::Steps(options) => Record::Steps(Steps::new(options)),
            TraceKind::State(_) => Record::Nothing,
        };
    }

    pub(super) const fn take(&mut self) -> Record {
        core::mem::replace(&mut self.record, Record::Nothing)
    }

    /// Counts bytes that a record holds.
    pub(super) fn hold(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if self.bytes > self.budget.bytes {
            self.exhausted.get_or_insert(Exhausted::Bytes { limit: self.budget.bytes });
        }
    }

    fn count_step(&mut self) {
        self.steps = self.steps.saturating_add(1);
        if self.steps > self.budget.steps {
            self.exhausted.get_or_insert(Exhausted::Steps { limit: self.budget.steps });
        } else if self.steps.is_multiple_of(STEPS_PER_LOOK) {
            self.look_at_clock();
        }
    }

    pub(super) fn look_at_clock(&mut self) {
        if (self.budget.expired)() {
            self.exhausted.get_or_insert(Exhausted::Time);
        }
    }
}

impl<S: StateReader> Inspector<Context<S>, EthInterpreter> for Recorder<'_> {
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, context: &mut Context<S>) {
        self.count_step();
        if self.exhausted.is_some() {
            // Every frame around this one meets the same end at its next opcode.
            interpreter.halt(InstructionResult::OutOfGas);
            return;
        }
        if let Record::Steps(steps) = &mut self.record {
            let depth = u64::try_from(context.journal().depth()).unwrap_or(u64::MAX);
            let bytes = steps.begin(interpreter, depth);
            self.hold(bytes);
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _: &mut Context<S>) {
        if let Record::Steps(steps) = &mut self.record {
            steps.end(interpreter);
        }
    }

    fn log(&mut self, _: &mut Context<S>, log: Log) {
        if let Record::Calls(calls) = &mut self.record {
            let bytes = calls.log(log);
            self.hold(bytes);
        }
    }

    fn call(&mut self, context: &mut Context<S>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        if let Record::Calls(calls) = &mut self.record {
            let bytes = calls.call(context, inputs);
            self.hold(bytes);
        }
        None
    }

    fn call_end(&mut self, _: &mut Context<S>, _: &CallInputs, outcome: &mut CallOutcome) {
        if let Record::Calls(calls) = &mut self.record {
            let bytes = calls.end(&outcome.result, None);
            self.hold(bytes);
        }
    }

    fn create(&mut self, _: &mut Context<S>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        if let Record::Calls(calls) = &mut self.record {
            let bytes = calls.create(inputs);
            self.hold(bytes);
        }
        None
    }

    fn create_end(&mut self, _: &mut Context<S>, _: &CreateInputs, outcome: &mut CreateOutcome) {
        if let Record::Calls(calls) = &mut self.record {
            let bytes = calls.end(&outcome.result, outcome.address);
            self.hold(bytes);
        }
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if let Record::Calls(calls) = &mut self.record {
            let bytes = calls.selfdestruct(contract, target, value);
            self.hold(bytes);
        }
    }
}
