//! The OpenRPC document.

use std::collections::BTreeSet;

use mezz_rpc::openrpc;
use serde_json::{Value, json};

use crate::served::Served;

fn names(document: &Value) -> Vec<String> {
    let methods = document["methods"].as_array().expect("methods");
    methods.iter().map(|method| method["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_names_exactly_what_is_served() {
    let served = Served::new().await;
    let document = served.ask("rpc.discover", json!([])).await.unwrap();
    let described: BTreeSet<String> = names(&document).into_iter().collect();
    let registered: BTreeSet<String> =
        served.rpc.method_names().iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(described, registered);
    assert_eq!(described.len(), names(&document).len(), "a method is described twice");
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openrpc.json");
    let committed = std::fs::read_to_string(path).expect("docs/openrpc.json is there");
    let committed: Value = serde_json::from_str(&committed).expect("it is JSON");
    let advice = "run `cargo run -p mezz-rpc --example openrpc > docs/openrpc.json`";
    assert_eq!(committed, openrpc(), "{advice}");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = openrpc();
    let text = document.to_string();
    let used: BTreeSet<&str> = text
        .split("#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    for name in used {
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
}
