//! The loop around derivation.

use std::time::Duration;

use tokio::sync::watch;

use super::{Derivation, DerivationError, Progress};

/// Waiting after a temporary error at most, seconds.
const MAX_BACKOFF_SECS: u64 = 30;

/// Follows L1 until `stop` says so.
///
/// # Errors
/// A [`DerivationError`] that is not temporary: the node must not go on.
pub async fn run_derivation(
    mut derivation: Derivation,
    poll: Duration,
    mut stop: watch::Receiver<bool>,
) -> Result<(), DerivationError> {
    let mut failures = 0u32;
    loop {
        if *stop.borrow() {
            return Ok(());
        }
        let pause = match derivation.step().await {
            Ok(Progress::Idle) => {
                failures = 0;
                poll
            }
            Ok(_) => {
                failures = 0;
                continue;
            }
            Err(error) if error.is_temporary() => {
                failures = failures.saturating_add(1);
                tracing::warn!(%error, failures, "L1 cannot be followed just now");
                Duration::from_secs(MAX_BACKOFF_SECS.min(1 << failures.min(5)))
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}
