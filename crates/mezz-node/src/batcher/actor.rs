//! The rounds of the batcher.

use std::time::Duration;

use mezz_l1::Timer;
use tokio::sync::{broadcast, watch};

use super::{Batcher, BatcherError, Posted};
use crate::rounds::{Next, Rounds, run_rounds};

struct Posting {
    batcher: Batcher,
    posted: broadcast::Sender<Posted>,
}

impl Rounds for Posting {
    type Error = BatcherError;
    const FAILED: &'static str = "the batch was not posted; trying again";
    const INTERRUPTIBLE: bool = true;

    async fn round(&mut self) -> Result<Next, BatcherError> {
        if let Some(batch) = self.batcher.step().await? {
            tracing::info!(
                batch = %batch.index, first = %batch.blocks.0, last = %batch.blocks.1,
                bytes = batch.bytes, gas = batch.gas_used, "batch posted"
            );
            // Nobody may be listening.
            let _ = self.posted.send(batch);
        }
        Ok(Next::Later)
    }

    fn is_temporary(error: &BatcherError) -> bool {
        error.is_temporary()
    }
}

/// Posts batches until `stop` says so; `posted` hears of each.
///
/// # Errors
/// A [`BatcherError`] that is not temporary.
pub async fn run_batcher(
    batcher: Batcher,
    poll: Duration,
    timer: &dyn Timer,
    posted: broadcast::Sender<Posted>,
    stop: watch::Receiver<bool>,
) -> Result<(), BatcherError> {
    run_rounds(Posting { batcher, posted }, poll, timer, stop).await
}
