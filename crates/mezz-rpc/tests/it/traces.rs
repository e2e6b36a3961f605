//! `debug_trace*`.

use mezz_action_tests::transfer_call;
use mezz_rpc::Limits;
use serde_json::{Value, json};

use crate::served::{BOB, Served};

fn tracer(name: &str, config: Value) -> Value {
    json!({ "tracer": name, "tracerConfig": config })
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_blocks_are_traced_as_they_were() {
    let served = Served::new().await;
    let calls = tracer("callTracer", json!({ "withLog": true }));
    let trace = |hash, options: Value| served.ask("debug_traceTransaction", json!([hash, options]));
    let root = trace(served.moved, calls.clone()).await.unwrap();
    let receipt = served.ask("eth_getTransactionReceipt", json!([served.moved])).await.unwrap();
    assert_eq!(root["gasUsed"], receipt["gasUsed"]);
    assert_eq!((&root["type"], &root["to"]), (&json!("CALL"), &json!(served.token)));
    assert_eq!(root["logs"][0]["data"], receipt["logs"][0]["data"]);
    assert_eq!(root["error"], Value::Null);
    let root = trace(served.reverted, calls.clone()).await.unwrap();
    assert_eq!(root["error"], "execution reverted");
    // Every block since genesis: deposits, creations, calls.
    for number in 1..=3u64 {
        let at = format!("0x{number:x}");
        let block = served.ask("eth_getBlockByNumber", json!([at, false])).await.unwrap();
        let traces = served.ask("debug_traceBlockByNumber", json!([at, calls])).await.unwrap();
        let hashes: Vec<Value> =
            traces.as_array().unwrap().iter().map(|entry| entry["txHash"].clone()).collect();
        assert_eq!(json!(hashes), block["transactions"]);
        let by_hash = json!([block["hash"], calls]);
        assert_eq!(served.ask("debug_traceBlockByHash", by_hash).await, Ok(traces));
    }
    let diff = trace(served.moved, tracer("prestateTracer", json!({ "diffMode": true }))).await;
    let diff = diff.unwrap();
    let token = served.token.to_string().to_lowercase();
    let slot = served.alice.address().into_word().to_string();
    let word = |value: u64| json!(format!("0x{value:064x}"));
    assert_eq!(diff["pre"][&token]["storage"][&slot], word(100));
    assert_eq!(diff["post"][&token]["storage"][&slot], word(70));
    let before = trace(served.moved, tracer("prestateTracer", json!({}))).await.unwrap();
    assert_eq!(before[&token]["storage"][&slot], word(100));
    assert!(before[&token]["code"].is_string());
    let steps = trace(served.reverted, json!({ "enableMemory": true })).await.unwrap();
    assert_eq!(steps["failed"], true);
    let list = steps["structLogs"].as_array().unwrap();
    assert_eq!(list.last().unwrap()["op"], "REVERT");
    assert!(list.iter().all(|step| step["stack"].is_array() && step["memory"].is_array()));
    let short = trace(served.reverted, json!({ "limit": 2, "disableStack": true })).await.unwrap();
    assert_eq!(short["structLogs"].as_array().unwrap().len(), 2);
    assert!(short["structLogs"][0].get("stack").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_traced_and_what_cannot_be_is_refused() {
    let small = Limits { trace_steps: 20, ..Limits::default() };
    let served = Served::with(small).await;
    let call = json!({
        "from": served.alice.address(), "to": served.token, "data": transfer_call(BOB, 71)
    });
    let calls = tracer("callTracer", json!({}));
    let root = served.ask("debug_traceCall", json!([call, "latest", calls])).await.unwrap();
    assert_eq!(root["error"], "execution reverted");
    let mut overriding = calls.clone();
    overriding["stateOverrides"] = json!({ (served.token.to_string()): { "code": "0x00" } });
    let root = served.ask("debug_traceCall", json!([call, "latest", overriding])).await.unwrap();
    assert_eq!(root["error"], Value::Null);
    let (code, text) = served.refused("debug_traceTransaction", json!([served.moved, calls])).await;
    assert_eq!(code, -32005);
    assert!(text.contains("more than 20 steps"), "{text}");
    for (method, params, code, words) in [
        (
            "debug_traceTransaction",
            json!([alloy_primitives::B256::ZERO]),
            -32000,
            "transaction not found",
        ),
        ("debug_traceBlockByNumber", json!(["0x0"]), -32000, "genesis is not traceable"),
        ("debug_traceBlockByNumber", json!(["0x99"]), -32000, "header not found"),
        (
            "debug_traceCall",
            json!([call, "latest", { "tracer": "myTracer" }]),
            -32000,
            "callTracer",
        ),
        ("debug_traceCall", json!([call, "latest", { "timeout": "soon" }]), -32602, "duration"),
    ] {
        let (got, text) = served.refused(method, params.clone()).await;
        assert_eq!(got, code, "{method} {params}: {text}");
        assert!(text.contains(words), "{method} {params}: {text}");
    }
}
