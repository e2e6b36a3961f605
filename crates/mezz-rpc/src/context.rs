//! What every method works with.

use std::sync::{Arc, Mutex, PoisonError};

use alloy::{eips::BlockId, signers::local::PrivateKeySigner};
use alloy_consensus::Header;
use alloy_primitives::B256;
use mezz_evm::{BlockEnv, Simulator};
use mezz_node::{ChainView, L1View, PoolHandle};
use mezz_store::{BlockRef, StateView};
use mezz_types::{BatchIndex, BlockNumber, L1Facts, Rules};
use tokio::sync::watch;

use crate::{
    ChainInfo, Limits,
    accepting::Accepting,
    counts::RequestCounts,
    error::RpcError,
    filters::Filters,
    limits::clock,
    mezz::l1_facts,
    news::News,
    overrides::{Layered, Overrides},
    server::Strain,
    workers::Workers,
};

/// Looks at a label whose block is taken back while it is read.
const TRIES: u32 = 3;

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
    pub(crate) calls: Workers,
    pub(crate) heavy: Workers,
    pub(crate) strain: Arc<Strain>,
    pub(crate) accepting: Accepting,
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
        self.read_at(id, |block| Ok(self.view.reader.state_at(block)?))
    }

    /// What `read` finds at the block that an id names. A label is followed to where it points meanwhile, when
    /// its block is taken back in between.
    fn read_at<T>(
        &self,
        id: BlockId,
        read: impl Fn(BlockNumber) -> Result<T, RpcError>,
    ) -> Result<T, RpcError> {
        let label = matches!(id, BlockId::Number(tag) if !tag.is_number());
        let mut tries = if label { TRIES } else { 1 };
        loop {
            tries -= 1;
            match self.known_block(id).and_then(|block| read(block.number)) {
                Err(RpcError::UnknownBlock) if tries > 0 => {}
                found => return found,
            }
        }
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
        let (header, state) = self.read_at(id, |block| {
            let (_, header) = self.header(block)?;
            Ok((header, self.view.reader.state_at(block)?))
        })?;
        let mut state = Layered::new(state);
        let changes = overrides.apply(&mut state)?;
        let env = self.block_env(&header)?;
        let expired = clock(self.limits.call_time);
        let mut simulator = Simulator::new(env, &state, self.view.crypto.as_ref(), &expired)
            .map_err(|error| RpcError::Internal(error.to_string()))?;
        simulator.change_block(&changes);
        work(&mut simulator)
    }

    /// Runs a heavy request on the threads for these.
    pub(crate) async fn run_heavy<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let context = Arc::clone(self);
        self.heavy.run(move || work(&context)).await
    }

    /// Runs a call, or what takes about as long, on the threads for these: heavy requests do not keep them
    /// waiting.
    pub(crate) async fn run_call<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let context = Arc::clone(self);
        self.calls.run(move || work(&context)).await
    }
}
