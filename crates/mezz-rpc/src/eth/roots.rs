//! State roots of blocks that are made up.
//!
//! The tries know the state after the last block and after the last final one. Roots after more blocks are
//! computed from the paths of what those write, so that nothing waits for a simulation but the reading of
//! paths, some at a time.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use mezz_store::{ProofState, StateProof, StoreError, StoreReader};
use mezz_trie::{PartialTrie, Witness};
use mezz_types::StateKey;

use crate::error::RpcError;

/// Keys that the blocks of one request may write and have roots.
const KEYS: usize = 20_000;
/// Keys whose paths are read at once: commits of blocks wait meanwhile.
const CHUNK: usize = 256;

/// What a block writes; `None` removes a leaf.
pub(crate) type Writes = BTreeMap<StateKey, Option<Vec<u8>>>;

/// The state after the blocks so far.
pub(crate) struct Roots {
    base: B256,
    witness: Witness,
    known: BTreeSet<StateKey>,
    /// `None` as soon as a root cannot be known.
    trie: Option<PartialTrie>,
    /// Whether that is because neither trie is at the base, or not any more.
    pub(crate) moved: bool,
}

impl Roots {
    /// On the state with this root.
    pub(crate) fn new(base: B256) -> Self {
        let (witness, known) = (Witness::default(), BTreeSet::new());
        Self { base, witness, known, trie: Some(PartialTrie::new(base.0)), moved: false }
    }

    /// The root after a block that writes this, or zero if it cannot be known: then `writes` is `None`,
    /// writes are too many, or the base is a state of the past.
    pub(crate) fn after(
        &mut self,
        reader: &StoreReader,
        writes: Option<&Writes>,
    ) -> Result<B256, RpcError> {
        let Some(mut trie) = self.trie.take() else { return Ok(B256::ZERO) };
        let Some(writes) = writes else { return Ok(B256::ZERO) };
        if !self.learn(reader, writes)? {
            return Ok(B256::ZERO);
        }
        let root = trie.update(&self.witness, writes).map_err(|error| {
            RpcError::Internal(format!("the root of a simulated block: {error}"))
        })?;
        self.trie = Some(trie);
        Ok(root.into())
    }

    /// Reads the paths of keys that no block before has written; whether there are such.
    fn learn(&mut self, reader: &StoreReader, writes: &Writes) -> Result<bool, RpcError> {
        let new: Vec<StateKey> =
            writes.keys().filter(|key| !self.known.contains(*key)).copied().collect();
        if self.known.len().saturating_add(new.len()) > KEYS {
            return Ok(false);
        }
        for keys in new.chunks(CHUNK) {
            let Some(proofs) = self.prove(reader, keys)? else {
                self.moved = true;
                return Ok(false);
            };
            for StateProof { key, value, terminal, siblings } in proofs {
                let root = self.witness.add_path(&key, &siblings, terminal, value);
                if root.ok() != Some(self.base.0) {
                    let text = "a path of the state does not lead to its root";
                    return Err(RpcError::Internal(text.into()));
                }
            }
            self.known.extend(keys);
        }
        Ok(true)
    }

    /// Paths in the base, if a trie is there.
    fn prove(
        &self,
        reader: &StoreReader,
        keys: &[StateKey],
    ) -> Result<Option<Vec<StateProof>>, RpcError> {
        for state in [ProofState::Head, ProofState::Final] {
            match reader.prove(state, keys) {
                Ok(proofs) if proofs.root == self.base => return Ok(Some(proofs.proofs)),
                Ok(_) | Err(StoreError::ViewExpired { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}
