//! A machine that can say and prove what it does.

use crate::{
    Host, Machine, MachineError, Program, StepWitness, Stop, TextCommitment,
    merkle::{MemoryTree, TextTree},
    state::MachineState,
    witness::record,
};

/// A machine with the trees over its memory and its text.
#[derive(Clone, Debug)]
pub struct ProvableMachine {
    machine: Machine,
    tree: MemoryTree,
    text: TextTree,
}

impl ProvableMachine {
    /// A program before its first step.
    pub fn new(program: &Program, input: [u8; 32]) -> Self {
        let mut machine = Machine::new(program, input);
        let tree = MemoryTree::new(machine.memory_mut());
        Self { machine, tree, text: TextTree::new(program) }
    }

    /// The machine.
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What a contract has to know of the program to check steps.
    pub const fn text(&self) -> &TextCommitment {
        &self.text.commitment
    }

    /// Runs as [`Machine::run`] does; the tree follows when it is asked for.
    ///
    /// # Errors
    /// As [`Machine::run`].
    pub fn run<H: Host>(&mut self, host: &mut H, max_steps: u64) -> Result<Stop, MachineError> {
        self.machine.run(host, max_steps)
    }

    /// The state now, with the root of memory.
    pub fn state(&mut self) -> MachineState {
        let memory_root = self.tree.follow(self.machine.memory_mut());
        self.machine.state(memory_root)
    }

    /// Makes one step with the slow interpreter; what proves it.
    ///
    /// # Errors
    /// [`MachineError`] if the host fails; nothing has changed then.
    pub fn prove_step<H: Host>(&mut self, host: &mut H) -> Result<StepWitness, MachineError> {
        let before = self.state();
        let (memory, latest) = self.machine.touched();
        let (witness, after) = record(before, memory, &self.tree, &self.text, latest, host)?;
        self.machine.resume(after);
        Ok(witness)
    }
}
