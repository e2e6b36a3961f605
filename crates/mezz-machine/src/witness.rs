//! What proves one step to somebody who has only the hash of the state before it.

use alloc::vec::Vec;

use crate::{
    Host, LEAF_BYTES, Leaf, LeafProof, MEMORY_HEIGHT, MachineError, Memory, PreimageKey,
    TextCommitment,
    ecall::{Latest, fetch},
    merkle::{MemoryTree, TextTree},
    state::MachineState,
    step::{Access, PreimagePart, step},
};

/// A state, and all that its next step touches beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepWitness {
    /// The state before the step.
    pub state: MachineState,
    /// The leaf of the text with the instruction; `None` if there is nothing to fetch.
    pub text: Option<LeafProof>,
    /// Leaves of memory in the order in which they are touched, at most two, each in memory as it was before the step.
    pub leaves: Vec<LeafProof>,
    /// What a preimage call reads, which the oracle on L1 has to confirm.
    pub preimage: Option<PreimageRead>,
}

/// 32 bytes of a preimage and where they are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreimageRead {
    /// Which preimage.
    pub key: PreimageKey,
    /// Where in it, bytes; a multiple of 32.
    pub offset: u64,
    /// What is there.
    pub part: PreimagePart,
}

/// Why a witness proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// The step touches something that the witness lacks.
    #[error("the witness lacks what the step touches")]
    Missing,
    /// The witness holds something that the step does not touch.
    #[error("the witness holds more than the step touches")]
    TooMuch,
    /// A leaf is not in the tree, at the place that the step touches.
    #[error("leaf {index} is not in the tree")]
    Leaf {
        /// Its number.
        index: u64,
    },
    /// A preimage's part is for another question.
    #[error("the part of a preimage is not the one that the step reads")]
    Preimage,
}

impl StepWitness {
    /// As the contract takes it: the state, the proof of the text, those of memory; each proof is its leaf and its
    /// siblings (`docs/machine.md`, section 6).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.state.encode();
        for proof in self.text.iter().chain(&self.leaves) {
            out.extend_from_slice(&proof.leaf);
            out.extend(proof.siblings.iter().flatten());
        }
        out
    }

    /// The state after the step: what the contract computes.
    ///
    /// The caller compares the hash of [`StepWitness::state`] with the one that it knows, and has the oracle confirm
    /// [`StepWitness::preimage`].
    ///
    /// # Errors
    /// [`WitnessError`]; then nothing is proven, neither way.
    pub fn verify(&self, text: &TextCommitment) -> Result<MachineState, WitnessError> {
        let mut state = self.state.clone();
        let mut checker = Checker {
            commitment: text,
            root: state.memory_root,
            text: self.text.as_ref(),
            leaves: self.leaves.iter(),
            latest: None,
            preimage: self.preimage.as_ref(),
        };
        step(&mut state, text, &mut checker)?;
        let Checker { root, text, mut leaves, preimage, .. } = checker;
        if text.is_some() || leaves.next().is_some() || preimage.is_some() {
            return Err(WitnessError::TooMuch);
        }
        state.memory_root = root;
        Ok(state)
    }
}

/// Takes from a witness what a step asks for, each thing once.
struct Checker<'a> {
    commitment: &'a TextCommitment,
    root: Leaf,
    text: Option<&'a LeafProof>,
    leaves: core::slice::Iter<'a, LeafProof>,
    latest: Option<&'a LeafProof>,
    preimage: Option<&'a PreimageRead>,
}

impl Access for Checker<'_> {
    type Error = WitnessError;

    fn text(&mut self, leaf: u64) -> Result<Leaf, WitnessError> {
        let proof = self.text.take().ok_or(WitnessError::Missing)?;
        if !proof.opens(&self.commitment.root, self.commitment.height, leaf) {
            return Err(WitnessError::Leaf { index: leaf });
        }
        Ok(proof.leaf)
    }

    fn leaf(&mut self, address: u64) -> Result<Leaf, WitnessError> {
        let proof = self.leaves.next().ok_or(WitnessError::Missing)?;
        let index = address / LEAF_BYTES;
        if !proof.opens(&self.root, MEMORY_HEIGHT, index) {
            return Err(WitnessError::Leaf { index });
        }
        self.latest = Some(proof);
        Ok(proof.leaf)
    }

    fn set_leaf(&mut self, address: u64, leaf: &Leaf) -> Result<(), WitnessError> {
        let proof = self.latest.ok_or(WitnessError::Missing)?;
        self.root = proof.root_with(address / LEAF_BYTES, leaf);
        Ok(())
    }

    fn preimage(&mut self, key: &PreimageKey, offset: u64) -> Result<PreimagePart, WitnessError> {
        let read = self.preimage.take().ok_or(WitnessError::Missing)?;
        if read.key != *key || read.offset != offset {
            return Err(WitnessError::Preimage);
        }
        Ok(read.part)
    }
}

/// Answers a step from a machine and keeps what was asked.
struct Recorder<'a, H> {
    memory: &'a mut Memory,
    tree: &'a MemoryTree,
    text: &'a TextTree,
    latest: &'a mut Latest,
    host: &'a mut H,
    found: StepWitness,
}

impl<H: Host> Access for Recorder<'_, H> {
    type Error = MachineError;

    fn text(&mut self, leaf: u64) -> Result<Leaf, MachineError> {
        let proof = self.text.proof(leaf);
        let leaf = proof.leaf;
        self.found.text = Some(proof);
        Ok(leaf)
    }

    fn leaf(&mut self, address: u64) -> Result<Leaf, MachineError> {
        let proof = self.tree.proof(self.memory, address);
        let leaf = proof.leaf;
        self.found.leaves.push(proof);
        Ok(leaf)
    }

    fn set_leaf(&mut self, address: u64, leaf: &Leaf) -> Result<(), MachineError> {
        // The step looked whether it may.
        let _ = self.memory.store_leaf(address, leaf);
        Ok(())
    }

    fn preimage(&mut self, key: &PreimageKey, offset: u64) -> Result<PreimagePart, MachineError> {
        let bytes = fetch(self.latest, *key, self.host)?;
        let mut leaf = Leaf::default();
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
        for (to, from) in leaf.iter_mut().zip(rest.unwrap_or_default()) {
            *to = *from;
        }
        let part = PreimagePart { length: u64::try_from(bytes.len()).unwrap_or(u64::MAX), leaf };
        self.found.preimage = Some(PreimageRead { key: *key, offset, part });
        Ok(part)
    }
}

/// Makes one step on `memory` and gives what proves it, with the state after it but for its root of memory.
pub(crate) fn record<H: Host>(
    before: MachineState,
    memory: &mut Memory,
    tree: &MemoryTree,
    text: &TextTree,
    latest: &mut Latest,
    host: &mut H,
) -> Result<(StepWitness, MachineState), MachineError> {
    let mut after = before.clone();
    let found = StepWitness { state: before, text: None, leaves: Vec::new(), preimage: None };
    let mut recorder = Recorder { memory, tree, text, latest, host, found };
    step(&mut after, &text.commitment, &mut recorder)?;
    Ok((recorder.found, after))
}
