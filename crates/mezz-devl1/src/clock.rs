//! Where the chain gets its time from.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// A clock.
///
/// Obligation of an implementor: the time never goes back while a chain runs on it; if it does, the chain's own
/// time stands still instead, one second a block.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Seconds since the Unix epoch.
    fn unix_secs(&self) -> u64;
}

/// The computer's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn unix_secs(&self) -> u64 {
        // A computer that believes it is before 1970 gets a chain that starts there.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
    }
}

/// A clock that moves when it is told to, so that a test gives the same chain each time.
#[derive(Debug)]
pub struct ManualClock {
    unix_secs: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `unix_secs`.
    pub fn new(unix_secs: u64) -> Self {
        Self { unix_secs: AtomicU64::new(unix_secs) }
    }

    /// Moves it forward.
    pub fn advance(&self, secs: u64) {
        self.unix_secs.fetch_add(secs, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn unix_secs(&self) -> u64 {
        self.unix_secs.load(Ordering::Relaxed)
    }
}
