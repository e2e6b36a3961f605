//! The blocks whose effect on the state can be undone for a reader.

use std::collections::VecDeque;

use mezz_types::{BlockNumber, StateKey};

use crate::{StoreError, database::Read, filter::Filter, tables::FILTERS};

/// Filters of the last blocks, consecutive, oldest first.
#[derive(Default)]
pub(crate) struct History {
    /// Number of the first filter's block.
    first: BlockNumber,
    filters: VecDeque<Filter>,
}

impl History {
    /// Reads the filters of at most `window` blocks up to `head`.
    pub(crate) fn load(read: &Read, head: BlockNumber, window: u64) -> Result<Self, StoreError> {
        let mut history = Self { first: head.next(), filters: VecDeque::new() };
        let Some(table) = read.table(FILTERS)? else { return Ok(history) };
        let oldest = head.get().saturating_sub(window).saturating_add(1);
        let range = table
            .range_owned(oldest..=head.get())
            .map_err(StoreError::database("reading filters"))?;
        for entry in range.rev() {
            let (number, bytes) = entry.map_err(StoreError::database("reading filters"))?;
            if number.value() != history.first.prev().get() {
                break;
            }
            history.filters.push_front(Filter::from_bytes(bytes.value())?);
            history.first = history.first.prev();
        }
        Ok(history)
    }

    /// Adds the block after the last one, and forgets the oldest past `window`.
    pub(crate) fn push(&mut self, block: BlockNumber, filter: Filter, window: u64) {
        if self.filters.is_empty() {
            self.first = block;
        }
        self.filters.push_back(filter);
        while self.filters.len() as u64 > window {
            self.filters.pop_front();
            self.first = self.first.next();
        }
    }

    /// Forgets every block after `block`.
    pub(crate) fn truncate(&mut self, block: BlockNumber) {
        let kept = block.next().distance_from(self.first);
        self.filters.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        if self.filters.is_empty() {
            self.first = block.next();
        }
    }

    /// The oldest block whose state can be read: the one before the first filter.
    pub(crate) const fn oldest(&self) -> BlockNumber {
        self.first.prev()
    }

    /// Blocks after `block` that may have written `key`, oldest first.
    pub(crate) fn writers(
        &self,
        key: &StateKey,
        block: BlockNumber,
    ) -> impl Iterator<Item = BlockNumber> {
        let skipped = block.next().distance_from(self.first);
        let first = self.first.get();
        self.filters
            .iter()
            .enumerate()
            .skip(usize::try_from(skipped).unwrap_or(usize::MAX))
            .filter(|(_, filter)| filter.may_contain(key))
            .map(move |(position, _)| BlockNumber::new(first.saturating_add(position as u64)))
    }
}
