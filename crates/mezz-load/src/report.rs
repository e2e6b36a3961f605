//! What a run gave.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;

/// Refusals that a report names; the rest are counted only.
const NAMED: usize = 5;

/// Latencies, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half are faster.
    pub p50: f64,
    /// 90 % are faster.
    pub p90: f64,
    /// 99 % are faster.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Percentiles {
    /// Of these latencies; zeros if there are none. The nearest rank is taken, nothing is interpolated.
    pub(crate) fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100).saturating_sub(1);
            latencies.get(rank).map_or(0.0, |it| (it.as_secs_f64() * 1e6).round() / 1e3)
        };
        Self { p50: at(50), p90: at(90), p99: at(99), max: at(100) }
    }
}

/// Why transactions were not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What the RPC said.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// What a run gave.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Transactions that were sent.
    pub sent: u64,
    /// Transactions that the RPC accepted.
    pub accepted: u64,
    /// Transactions that were seen in a block.
    pub included: u64,
    /// Those of them that reverted; not looked for among transfers of ether.
    pub reverted: u64,
    /// Sent a second, over the time of sending.
    pub sent_per_sec: f64,
    /// Accepted a second, from the first due time to the last answer.
    pub accepted_per_sec: f64,
    /// Included a second, from the first due time until the last block with one of them was seen.
    pub included_per_sec: f64,
    /// From due to answer.
    pub accept_ms: Percentiles,
    /// From due to being seen in a block.
    pub include_ms: Percentiles,
    /// Blocks that held at least one.
    pub blocks: u64,
    /// Most of them in one block.
    pub largest_block: u64,
    /// The commonest refusals.
    pub refusals: Vec<Refusal>,
}

/// The commonest first.
pub(crate) fn refusals(counted: HashMap<String, u64>) -> Vec<Refusal> {
    let mut all: Vec<Refusal> =
        counted.into_iter().map(|(reason, count)| Refusal { reason, count }).collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
    all.truncate(NAMED);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks() {
        let latencies = (1..=100).rev().map(Duration::from_millis).collect();
        let got = Percentiles::of(latencies);
        assert_eq!(got, Percentiles { p50: 50.0, p90: 90.0, p99: 99.0, max: 100.0 });
        assert_eq!(Percentiles::of(vec![Duration::from_micros(1_500)]).p50, 1.5);
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }

    #[test]
    fn the_commonest_refusals_come_first() {
        let counted = (0..7u64).map(|n| (format!("reason {n}"), n % 4)).collect();
        let got = refusals(counted);
        let names: Vec<&str> = got.iter().map(|it| it.reason.as_str()).collect();
        assert_eq!(names, ["reason 3", "reason 2", "reason 6", "reason 1", "reason 5"]);
    }
}
