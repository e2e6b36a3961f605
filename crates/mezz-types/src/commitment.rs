//! What a chain is after a batch.

use alloy_primitives::B256;

use crate::{BlockNumber, InboxIndex, Words};

/// The state of the chain after its last block, in one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Commitment {
    /// Height of the last block.
    pub block_number: BlockNumber,
    /// Its hash.
    pub block_hash: B256,
    /// Its timestamp, seconds since the Unix epoch.
    pub timestamp: u64,
    /// Root of the state; opaque to every contract.
    pub state_root: B256,
    /// Root of the outbox tree.
    pub outbox_root: B256,
    /// First inbox message not consumed yet.
    pub next_inbox_index: InboxIndex,
}

impl Commitment {
    /// The hash that claims are about.
    pub fn hash(&self) -> B256 {
        self.words().keccak()
    }

    /// Preimage of [`Commitment::hash`].
    pub fn words(&self) -> Words {
        Words::tagged("mezzanine.commitment.v1")
            .uint(self.block_number.get())
            .hash(self.block_hash)
            .uint(self.timestamp)
            .hash(self.state_root)
            .hash(self.outbox_root)
            .uint(self.next_inbox_index.get())
    }
}
