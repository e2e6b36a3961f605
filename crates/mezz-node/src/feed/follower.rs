//! One look at the feed.

use std::{fmt, sync::Arc, time::Duration};

use alloy_primitives::Address;
use mezz_codec::BatchBlock;
use mezz_types::{BlockNumber, Message};

use super::{BlockFeed, FeedError, SignedBlock};
use crate::{
    ChainView, EngineHandle,
    engine::{AnnouncedBlock, next_inbox_index},
};

/// How long a feed may wait for its next block.
const WAIT: Duration = Duration::from_secs(10);

/// Whose blocks are followed, and where they are.
#[derive(Clone)]
pub struct FollowerSettings {
    /// Feeds; the next one is asked when one fails.
    pub sources: Vec<Arc<dyn BlockFeed>>,
    /// The sequencer's signing address.
    pub sequencer: Address,
}

impl fmt::Debug for FollowerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FollowerSettings({} feeds of {})", self.sources.len(), self.sequencer)
    }
}

/// What a look at the feed did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followed {
    /// There is no new block.
    Idle,
    /// So many blocks were taken.
    Blocks(usize),
    /// The feed's chain leaves this node's below its head; it is looked for one block further down.
    Further,
    /// The next block consumes messages that this node has not read from L1 yet.
    AwaitsL1,
}

/// Follows the sequencer's blocks ahead of L1.
pub struct Follower {
    view: ChainView,
    engine: EngineHandle,
    settings: FollowerSettings,
    /// The feed that is asked now.
    source: usize,
    /// The next block to ask for, if it is not the one after the head.
    next: Option<BlockNumber>,
}

impl Follower {
    /// Follows with this node's engine.
    pub const fn new(view: ChainView, engine: EngineHandle, settings: FollowerSettings) -> Self {
        Self { view, engine, settings, source: 0, next: None }
    }

    /// Asks for the next blocks and takes them.
    ///
    /// # Errors
    /// [`FeedError`]; the next look asks the next feed.
    pub async fn step(&mut self) -> Result<Followed, FeedError> {
        let followed = self.look().await;
        if followed.is_err() {
            self.source = self.source.wrapping_add(1);
            self.next = None;
        }
        followed
    }

    async fn look(&mut self) -> Result<Followed, FeedError> {
        let head = BlockNumber::new(self.view.head.borrow().number);
        let from = self.next.take().unwrap_or_else(|| head.next());
        let index = self.source.checked_rem(self.settings.sources.len()).unwrap_or(0);
        let Some(source) = self.settings.sources.get(index) else { return Ok(Followed::Idle) };
        let blocks = source.blocks(from, WAIT).await?;
        let mut taken = 0;
        for block in &blocks {
            match self.take(block).await? {
                Followed::Blocks(count) => taken += count,
                other if taken == 0 => return Ok(other),
                Followed::Idle | Followed::Further | Followed::AwaitsL1 => break,
            }
        }
        Ok(if taken == 0 { Followed::Idle } else { Followed::Blocks(taken) })
    }

    async fn take(&mut self, block: &SignedBlock) -> Result<Followed, FeedError> {
        let config = &self.view.config;
        let header = block.verify(config.hash(), self.settings.sequencer)?;
        let number = BlockNumber::new(header.number);
        let reader = &self.view.reader;
        if reader.block_hash(number)? == Some(header.hash()) {
            return Ok(Followed::Blocks(0));
        }
        let safe = reader.safe()?.map_or(BlockNumber::ZERO, |safe| safe.number);
        // F3.
        if number <= safe || number == BlockNumber::ZERO {
            return Err(FeedError::ContradictsL1 { number: header.number });
        }
        let Some((parent_hash, parent)) = reader.header(number.prev())? else {
            return Ok(Followed::Idle);
        };
        if parent_hash != header.parent_hash {
            // F4: the last block that both have is further down.
            self.next = Some(number.prev());
            return Ok(Followed::Further);
        }
        let malformed = |reason: String| FeedError::Malformed { reason };
        let (start, end) = (next_inbox_index(&parent)?, next_inbox_index(&header)?);
        let message_count = end.distance_from(start);
        if end < start || message_count > config.limits.batch_messages {
            return Err(malformed(format!("messages {start} to {end}")));
        }
        let stored = self.view.l1.messages(start, end)?;
        if (stored.len() as u64) < message_count {
            return Ok(Followed::AwaitsL1);
        }
        let transactions =
            block.transactions.iter().map(|bytes| mezz_evm::decode_transaction(bytes));
        let transactions = transactions
            .collect::<Result<_, _>>()
            .map_err(|error| malformed(format!("transaction: {error}")))?;
        let messages: Vec<Message> = stored.into_iter().map(|stored| stored.message).collect();
        let body = BatchBlock { timestamp: header.timestamp, message_count, transactions };
        let (signed, number) = (header.hash(), header.number);
        match self.engine.follow(AnnouncedBlock { header, body, messages }).await? {
            None => Ok(Followed::Blocks(1)),
            Some(executed) => Err(FeedError::WrongBlock { number, signed, executed }),
        }
    }
}
