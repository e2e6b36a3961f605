//! What everybody may read of the chain.

use std::sync::Arc;

use alloy_consensus::{Header, Sealed};
use alloy_primitives::B256;
use mezz_evm::Crypto;
use mezz_l1::L1Contracts;
use mezz_store::{L1Store, StoreError, StoreReader};
use mezz_types::{BatchIndex, BlockNumber, ChainConfig, ClaimId, Commitment};
use tokio::sync::{broadcast, watch};

use crate::{BlockTiming, ChainEvent, EngineError, engine::next_inbox_index};

/// A claim that L1 shows as final and that contradicts what this node derived from L1's own batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "L1 shows claim {claim} up to batch {batch_end} as final with commitment {claimed}, but this node derived \
     {derived}: its L1 node lies, or a wrong claim went undisputed, or this node's data or software is at fault; \
     nothing becomes final here meanwhile: ask other L1 nodes, and compare with a node on another machine"
)]
pub struct WrongFinalClaim {
    /// Which.
    pub claim: ClaimId,
    /// One past its last batch.
    pub batch_end: BatchIndex,
    /// What is final on L1.
    pub claimed: B256,
    /// What this node has.
    pub derived: B256,
}

/// Reads the chain; cheap to clone.
#[derive(Clone)]
pub struct ChainView {
    /// Blocks, receipts, state.
    pub reader: StoreReader,
    /// Messages, batches, claims.
    pub l1: L1Store,
    /// The chain's configuration.
    pub config: Arc<ChainConfig>,
    /// Its contracts on L1.
    pub contracts: L1Contracts,
    /// Signatures and precompiles, for calls that change nothing.
    pub crypto: Arc<dyn Crypto>,
    /// The last block.
    pub head: watch::Receiver<Arc<Sealed<Header>>>,
    pub(crate) events: broadcast::Sender<ChainEvent>,
    /// How long blocks took that were built here; a subscriber that falls behind loses the oldest.
    pub timings: broadcast::Sender<BlockTiming>,
}

impl ChainView {
    /// News from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<ChainEvent> {
        self.events.subscribe()
    }

    /// What L1 shows as final and is not what this node derived; none if nothing is, or this node is not that far.
    ///
    /// # Errors
    /// A failure of the disk.
    pub fn wrong_final_claim(&self) -> Result<Option<WrongFinalClaim>, StoreError> {
        let Some(claim) = self.l1.last_final_claim()? else { return Ok(None) };
        let Some(outcome) = self.l1.outcome(claim.batch_end.prev())? else { return Ok(None) };
        let derived = outcome.post.hash();
        Ok((derived != claim.post).then_some(WrongFinalClaim {
            claim: claim.id,
            batch_end: claim.batch_end,
            claimed: claim.post,
            derived,
        }))
    }

    /// The commitment of the chain after `block`.
    ///
    /// # Errors
    /// [`EngineError::NoBlock`], or as of the store; also for a block older than the history.
    pub fn commitment(&self, block: BlockNumber) -> Result<Commitment, EngineError> {
        commitment(&self.reader, block)
    }
}

pub(crate) fn commitment(
    reader: &StoreReader,
    block: BlockNumber,
) -> Result<Commitment, EngineError> {
    let (block_hash, header) = reader.header(block)?.ok_or(EngineError::NoBlock { block })?;
    let outbox_root = reader.outbox_root(block)?;
    Ok(Commitment {
        block_number: block,
        block_hash,
        timestamp: header.timestamp,
        state_root: header.state_root,
        outbox_root,
        next_inbox_index: next_inbox_index(&header)?,
    })
}
