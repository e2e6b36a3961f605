//! What an L1 RPC says of the inbox is believed only if it continues both accumulators.

use alloy_primitives::B256;
use mezz_types::{Batch, BatchIndex, InboxIndex, L1Facts, Message, next_accumulator};

use crate::L1Error;

/// How far the inbox was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxTracker {
    /// Messages seen.
    pub messages: InboxIndex,
    /// Inbox accumulator after them.
    pub accumulator: B256,
    /// Batches seen.
    pub batches: BatchIndex,
    /// Batch accumulator after them.
    pub batch_accumulator: B256,
    /// First message that no batch has consumed.
    pub consumed: InboxIndex,
}

impl InboxTracker {
    /// Before anything: the batch accumulator is the genesis hash.
    pub const fn genesis(genesis_hash: B256) -> Self {
        Self {
            messages: InboxIndex::ZERO,
            accumulator: B256::ZERO,
            batches: BatchIndex::ZERO,
            batch_accumulator: genesis_hash,
            consumed: InboxIndex::ZERO,
        }
    }

    /// Takes the next message; `accumulator` is what the event says follows it.
    ///
    /// # Errors
    /// [`L1Error::MessageChain`] or [`L1Error::Facts`]; the tracker is unchanged then.
    pub fn message(
        &mut self,
        block: &L1Facts,
        message: &Message,
        accumulator: B256,
    ) -> Result<(), L1Error> {
        check_facts(block, &message.facts)?;
        let next = next_accumulator(self.accumulator, message.hash());
        if message.index != self.messages || next != accumulator {
            let (expected, got) = (self.messages, message.index);
            return Err(L1Error::MessageChain { expected, got });
        }
        self.messages = self.messages.next();
        self.accumulator = next;
        Ok(())
    }

    /// Takes the next batch; `hash` is what the event says it is. `accumulator_at` gives the
    /// accumulator before a message seen earlier.
    ///
    /// # Errors
    /// [`L1Error::BatchChain`] or [`L1Error::Facts`]; the tracker is unchanged then.
    pub fn batch(
        &mut self,
        block: &L1Facts,
        batch: &Batch,
        hash: B256,
        accumulator_at: impl FnOnce(InboxIndex) -> Option<B256>,
    ) -> Result<(), L1Error> {
        check_facts(block, &batch.facts)?;
        let accumulator = if batch.inbox_end == self.messages {
            Some(self.accumulator)
        } else {
            accumulator_at(batch.inbox_end)
        };
        let continues = batch.index == self.batches
            && batch.parent == self.batch_accumulator
            && batch.hash() == hash
            && batch.inbox_start == self.consumed
            && batch.inbox_end >= batch.inbox_start
            && batch.inbox_end <= self.messages
            && accumulator == Some(batch.inbox_accumulator);
        if !continues {
            let (expected, got) = (self.batches, batch.index);
            return Err(L1Error::BatchChain { expected, got });
        }
        self.batches = self.batches.next();
        self.batch_accumulator = hash;
        self.consumed = batch.inbox_end;
        Ok(())
    }
}

/// The base fee cannot be told from the header alone where the node under-reports it, so number
/// and timestamp are compared, and the base fee where the header has one.
fn check_facts(block: &L1Facts, event: &L1Facts) -> Result<(), L1Error> {
    let same = block.number == event.number
        && block.timestamp == event.timestamp
        && block.base_fee == event.base_fee;
    if same { Ok(()) } else { Err(L1Error::Facts { number: block.number.get() }) }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, Bytes, U256};
    use mezz_types::{DataKind, DataVerdict, L1BlockNumber, MessageKind};

    use super::*;

    fn facts(number: u64) -> L1Facts {
        L1Facts {
            number: L1BlockNumber::new(number),
            timestamp: 1_000 + number,
            base_fee: 7,
            blob_base_fee: 1,
        }
    }

    fn message(index: u64) -> Message {
        Message {
            kind: MessageKind::Call,
            index: InboxIndex::new(index),
            facts: facts(3),
            sender: Address::repeat_byte(1),
            to: Address::repeat_byte(2),
            refund_to: Address::ZERO,
            value: U256::from(5),
            gas_limit: 21_000,
            data: Bytes::new(),
        }
    }

    fn batch(tracker: &InboxTracker, end: u64, accumulator: B256) -> Batch {
        Batch {
            parent: tracker.batch_accumulator,
            index: tracker.batches,
            data_kind: DataKind::Calldata,
            verdict: DataVerdict::Available,
            data_hash: B256::repeat_byte(9),
            facts: facts(3),
            inbox_start: tracker.consumed,
            inbox_end: InboxIndex::new(end),
            inbox_accumulator: accumulator,
            oldest_unconsumed_timestamp: 1_003,
            poster: Address::repeat_byte(4),
        }
    }

    #[test]
    fn a_skipped_altered_or_repeated_message_is_noticed() {
        let mut tracker = InboxTracker::genesis(B256::repeat_byte(8));
        let first = message(0);
        let accumulator = next_accumulator(B256::ZERO, first.hash());
        let skipped = tracker.message(&facts(3), &message(1), accumulator);
        assert!(matches!(skipped, Err(L1Error::MessageChain { .. })), "{skipped:?}");
        let altered = Message { value: U256::from(6), ..first.clone() };
        assert!(tracker.message(&facts(3), &altered, accumulator).is_err());
        assert!(matches!(
            tracker.message(&facts(4), &first, accumulator),
            Err(L1Error::Facts { number: 4 })
        ));
        tracker.message(&facts(3), &first, accumulator).unwrap();
        assert!(tracker.message(&facts(3), &first, accumulator).is_err());
        assert_eq!(tracker.messages, InboxIndex::new(1));
    }

    #[test]
    fn a_batch_must_continue_the_chain() {
        let mut tracker = InboxTracker::genesis(B256::repeat_byte(8));
        let first = message(0);
        let accumulator = next_accumulator(B256::ZERO, first.hash());
        tracker.message(&facts(3), &first, accumulator).unwrap();
        let good = batch(&tracker, 1, accumulator);
        let wrong = [
            Batch { parent: B256::ZERO, ..good.clone() },
            Batch { index: BatchIndex::new(1), ..good.clone() },
            Batch { inbox_end: InboxIndex::new(2), ..good.clone() },
            Batch { inbox_accumulator: B256::ZERO, ..good.clone() },
            Batch { inbox_start: InboxIndex::new(1), ..good.clone() },
        ];
        for batch in wrong {
            let refused = tracker.batch(&facts(3), &batch, batch.hash(), |_| Some(B256::ZERO));
            assert!(matches!(refused, Err(L1Error::BatchChain { .. })), "{batch:?}");
        }
        assert!(tracker.batch(&facts(3), &good, B256::ZERO, |_| None).is_err());
        tracker.batch(&facts(3), &good, good.hash(), |_| None).unwrap();
        assert_eq!(tracker.batch_accumulator, good.hash());
        assert_eq!(tracker.consumed, InboxIndex::new(1));
    }
}
