//! The rounds of derivation.

use std::time::Duration;

use mezz_l1::Timer;
use tokio::sync::watch;

use super::{Derivation, DerivationError, Progress};
use crate::rounds::{Next, Rounds, run_rounds};

impl Rounds for Derivation {
    type Error = DerivationError;
    const FAILED: &'static str = "L1 cannot be followed just now";
    // The engine goes on with what it was given: wait for it.
    const INTERRUPTIBLE: bool = false;

    async fn round(&mut self) -> Result<Next, DerivationError> {
        Ok(match self.step().await? {
            Progress::Idle => Next::Later,
            Progress::L1Block(_) | Progress::Batch(_) | Progress::Rewound(_) => Next::Now,
        })
    }

    fn is_temporary(error: &DerivationError) -> bool {
        error.is_temporary()
    }
}

/// Follows L1 until `stop` says so.
///
/// # Errors
/// A [`DerivationError`] that is not temporary: the node must not go on.
pub async fn run_derivation(
    derivation: Derivation,
    poll: Duration,
    timer: &dyn Timer,
    stop: watch::Receiver<bool>,
) -> Result<(), DerivationError> {
    run_rounds(derivation, poll, timer, stop).await
}
