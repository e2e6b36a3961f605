//! The tree of calls.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use revm::{
    context::{ContextTr, CreateScheme},
    interpreter::{
        CallInputs, CallScheme, CallValue, CreateInputs, InstructionResult, InterpreterResult,
    },
};

use super::CallOptions;

/// By what a call came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallKind {
    /// `CALL`, or a transaction.
    #[default]
    Call,
    /// `CALLCODE`.
    CallCode,
    /// `DELEGATECALL`.
    DelegateCall,
    /// `STATICCALL`.
    StaticCall,
    /// `CREATE`, or a transaction.
    Create,
    /// `CREATE2`.
    Create2,
    /// `SELFDESTRUCT`.
    SelfDestruct,
}

impl CallKind {
    /// Name of the opcode.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Call => "CALL",
            Self::CallCode => "CALLCODE",
            Self::DelegateCall => "DELEGATECALL",
            Self::StaticCall => "STATICCALL",
            Self::Create => "CREATE",
            Self::Create2 => "CREATE2",
            Self::SelfDestruct => "SELFDESTRUCT",
        }
    }

    /// Whether it makes a contract.
    pub const fn is_creation(self) -> bool {
        matches!(self, Self::Create | Self::Create2)
    }
}

/// A log in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLog {
    /// The log.
    pub log: Log,
    /// Its position among the transaction's logs, failed ones counted.
    pub index: u64,
    /// Calls that its frame had made before.
    pub position: u64,
}

/// A call and what it called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallFrame {
    /// By what.
    pub kind: CallKind,
    /// Who calls.
    pub from: Address,
    /// Whose code runs; `None` for a creation that failed.
    pub to: Option<Address>,
    /// Wei; `None` where the opcode knows none.
    pub value: Option<U256>,
    /// Gas that it got.
    pub gas: u64,
    /// Gas that it used.
    pub gas_used: u64,
    /// Call data or init code.
    pub input: Bytes,
    /// Return data, revert data, or deployed code.
    pub output: Bytes,
    /// Why it failed.
    pub error: Option<String>,
    /// Whether that was a `REVERT`.
    pub reverted: bool,
    /// What it called.
    pub calls: Vec<CallFrame>,
    /// What it logged; nothing if it failed, or one around it did.
    pub logs: Vec<CallLog>,
}

/// Frames on their way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    options: CallOptions,
    open: Vec<CallFrame>,
    root: Option<CallFrame>,
    logs: u64,
}

