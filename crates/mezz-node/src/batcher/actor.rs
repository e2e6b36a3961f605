//! The loop around the batcher.

use std::time::Duration;

use tokio::sync::{broadcast, watch};

use super::{Batcher, BatcherError, Posted};

/// Waiting after a temporary error at most, seconds.
const MAX_BACKOFF_SECS: u64 = 30;

/// Posts batches until `stop` says so; `posted` hears of each.
///
/// # Errors
/// A [`BatcherError`] that is not temporary.
pub async fn run_batcher(
    mut batcher: Batcher,
    poll: Duration,
    posted: broadcast::Sender<Posted>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), BatcherError> {
    let mut failures = 0u32;
    while !*stop.borrow() {
        let pause = match batcher.step().await {
            Ok(Some(batch)) => {
                tracing::info!(
                    batch = %batch.index, first = %batch.blocks.0, last = %batch.blocks.1,
                    bytes = batch.bytes, gas = batch.gas_used, "batch posted"
                );
                // Nobody may be listening.
                let _ = posted.send(batch);
                failures = 0;
                poll
            }
            Ok(None) => {
                failures = 0;
                poll
            }
            Err(error) if error.is_temporary() => {
                failures = failures.saturating_add(1);
                tracing::warn!(%error, failures, "the batch was not posted; trying again");
                Duration::from_secs(MAX_BACKOFF_SECS.min(1 << failures.min(5)))
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
    Ok(())
}
