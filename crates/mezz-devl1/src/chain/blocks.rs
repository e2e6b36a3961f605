//! The blocks of a chain: the last ones in memory, those before them where the log has them.
//!
//! | a block | is held |
//! | --- | --- |
//! | without a place in the log | whole |
//! | among the last whose weights are together within the bound, and the head | whole |
//! | any other | by its hash, its place and, if it has logs, its bloom filter |

use std::sync::Arc;

use alloy_primitives::{B256, Bloom};

use super::block::Block;
use crate::log::{LogError, LogReader, Place};

/// All blocks of a chain, from 0 on. A clone is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    /// Block n is at index n.
    kept: imbl::Vector<Kept>,
    head: Arc<Block>,
    log: Option<LogReader>,
    /// Number of the first block after 0 that is held whole.
    whole_from: u64,
    /// Weight of those from there on, bytes.
    weight: usize,
    max_weight: usize,
    /// The blobs of blocks below are not to be had any more.
    blobs_from: u64,
}

#[derive(Clone, Debug)]
struct Kept {
    hash: B256,
    place: Option<Place>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Whole(Arc<Block>),
    /// In the log; without a filter, it has no logs.
    Written(Option<Arc<Bloom>>),
}

impl Blocks {
    /// A chain of the genesis alone.
    pub(crate) fn new(genesis: Arc<Block>, max_weight: usize) -> Self {
        let first = Kept { hash: genesis.hash(), place: None, body: Body::Whole(genesis.clone()) };
        Self {
            kept: imbl::Vector::unit(first),
            head: genesis,
            log: None,
            whole_from: 1,
            weight: 0,
            max_weight,
            blobs_from: 0,
        }
    }

    /// Says where blocks are read that are not held.
    pub(crate) fn read_from(&mut self, log: LogReader) {
        self.log = Some(log);
    }

    pub(crate) const fn head(&self) -> &Arc<Block> {
        &self.head
    }

    pub(crate) fn hash(&self, number: u64) -> Option<B256> {
        self.get(number).map(|kept| kept.hash)
    }

    /// The block, from memory or from the log.
    ///
    /// # Errors
    /// [`LogError`] if the log cannot be read.
    pub(crate) fn block(&self, number: u64) -> Result<Option<Arc<Block>>, LogError> {
        let Some(kept) = self.get(number) else { return Ok(None) };
        match (&kept.body, &self.log, kept.place) {
            (Body::Whole(block), _, _) => Ok(Some(block.clone())),
            (Body::Written(_), Some(log), Some(place)) => {
                let mut block = log.block(place)?;
                if number < self.blobs_from {
                    drop_blobs(&mut block);
                }
                Ok(Some(Arc::new(block)))
            }
            (Body::Written(_), _, _) => Ok(None),
        }
    }

    /// Whether the block may have logs that `wanted` means, as far as its filter tells.
    pub(crate) fn may_have_logs(&self, number: u64, wanted: impl FnOnce(Bloom) -> bool) -> bool {
        match self.get(number).map(|kept| &kept.body) {
            None => false,
            Some(Body::Whole(block)) => wanted(block.header.logs_bloom),
            Some(Body::Written(bloom)) => wanted(bloom.as_deref().copied().unwrap_or_default()),
        }
    }

    /// Puts a block that stands on the head on top.
    pub(crate) fn append(&mut self, block: Arc<Block>) {
        self.weight += block.weight();
        let body = Body::Whole(block.clone());
        self.kept.push_back(Kept { hash: block.hash(), place: None, body });
        self.head = block;
    }

    /// Takes blocks away until `head`, which is one of them, is the last.
    pub(crate) fn truncate(&mut self, head: Arc<Block>) {
        let last = head.number();
        while self.head_number() > last {
            let Some(kept) = self.kept.pop_back() else { break };
            if let Body::Whole(block) = &kept.body {
                self.weight = self.weight.saturating_sub(block.weight());
            }
        }
        self.whole_from = self.whole_from.min(last + 1);
        self.blobs_from = self.blobs_from.min(last + 1);
        self.head = head;
    }

    /// Says where a block was written, if it is still the one with this hash.
    pub(crate) fn written(&mut self, number: u64, hash: B256, place: Place) {
        let Ok(index) = usize::try_from(number) else { return };
        if let Some(kept) = self.kept.get_mut(index)
            && kept.hash == hash
        {
            kept.place = Some(place);
        }
    }

    /// Holds no more blocks whole than it may.
    pub(crate) fn shed(&mut self) {
        while self.weight > self.max_weight && self.whole_from < self.head_number() {
            let Ok(index) = usize::try_from(self.whole_from) else { return };
            let Some(Kept { body: Body::Whole(block), place: Some(_), .. }) = self.kept.get(index)
            else {
                return;
            };
            let (bloom, weight) = (block.header.logs_bloom, block.weight());
            let bloom = (!bloom.is_zero()).then(|| Arc::new(bloom));
            if let Some(kept) = self.kept.get_mut(index) {
                kept.body = Body::Written(bloom);
            }
            self.weight = self.weight.saturating_sub(weight);
            self.whole_from += 1;
        }
    }

    /// Forgets the blobs of a block, and of those before it.
    pub(crate) fn forget_blobs(&mut self, number: u64) {
        self.blobs_from = self.blobs_from.max(number + 1);
        let Ok(index) = usize::try_from(number) else { return };
        let carries = |block: &Block| block.transactions.iter().any(|tx| tx.blobs.is_some());
        if !matches!(self.kept.get(index), Some(Kept { body: Body::Whole(block), .. }) if carries(block))
        {
            return;
        }
        let is_head = number == self.head_number();
        if let Some(Kept { body: Body::Whole(block), .. }) = self.kept.get_mut(index) {
            let before = block.weight();
            drop_blobs(Arc::make_mut(block));
            self.weight = self.weight.saturating_sub(before.saturating_sub(block.weight()));
            if is_head {
                self.head = block.clone();
            }
        }
    }

    fn get(&self, number: u64) -> Option<&Kept> {
        self.kept.get(usize::try_from(number).ok()?)
    }

    fn head_number(&self) -> u64 {
        u64::try_from(self.kept.len()).unwrap_or(u64::MAX).saturating_sub(1)
    }

    #[cfg(test)]
    pub(crate) const fn held(&self) -> (u64, usize) {
        (self.whole_from, self.weight)
    }
}

fn drop_blobs(block: &mut Block) {
    for transaction in &mut block.transactions {
        if transaction.blobs.is_some() {
            Arc::make_mut(transaction).blobs = None;
        }
    }
}
