//! Which block a request means.

use std::sync::Arc;

use alloy::{
    consensus::{Header, Sealed},
    eips::RpcBlockHash,
    rpc::types::{BlockId, BlockNumberOrTag},
};
use mezz_evm::EthereumBlockEnv;

use super::error::RpcError;
use crate::{
    chain::{Block, Built, View},
    node::Published,
    state::WorldState,
};

/// A block that was made, or the one that would be next.
#[derive(Clone, Debug)]
pub(super) enum Selected {
    Made(Arc<Block>),
    Pending(Arc<Built>),
}

impl Selected {
    pub(super) fn block(&self) -> &Block {
        match self {
            Self::Made(block) => block,
            Self::Pending(built) => &built.block,
        }
    }

    pub(super) fn header(&self) -> &Sealed<Header> {
        &self.block().header
    }
}

/// Number of the block that a tag means; `None` for the pending one.
pub(super) fn number(view: &View, tag: BlockNumberOrTag) -> Option<u64> {
    match tag {
        BlockNumberOrTag::Number(number) => Some(number),
        BlockNumberOrTag::Latest => Some(view.number()),
        BlockNumberOrTag::Safe => Some(view.safe()),
        BlockNumberOrTag::Finalized => Some(view.finalized()),
        BlockNumberOrTag::Earliest => Some(0),
        BlockNumberOrTag::Pending => None,
    }
}

/// The block that a tag means; `None` if there is none. Executes the pending one.
pub(super) fn by_tag(
    version: &Published,
    tag: BlockNumberOrTag,
) -> Result<Option<Selected>, RpcError> {
    let view = version.view();
    match number(view, tag) {
        Some(number) => Ok(view.block(number)?.map(Selected::Made)),
        None => version.pending().map(Selected::Pending).map(Some).map_err(RpcError::Internal),
    }
}

/// The block that a request means; `None` if there is none.
pub(super) fn block(version: &Published, id: BlockId) -> Result<Option<Selected>, RpcError> {
    match id {
        // All blocks that are kept are canonical.
        BlockId::Hash(RpcBlockHash { block_hash, .. }) => {
            Ok(version.view().block_by_hash(&block_hash)?.map(Selected::Made))
        }
        BlockId::Number(tag) => by_tag(version, tag),
    }
}

/// A state, and the block whose opcodes a call on it sees.
#[derive(Clone, Debug)]
pub(super) struct StateAt {
    pub(super) state: WorldState,
    pub(super) env: EthereumBlockEnv,
}

/// The state after the block that a request means; the head's by default.
pub(super) fn state(version: &Published, id: Option<BlockId>) -> Result<StateAt, RpcError> {
    let id = id.unwrap_or_default();
    let view = version.view();
    let selected = block(version, id)?.ok_or(RpcError::BlockNotFound(id))?;
    let env = view.rules.env_of(selected.header());
    let state = match &selected {
        Selected::Pending(built) => built.state.clone(),
        Selected::Made(block) => {
            let number = block.number();
            let oldest = view.oldest_state();
            view.state_after(number).ok_or(RpcError::StateNotKept { number, oldest })?.clone()
        }
    };
    Ok(StateAt { state, env })
}
