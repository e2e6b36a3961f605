//! Time for those who wait for L1: it passes when somebody waits, and costs nothing.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use mezz_l1::Timer;

#[derive(Debug, Default)]
pub(super) struct SimTimer {
    passed_us: AtomicU64,
}

impl Timer for SimTimer {
    fn now(&self) -> Duration {
        Duration::from_micros(self.passed_us.load(Ordering::SeqCst))
    }

    fn pause(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let passed = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.passed_us.fetch_add(passed, Ordering::SeqCst);
        Box::pin(tokio::task::yield_now())
    }
}
