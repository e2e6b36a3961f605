//! JSON-RPC over HTTP, in batches.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256, hex};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::LoadError;

/// Most of an answer that an error repeats.
const SHOWN: usize = 200;

/// Speaks to one RPC.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
}

/// What one request of a batch got.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    id: Value,
    result: Option<Value>,
    error: Option<RpcFailure>,
}

#[derive(Debug, Deserialize)]
struct RpcFailure {
    code: i64,
    message: String,
}

impl Client {
    pub(crate) fn new(url: Url) -> Result<Self, LoadError> {
        // An error says that this process has a TLS provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().tcp_nodelay(true).build()?;
        Ok(Self { http, url })
    }

    async fn post(&self, body: String) -> Result<reqwest::Response, LoadError> {
        let request = self.http.post(self.url.clone()).header("content-type", "application/json");
        Ok(request.body(body).send().await?.error_for_status()?)
    }

    /// Asks one question.
    pub(crate) async fn ask(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<Value, LoadError> {
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        let text = self.post(body.to_string()).await?.text().await?;
        match serde_json::from_str(&text) {
            Ok(Answer { result: Some(result), error: None, .. }) => Ok(result),
            _ => Err(LoadError::Answer { method, got: text.chars().take(SHOWN).collect() }),
        }
    }

    async fn number(&self, method: &'static str, params: Value) -> Result<U256, LoadError> {
        let got = self.ask(method, params).await?;
        serde_json::from_value(got.clone())
            .map_err(|_| LoadError::Answer { method, got: got.to_string() })
    }

    pub(crate) async fn chain_id(&self) -> Result<u64, LoadError> {
        Ok(self.number("eth_chainId", json!([])).await?.saturating_to())
    }

    pub(crate) async fn gas_price(&self) -> Result<u128, LoadError> {
        Ok(self.number("eth_gasPrice", json!([])).await?.saturating_to())
    }

    pub(crate) async fn balance(&self, account: Address) -> Result<U256, LoadError> {
        self.number("eth_getBalance", json!([account, "latest"])).await
    }

    pub(crate) async fn nonce(&self, account: Address) -> Result<u64, LoadError> {
        let nonce = self.number("eth_getTransactionCount", json!([account, "pending"])).await?;
        Ok(nonce.saturating_to())
    }

    /// Gas of a transfer between these accounts. Of nothing: the sender may not be funded yet.
    pub(crate) async fn transfer_gas(&self, from: Address, to: Address) -> Result<u64, LoadError> {
        let call = json!([{ "from": from, "to": to, "value": "0x0" }]);
        Ok(self.number("eth_estimateGas", call).await?.saturating_to())
    }

    pub(crate) async fn head(&self) -> Result<u64, LoadError> {
        Ok(self.number("eth_blockNumber", json!([])).await?.saturating_to())
    }

    /// Hashes of a block's transactions; `None` if there is no such block.
    pub(crate) async fn block(&self, number: u64) -> Result<Option<Vec<B256>>, LoadError> {
        #[derive(Deserialize)]
        struct Block {
            transactions: Vec<B256>,
        }
        let method = "eth_getBlockByNumber";
        let body = json!({
            "jsonrpc": "2.0", "id": 0, "method": method,
            "params": [format!("{number:#x}"), false],
        });
        let text = self.post(body.to_string()).await?.text().await?;
        #[derive(Deserialize)]
        struct Found {
            result: Option<Block>,
        }
        serde_json::from_str::<Found>(&text)
            .map(|found| found.result.map(|block| block.transactions))
            .map_err(|_| LoadError::Answer { method, got: text.chars().take(SHOWN).collect() })
    }

    /// Sends signed transactions in one request: for each, nothing or why it was refused.
    pub(crate) async fn send(&self, signed: &[&[u8]]) -> Result<Vec<Option<String>>, LoadError> {
        let text = self.post(send_body(signed)).await?.text().await?;
        let method = "eth_sendRawTransaction";
        let wrong = || LoadError::Answer { method, got: text.chars().take(SHOWN).collect() };
        let answers: Vec<Answer> = if signed.len() == 1 {
            vec![serde_json::from_str(&text).map_err(|_| wrong())?]
        } else {
            serde_json::from_str(&text).map_err(|_| wrong())?
        };
        // Answers of a batch come in any order.
        let mut by_id: HashMap<u64, Answer> =
            answers.into_iter().filter_map(|it| Some((it.id.as_u64()?, it))).collect();
        let outcome = |index: usize| match by_id.remove(&(index as u64)) {
            Some(Answer { result: Some(_), error: None, .. }) => None,
            Some(Answer { error: Some(error), .. }) => {
                Some(format!("{} ({})", error.message, error.code))
            }
            _ => Some(String::from("no answer")),
        };
        Ok((0..signed.len()).map(outcome).collect())
    }
}

fn send_body(signed: &[&[u8]]) -> String {
    let size: usize = signed.iter().map(|raw| 2 * raw.len() + 96).sum();
    let mut body = String::with_capacity(size);
    if signed.len() > 1 {
        body.push('[');
    }
    for (index, raw) in signed.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(r#"{"jsonrpc":"2.0","method":"eth_sendRawTransaction","id":"#);
        body.push_str(&index.to_string());
        body.push_str(r#","params":["0x"#);
        body.push_str(&hex::encode(raw));
        body.push_str(r#""]}"#);
    }
    if signed.len() > 1 {
        body.push(']');
    }
    body
}
