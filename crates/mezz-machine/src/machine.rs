//! A machine and its runs.

use crate::{
    Exit, Host, Leaf, MachineError, Memory, Program, Trap,
    ecall::{Caller, Latest, Stopped},
    interpreter::{Cpu, Event},
    isa::Text,
    state::MachineState,
};

/// A program in some state.
#[derive(Clone, Debug)]
pub struct Machine {
    cpu: Cpu,
    memory: Memory,
    text: Text,
    input: Leaf,
    output: Leaf,
    steps: u64,
    exit: Option<Exit>,
    latest: Latest,
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The machine exited.
    Exited(Exit),
    /// The step limit was reached first.
    StepLimit,
}

/// What a run gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Why it stopped.
    pub stop: Stop,
    /// What the program put out last; zero if it did not.
    pub output: Leaf,
    /// Steps since the start of the program.
    pub steps: u64,
}

impl Output {
    /// The output of a program that halted with code 0; `None` for any other end.
    pub fn result(&self) -> Option<Leaf> {
        match self.stop {
            Stop::Exited(Exit::Halted(0)) => Some(self.output),
            _ => None,
        }
    }
}

impl Machine {
    /// A program before its first step.
    pub fn new(program: &Program, input: Leaf) -> Self {
        let text = program.text();
        let mut memory = Memory::new(text.address, text.memory_bytes);
        for segment in program.segments() {
            memory.place_segment(segment.address, &segment.bytes);
        }
        Self {
            cpu: Cpu::new(program.entry()),
            memory,
            text: Text::new(text.address, &text.bytes),
            input,
            output: Leaf::default(),
            steps: 0,
            exit: None,
            latest: None,
        }
    }

    /// Runs until the machine exits or has made `max_steps` steps since its start.
    ///
    /// # Errors
    /// [`MachineError`] if the host fails; the machine is before that call, and the run can be tried again.
    pub fn run<H: Host>(&mut self, host: &mut H, max_steps: u64) -> Result<Stop, MachineError> {
        loop {
            if let Some(exit) = self.exit {
                return Ok(Stop::Exited(exit));
            }
            match self.run_plain(max_steps) {
                None => return Ok(Stop::StepLimit),
                Some(Event::Trap(trap)) => self.exit = Some(Exit::Trapped(trap)),
                Some(Event::Ecall) => match self.caller().call(host) {
                    Ok(()) => {}
                    Err(Stopped::Exit(exit)) => self.exit = Some(exit),
                    Err(Stopped::Host(error)) => return Err(error),
                },
            }
            self.steps = self.steps.saturating_add(1);
        }
    }

    /// Runs up to the next instruction that needs more than registers and memory, and gives that; it is not yet
    /// counted. `None` if the limit comes first.
    fn run_plain(&mut self, max_steps: u64) -> Option<Event> {
        let Self { cpu, memory, text, steps, .. } = self;
        let mut left = max_steps.saturating_sub(*steps);
        let event = loop {
            if left == 0 {
                break None;
            }
            let Some(instruction) = text.fetch(cpu.pc) else {
                break Some(Event::Trap(Trap::FetchFault));
            };
            if let Err(event) = cpu.execute(memory, instruction) {
                break Some(event);
            }
            left = left.wrapping_sub(1);
        };
        *steps = max_steps.saturating_sub(left).max(*steps);
        event
    }

    fn caller(&mut self) -> Caller<'_> {
        Caller {
            cpu: &mut self.cpu,
            memory: &mut self.memory,
            input: &self.input,
            output: &mut self.output,
            latest: &mut self.latest,
        }
    }

    /// Register `x0` to `x31`; `None` beyond.
    pub fn register(&self, number: u8) -> Option<u64> {
        (number < 32).then(|| self.cpu.read(number))
    }

    /// Address of the next instruction.
    pub const fn pc(&self) -> u64 {
        self.cpu.pc
    }

    /// The memory.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) const fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// What a step changes that is not in the state.
    pub(crate) const fn touched(&mut self) -> (&mut Memory, &mut Latest) {
        (&mut self.memory, &mut self.latest)
    }

    /// The state, whose memory has this root.
    pub(crate) fn state(&self, memory_root: Leaf) -> MachineState {
        let Self { cpu, steps, input, output, exit, .. } = self;
        let (cpu, steps, input) = (cpu.clone(), *steps, *input);
        MachineState { memory_root, cpu, steps, input, output: *output, exit: *exit }
    }

    /// Takes a state over; the memory is that of it already.
    pub(crate) fn resume(&mut self, state: MachineState) {
        let MachineState { memory_root: _, cpu, steps, input, output, exit } = state;
        (self.cpu, self.steps, self.input) = (cpu, steps, input);
        (self.output, self.exit) = (output, exit);
    }

    /// Steps since the start.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// How the machine ended; `None` while it runs.
    pub const fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// What the program put out last.
    pub const fn output(&self) -> Leaf {
        self.output
    }
}

/// Loads a program and runs it from its start.
///
/// # Errors
/// [`MachineError`] if `elf` is not a program or the host fails.
pub fn run<H: Host>(
    elf: &[u8],
    input: Leaf,
    host: &mut H,
    max_steps: u64,
) -> Result<Output, MachineError> {
    let mut machine = Machine::new(&Program::parse(elf)?, input);
    let stop = machine.run(host, max_steps)?;
    Ok(Output { stop, output: machine.output(), steps: machine.steps() })
}
