//! Brings the index of logs up to the head, on a thread that yields to all others.

use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use alloy_consensus::{Header, Sealed};
use mezz_store::{LogIndexer, StoreError};
use tokio::{runtime::Handle, sync::watch};

/// Until a failed write is tried again: the disk may be full for a while.
const RETRY: Duration = Duration::from_secs(60);

/// Runs until `stop` says so. Must be called inside a runtime.
pub(crate) fn start_log_indexer(
    mut indexer: LogIndexer,
    mut head: watch::Receiver<Arc<Sealed<Header>>>,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let runtime = Handle::current();
    let run = move || {
        yield_to_others();
        head.mark_changed();
        loop {
            let ended = runtime.block_on(async {
                tokio::select! {
                    changed = head.changed() => changed.is_err(),
                    _ = stop.wait_for(|stop| *stop) => true,
                }
            });
            if ended {
                return;
            }
            head.mark_unchanged();
            match indexer.advance(|| !*stop.borrow()) {
                Ok(()) => {}
                Err(StoreError::Poisoned) => return,
                Err(error) => {
                    tracing::warn!(%error, "the index of logs waits; logs are found without it");
                    let wait =
                        async { tokio::time::timeout(RETRY, stop.wait_for(|stop| *stop)).await };
                    // Whether it stops is asked again above.
                    let _ = runtime.block_on(wait).is_ok();
                }
            }
        }
    };
    Builder::new()
        .name("log-index".into())
        .spawn(run)
        .expect("a thread can be started while the node starts")
}

/// Lets every other thread of the machine go first.
fn yield_to_others() {
    // On Linux this is about the calling thread; elsewhere it would be about the process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        tracing::debug!(%error, "the index of logs runs at the priority of the others");
    }
}
