//! The clock that the engine looks at while a call runs.

use core::cell::Cell;

use alloy_primitives::{Address, B256, Bytes, U256};
use mezz_types::Account;
use revm::{
    context::ContextTr,
    context_interface::context::ContextError,
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult, InstructionResult,
        interpreter::EthInterpreter,
    },
};

use crate::{
    StateReader,
    engine::{Context, Engine},
    overlay::ReadFailed,
};

/// The opcode that every loop passes, and its gas.
const JUMPDEST: u8 = 0x5b;
const JUMPDEST_GAS: u16 = 1;
/// Times that it is passed between two looks at the clock.
const PASSES_PER_LOOK: u32 = 64;

/// A state on which calls run until time is up.
pub(super) struct Watched<'a, S> {
    state: S,
    expired: &'a dyn Fn() -> bool,
    passes: Cell<u32>,
    over: Cell<bool>,
}

impl<'a, S> Watched<'a, S> {
    pub(super) const fn new(state: S, expired: &'a dyn Fn() -> bool) -> Self {
        Self { state, expired, passes: Cell::new(0), over: Cell::new(false) }
    }

    /// Looks at the clock; once it is over, it stays so.
    pub(super) fn is_over(&self) -> bool {
        if !self.over.get() {
            self.over.set((self.expired)());
        }
        self.over.get()
    }
}

impl<S: StateReader> StateReader for Watched<'_, S> {
    type Error = S::Error;

    fn account(&self, address: Address) -> Result<Option<Account>, Self::Error> {
        self.state.account(address)
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Self::Error> {
        self.state.storage(address, slot)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        self.state.code(code_hash)
    }
}

/// Makes `engine` look at the clock of its state in every loop.
///
/// An opcode of its own costs next to nothing, whereas an inspector would be asked at each of them. Code without
/// a loop ends soon by itself: it runs once a frame, and frames cost gas.
pub(super) fn watch<'a, S: StateReader, I>(engine: &mut Engine<'_, Watched<'a, S>, I>) {
    let jumpdest = Instruction::new(jumpdest::<S>);
    engine.instruction.insert_instruction(JUMPDEST, jumpdest, JUMPDEST_GAS);
}

fn jumpdest<S: StateReader>(
    context: InstructionContext<'_, Context<Watched<'_, S>>, EthInterpreter>,
) -> InstructionExecResult {
    let watched = context.host.db().reader();
    let passes = watched.passes.get().wrapping_add(1);
    watched.passes.set(passes);
    if passes.is_multiple_of(PASSES_PER_LOOK) && watched.is_over() {
        // As if the state could not be read: this ends all frames at once.
        *context.host.error() = Err(ContextError::Db(ReadFailed));
        return Err(InstructionResult::FatalExternalError);
    }
    Ok(())
}
