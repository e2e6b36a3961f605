//! The rounds of the proposer.

use std::time::Duration;

use mezz_l1::Timer;
use tokio::sync::{broadcast, watch};

use super::{Move, Proposer, ProposerError};
use crate::rounds::{Next, Rounds, run_rounds};

struct Moving {
    proposer: Proposer,
    moves: broadcast::Sender<Move>,
}

impl Rounds for Moving {
    type Error = ProposerError;
    const FAILED: &'static str = "the claim tree was not moved; trying again";
    const INTERRUPTIBLE: bool = true;

    async fn round(&mut self) -> Result<Next, ProposerError> {
        if let Some(made) = self.proposer.step().await? {
            tracing::info!(?made, "claim tree");
            // Nobody may be listening.
            let _ = self.moves.send(made);
        }
        Ok(Next::Later)
    }

    fn is_temporary(error: &ProposerError) -> bool {
        error.is_temporary()
    }
}

/// Claims and finalizes until `stop` says so; `moves` hears of each.
///
/// # Errors
/// A [`ProposerError`] that is not temporary.
pub async fn run_proposer(
    proposer: Proposer,
    poll: Duration,
    timer: &dyn Timer,
    moves: broadcast::Sender<Move>,
    stop: watch::Receiver<bool>,
) -> Result<(), ProposerError> {
    run_rounds(Moving { proposer, moves }, poll, timer, stop).await
}
