//! An L1 node that lies, each liar in its own way.

mod fork;
mod front;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy::rpc::types::Block;
use alloy_primitives::{B256, Bloom};
use mezz_l1::JsonRpcHandler;
use serde_json::{Value, json};
use tokio::sync::Notify;

pub use self::{
    fork::Fork,
    front::{Front, Manner},
};

/// One byte more than is taken.
const TOO_LARGE: usize = 64 * 1024 * 1024 + 1;

/// What a liar does. `u64` is the first L1 block that it lies about.
#[derive(Clone, Debug)]
pub enum Lie {
    /// None: it is honest.
    Nothing,
    /// Says that a block has another hash.
    BlockHash(u64),
    /// Shows a header that hashes well and has another parent.
    Parent(u64),
    /// Shows another block than the one at the height that was asked for.
    OtherBlock(u64),
    /// Extends the chain by a block of its own, whose header is flawless.
    InventedBlock,
    /// Shows a whole chain of its own from some block on.
    Fork(Arc<Fork>),
    /// Shows the true chain and one of its own in turns, some requests each.
    Flip(Arc<Fork>),
    /// Shows a chain of its own from some block on, whose head has one label too many.
    ForkWithLabel(&'static str, Arc<Fork>),
    /// Takes one label from a chain of its own.
    Label(&'static str, Arc<Fork>),
    /// Leaves a log out.
    MissingLog,
    /// Shows a log twice.
    InventedLog,
    /// Changes what a log says.
    ChangedLog,
    /// Swaps logs.
    ReorderedLogs,
    /// Names other transactions for the receipts of a block than those that they are of.
    OtherTransactions,
    /// Changes the input of a transaction.
    Calldata,
    /// Knows no block from here on.
    StaleHead(u64),
    /// Says that the head is finalized.
    Finalized,
    /// Answers more than anybody can hold.
    Oversized,
    /// Never answers.
    Silent,
    /// Answers with errors.
    Errors,
    /// Answers with what is no JSON.
    Garbage,
}

/// A digit of the batch's own bytes in the input of `postBatch`: after `0x`, the selector, six words and 4 bytes.
const BATCH_DIGIT: usize = 2 + 2 * (4 + 6 * 32);

/// How often one who flips answers before it flips; no divisor of what one step asks for.
const REQUESTS_OF_A_TURN: u64 = 7;

/// Stands in front of an L1 and lies, until it is told otherwise.
pub struct Liar {
    honest: Arc<dyn JsonRpcHandler>,
    lie: Mutex<Lie>,
    asked: AtomicU64,
    /// Told of each request that is never answered.
    pub silent: Arc<Notify>,
}

impl Liar {
    /// A liar in front of `honest`.
    pub fn new(honest: Arc<dyn JsonRpcHandler>, lie: Lie) -> Arc<Self> {
        Arc::new(Self {
            honest,
            lie: Mutex::new(lie),
            asked: AtomicU64::new(0),
            silent: Arc::default(),
        })
    }

    /// Says something else from now on.
    pub fn tell(&self, lie: Lie) {
        *self.lie.lock().expect("no holder of the lock panics") = lie;
    }

    fn told(&self) -> Lie {
        let lie = self.lie.lock().expect("no holder of the lock panics").clone();
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        match lie {
            Lie::Flip(fork) if (asked / REQUESTS_OF_A_TURN).is_multiple_of(2) => Lie::Fork(fork),
            Lie::Flip(_) => Lie::Nothing,
            lie => lie,
        }
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 0, "method": method, "params": params });
        let answer = self.honest.handle(request.to_string()).await;
        let mut answer: Value = serde_json::from_str(&answer).expect("an honest L1 speaks JSON");
        answer["result"].take()
    }

