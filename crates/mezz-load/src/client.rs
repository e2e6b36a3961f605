//! JSON-RPC over HTTP, in batches.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use serde::{Deserialize, de::DeserializeOwned};
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
    async fn ask_for<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, LoadError> {
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        let text = self.post(body.to_string()).await?.text().await?;
        let wrong = || LoadError::Answer { method, got: text.chars().take(SHOWN).collect() };
        match serde_json::from_str(&text) {
            Ok(Answer { result, error: None, .. }) => {
                serde_json::from_value(result.unwrap_or_default()).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }

    async fn number(&self, method: &'static str, params: Value) -> Result<U256, LoadError> {
        self.ask_for(method, params).await
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

    /// Gas of a call that moves no wei: the sender may not be funded yet.
    pub(crate) async fn gas(
        &self,
        from: Address,
        to: TxKind,
        input: &Bytes,
    ) -> Result<u64, LoadError> {
        let mut call = json!({ "from": from, "value": "0x0", "data": input });
        if let TxKind::Call(to) = to {
            call["to"] = json!(to);
        }
        Ok(self.number("eth_estimateGas", json!([call])).await?.saturating_to())
    }

    /// Whether a transaction that is in a block succeeded; `None` if it is in no block.
    pub(crate) async fn succeeded(&self, hash: B256) -> Result<Option<bool>, LoadError> {
        #[derive(Deserialize)]
        struct Receipt {
            status: U256,
        }
        let receipt: Option<Receipt> =
            self.ask_for("eth_getTransactionReceipt", json!([hash])).await?;
        Ok(receipt.map(|receipt| !receipt.status.is_zero()))
    }

    pub(crate) async fn head(&self) -> Result<u64, LoadError> {
        Ok(self.number("eth_blockNumber", json!([])).await?.saturating_to())
    }

    /// How many logs blocks `first` to `last` have.
    pub(crate) async fn log_count(&self, first: u64, last: u64) -> Result<u64, LoadError> {
        if first > last {
            return Ok(0);
        }
        let range =
            json!([{ "fromBlock": format!("{first:#x}"), "toBlock": format!("{last:#x}") }]);
        let logs: Vec<Value> = self.ask_for("eth_getLogs", range).await?;
        Ok(logs.len() as u64)
    }

    /// Whether a method has a result, and why not.
    pub(crate) async fn outcome(&self, method: &'static str, params: Value) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Outcome {
            error: Option<RpcFailure>,
        }
        let body = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        let answer = self.post(body.to_string()).await.map_err(|error| error.to_string())?;
        let bytes = answer.bytes().await.map_err(|error| error.to_string())?;
        match serde_json::from_slice(&bytes) {
            Ok(Outcome { error: None }) => Ok(()),
            Ok(Outcome { error: Some(error) }) => {
                Err(format!("{} ({})", error.message, error.code))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Hashes of a block's transactions; `None` if there is no such block.
    pub(crate) async fn block(&self, number: u64) -> Result<Option<Vec<B256>>, LoadError> {
        #[derive(Deserialize)]
        struct Block {
            transactions: Vec<B256>,
        }
        let params = json!([format!("{number:#x}"), false]);
        let found: Option<Block> = self.ask_for("eth_getBlockByNumber", params).await?;
        Ok(found.map(|block| block.transactions))
    }

    /// Hashes of the transactions of a block that reverted.
    pub(crate) async fn reverted(&self, number: u64) -> Result<Vec<B256>, LoadError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Receipt {
            transaction_hash: B256,
            status: U256,
        }
        let number = json!([format!("{number:#x}")]);
        let receipts: Vec<Receipt> = self.ask_for("eth_getBlockReceipts", number).await?;
        let failed = receipts.into_iter().filter(|receipt| receipt.status.is_zero());
        Ok(failed.map(|receipt| receipt.transaction_hash).collect())
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
