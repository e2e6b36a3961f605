//! What every method works with.

use std::sync::{Arc, Mutex, PoisonError};

use alloy::{eips::BlockId, signers::local::PrivateKeySigner};
use alloy_consensus::Header;
use alloy_primitives::B256;
use mezz_evm::{BlockEnv, Simulator};
use mezz_node::{ChainView, L1View, PoolHandle};
use mezz_store::{BlockRef, StateView};
use mezz_types::{BatchIndex, BlockNumber, L1Facts, Rules};
use tokio::sync::{Semaphore, watch};

use crate::{
    ChainInfo, Limits,
    counts::RequestCounts,
    error::RpcError,
    filters::Filters,
    mezz::l1_facts,
    news::News,
    overrides::{Layered, Overrides},
};

/// Shared by all methods.
pub(crate) struct Context {
    pub(crate) view: ChainView,
    pub(crate) pool: Option<PoolHandle>,
    pub(crate) l1: watch::Receiver<L1View>,
    pub(crate) info: ChainInfo,
    pub(crate) limits: Limits,
    pub(crate) dev_accounts: Vec<PrivateKeySigner>,
    /// Signs blocks for replicas.
    pub(crate) feed_signer: Option<PrivateKeySigner>,
    pub(crate) filters: Filters,
    pub(crate) news: News,
    pub(crate) counts: RequestCounts,
    /// Places for work that takes long: so many at once, the others wait.
    pub(crate) heavy: Arc<Semaphore>,
    /// What the block with this hash says of L1, since every transaction that comes in asks.
    pub(crate) facts: Mutex<Option<(B256, L1Facts)>>,
}

impl Context {
    /// The block that an id names; `None` if there is none.
    pub(crate) fn block(&self, id: BlockId) -> Result<Option<BlockRef>, RpcError> {
        use alloy::eips::BlockNumberOrTag as Tag;
        let reader = &self.view.reader;
        let number = match id {
            BlockId::Hash(hash) => match reader.block_number(hash.block_hash)? {
                Some(number) => number,
                None => return Ok(None),
            },
            BlockId::Number(Tag::Earliest) => BlockNumber::ZERO,
            BlockId::Number(Tag::Latest | Tag::Pending) => return Ok(reader.head()?),
            BlockId::Number(Tag::Safe) => return Ok(reader.safe()?.or(self.genesis()?)),
            BlockId::Number(Tag::Finalized) => return Ok(reader.finalized()?),
            BlockId::Number(Tag::Number(number)) => BlockNumber::new(number),
        };
        Ok(reader.block_hash(number)?.map(|hash| BlockRef { number, hash }))
    }

    pub(crate) fn genesis(&self) -> Result<Option<BlockRef>, RpcError> {
        let number = BlockNumber::ZERO;
        Ok(self.view.reader.block_hash(number)?.map(|hash| BlockRef { number, hash }))
    }

    /// The block that an id names.
    pub(crate) fn known_block(&self, id: BlockId) -> Result<BlockRef, RpcError> {
        self.block(id)?.ok_or(RpcError::UnknownBlock)
    }

    /// The header of a block that is there.
    pub(crate) fn header(&self, number: BlockNumber) -> Result<(B256, Header), RpcError> {
        self.view.reader.header(number)?.ok_or(RpcError::UnknownBlock)
    }

    /// The state after the block that an id names.
    pub(crate) fn state(&self, id: BlockId) -> Result<StateView, RpcError> {
        Ok(self.view.reader.state_at(self.known_block(id)?.number)?)
    }

    /// The state at the head, and what it knows of L1.
    pub(crate) fn tip(&self) -> Result<(StateView, L1Facts), RpcError> {
        let state = self.view.reader.state_at_head()?.ok_or(RpcError::UnknownBlock)?;
        let block = state.block().hash;
        let known = *self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, facts)) = known.filter(|(of, _)| *of == block) {
            return Ok((state, facts));
        }
        let facts = l1_facts(&state)?;
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some((block, facts));
        Ok((state, facts))
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> Result<Rules, RpcError> {
        let rules = self.view.config.rules_at(BatchIndex::ZERO);
        rules.ok_or_else(|| RpcError::Internal("the configuration names no rules".into()))
    }

    /// The block with `header` as calls see it.
    pub(crate) fn block_env(&self, header: &Header) -> Result<BlockEnv<'_>, RpcError> {
        BlockEnv::of(&self.view.config, self.rules()?, header)
            .map_err(|error| RpcError::Internal(error.to_string()))
    }

    /// Runs `work` with a simulator on the block that an id names.
    pub(crate) fn simulate<T>(
        &self,
        id: BlockId,
        work: impl FnOnce(&mut Simulator<'_, &Layered>) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        self.simulate_with(id, Overrides::default(), work)
    }

    /// The same, where block and state say something else of themselves.
    pub(crate) fn simulate_with<T>(
        &self,
        id: BlockId,
        overrides: Overrides,
        work: impl FnOnce(&mut Simulator<'_, &Layered>) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        let block = self.known_block(id)?;
        let (_, header) = self.header(block.number)?;
        let mut state = Layered::new(self.view.reader.state_at(block.number)?);
        let changes = overrides.apply(&mut state)?;
        let env = self.block_env(&header)?;
        let mut simulator = Simulator::new(env, &state, self.view.crypto.as_ref())
            .map_err(|error| RpcError::Internal(error.to_string()))?;
        simulator.change_block(&changes);
        work(&mut simulator)
    }

    /// Runs work that takes long on a thread of its own, a bounded number at once.
    pub(crate) async fn run_heavy<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let permit = Arc::clone(&self.heavy).acquire_owned().await;
        let _permit = permit.map_err(|error| RpcError::Internal(error.to_string()))?;
        let context = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&context))
            .await
            .map_err(|error| RpcError::Internal(error.to_string()))?
    }
}
