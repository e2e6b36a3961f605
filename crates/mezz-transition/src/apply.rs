//! One batch over a state.

use alloc::vec::Vec;
use alloy_primitives::B256;
use mezz_evm::{Crypto, ExecutionError, SealedBlock, State};
use mezz_types::{Batch, BatchIndex, ChainConfig, Commitment, InboxIndex, LedgerKind, Message};

use crate::{BatchPlan, ChainHead, VoidReason, evm, plan_batch, rules::count};

/// A batch and all that it names, bound to its hash by the caller.
#[derive(Clone, Copy, Debug)]
pub struct BatchInput<'a> {
    /// The header that L1 accepted.
    pub batch: &'a Batch,
    /// The bytes behind `data_hash`: calldata, or what the blobs carry; empty if the blobs were not
    /// packed by the rules, or the verdict is that there are none.
    pub bytes: &'a [u8],
    /// Messages `inbox_start` to `inbox_end`, in order.
    pub messages: &'a [Message],
}

/// What a batch gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOutcome {
    /// The chain after it.
    pub post: Commitment,
    /// Its blocks, at least one.
    pub blocks: Vec<SealedBlock>,
    /// Why it was void; its one block is the default block then.
    pub void: Option<VoidReason>,
}

/// The transition could not run. Never says anything about the batch: bad bytes are an outcome.
#[derive(Debug, thiserror::Error)]
pub enum TransitionError<E> {
    /// The messages do not start where the chain stands.
    #[error("the chain is at message {expected}, the batch starts at {got}")]
    InboxStart {
        /// Next message of the chain.
        expected: InboxIndex,
        /// First message of the batch.
        got: InboxIndex,
    },
    /// The caller passed another number of messages than the batch consumes.
    #[error("the batch consumes messages up to {end}, got {got} from {start}")]
    Messages {
        /// First message of the batch.
        start: InboxIndex,
        /// One past its last.
        end: InboxIndex,
        /// Messages passed.
        got: u64,
    },
    /// The configuration has no rules for the batch.
    #[error("no rules are in force at batch {batch}")]
    NoRules {
        /// The batch.
        batch: BatchIndex,
    },
    /// A block could not be executed: the state is not known, or the parent is no block.
    #[error(transparent)]
    Execution(#[from] ExecutionError<E>),
    /// The state did not take in a block.
    #[error("state after block {block_hash_of_parent}: {error}")]
    Commit {
        /// Parent of the block.
        block_hash_of_parent: B256,
        /// What the state says.
        #[source]
        error: E,
    },
}

/// Executes a batch on the state after `head`, which takes in every block.
///
/// Total under any `bytes`. After an error, `state` may hold some of the blocks.
///
/// # Errors
/// [`TransitionError`] if the arguments do not belong together, or the state fails.
pub fn apply_batch<S: State>(
    config: &ChainConfig,
    head: &ChainHead,
    input: &BatchInput<'_>,
    state: &mut S,
    crypto: &dyn Crypto,
) -> Result<BatchOutcome, TransitionError<S::Error>> {
    check_input(head, input)?;
    match config.ledger {
        LedgerKind::Evm => {
            let BatchPlan { blocks, void } = plan_batch(config, head, input);
            let chain = evm::Chain { config, batch: input.batch.index, crypto };
            let blocks = chain.run(head, &blocks, input.messages, state)?;
            let post = blocks.last().map_or(*head.commitment(), SealedBlock::commitment);
            Ok(BatchOutcome { post, blocks, void })
        }
    }
}

fn check_input<E>(head: &ChainHead, input: &BatchInput<'_>) -> Result<(), TransitionError<E>> {
    let (start, end) = (input.batch.inbox_start, input.batch.inbox_end);
    let expected = head.commitment().next_inbox_index;
    if start != expected {
        return Err(TransitionError::InboxStart { expected, got: start });
    }
    let got = count(input.messages.len());
    if start.checked_add(got) != Ok(end) {
        return Err(TransitionError::Messages { start, end, got });
    }
    Ok(())
}
