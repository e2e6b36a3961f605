//! How long work waits for L1. Empty blocks do not count: their batch comes with the next work, or when
//! the batcher has been silent for long.

use std::sync::Mutex;

use alloy_primitives::B256;

/// Most blocks that one look reads.
const MAX_BLOCKS: u64 = 4_096;

/// What is asked of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockFacts {
    pub(super) hash: B256,
    pub(super) timestamp: u64,
    pub(super) empty: bool,
}

/// Remembers how far blocks are empty, so that no look reads them all again.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// The last block before which all are empty back to the last safe one, and its hash.
    empty_until: Mutex<(u64, B256)>,
}

impl Backlog {
    /// Timestamp of the first block after `safe`, up to `head`, that is not empty, as far as one look
    /// reads.
    pub(super) fn oldest_work<E>(
        &self,
        safe: u64,
        head: u64,
        block: impl Fn(u64) -> Result<Option<BlockFacts>, E>,
    ) -> Result<Option<u64>, E> {
        let mut until = self.empty_until.lock().expect("nothing panics while it is held");
        let (known, hash) = *until;
        // It is another chain now if its block is another one.
        let same = known > safe && block(known)?.is_some_and(|it| it.hash == hash);
        let from = if same { known } else { safe };
        for number in from.saturating_add(1)..=head.min(from.saturating_add(MAX_BLOCKS)) {
            let Some(facts) = block(number)? else { break };
            if !facts.empty {
                return Ok(Some(facts.timestamp));
            }
            *until = (number, facts.hash);
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible};

    use super::*;

    /// A chain by which of its blocks are empty; block 1 is the first.
    fn look(backlog: &Backlog, chain: &[bool], fork: u8, safe: u64) -> (Option<u64>, usize) {
        let reads = Cell::new(0);
        let block = |number: u64| {
            reads.set(reads.get() + 1);
            let index = usize::try_from(number - 1).unwrap();
            let facts = chain.get(index).map(|empty| BlockFacts {
                hash: B256::repeat_byte(fork),
                timestamp: number * 10,
                empty: *empty,
            });
            Ok::<_, Infallible>(facts)
        };
        let Ok(found) = backlog.oldest_work(safe, chain.len() as u64, block);
        (found, reads.get())
    }

    #[test]
    fn empty_blocks_are_read_once_and_work_is_found_behind_them() {
        let backlog = Backlog::default();
        let mut chain = vec![true; 100];
        assert_eq!(look(&backlog, &chain, 0, 0), (None, 100));
        chain.extend([true, false, false]);
        assert_eq!(look(&backlog, &chain, 0, 0), (Some(1_020), 3));
        // Still there at the next look; gone when its batch is on L1.
        assert_eq!(look(&backlog, &chain, 0, 0).0, Some(1_020));
        assert_eq!(look(&backlog, &chain, 0, 102).0, Some(1_030));
        assert_eq!(look(&backlog, &chain, 0, 103).0, None);
    }

    #[test]
    fn blocks_of_another_fork_are_read_again() {
        let backlog = Backlog::default();
        assert_eq!(look(&backlog, &[true; 5], 0, 0).0, None);
        assert_eq!(look(&backlog, &[true, false, true, true, true], 1, 0).0, Some(20));
        // A shorter one, too.
        assert_eq!(look(&backlog, &[false], 2, 0).0, Some(10));
    }
}
