//! What was accepted survives the death of the process.

use serde_json::{Value, json};

use crate::process::Up;

const SENDER: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const RECEIVER: &str = "0x00000000000000000000000000000000000000aa";

/// Sends one wei; `eth_sendTransaction` signs with a public test key and goes the way of
/// `eth_sendRawTransaction`.
fn send(up: &Up, nonce: u64) -> Value {
    let transaction = json!({
        "from": SENDER, "to": RECEIVER, "value": "0x1", "nonce": format!("{nonce:#x}"),
        "gas": "0x5208", "maxFeePerGas": "0x174876e800",
    });
    up.ask("eth_sendTransaction", json!([transaction]))
}

fn receipt(up: &Up, hash: &Value) -> Value {
    up.ask("eth_getTransactionReceipt", json!([hash]))
}

#[test]
fn an_accepted_transaction_is_mined_after_kill_9() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut up = Up::start(dir.path());
    while up.ask("eth_getBalance", json!([SENDER, "latest"])) == "0x0" {
        up.wait_for("batch");
    }
    // Behind a gap nothing is mined, however fast the chain is.
    let accepted: Vec<Value> = (1..=20).map(|nonce| send(&up, nonce)).collect();
    up.kill();

    let mut up = Up::start(dir.path());
    let status = up.ask("txpool_status", json!([]));
    assert_eq!(status, json!({ "pending": "0x0", "queued": "0x14" }));
    assert_eq!(receipt(&up, &accepted[0]), Value::Null);
    let first = send(&up, 0);
    while receipt(&up, &first).is_null() || receipt(&up, &accepted[19]).is_null() {
        up.wait_for("batch");
    }
    for hash in &accepted {
        assert_eq!(receipt(&up, hash)["status"], "0x1", "{hash}");
    }
    up.kill();

    // What a block took does not come back.
    let up = Up::start(dir.path());
    let status = up.ask("txpool_status", json!([]));
    assert_eq!(status, json!({ "pending": "0x0", "queued": "0x0" }));
    assert_eq!(up.ask("eth_getTransactionCount", json!([SENDER, "latest"])), "0x15");
}
