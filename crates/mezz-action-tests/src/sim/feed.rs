//! The sequencer's feed, within the process, as it reaches one follower.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use mezz_node::{BlockFeed, ChainView, FeedError, SignedBlock};
use mezz_types::BlockNumber;

use crate::key;

/// Who signs the sequencer's blocks.
pub(super) const SIGNER: &str = "operator";
/// Blocks in one answer.
const AT_ONCE: usize = 16;

/// What a follower gets to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// What the sequencer says.
    Everything,
    /// Nothing: the line is down.
    Nothing,
    /// The sequencer's blocks under a stranger's signature.
    Stranger,
    /// Signed blocks with transactions left out.
    Emptied,
    /// Signed blocks whose last bytes are missing.
    Torn,
}

pub(super) struct Feed {
    /// The sequencer's chain while it runs, shared by its followers.
    pub(super) chain: Arc<Mutex<Option<ChainView>>>,
    pub(super) heard: Mutex<Heard>,
}

impl Feed {
    pub(super) fn say(&self, heard: Heard) {
        *self.heard.lock().expect("no holder of the lock panics") = heard;
    }

    fn answer(&self, from: BlockNumber) -> Result<Vec<SignedBlock>, FeedError> {
        let heard = *self.heard.lock().expect("no holder of the lock panics");
        let chain = self.chain.lock().expect("no holder of the lock panics").clone();
        let (Some(view), false) = (chain, heard == Heard::Nothing) else {
            let reason = "it does not answer".to_owned();
            return Err(FeedError::Source { place: "sequencer".into(), reason });
        };
        let signer = key(if heard == Heard::Stranger { "mallory" } else { SIGNER });
        let (mut blocks, mut at) = (Vec::new(), from);
        while blocks.len() < AT_ONCE
            && let Some(mut block) = SignedBlock::sign(&view, at, &signer)?
        {
            match heard {
                Heard::Emptied => block.transactions.clear(),
                Heard::Torn => {
                    let half = block.header.len() / 2;
                    block.header.truncate(half);
                }
                _ => {}
            }
            blocks.push(block);
            at = at.next();
        }
        Ok(blocks)
    }
}

impl BlockFeed for Feed {
    fn blocks(
        &self,
        from: BlockNumber,
        _: Duration,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<SignedBlock>, FeedError>> + Send + '_>> {
        let answer = self.answer(from);
        Box::pin(async move { answer })
    }
}
