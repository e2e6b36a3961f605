//! What everybody may read of the chain.

use std::sync::Arc;

use alloy_consensus::{Header, Sealed};
use mezz_evm::Crypto;
use mezz_l1::L1Contracts;
use mezz_store::{L1Store, StoreReader};
use mezz_types::{BlockNumber, ChainConfig, Commitment};
use tokio::sync::{broadcast, watch};

use crate::{BlockTiming, ChainEvent, EngineError, engine::next_inbox_index};

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