    /// The result that it gives instead of an honest one.
    async fn lie(&self, lie: Lie, method: &str, params: &Value, mut result: Value) -> Value {
        let asked = params[0].as_str().unwrap_or_default();
        let number = asked.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
        if let Lie::Fork(fork) = &lie {
            return fork.answer(method, params, &result).unwrap_or(result);
        }
        if let Lie::ForkWithLabel(label, fork) = &lie {
            let latest = json!(["latest"]);
            let params = if asked == *label { &latest } else { params };
            return fork.answer(method, params, &result).unwrap_or(result);
        }
        match (lie, method) {
            (Lie::Label(label, fork), "eth_getBlockByNumber") if asked == label => {
                fork.answer(method, &json!(["latest"]), &result).unwrap_or(result)
            }
            (Lie::BlockHash(from), "eth_getBlockByNumber") if number >= Some(from) => {
                if result.is_object() {
                    result["hash"] = json!(B256::repeat_byte(0xbd));
                }
                result
            }
            (Lie::Parent(from), "eth_getBlockByNumber") if number >= Some(from) => {
                changed_block(result, |block| {
                    block.header.inner.parent_hash = B256::repeat_byte(0xbd);
                })
            }
            (Lie::OtherBlock(from), "eth_getBlockByNumber") if number >= Some(from) => {
                changed_block(result, |block| block.header.inner.number += 7)
            }
            (Lie::InventedBlock, "eth_getBlockByNumber") if result.is_null() => {
                let head = self.ask("eth_getBlockByNumber", json!(["latest", false])).await;
                let next = head["number"].as_str().map(|head| quantity(head) + 1);
                if number == next { successor(head) } else { result }
            }
            (Lie::StaleHead(from), "eth_getBlockByNumber") => match number {
                Some(number) if number < from => result,
                Some(_) => Value::Null,
                None => {
                    let last = format!("{:#x}", from - 1);
                    self.ask("eth_getBlockByNumber", json!([last, false])).await
                }
            },
            (Lie::Finalized, "eth_getBlockByNumber") if asked == "finalized" => {
                self.ask("eth_getBlockByNumber", json!(["latest", false])).await
            }
            (Lie::Calldata, "eth_getBlockByHash") => Value::Null,
            (Lie::Calldata, "eth_getTransactionByHash") => {
                if let Some(input) = result["input"].as_str()
                    && let Some(digit) = input.get(BATCH_DIGIT..=BATCH_DIGIT)
                {
                    let other = if digit == "0" { "1" } else { "0" };
                    let (before, after) = (&input[..BATCH_DIGIT], &input[BATCH_DIGIT + 1..]);
                    result["input"] = json!(format!("{before}{other}{after}"));
                }
                result
            }
            (Lie::OtherTransactions, "eth_getBlockReceipts") => {
                let receipts = result.as_array_mut().into_iter().flatten();
                receipts.for_each(|it| it["transactionHash"] = json!(B256::repeat_byte(0xbd)));
                result
            }
            (lie, "eth_getBlockReceipts") => changed_logs(lie, result),
            _ => result,
        }
    }
}

impl JsonRpcHandler for Liar {
    fn handle(&self, request: String) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        let lie = self.told();
        Box::pin(async move {
            let asked: Value = serde_json::from_str(&request).expect("clients speak JSON");
            match lie {
                Lie::Nothing => return self.honest.handle(request).await,
                Lie::Oversized => return " ".repeat(TOO_LARGE),
                Lie::Garbage => return "<html>503</html>".into(),
                Lie::Errors => {
                    let error = json!({ "code": -32603, "message": "internal error" });
                    return json!({ "jsonrpc": "2.0", "id": asked["id"], "error": error })
                        .to_string();
                }
                Lie::Silent => {
                    self.silent.notify_one();
                    return std::future::pending().await;
                }
                _ => {}
            }
            let answer = self.honest.handle(request).await;
            let mut answer: Value =
                serde_json::from_str(&answer).expect("an honest L1 speaks JSON");
            let method = asked["method"].as_str().unwrap_or_default();
            let result = answer["result"].take();
            answer["result"] = self.lie(lie, method, &asked["params"], result).await;
            answer.to_string()
        })
    }
}

fn quantity(text: &str) -> u64 {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a quantity")
}

/// The block with a change, and with the hash that it has then.
fn changed_block(block: Value, change: impl FnOnce(&mut Block)) -> Value {
    let Ok(mut block) = serde_json::from_value::<Block>(block) else { return Value::Null };
    change(&mut block);
    block.header.hash = block.header.inner.hash_slow();
    serde_json::to_value(block).expect("a block has a JSON form")
}

/// An empty block on top of this one.
fn successor(head: Value) -> Value {
    changed_block(head, |block| {
        let header = &mut block.header.inner;
        header.parent_hash = header.hash_slow();
        header.number += 1;
        header.timestamp += 1;
        header.logs_bloom = Bloom::ZERO;
    })
}

fn changed_logs(lie: Lie, mut receipts: Value) -> Value {
    let logs = receipts.as_array_mut().into_iter().flatten();
    let mut logs = logs.filter_map(|receipt| receipt["logs"].as_array_mut());
    let Some(logs) = logs.find(|logs| !logs.is_empty()) else { return receipts };
    match lie {
        Lie::MissingLog => {
            logs.remove(0);
        }
        Lie::InventedLog => logs.push(logs[0].clone()),
        Lie::ChangedLog => logs[0]["data"] = json!("0x00"),
        Lie::ReorderedLogs if logs.len() > 1 => logs.reverse(),
        // A lone log has no order: it moves to another contract.
        Lie::ReorderedLogs => logs[0]["address"] = json!(alloy_primitives::Address::ZERO),
        _ => {}
    }
    receipts
}
