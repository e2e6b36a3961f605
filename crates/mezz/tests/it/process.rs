//! A running `mezz up` and how to ask it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// A child that does not outlive its test.
pub(crate) struct Up {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Host and port of the chain's RPC.
    rpc: String,
}

impl Up {
    /// Starts `mezz up` on `data` with free ports, and waits until it serves.
    pub(crate) fn start(data: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mezz"))
            .args(["up", "--json", "--block-time", "200ms"])
            .args(["--rpc", "127.0.0.1:0", "--l1-rpc", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program was built");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut up = Self { child, lines, rpc: String::new() };
        let event = up.wait_for("up");
        let url = event["rpc"].as_str().expect("it says where it serves");
        up.rpc = url.trim_start_matches("http://").to_owned();
        up
    }

    /// The next event of this name that it prints.
    pub(crate) fn wait_for(&mut self, name: &str) -> Value {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("stdout can be read");
            assert!(read > 0, "it ended before it said {name:?}");
            let event: Value = serde_json::from_str(&line).expect("it prints JSON");
            assert_ne!(event["event"], "error", "{event}");
            if event["event"] == name {
                return event;
            }
        }
    }

    /// What an RPC method answers.
    pub(crate) fn ask(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let body = body.to_string();
        let mut stream = self.connect();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n",
            self.rpc,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("it takes requests");
        stream.write_all(body.as_bytes()).expect("it takes requests");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (_, json) = answer.split_once("\r\n\r\n").expect("HTTP has a body");
        let answer: Value = serde_json::from_str(json).expect("the body is JSON");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Connects to its RPC, for those who misbehave.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.rpc).expect("it listens")
    }

    /// Asks it to end, as a service manager does; whether it did in order.
    pub(crate) fn terminate(mut self) -> bool {
        let signal = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        assert!(signal.expect("there is a kill program").success());
        self.wait_for("stopped");
        self.child.wait().expect("it is our child").success()
    }

    /// Ends it as a power failure does: it can put nothing in order.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        self.end();
    }
}
