//! The loop around the proposer.

use std::time::Duration;

use tokio::sync::{broadcast, watch};

use super::{Move, Proposer, ProposerError};

/// Waiting after a temporary error at most, seconds.
const MAX_BACKOFF_SECS: u64 = 30;

/// Claims and finalizes until `stop` says so; `moves` hears of each.
///
/// # Errors
/// A [`ProposerError`] that is not temporary.
pub async fn run_proposer(
    mut proposer: Proposer,
    poll: Duration,
    moves: broadcast::Sender<Move>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ProposerError> {
    let mut failures = 0u32;
    while !*stop.borrow() {
        let pause = match proposer.step().await {
            Ok(Some(made)) => {
                tracing::info!(?made, "claim tree");
                // Nobody may be listening.
                let _ = moves.send(made);
                failures = 0;
                poll
            }
            Ok(None) => {
                failures = 0;
                poll
            }
            Err(error) if error.is_temporary() => {
                failures = failures.saturating_add(1);
                tracing::warn!(%error, failures, "the claim tree was not moved; trying again");
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
