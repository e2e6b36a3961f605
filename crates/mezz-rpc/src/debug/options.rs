//! How to trace, as clients say it.

use std::time::Duration;

use alloy::rpc::types::{BlockOverrides, state::StateOverride};
use mezz_evm::{CallOptions, StateOptions, StepOptions, TraceBudget, TraceKind};
use serde::Deserialize;

use crate::{Limits, error::RpcError, limits::clock};

/// The last parameter of each method.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Options {
    tracer: Option<String>,
    tracer_config: Option<TracerConfig>,
    timeout: Option<String>,
    disable_stack: bool,
    disable_storage: bool,
    disable_memory: Option<bool>,
    enable_memory: Option<bool>,
    enable_return_data: bool,
    limit: usize,
    pub(super) state_overrides: Option<StateOverride>,
    pub(super) block_overrides: Option<BlockOverrides>,
}

/// Options of all tracers.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TracerConfig {
    with_log: bool,
    only_top_call: bool,
    diff_mode: bool,
    disable_code: bool,
    disable_storage: bool,
}

/// What to record, and how much of it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) kind: TraceKind,
    steps: u64,
    bytes: u64,
    time: Duration,
}

impl Options {
    pub(super) fn plan(self, limits: &Limits) -> Result<Plan, RpcError> {
        let longest = limits.trace_time;
        let time = match &self.timeout {
            Some(text) => duration(text)?.min(longest),
            None => longest,
        };
        let config = self.tracer_config.unwrap_or_default();
        let kind = match self.tracer.as_deref() {
            Some("callTracer") => TraceKind::Calls(CallOptions {
                logs: config.with_log,
                top_only: config.only_top_call,
            }),
            Some("prestateTracer") => TraceKind::State(StateOptions {
                diff: config.diff_mode,
                without_code: config.disable_code,
                without_storage: config.disable_storage,
            }),
            None | Some("") => TraceKind::Steps(StepOptions {
                stack: !self.disable_stack,
                storage: !self.disable_storage,
                memory: self.enable_memory.unwrap_or(self.disable_memory == Some(false)),
                return_data: self.enable_return_data,
                limit: (self.limit != 0).then_some(self.limit),
            }),
            Some(other) => {
                return Err(RpcError::Refused(format!(
                    "tracer {other:?} is not known: use callTracer, prestateTracer, or none for \
                     single opcodes; tracers in JavaScript are not run"
                )));
            }
        };
        Ok(Plan { kind, steps: limits.trace_steps, bytes: limits.trace_bytes, time })
    }
}

impl Plan {
    /// Whether the time is over that begins now.
    pub(super) fn clock(&self) -> impl Fn() -> bool + use<> {
        clock(self.time)
    }

    pub(super) const fn budget<'a>(&self, expired: &'a dyn Fn() -> bool) -> TraceBudget<'a> {
        TraceBudget { steps: self.steps, bytes: self.bytes, expired }
    }
}

/// `300ms`, `10s`, `1m`.
fn duration(text: &str) -> Result<Duration, RpcError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => 0,
    };
    match count.parse::<u64>() {
        Ok(count) if millis != 0 => Ok(Duration::from_millis(count.saturating_mul(millis))),
        _ => Err(RpcError::Params(format!("timeout {text:?} is no duration like 5s or 300ms"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_others_refused() {
        assert_eq!(duration("5s").ok(), Some(Duration::from_secs(5)));
        assert_eq!(duration("300ms").ok(), Some(Duration::from_millis(300)));
        assert_eq!(duration("2m").ok(), Some(Duration::from_secs(120)));
        for text in ["", "5", "s", "-1s", "5h", "5 s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nobody_gets_more_time_than_the_node_gives() {
        let limits = Limits::default();
        let options = Options { timeout: Some("1000m".into()), ..Options::default() };
        assert_eq!(options.plan(&limits).unwrap().time, limits.trace_time);
    }
}
