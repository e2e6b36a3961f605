//! JSON-RPC over plain HTTP, a connection for each request: the other end dies now and then.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use eyre::{WrapErr as _, bail, ensure, eyre};
use serde_json::{Value, json};

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    port: u16,
}

impl Rpc {
    pub(crate) const fn new(port: u16) -> Self {
        Self { port }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Asks one question; an error that the server answers is one here.
    pub(crate) fn ask(&self, method: &str, params: Value) -> eyre::Result<Value> {
        let mut answers = self.ask_all(&[(method, params)])?;
        let answer = answers.pop().ok_or_else(|| eyre!("no answer"))?;
        answer.map_err(|error| eyre!("{method}: {error}"))
    }

    /// Asks in one request; for each question the answer, or the error as the server worded it.
    pub(crate) fn ask_all(
        &self,
        questions: &[(&str, Value)],
    ) -> eyre::Result<Vec<Result<Value, String>>> {
        let body: Vec<Value> = (0u64..)
            .zip(questions)
            .map(|(id, (method, params))| {
                json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
            })
            .collect();
        let answers: Vec<Value> = serde_json::from_str(&self.post(&json!(body).to_string())?)
            .wrap_err("the answer to a batch of requests")?;
        (0u64..)
            .zip(questions)
            .map(|(id, (method, _))| {
                let answer = answers.iter().find(|answer| answer["id"] == id);
                let answer = answer.ok_or_else(|| eyre!("{method} was not answered"))?;
                Ok(match answer.get("error") {
                    Some(error) => Err(error["message"].as_str().unwrap_or_default().to_owned()),
                    None => Ok(answer["result"].clone()),
                })
            })
            .collect()
    }

    fn post(&self, body: &str) -> eyre::Result<String> {
        let mut stream =
            TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], self.port)), TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            self.address(),
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("half an answer") };
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        Ok(body.to_owned())
    }
}

/// A quantity of the RPC; what is beyond 64 bits counts as the most that they hold.
pub(crate) fn number(value: &Value) -> eyre::Result<u64> {
    let text = value.as_str().ok_or_else(|| eyre!("{value} is no quantity"))?;
    let digits = text.strip_prefix("0x").ok_or_else(|| eyre!("{text} is no quantity"))?;
    u128::from_str_radix(digits, 16)
        .map(|wide| u64::try_from(wide).unwrap_or(u64::MAX))
        .wrap_err_with(|| text.to_owned())
}

/// A string of the RPC.
pub(crate) fn text(value: &Value) -> eyre::Result<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| eyre!("{value} is no string"))
}
