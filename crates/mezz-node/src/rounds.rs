//! The loop around a role: rounds with a pause between them, a longer one after each failure.

use std::{fmt::Display, future::Future, time::Duration};

use mezz_l1::Timer;
use tokio::sync::watch;

/// Waiting after a temporary error at most, seconds.
const MAX_BACKOFF_SECS: u64 = 30;

/// When the next round is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// At once: there may be more to do.
    Now,
    /// After a pause.
    Later,
}

/// Something that is done in rounds.
pub(crate) trait Rounds: Send {
    /// Why a round fails.
    type Error: Display + Send;

    /// What is logged with an error after which there is another round.
    const FAILED: &'static str;

    /// Whether a round may be dropped half-way when the node stops. Obligation of the implementor:
    /// only if what was under way is found again after a restart.
    const INTERRUPTIBLE: bool;

    /// Does the next thing.
    fn round(&mut self) -> impl Future<Output = Result<Next, Self::Error>> + Send;

    /// Whether trying again can help.
    fn is_temporary(error: &Self::Error) -> bool;
}

/// Goes round until `stop` says so, or its sender is gone.
///
/// # Errors
/// The first error that is not temporary.
pub(crate) async fn run_rounds<R: Rounds>(
    mut role: R,
    poll: Duration,
    timer: &dyn Timer,
    mut stop: watch::Receiver<bool>,
) -> Result<(), R::Error> {
    let mut failures = 0u32;
    while !*stop.borrow() {
        let round = if R::INTERRUPTIBLE {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => return Ok(()),
                round = role.round() => round,
            }
        } else {
            role.round().await
        };
        let wait = match round {
            Ok(next) => {
                failures = 0;
                if next == Next::Now {
                    continue;
                }
                poll
            }
            Err(error) if R::is_temporary(&error) => {
                failures = failures.saturating_add(1);
                tracing::warn!(%error, failures, "{}", R::FAILED);
                backoff(failures)
            }
            Err(error) => return Err(error),
        };
        tokio::select! {
            biased;
            () = stopped(&mut stop) => return Ok(()),
            () = timer.pause(wait) => {}
        }
    }
    Ok(())
}

/// Twice as long after each failure in a row.
fn backoff(failures: u32) -> Duration {
    Duration::from_secs(MAX_BACKOFF_SECS.min(1 << failures.min(5)))
}

/// Returns when the role is to stop: nobody who could say so is as good as the word.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone.
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    enum Failure {
        Temporary,
        Fatal,
    }

    impl Display for Failure {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{self:?}")
        }
    }

    /// Plays a script, and stops the loop when it is over.
    struct Scripted {
        script: std::vec::IntoIter<Result<Next, Failure>>,
        rounds: Arc<Mutex<usize>>,
        stop: watch::Sender<bool>,
    }

    impl Rounds for Scripted {
        type Error = Failure;
        const FAILED: &'static str = "failed";
        const INTERRUPTIBLE: bool = false;

        async fn round(&mut self) -> Result<Next, Failure> {
            *self.rounds.lock().unwrap() += 1;
            self.script.next().unwrap_or_else(|| {
                self.stop.send_replace(true);
                Ok(Next::Later)
            })
        }

        fn is_temporary(error: &Failure) -> bool {
            *error == Failure::Temporary
        }
    }

    /// Never ends a round by itself; says that it is in one.
    struct Stuck(watch::Sender<bool>);

    impl Rounds for Stuck {
        type Error = Failure;
        const FAILED: &'static str = "failed";
        const INTERRUPTIBLE: bool = true;

        async fn round(&mut self) -> Result<Next, Failure> {
            self.0.send_replace(true);
            std::future::pending().await
        }

        fn is_temporary(_: &Failure) -> bool {
            true
        }
    }

    /// Writes down how long it was asked to wait, and does not wait.
    #[derive(Default)]
    struct Noted(Mutex<Vec<u64>>);

    impl Timer for Noted {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn pause(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            Box::pin(async move { self.0.lock().unwrap().push(time.as_secs()) })
        }
    }

    async fn play(script: Vec<Result<Next, Failure>>) -> (Result<(), Failure>, Vec<u64>, usize) {
        let (stop, stopped) = watch::channel(false);
        let rounds = Arc::new(Mutex::new(0));
        let role = Scripted { script: script.into_iter(), rounds: rounds.clone(), stop };
        let timer = Noted::default();
        let ended = run_rounds(role, Duration::from_secs(7), &timer, stopped).await;
        let rounds = *rounds.lock().unwrap();
        (ended, timer.0.into_inner().unwrap(), rounds)
    }

    #[tokio::test]
    async fn failures_in_a_row_wait_longer_and_a_success_starts_anew() {
        let failed = || Err(Failure::Temporary);
        let mut script = vec![failed(), failed(), failed(), failed(), failed(), failed()];
        script.extend([Ok(Next::Later), failed(), Ok(Next::Now), failed()]);
        let (ended, waits, rounds) = play(script).await;
        assert_eq!(ended, Ok(()));
        assert_eq!(waits, [2, 4, 8, 16, 30, 30, 7, 2, 2]);
        assert_eq!(rounds, 11);
    }

    #[tokio::test]
    async fn what_is_fatal_ends_it() {
        let script = vec![Ok(Next::Later), Err(Failure::Fatal), Ok(Next::Later)];
        let (ended, waits, rounds) = play(script).await;
        assert_eq!((ended, waits, rounds), (Err(Failure::Fatal), vec![7], 2));
    }

    #[tokio::test]
    async fn it_does_not_start_when_it_is_stopped_already() {
        let (stop, stopped) = watch::channel(true);
        let rounds = Arc::new(Mutex::new(0));
        let role = Scripted { script: Vec::new().into_iter(), rounds: rounds.clone(), stop };
        let timer = Noted::default();
        assert_eq!(run_rounds(role, Duration::ZERO, &timer, stopped).await, Ok(()));
        assert_eq!(*rounds.lock().unwrap(), 0);
    }

    #[tokio::test]
    async fn a_round_that_hangs_is_left_when_the_node_stops_or_is_gone() {
        for gone in [false, true] {
            let (stop, stopped) = watch::channel(false);
            let (entered, mut in_round) = watch::channel(false);
            let running = tokio::spawn(async move {
                run_rounds(Stuck(entered), Duration::ZERO, &Noted::default(), stopped).await
            });
            in_round.wait_for(|entered| *entered).await.unwrap();
            if gone {
                drop(stop);
            } else {
                stop.send_replace(true);
            }
            assert_eq!(running.await.unwrap(), Ok(()));
        }
    }
}
