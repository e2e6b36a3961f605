//! Traces as clients know them: the forms of geth's built-in tracers.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use mezz_evm::{
    AccountFacts, CallFrame, CallKind, CallOutcome, CallResult, StateTrace, Step, StepTrace, Trace,
    Traced,
};
use serde_json::{Map, Value, json};

use crate::{error::revert_reason, json::quantity};

pub(super) fn traced(traced: &Traced) -> Value {
    match &traced.trace {
        Trace::Calls(root) => frame(root),
        Trace::Steps(steps) => struct_logs(&traced.outcome, steps),
        Trace::State(state) => state_trace(state),
    }
}

fn number(value: u64) -> Value {
    quantity(U256::from(value))
}

fn frame(frame: &CallFrame) -> Value {
    let mut object = Map::new();
    object.insert("type".into(), json!(frame.kind.name()));
    object.insert("from".into(), json!(frame.from));
    object.extend(frame.to.map(|to| ("to".to_owned(), json!(to))));
    object.extend(frame.value.map(|value| ("value".to_owned(), quantity(value))));
    object.insert("gas".into(), number(frame.gas));
    object.insert("gasUsed".into(), number(frame.gas_used));
    object.insert("input".into(), json!(frame.input));
    if !frame.output.is_empty() {
        object.insert("output".into(), json!(frame.output));
    }
    if let Some(error) = &frame.error {
        object.insert("error".into(), json!(error));
    }
    if frame.reverted
        && let Some(reason) = revert_reason(&frame.output)
    {
        object.insert("revertReason".into(), json!(reason));
    }
    if !frame.calls.is_empty() {
        object.insert("calls".into(), frame.calls.iter().map(self::frame).collect());
    }
    if !frame.logs.is_empty() {
        let logs = frame.logs.iter().map(|entry| {
            json!({
                "address": entry.log.address,
                "topics": entry.log.topics(),
                "data": entry.log.data.data,
                "index": number(entry.index),
                "position": number(entry.position),
            })
        });
        object.insert("logs".into(), logs.collect());
    }
    debug_assert!(frame.kind != CallKind::SelfDestruct || frame.calls.is_empty());
    Value::Object(object)
}

fn struct_logs(outcome: &CallOutcome, trace: &StepTrace) -> Value {
    let output = match &outcome.result {
        CallResult::Success { output } | CallResult::Revert { output } => output.clone(),
        CallResult::Halt { .. } => Bytes::new(),
    };
    json!({
        "gas": outcome.gas_used,
        "failed": !outcome.result.is_success(),
        "returnValue": output,
        "structLogs": trace.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    let mut object = Map::new();
    object.insert("pc".into(), json!(step.pc));
    object.insert("op".into(), json!(step.op));
    object.insert("gas".into(), json!(step.gas));
    object.insert("gasCost".into(), json!(step.gas_cost));
    object.insert("depth".into(), json!(step.depth));
    if step.refund != 0 {
        object.insert("refund".into(), json!(step.refund));
    }
    if let Some(stack) = &step.stack {
        object.insert("stack".into(), stack.iter().map(|word| quantity(*word)).collect());
    }
    if let Some(memory) = &step.memory {
        let words = memory.chunks(32).map(|word| json!(hex::encode_prefixed(word)));
        object.insert("memory".into(), words.collect());
    }
    if let Some(storage) = &step.storage {
        object.insert("storage".into(), slots(storage));
    }
    if let Some(data) = step.return_data.as_ref().filter(|data| !data.is_empty()) {
        object.insert("returnData".into(), json!(data));
    }
    if let Some(error) = &step.error {
        object.insert("error".into(), json!(error));
    }
    Value::Object(object)
}

fn slots(storage: &BTreeMap<U256, U256>) -> Value {
    let words = storage
        .iter()
        .map(|(slot, value)| (B256::from(*slot).to_string(), json!(B256::from(*value))));
    Value::Object(words.collect())
}

fn state_trace(trace: &StateTrace) -> Value {
    match &trace.post {
        Some(post) => json!({ "pre": accounts(&trace.pre), "post": accounts(post) }),
        None => accounts(&trace.pre),
    }
}

fn accounts(accounts: &BTreeMap<Address, AccountFacts>) -> Value {
    let facts = accounts.iter().map(|(address, facts)| {
        let mut object = Map::new();
        object.extend(facts.balance.map(|balance| ("balance".to_owned(), quantity(balance))));
        object.extend(facts.nonce.map(|nonce| ("nonce".to_owned(), json!(nonce))));
        if let Some(code) = &facts.code {
            object.insert("code".into(), json!(code));
        }
        if !facts.storage.is_empty() {
            object.insert("storage".into(), slots(&facts.storage));
        }
        (format!("{address:?}"), Value::Object(object))
    });
    Value::Object(facts.collect())
}
