//! Work that takes a processor for long and that nobody waits for.

use rustix::{process::setpriority_process, thread::gettid};
use tokio::sync::oneshot;

/// How much such work steps back: a tenth of a processor that others want too (`nice(2)`).
const NICENESS: i32 = 10;

/// Runs `work` on a thread of its own, which every other thread goes before; `None` if the system
/// starts no thread or `work` panics.
///
/// Commitments to blobs and their proofs take hundreds of milliseconds each: on a thread like the others
/// they would slow blocks and answers down whenever a batch is posted.
pub(crate) async fn run_in_background<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
        // A system that refuses leaves it as it was: slower for others, as right as before.
        let _ = setpriority_process(Some(gettid()), NICENESS);
        // Nobody may be waiting any more.
        let _ = done.send(work());
    });
    thread.ok()?;
    result.await.ok()
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[tokio::test]
    async fn work_steps_back_and_nothing_else_does() {
        let before = getpriority_process(Some(gettid())).unwrap();
        let priority = || getpriority_process(Some(gettid())).unwrap();
        assert_eq!(run_in_background("test", priority).await, Some(NICENESS.max(before)));
        assert_eq!(getpriority_process(Some(gettid())).unwrap(), before);
        assert_eq!(run_in_background("test", || panic!("on purpose")).await, None::<()>);
    }
}
