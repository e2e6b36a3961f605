//! The one clock of a world.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The world's time, for L1 and every node alike. It stands until a step moves it.
#[derive(Clone, Debug)]
pub struct WorldClock(Arc<AtomicU64>);

impl WorldClock {
    /// A clock that shows `unix_secs`.
    pub fn new(unix_secs: u64) -> Self {
        Self(Arc::new(AtomicU64::new(unix_secs * 1_000)))
    }

    /// Moves it forward.
    pub fn advance_secs(&self, secs: u64) {
        self.0.fetch_add(secs * 1_000, Ordering::SeqCst);
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl mezz_node::Clock for WorldClock {
    fn now_ms(&self) -> u64 {
        Self::now_ms(self)
    }
}

impl mezz_devl1::Clock for WorldClock {
    fn unix_secs(&self) -> u64 {
        Self::now_ms(self) / 1_000
    }
}
