//! Forgets old blocks, on a thread of its own.

use std::{
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use alloy_consensus::{Header, Sealed};
use mezz_store::{HistoryPruner, StoreError};
use tokio::{runtime::Handle, sync::watch};

/// Between steps, so that blocks find the database free.
const PAUSE: Duration = Duration::from_millis(50);
/// Until a failed step is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// Runs until `stop` says so. Must be called inside a runtime.
pub(crate) fn start_history_pruner(
    mut pruner: HistoryPruner,
    mut head: watch::Receiver<Arc<Sealed<Header>>>,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let runtime = Handle::current();
    let run = move || {
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
            let pause = match pruner.step() {
                Ok(false) => continue,
                Ok(true) => PAUSE,
                Err(StoreError::Poisoned | StoreError::DiskFull { .. }) => return,
                Err(error) => {
                    tracing::warn!(%error, "old blocks are kept for now");
                    RETRY
                }
            };
            head.mark_changed();
            let wait = async { tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await };
            // Whether it stops is asked again above.
            let _ = runtime.block_on(wait).is_ok();
        }
    };
    Builder::new()
        .name("history".into())
        .spawn(run)
        .expect("a thread can be started while the node starts")
}
