//! The rounds of the follower.

use std::time::Duration;

use mezz_l1::Timer;
use tokio::sync::watch;

use super::{FeedError, Followed, Follower};
use crate::rounds::{Next, Rounds, run_rounds};

impl Rounds for Follower {
    type Error = FeedError;
    const FAILED: &'static str = "the feed was not followed; L1 is, and the next feed is tried";
    const INTERRUPTIBLE: bool = true;

    async fn round(&mut self) -> Result<Next, FeedError> {
        Ok(match self.step().await? {
            Followed::Blocks(_) | Followed::Further => Next::Now,
            Followed::Idle | Followed::AwaitsL1 => Next::Later,
        })
    }

    fn is_temporary(error: &FeedError) -> bool {
        error.is_temporary()
    }
}

/// Follows a feed until `stop` says so.
///
/// # Errors
/// A [`FeedError`] that is not temporary.
pub async fn run_follower(
    follower: Follower,
    poll: Duration,
    timer: &dyn Timer,
    stop: watch::Receiver<bool>,
) -> Result<(), FeedError> {
    run_rounds(follower, poll, timer, stop).await
}
