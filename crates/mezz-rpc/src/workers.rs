//! Threads for requests that take long: so many at once, so many that wait, and the rest is refused at once.
//!
//! They yield to every other thread of the machine that has work to do, those that build blocks above all.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use tokio::sync::oneshot;

use crate::error::RpcError;

type Job = Box<dyn FnOnce() + Send>;

/// How many threads, and who goes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew {
    /// What the threads are called.
    pub(crate) name: &'static str,
    /// Requests under way at once, at least 1.
    pub(crate) threads: usize,
    /// Requests that wait at most.
    pub(crate) queue: usize,
    /// How far behind others they stand, 0 to 19.
    pub(crate) nice: i32,
}

/// Runs work on its threads, until it is dropped.
pub(crate) struct Workers {
    jobs: SyncSender<Job>,
    crew: Crew,
    refused: Arc<AtomicU64>,
}

impl Workers {
    /// `refused` counts what there was no room for.
    pub(crate) fn start(crew: Crew, refused: Arc<AtomicU64>) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(crew.queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..crew.threads.max(1) {
            let waiting = Arc::clone(&waiting);
            let run = move || work(&waiting, crew.nice);
            thread::Builder::new().name(crew.name.into()).spawn(run)?;
        }
        Ok(Self { jobs, crew, refused })
    }

    /// Does `work` when it is its turn; not at all if nobody waits for it any more.
    ///
    /// # Errors
    /// [`RpcError::Busy`] at once if too much waits already; others of the work.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move || {
            if !reply.is_closed() {
                // Who asked may have gone meanwhile.
                let _ = reply.send(work());
            }
        });
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                let Crew { threads, queue, .. } = self.crew;
                return Err(RpcError::Busy { threads, queue });
            }
            Err(TrySendError::Disconnected(_)) => {
                return Err(RpcError::Internal("the server stops".into()));
            }
        }
        answer.await.map_err(|_| RpcError::Internal("the request failed half-way".into()))?
    }
}

fn work(waiting: &Mutex<Receiver<Job>>, nice: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(nice) {
        tracing::debug!(%error, "requests run at the priority of everything else");
    }
    // Elsewhere it would be about the process.
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
    loop {
        // Nothing panics while the lock is held.
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // One request that panics is one without an answer, which its reply says.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crew(queue: usize) -> (Workers, Arc<AtomicU64>) {
        let refused = Arc::default();
        let crew = Crew { name: "test", threads: 1, queue, nice: 1 };
        (Workers::start(crew, Arc::clone(&refused)).unwrap(), refused)
    }

    #[tokio::test]
    async fn what_finds_no_room_is_refused_at_once_and_counted() {
        let (workers, refused) = crew(1);
        let workers = Arc::new(workers);
        let (entered, in_work) = oneshot::channel();
        let (release, hold) = sync_channel::<()>(0);
        let first = Arc::clone(&workers);
        let first = tokio::spawn(async move {
            let work = move || {
                entered.send(()).unwrap();
                Ok(hold.recv().is_ok())
            };
            first.run(work).await
        });
        in_work.await.unwrap();
        let mut second = Box::pin(workers.run(|| Ok(2)));
        assert!(futures_util::poll!(&mut second).is_pending());
        let third = workers.run(|| Ok(3)).await;
        assert!(matches!(third, Err(RpcError::Busy { threads: 1, queue: 1 })), "{third:?}");
        assert_eq!(refused.load(Ordering::Relaxed), 1);
        release.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(second.await.unwrap(), 2);
        assert_eq!(workers.run(|| Ok(4)).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_done_and_a_panic_takes_no_thread() {
        let (workers, _) = crew(8);
        let (release, hold) = sync_channel::<()>(0);
        let done = Arc::new(AtomicU64::new(0));
        let mut first = Box::pin(workers.run(move || Ok(hold.recv().is_ok())));
        assert!(futures_util::poll!(&mut first).is_pending());
        let counted = Arc::clone(&done);
        let mut left = Box::pin(workers.run(move || Ok(counted.fetch_add(1, Ordering::Relaxed))));
        assert!(futures_util::poll!(&mut left).is_pending());
        drop(left);
        release.send(()).unwrap();
        assert!(first.await.unwrap());
        let failed = workers.run(|| -> Result<(), RpcError> { panic!("on purpose") }).await;
        assert!(matches!(failed, Err(RpcError::Internal(_))));
        assert_eq!(workers.run(|| Ok(5)).await.unwrap(), 5);
        assert_eq!(done.load(Ordering::Relaxed), 0);
    }
}
