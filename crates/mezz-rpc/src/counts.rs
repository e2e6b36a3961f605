//! How often each method was asked and how it ended.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts by method and outcome. Only methods that exist are counted, so that nobody can make the
/// list grow. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestCounts(Arc<Mutex<BTreeMap<(&'static str, &'static str), u64>>>);

impl RequestCounts {
    /// Counts one request.
    pub(crate) fn count<T, E>(&self, method: &'static str, answer: &Result<T, E>) {
        let outcome = if answer.is_ok() { "ok" } else { "error" };
        // Counting cannot leave the map half-changed.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((method, outcome)).or_default();
        *count = count.saturating_add(1);
    }

    /// Method, outcome (`ok` or `error`) and count.
    pub(crate) fn all(&self) -> Vec<(&'static str, &'static str, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((method, outcome), count)| (*method, *outcome, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_counted_apart() {
        let counts = RequestCounts::default();
        counts.clone().count::<_, ()>("eth_call", &Ok(()));
        counts.count::<(), _>("eth_call", &Err(()));
        counts.count::<(), _>("eth_call", &Err(()));
        assert_eq!(counts.all(), [("eth_call", "error", 2), ("eth_call", "ok", 1)]);
    }
}
