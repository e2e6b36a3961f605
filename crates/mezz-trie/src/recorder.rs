//! Finds the smallest witness by watching a run.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use core::cell::RefCell;

use crate::{NODE_PREIMAGE_BYTES, NodeHash, Witness, WitnessSource};

/// Passes answers of another source through and keeps them: what was asked for is exactly what
/// the same run needs again.
#[derive(Debug)]
pub struct Recorder<S> {
    source: S,
    witness: RefCell<Witness>,
}

impl<S> Recorder<S> {
    /// Watches `source`.
    pub fn new(source: S) -> Self {
        Self { source, witness: RefCell::default() }
    }

    /// All that was asked for.
    pub fn into_witness(self) -> Witness {
        self.witness.into_inner()
    }

    /// The witness is only borrowed within this crate's own calls, so it is always free.
    fn keep(&self, add: impl FnOnce(&mut Witness)) {
        if let Ok(mut witness) = self.witness.try_borrow_mut() {
            add(&mut witness);
        }
    }
}

impl<S: WitnessSource> WitnessSource for Recorder<S> {
    type Error = S::Error;

    fn node(&self, hash: &NodeHash) -> Result<[u8; NODE_PREIMAGE_BYTES], Self::Error> {
        let preimage = self.source.node(hash)?;
        self.keep(|witness| {
            witness.nodes.insert(*hash, preimage);
        });
        Ok(preimage)
    }

    fn value(&self, value_hash: &[u8; 32]) -> Result<Vec<u8>, Self::Error> {
        let value = self.source.value(value_hash)?;
        self.keep(|witness| {
            witness.values.insert(*value_hash, value.clone());
        });
        Ok(value)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Self::Error> {
        let code = self.source.code(code_hash)?;
        self.keep(|witness| {
            witness.codes.insert(code_hash, code.clone());
        });
        Ok(code)
    }
}