impl Calls {
    pub(super) fn new(options: CallOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Whether a frame that opens now is kept.
    fn keeps(&self) -> bool {
        !self.options.top_only || self.open.is_empty()
    }

    /// Opens a frame: bytes that it holds.
    pub(super) fn call<C: ContextTr>(&mut self, context: &C, inputs: &CallInputs) -> usize {
        let (kind, from, to) = match inputs.scheme {
            CallScheme::Call => (CallKind::Call, inputs.caller, inputs.target_address),
            CallScheme::StaticCall => (CallKind::StaticCall, inputs.caller, inputs.target_address),
            CallScheme::CallCode => {
                (CallKind::CallCode, inputs.target_address, inputs.bytecode_address)
            }
            CallScheme::DelegateCall => {
                (CallKind::DelegateCall, inputs.target_address, inputs.bytecode_address)
            }
        };
        let value = match inputs.value {
            _ if kind == CallKind::StaticCall => None,
            CallValue::Transfer(value) | CallValue::Apparent(value) => Some(value),
        };
        let input = if self.keeps() { inputs.input.bytes(context) } else { Bytes::new() };
        let (gas, to) = (inputs.gas_limit, Some(to));
        self.push(CallFrame { kind, from, to, value, gas, input, ..CallFrame::default() })
    }

    /// Opens a frame: bytes that it holds.
    pub(super) fn create(&mut self, inputs: &CreateInputs) -> usize {
        let kind = match inputs.scheme() {
            CreateScheme::Create2 { .. } => CallKind::Create2,
            _ => CallKind::Create,
        };
        let input = if self.keeps() { inputs.init_code().clone() } else { Bytes::new() };
        let (from, value, gas) = (inputs.caller(), Some(inputs.value()), inputs.gas_limit());
        self.push(CallFrame { kind, from, value, gas, input, ..CallFrame::default() })
    }

    fn push(&mut self, frame: CallFrame) -> usize {
        let bytes = frame.input.len().saturating_add(size_of::<CallFrame>());
        self.open.push(frame);
        bytes
    }

    /// Closes the innermost frame: bytes of its output.
    pub(super) fn end(&mut self, result: &InterpreterResult, created: Option<Address>) -> usize {
        let Some(mut frame) = self.open.pop() else { return 0 };
        let ended = result.result;
        frame.gas_used = if ended.is_ok() || ended.is_revert() {
            frame.gas.saturating_sub(result.gas.remaining())
        } else {
            frame.gas
        };
        if !ended.is_ok() {
            frame.error = Some(reason(ended));
            frame.reverted = ended == InstructionResult::Revert;
        }
        if self.keeps() && (ended.is_ok() || frame.reverted) {
            frame.output = result.output.clone();
        }
        if frame.kind.is_creation() {
            frame.to = created.filter(|_| ended.is_ok());
        }
        let bytes = frame.output.len();
        match self.open.last_mut() {
            Some(_) if self.options.top_only => {}
            Some(outer) => outer.calls.push(frame),
            None => self.root = Some(frame),
        }
        bytes
    }

    /// Takes in a log: bytes that it holds.
    pub(super) fn log(&mut self, log: Log) -> usize {
        let index = self.logs;
        self.logs = self.logs.saturating_add(1);
        let keeps = self.options.logs && (!self.options.top_only || self.open.len() <= 1);
        let Some(frame) = self.open.last_mut().filter(|_| keeps) else { return 0 };
        let position = u64::try_from(frame.calls.len()).unwrap_or(u64::MAX);
        let topics = log.topics().len().saturating_mul(size_of::<B256>());
        let bytes = log.data.data.len().saturating_add(topics);
        frame.logs.push(CallLog { log, index, position });
        bytes.saturating_add(size_of::<CallLog>())
    }

    pub(super) fn selfdestruct(&mut self, from: Address, to: Address, value: U256) -> usize {
        let Some(frame) = self.open.last_mut().filter(|_| !self.options.top_only) else {
            return 0;
        };
        let (kind, to, value) = (CallKind::SelfDestruct, Some(to), Some(value));
        frame.calls.push(CallFrame { kind, from, to, value, ..CallFrame::default() });
        size_of::<CallFrame>()
    }

    /// The tree, with the transaction's gas at its root.
    pub(super) fn finish(self, gas_limit: u64, gas_used: u64) -> Option<CallFrame> {
        let mut root = self.root?;
        root.gas = gas_limit;
        root.gas_used = gas_used;
        clear_failed_logs(&mut root);
        Some(root)
    }
}

/// Takes the logs away that a failure undid. Frames nest 1025 deep at most, so that a list of what
/// is left to do serves better than recursion.
fn clear_failed_logs(root: &mut CallFrame) {
    let mut left = Vec::from([(root, false)]);
    while let Some((frame, undone)) = left.pop() {
        let undone = undone || frame.error.is_some();
        if undone {
            frame.logs.clear();
        }
        left.extend(frame.calls.iter_mut().map(|inner| (inner, undone)));
    }
}

/// Why a frame failed, in the words that tools look for.
pub(super) fn reason(result: InstructionResult) -> String {
    let known = match result {
        InstructionResult::Revert => "execution reverted",
        InstructionResult::OutOfGas
        | InstructionResult::MemoryOOG
        | InstructionResult::MemoryLimitOOG
        | InstructionResult::PrecompileOOG
        | InstructionResult::InvalidOperandOOG
        | InstructionResult::ReentrancySentryOOG => "out of gas",
        InstructionResult::CallTooDeep => "max call depth exceeded",
        InstructionResult::OutOfFunds => "insufficient balance for transfer",
        InstructionResult::InvalidJump => "invalid jump destination",
        InstructionResult::StackUnderflow => "stack underflow",
        InstructionResult::StackOverflow => "stack limit reached 1024",
        InstructionResult::CreateCollision => "contract address collision",
        InstructionResult::CreateContractSizeLimit => "max code size exceeded",
        InstructionResult::CreateInitCodeSizeLimit => "max initcode size exceeded",
        InstructionResult::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        InstructionResult::NonceOverflow => "nonce uint64 overflow",
        InstructionResult::StateChangeDuringStaticCall
        | InstructionResult::CallNotAllowedInsideStatic => "write protection",
        InstructionResult::OutOfOffset => "return data out of bounds",
        InstructionResult::OpcodeNotFound
        | InstructionResult::InvalidFEOpcode
        | InstructionResult::NotActivated => "invalid opcode",
        other => return format!("{other:?}"),
    };
    known.to_string()
}
