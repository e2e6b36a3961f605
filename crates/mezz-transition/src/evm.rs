//! The EVM ledger: blocks of signed transactions.

use alloc::vec::Vec;
use mezz_codec::BatchBlock;
use mezz_evm::{
    BlockEnv, BlockExecutor, Crypto, ExecutedBlock, ExecutionError, PushError, SealedBlock, State,
    StateReader, recover,
};
use mezz_types::{BatchIndex, ChainConfig, Message};

use crate::{ChainHead, TransitionError, rules::split};

pub(crate) struct Chain<'a> {
    pub(crate) config: &'a ChainConfig,
    pub(crate) batch: BatchIndex,
    pub(crate) crypto: &'a dyn Crypto,
}

impl Chain<'_> {
    /// Executes blocks one after the other.
    pub(crate) fn run<S: State>(
        &self,
        head: &ChainHead,
        blocks: &[BatchBlock],
        messages: &[Message],
        state: &mut S,
    ) -> Result<Vec<SealedBlock>, TransitionError<S::Error>> {
        let mut sealed: Vec<SealedBlock> = Vec::with_capacity(blocks.len());
        let mut unconsumed = messages;
        for block in blocks {
            let (consumed, left) = split(unconsumed, block.message_count);
            unconsumed = left;
            let parent = sealed.last().map_or(head.header(), |parent| &parent.header);
            let env = self.block_env(parent, block.timestamp)?;
            let next = self.block(env, block, consumed, state)?;
            sealed.push(next);
        }
        Ok(sealed)
    }

    fn block_env<E>(
        &self,
        parent: &alloy_consensus::Sealed<alloy_consensus::Header>,
        timestamp: u64,
    ) -> Result<BlockEnv<'_>, TransitionError<E>> {
        let batch = self.batch;
        let rules = self.config.rules_at(batch).ok_or(TransitionError::NoRules { batch })?;
        let env = BlockEnv::child(self.config, rules, parent, timestamp);
        Ok(env.map_err(ExecutionError::Parent)?)
    }

    fn block<S: State>(
        &self,
        env: BlockEnv<'_>,
        block: &BatchBlock,
        messages: &[Message],
        state: &mut S,
    ) -> Result<SealedBlock, TransitionError<S::Error>> {
        let executed = execute_block(env, block, messages, &*state, self.crypto)?;
        let root = state.commit(&executed.changes).map_err(|error| TransitionError::Commit {
            block_hash_of_parent: executed.parent_hash,
            error,
        })?;
        Ok(executed.seal(root))
    }
}

/// Executes one block of a plan. A transaction that is not valid when its turn comes is skipped.
///
/// # Errors
/// [`ExecutionError`] if the state cannot be read or `messages` are not the next ones.
pub fn execute_block<S: StateReader>(
    env: BlockEnv<'_>,
    block: &BatchBlock,
    messages: &[Message],
    state: S,
    crypto: &dyn Crypto,
) -> Result<ExecutedBlock, ExecutionError<S::Error>> {
    let mut executor = BlockExecutor::new(env, state, crypto)?;
    executor.consume_messages(messages)?;
    for transaction in &block.transactions {
        let Ok(transaction) = recover(transaction.clone(), crypto) else { continue };
        match executor.push_transaction(&transaction) {
            Ok(_) | Err(PushError::Invalid(_) | PushError::DoesNotFit { .. }) => {}
            Err(PushError::Block(error)) => return Err(error),
        }
    }
    executor.finish()
}
