//! Heavy requests, as many at once as asked for, for as long as it takes.

use std::{collections::HashMap, time::Duration};

use alloy_primitives::{Address, hex};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use super::{HeavyRequests, pause};
use crate::{Percentiles, client::Client, report::refusals, run::generic};

const METHODS: [&str; 3] = ["eth_getLogs", "debug_traceBlockByNumber", "debug_traceCall"];
/// Blocks back from the head among which the flood looks.
const DEPTH: u64 = 1_000;
/// A loop of a million turns, so that every trace of it is long: `PUSH3 n; JUMPDEST; PUSH1 1; SWAP1; SUB; DUP1;
/// PUSH1 4; JUMPI; STOP`.
const LOOP: [u8; 14] = hex!("620f42405b6001900380600457" "00");

#[derive(Debug, Default)]
struct Tally {
    answered: u64,
    took: Vec<Duration>,
    refused: HashMap<String, u64>,
}

/// Asks until it is to stop.
pub(super) async fn flood(
    client: Client,
    at_once: usize,
    stop: watch::Receiver<bool>,
) -> Vec<HeavyRequests> {
    let mut asking = JoinSet::new();
    for index in 0..at_once {
        asking.spawn(ask(client.clone(), index, stop.clone()));
    }
    let mut tallies: [Tally; METHODS.len()] = Default::default();
    while let Some(asked) = asking.join_next().await {
        // The tasks neither panic nor are aborted.
        for (tally, more) in tallies.iter_mut().zip(asked.unwrap_or_default()) {
            tally.answered += more.answered;
            tally.took.extend(more.took);
            for (reason, count) in more.refused {
                *tally.refused.entry(reason).or_default() += count;
            }
        }
    }
    let heavy = METHODS.into_iter().zip(tallies).map(|(method, tally)| HeavyRequests {
        method,
        answered: tally.answered,
        answer_ms: Percentiles::of(tally.took),
        refusals: refusals(tally.refused),
    });
    heavy.collect()
}

async fn ask(
    client: Client,
    first: usize,
    mut stop: watch::Receiver<bool>,
) -> [Tally; METHODS.len()] {
    let mut tallies: [Tally; METHODS.len()] = Default::default();
    let mut turn = first;
    while !*stop.borrow() {
        let at = turn % METHODS.len();
        let (method, tally) = (METHODS[at], &mut tallies[at]);
        let head = client.head().await.unwrap_or_default();
        let begun = Instant::now();
        let asked = client.outcome(method, params(method, head, turn as u64));
        // What is under way when the flood ends is not counted.
        let outcome = tokio::select! {
            outcome = asked => outcome,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        tally.took.push(begun.elapsed());
        match outcome {
            Ok(()) => tally.answered += 1,
            Err(reason) => {
                *tally.refused.entry(generic(&reason)).or_default() += 1;
                pause().await;
            }
        }
        turn = turn.wrapping_add(1);
    }
    tallies
}

fn params(method: &str, head: u64, turn: u64) -> Value {
    let oldest = head.saturating_sub(DEPTH);
    let quantity = |number: u64| format!("{number:#x}");
    match method {
        "eth_getLogs" => json!([{ "fromBlock": quantity(oldest), "toBlock": quantity(head) }]),
        "debug_traceBlockByNumber" => {
            let back = turn.wrapping_mul(0x9e37_79b9) % head.saturating_sub(oldest).max(1);
            json!([quantity(head.saturating_sub(back).max(1)), { "tracer": "callTracer" }])
        }
        _ => {
            let tracer = json!({ "tracer": "callTracer", "stateOverrides": {
                (Address::repeat_byte(0x10).to_string()): { "code": hex::encode_prefixed(LOOP) }
            }});
            let call = json!({ "to": Address::repeat_byte(0x10), "gas": "0x2faf080" });
            json!([call, "latest", tracer])
        }
    }
}
