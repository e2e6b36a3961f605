//! From a batch to blocks, before anything runs (`docs/formats.md`, section 5).
//!
//! A batch that breaks one of V1 to V6 is void: it gives one default block, which consumes all its
//! messages and holds no transactions. The last fact in force before the batch never matters to the
//! rules: by V4, the parent is not earlier than it, and by V3, no block is earlier than the parent.

use alloc::{vec, vec::Vec};
use alloy_consensus::Transaction as _;
use mezz_codec::{BatchBlock, CodecError, decode};
use mezz_types::{ChainConfig, DataVerdict, Message};

use crate::{BatchInput, ChainHead};

/// Which rule a batch breaks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoidReason {
    /// V1: L1 says that the data counts as empty.
    #[error("V1: the verdict is {verdict:?}")]
    Verdict {
        /// What L1 says.
        verdict: DataVerdict,
    },
    /// V1: the bytes are no batch.
    #[error("V1: {0}")]
    Bytes(#[from] CodecError),
    /// V2: there is no block.
    #[error("V2: no block")]
    NoBlocks,
    /// V2: the blocks do not consume what the batch consumes.
    #[error("V2: blocks consume {got} messages, the batch {expected}")]
    MessageCount {
        /// Messages of the batch.
        expected: u64,
        /// Messages of its blocks, summed; the largest number if the sum has no end.
        got: u64,
    },
    /// V3: a block is earlier than the one before.
    #[error("V3: block {position} is at {got}, before its parent at {parent}")]
    BeforeParent {
        /// Position in the batch.
        position: usize,
        /// Timestamp of the parent.
        parent: u64,
        /// Its timestamp.
        got: u64,
    },
    /// V3: a block is later than L1 was when it accepted the batch.
    #[error("V3: block {position} is at {got}, the batch was accepted at {accepted}")]
    AfterAcceptance {
        /// Position in the batch.
        position: usize,
        /// L1 timestamp of acceptance.
        accepted: u64,
        /// Its timestamp.
        got: u64,
    },
    /// V4: a block is earlier than a message that it consumes.
    #[error("V4: block {position} is at {got}, its last message at {message}")]
    BeforeMessage {
        /// Position in the batch.
        position: usize,
        /// Timestamp of the last message consumed.
        message: u64,
        /// Its timestamp.
        got: u64,
    },
    /// V5: a block leaves a message waiting for too long.
    #[error("V5: block {position} is at {got}, the oldest message was due by {due}")]
    MessageOverdue {
        /// Position in the batch.
        position: usize,
        /// Timestamp of the oldest message unconsumed after it, plus the force delay.
        due: u64,
        /// Its timestamp.
        got: u64,
    },
    /// V6: the batch may use more gas than a batch has.
    #[error("V6: gas limits sum to {got}, a batch has {limit}")]
    Gas {
        /// Gas of a batch.
        limit: u64,
        /// Gas limits of its transactions and messages, summed; stays at the end of the range.
        got: u64,
    },
}

/// What a batch is to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPlan {
    /// Its blocks, at least one; message counts sum to the messages of the batch.
    pub blocks: Vec<BatchBlock>,
    /// Why it is void; its one block is the default block then.
    pub void: Option<VoidReason>,
}

/// Decides what a batch is to execute. Total: any bytes give a plan.
pub fn plan_batch(config: &ChainConfig, head: &ChainHead, input: &BatchInput<'_>) -> BatchPlan {
    match checked_blocks(config, head, input) {
        Ok(blocks) => BatchPlan { blocks, void: None },
        Err(reason) => {
            BatchPlan { blocks: vec![default_block(head, input.messages)], void: Some(reason) }
        }
    }
}

fn default_block(head: &ChainHead, messages: &[Message]) -> BatchBlock {
    let parent = head.commitment().timestamp;
    let fact = messages.last().map_or(0, |message| message.facts.timestamp);
    BatchBlock {
        timestamp: parent.max(fact),
        message_count: count(messages.len()),
        transactions: Vec::new(),
    }
}

fn checked_blocks(
    config: &ChainConfig,
    head: &ChainHead,
    input: &BatchInput<'_>,
) -> Result<Vec<BatchBlock>, VoidReason> {
    let verdict = input.batch.verdict;
    if verdict != DataVerdict::Available {
        return Err(VoidReason::Verdict { verdict });
    }
    let blocks = decode(input.bytes, &config.limits)?;
    check_counts(&blocks, input.messages)?;
    check_times(config, head, input, &blocks)?;
    check_gas(config, input.messages, &blocks)?;
    Ok(blocks)
}

/// V2.
fn check_counts(blocks: &[BatchBlock], messages: &[Message]) -> Result<(), VoidReason> {
    if blocks.is_empty() {
        return Err(VoidReason::NoBlocks);
    }
    let expected = count(messages.len());
    let sum = blocks.iter().try_fold(0u64, |sum, block| sum.checked_add(block.message_count));
    match sum {
        Some(got) if got == expected => Ok(()),
        sum => Err(VoidReason::MessageCount { expected, got: sum.unwrap_or(u64::MAX) }),
    }
}

/// V3, V4 and V5, block by block.
fn check_times(
    config: &ChainConfig,
    head: &ChainHead,
    input: &BatchInput<'_>,
    blocks: &[BatchBlock],
) -> Result<(), VoidReason> {
    let accepted = input.batch.facts.timestamp;
    let mut parent = head.commitment().timestamp;
    let mut last_consumed = 0u64;
    let mut unconsumed = input.messages;
    for (position, block) in blocks.iter().enumerate() {
        let got = block.timestamp;
        if got < parent {
            return Err(VoidReason::BeforeParent { position, parent, got });
        }
        if got > accepted {
            return Err(VoidReason::AfterAcceptance { position, accepted, got });
        }
        let (consumed, left) = split(unconsumed, block.message_count);
        if let Some(last) = consumed.last() {
            last_consumed = last.facts.timestamp;
        }
        if got < last_consumed {
            return Err(VoidReason::BeforeMessage { position, message: last_consumed, got });
        }
        let oldest = left
            .first()
            .map_or(input.batch.oldest_unconsumed_timestamp, |next| next.facts.timestamp);
        let due = oldest.saturating_add(config.force_delay);
        if got > due {
            return Err(VoidReason::MessageOverdue { position, due, got });
        }
        parent = got;
        unconsumed = left;
    }
    Ok(())
}

/// V6. What the messages of one block may use is bounded on L1.
fn check_gas(
    config: &ChainConfig,
    messages: &[Message],
    blocks: &[BatchBlock],
) -> Result<(), VoidReason> {
    let of_messages = messages.iter().map(|message| message.gas_limit);
    let of_transactions =
        blocks.iter().flat_map(|block| &block.transactions).map(|tx| tx.gas_limit());
    let got = of_messages.chain(of_transactions).fold(0u64, u64::saturating_add);
    let limit = config.limits.batch_gas;
    if got > limit { Err(VoidReason::Gas { limit, got }) } else { Ok(()) }
}

/// The first `count` messages and the rest; all of them if there are not so many.
pub(crate) fn split(messages: &[Message], count: u64) -> (&[Message], &[Message]) {
    let at = usize::try_from(count).unwrap_or(usize::MAX);
    messages.split_at_checked(at).unwrap_or((messages, &[]))
}

pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
