//! L1 is not what it was: finding the last block that is still there, and going back to it.

use alloy::eips::BlockNumberOrTag;
use mezz_types::{BlockNumber, InboxIndex, L1BlockNumber};

use super::{Derivation, DerivationError, Progress, state::seen};
use crate::{BlockNews, engine::last_block_before};

impl Derivation {
    /// Goes back if the last L1 block that was read is gone; none if it is there, or nothing else is.
    pub(super) async fn branched_off(&mut self) -> Result<Option<Progress>, DerivationError> {
        let Some(cursor) = self.parts.view.l1.cursor()? else { return Ok(None) };
        if self.parts.client.is_canonical(&seen(cursor)).await? {
            return Ok(None);
        }
        Ok(Some(self.rewind().await?).filter(|progress| *progress != Progress::Idle))
    }

    /// D3: back to the last L1 block that is still there.
    pub(super) async fn rewind(&mut self) -> Result<Progress, DerivationError> {
        let Some(ancestor) = self.ancestor().await? else {
            tracing::warn!("the L1 node is behind what it has shown before");
            return Ok(Progress::Idle);
        };
        let kept_messages = self.kept_messages(ancestor.number)?;
        let head = BlockNumber::new(self.parts.view.head.borrow().number);
        let target = last_block_before(&self.parts.view.reader, head, kept_messages)?;
        let finalized = self.parts.view.reader.finalized()?.map(|block| block.number);
        if let Some(block) = finalized.filter(|block| target < *block) {
            return Err(DerivationError::FinalTakenBack { block, ancestor: ancestor.number });
        }
        tracing::warn!(l1_block = %ancestor.number, "L1 took back blocks");
        let returned = self.parts.engine.rewind(kept_messages, ancestor).await?;
        if let Some(pool) = &self.parts.pool {
            pool.block_built(BlockNews::of_returned(&self.parts.view, returned)?).await;
        }
        self.refresh_view(&seen(ancestor)).await?;
        Ok(Progress::Rewound(ancestor.number))
    }

    /// The last block of ours that L1 has as well; none if L1 shows nothing else than ours (D5). What L1
    /// shows instead is linked from there to as high as was read, or it is not believed.
    async fn ancestor(&self) -> Result<Option<mezz_store::L1BlockRef>, DerivationError> {
        let (l1, client) = (&self.parts.view.l1, &self.parts.client);
        let Some(cursor) = l1.cursor()? else { return Ok(None) };
        let head = client.block_at(BlockNumberOrTag::Latest).await?;
        let mut number = head.map_or(cursor.number, |head| cursor.number.min(head.number));
        let (mut parent, mut oldest) = (None, number);
        while let Some(ours) = l1.l1_block(number)? {
            let there = client.header_at(number).await?;
            if parent.is_some() && parent != there.map(|there| there.at.hash) {
                return Err(client.contradiction(number).into());
            }
            if there.is_some_and(|there| there.at.hash == ours.hash) {
                return match parent {
                    Some(_) => Ok(Some(ours)),
                    None if ours == cursor => Err(client.contradiction(number).into()),
                    None => Ok(None),
                };
            }
            parent = there.map(|there| there.parent_hash);
            oldest = number;
            if number == L1BlockNumber::ZERO {
                break;
            }
            number = number.prev();
        }
        match parent {
            Some(_) => Err(DerivationError::TooDeep { oldest }),
            None => Ok(None),
        }
    }

    /// How many messages remain when L1 goes back to `ancestor`.
    fn kept_messages(&self, ancestor: L1BlockNumber) -> Result<InboxIndex, DerivationError> {
        let l1 = &self.parts.view.l1;
        let (mut end, _) = l1.inbox_end()?;
        while end > InboxIndex::ZERO
            && let Some(last) = l1.message(end.prev())?
            && last.position.block.number > ancestor
        {
            end = end.prev();
        }
        Ok(end)
    }
}
