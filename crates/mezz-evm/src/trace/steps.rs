//! Every opcode.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use alloy_primitives::{Address, Bytes, U256};
use revm::{
    bytecode::opcode,
    interpreter::{
        Interpreter, InterpreterAction,
        interpreter::EthInterpreter,
        interpreter_types::{InputsTr as _, Jumps as _, LoopControl as _, ReturnData as _},
    },
};

use super::{StepOptions, calls::reason};

/// One opcode, as it was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Position in the code.
    pub pc: u64,
    /// Name of the opcode.
    pub op: &'static str,
    /// Gas left before it.
    pub gas: u64,
    /// Gas that it took, gas passed on to a call included.
    pub gas_cost: u64,
    /// Depth of calls; 1 for the outermost.
    pub depth: u64,
    /// Refund counter before it.
    pub refund: u64,
    /// The stack before it, bottom first.
    pub stack: Option<Vec<U256>>,
    /// The memory before it.
    pub memory: Option<Bytes>,
    /// Slots of the contract seen so far, this one's included.
    pub storage: Option<BTreeMap<U256, U256>>,
    /// What the last call returned.
    pub return_data: Option<Bytes>,
    /// Why it failed.
    pub error: Option<String>,
}

/// All opcodes of a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepTrace {
    /// In order.
    pub steps: Vec<Step>,
}

/// Steps on their way.
#[derive(Debug, Default)]
pub(super) struct Steps {
    options: StepOptions,
    steps: Vec<Step>,
    /// Whether the opcode that runs is the last of `steps`.
    recording: bool,
    storage: BTreeMap<Address, BTreeMap<U256, U256>>,
    reads: Option<U256>,
}

impl Steps {
    pub(super) fn new(options: StepOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Before an opcode: bytes that its record holds.
    pub(super) fn begin(&mut self, interpreter: &Interpreter<EthInterpreter>, depth: u64) -> usize {
        self.recording = self.options.limit.is_none_or(|limit| self.steps.len() < limit);
        self.reads = None;
        let code = interpreter.bytecode.opcode();
        let mut bytes = size_of::<Step>();
        if self.options.storage {
            bytes = bytes.saturating_add(self.note_storage(interpreter, code));
        }
        if !self.recording {
            return 0;
        }
        let mut step = Step {
            pc: u64::try_from(interpreter.bytecode.pc()).unwrap_or(u64::MAX),
            op: revm::bytecode::OpCode::new(code).map_or("INVALID", |code| code.as_str()),
            gas: interpreter.gas.remaining(),
            depth,
            refund: u64::try_from(interpreter.gas.refunded()).unwrap_or(0),
            ..Step::default()
        };
        if self.options.stack {
            let stack = interpreter.stack.data();
            bytes = bytes.saturating_add(stack.len().saturating_mul(size_of::<U256>()));
            step.stack = Some(stack.clone());
        }
        if self.options.memory {
            let memory = Bytes::copy_from_slice(&interpreter.memory.context_memory());
            bytes = bytes.saturating_add(memory.len());
            step.memory = Some(memory);
        }
        if self.options.return_data {
            let data = interpreter.return_data.buffer().clone();
            bytes = bytes.saturating_add(data.len());
            step.return_data = Some(data);
        }
        if self.options.storage && code == opcode::SSTORE {
            step.storage = self.storage.get(&interpreter.input.target_address()).cloned();
        }
        self.steps.push(step);
        bytes
    }

    /// Learns what `SSTORE` is about to write, and which slot `SLOAD` is about to read: bytes that a
    /// record with these slots will hold.
    fn note_storage(&mut self, interpreter: &Interpreter<EthInterpreter>, code: u8) -> usize {
        let (Ok(slot), value) = (interpreter.stack.peek(0), interpreter.stack.peek(1)) else {
            return 0;
        };
        let slots = match (code, value) {
            (opcode::SLOAD, _) => {
                self.reads = Some(slot);
                self.storage.entry(interpreter.input.target_address()).or_default()
            }
            (opcode::SSTORE, Ok(value)) => {
                let slots = self.storage.entry(interpreter.input.target_address()).or_default();
                slots.insert(slot, value);
                slots
            }
            _ => return 0,
        };
        slots.len().saturating_add(1).saturating_mul(size_of::<(U256, U256)>())
    }

    /// After an opcode.
    pub(super) fn end(&mut self, interpreter: &mut Interpreter<EthInterpreter>) {
        if let Some(slot) = self.reads.take()
            && let Ok(value) = interpreter.stack.peek(0)
        {
            let slots = self.storage.entry(interpreter.input.target_address()).or_default();
            slots.insert(slot, value);
            if self.recording
                && let Some(step) = self.steps.last_mut()
            {
                step.storage = Some(slots.clone());
            }
        }
        let Some(step) = self.steps.last_mut().filter(|_| self.recording) else { return };
        step.gas_cost = step.gas.saturating_sub(interpreter.gas.remaining());
        if let Some(InterpreterAction::Return(result)) = interpreter.bytecode.action()
            && result.result.is_halt()
        {
            step.error = Some(reason(result.result));
        }
    }

    pub(super) fn finish(self) -> StepTrace {
        StepTrace { steps: self.steps }
    }
}
