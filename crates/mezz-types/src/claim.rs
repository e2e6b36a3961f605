//! The one statement that every proof system proves.

use alloy_primitives::B256;

use crate::Words;

/// «With this configuration, from `pre`, the batches and messages between the accumulators give
/// `post`.»
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Claim {
    /// Hash of the configuration in force.
    pub config_hash: B256,
    /// Hash of the commitment before.
    pub pre: B256,
    /// Batch accumulator before the first batch.
    pub batch_start: B256,
    /// Batch accumulator after the last batch.
    pub batch_end: B256,
    /// Inbox accumulator before the first message.
    pub inbox_start: B256,
    /// Inbox accumulator after the last message.
    pub inbox_end: B256,
    /// Hash of the commitment after.
    pub post: B256,
}

/// Identifies a claim in the tree: its digest under its parent.
pub type ClaimId = B256;

impl Claim {
    /// The 32 bytes that are proven.
    pub fn digest(&self) -> B256 {
        self.words().keccak()
    }

    /// Preimage of [`Claim::digest`].
    pub fn words(&self) -> Words {
        Words::tagged("mezzanine.claim.v1")
            .hash(self.config_hash)
            .hash(self.pre)
            .hash(self.batch_start)
            .hash(self.batch_end)
            .hash(self.inbox_start)
            .hash(self.inbox_end)
            .hash(self.post)
    }

    /// The claim without its answer: `post` is zero. All claims over one range ask the same.
    #[must_use]
    pub const fn question(&self) -> Self {
        Self { post: B256::ZERO, ..*self }
    }
}

/// The place of a claim in the tree. The root's id is the genesis batch accumulator.
pub fn claim_id(parent: ClaimId, digest: B256) -> ClaimId {
    Words::tagged("mezzanine.claim-id.v1").hash(parent).hash(digest).keccak()
}
