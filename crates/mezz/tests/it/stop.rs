//! `mezz up` is asked to stop.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::process::Up;

/// Account 0 of the public mnemonic.
const ACCOUNT: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cfffB92266";

#[test]
fn it_stops_in_order_though_clients_hold_on_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut up = Up::start(dir.path());
    while up.ask("eth_getBalance", json!([ACCOUNT, "latest"])) == "0x0" {
        up.wait_for("batch");
    }
    // One client does not finish its question, another one says nothing.
    let mut slow = up.connect();
    slow.write_all(b"POST / HTTP/1.1\r\nhost: l2\r\ncontent-length: 100\r\n\r\n{")
        .expect("it reads");
    let silent = up.connect();
    let block: Value = up.ask("eth_getBlockByNumber", json!(["0x1", false]));
    assert!(up.terminate(), "it ended with an error");
    drop((slow, silent));

    let up = Up::start(dir.path());
    assert_eq!(up.ask("eth_getBlockByNumber", json!(["0x1", false]))["hash"], block["hash"]);
    assert!(up.terminate(), "it ended with an error");
}

#[test]
fn it_stops_in_order_from_the_moment_it_says_that_it_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    for _ in 0..4 {
        let up = Up::start(dir.path());
        assert!(up.terminate(), "it ended with an error");
    }
}
