//! What every method takes and gives, as an OpenRPC document.
//!
//! `docs/openrpc.json` is this document; `cargo run -p mezz-rpc --example openrpc` prints it, and a
//! test compares it with the file and with the methods of a running server.

use jsonrpsee::{RpcModule, core::RegisterMethodError};
use serde_json::{Map, Value, json};

use crate::{context::Context, register::method};

pub(crate) fn register(module: &mut RpcModule<Context>) -> Result<(), RegisterMethodError> {
    method(module, "rpc.discover", |_: Vec<Value>, _| Ok(openrpc()))
}

/// A method: name, parameters (`name:Schema`, optional ones as `name?:Schema`), result, summary.
type Described = (&'static str, &'static str, &'static str, &'static str);

const ETH: &[Described] = &[
    ("eth_accounts", "", "List", "Accounts that eth_sendTransaction signs for: test keys alone."),
    ("eth_blobBaseFee", "", "Quantity", "What BLOBBASEFEE gives: this chain carries no blobs."),
    ("eth_blockNumber", "", "Quantity", "Height of the last block."),
    (
        "eth_call",
        "call:Call block?:Block stateOverrides?:Overrides blockOverrides?:Overrides",
        "Data",
        "What a call returns.",
    ),
    ("eth_chainId", "", "Quantity", "Chain id (EIP-155)."),
    (
        "eth_createAccessList",
        "call:Call block?:Block stateOverrides?:Overrides blockOverrides?:Overrides",
        "Object",
        "Accounts and slots that a call touches.",
    ),
    (
        "eth_estimateGas",
        "call:Call block?:Block stateOverrides?:Overrides blockOverrides?:Overrides",
        "Quantity",
        "A gas limit with which a call succeeds and carries its data fee.",
    ),
    (
        "eth_feeHistory",
        "blockCount:Quantity newestBlock:Block rewardPercentiles?:List",
        "Object",
        "Base fees, fullness and tips of past blocks.",
    ),
    ("eth_gasPrice", "", "Quantity", "A price for legacy transactions, wei per gas."),
    ("eth_getBalance", "address:Address block?:Block", "Quantity", "Wei of an account."),
    ("eth_getBlockByHash", "hash:Hash full?:Boolean", "ObjectOrNull", "A block."),
    ("eth_getBlockByNumber", "block:Block full?:Boolean", "ObjectOrNull", "A block."),
    ("eth_getBlockReceipts", "block:Block", "ListOrNull", "All receipts of a block."),
    (
        "eth_getBlockTransactionCountByHash",
        "hash:Hash",
        "QuantityOrNull",
        "How many transactions a block has.",
    ),
    (
        "eth_getBlockTransactionCountByNumber",
        "block:Block",
        "QuantityOrNull",
        "How many transactions a block has.",
    ),
    ("eth_getCode", "address:Address block?:Block", "Data", "Code of an account."),
    ("eth_getFilterChanges", "filter:Quantity", "List", "What a filter found since the last time."),
    ("eth_getFilterLogs", "filter:Quantity", "List", "All logs of a filter."),
    ("eth_getHeaderByHash", "hash:Hash", "ObjectOrNull", "A header."),
    ("eth_getHeaderByNumber", "block:Block", "ObjectOrNull", "A header."),
    ("eth_getLogs", "filter:LogFilter", "List", "Logs of a range of blocks."),
    (
        "eth_getProof",
        "address:Address keys:List block?:Block",
        "Object",
        "Refused: the state is one binary trie; mezz_getProof proves in it.",
    ),
    ("eth_getRawTransactionByHash", "hash:Hash", "DataOrNull", "A transaction's bytes."),
    (
        "eth_getStorageAt",
        "address:Address slot:Quantity block?:Block",
        "Hash",
        "The word in a storage slot.",
    ),
    (
        "eth_getTransactionByBlockHashAndIndex",
        "hash:Hash index:Quantity",
        "ObjectOrNull",
        "A transaction of a block.",
    ),
    (
        "eth_getTransactionByBlockNumberAndIndex",
        "block:Block index:Quantity",
        "ObjectOrNull",
        "A transaction of a block.",
    ),
    ("eth_getTransactionByHash", "hash:Hash", "ObjectOrNull", "A transaction, waiting ones too."),
    (
        "eth_getTransactionCount",
        "address:Address block?:Block",
        "Quantity",
        "Nonce of an account; with `pending`, after what waits.",
    ),
    ("eth_getTransactionReceipt", "hash:Hash", "ObjectOrNull", "A receipt."),
    ("eth_getUncleCountByBlockHash", "hash:Hash", "Quantity", "Zero."),
    ("eth_getUncleCountByBlockNumber", "block:Block", "Quantity", "Zero."),
    (
        "eth_maxPriorityFeePerGas",
        "",
        "Quantity",
        "A tip that carries the data fee of a transfer, wei per gas.",
    ),
    ("eth_newBlockFilter", "", "Quantity", "A filter that reports blocks."),
    ("eth_newFilter", "filter:LogFilter", "Quantity", "A filter that reports logs."),
    ("eth_newPendingTransactionFilter", "", "Quantity", "A filter that reports transactions."),
    ("eth_sendRawTransaction", "transaction:Data", "Hash", "Takes in a signed transaction."),
    ("eth_sendTransaction", "transaction:Call", "Hash", "Signs with a test key and takes in."),
    (
        "eth_simulateV1",
        "payload:Object block?:Block",
        "List",
        "Blocks of calls that build on each other; their state roots are zero.",
    ),
    (
        "eth_subscribe",
        "kind:Text option?:Any",
        "Text",
        "newHeads, logs (with a filter) or newPendingTransactions (true for whole ones); WebSocket.",
    ),
    ("eth_syncing", "", "Boolean", "False: a node answers for what it has."),
    ("eth_uninstallFilter", "filter:Quantity", "Boolean", "Forgets a filter."),
    ("eth_unsubscribe", "subscription:Text", "Boolean", "Ends a subscription."),
];

const DEBUG: &[Described] = &[
    ("debug_traceBlockByHash", "hash:Hash options?:TraceOptions", "List", "A block's traces."),
    ("debug_traceBlockByNumber", "block:Block options?:TraceOptions", "List", "A block's traces."),
    (
        "debug_traceCall",
        "call:Call block?:Block options?:TraceOptions",
        "Object",
        "A call's trace.",
    ),
    (
        "debug_traceTransaction",
        "hash:Hash options?:TraceOptions",
        "Object",
        "A transaction's trace, executed again where it was.",
    ),
];

const OTHERS: &[Described] = &[
    ("mezz_chainInfo", "", "Object", "What the chain is: configuration, contracts, window."),
    ("mezz_getBatch", "index:Quantity", "ObjectOrNull", "A batch on L1."),
    ("mezz_getBlockStatus", "block:Block", "Object", "How far a block is on its way to finality."),
    (
        "mezz_getProof",
        "address:Address slots?:List state?:Text",
        "Object",
        "Paths in the state trie, of the head or of the last final state.",
    ),
    ("mezz_getWithdrawal", "index:Quantity", "ObjectOrNull", "A withdrawal and its proof."),
    ("mezz_l1Facts", "block?:Block", "Object", "L1 fees that the data fee follows."),
    (
        "mezz_signedBlocks",
        "from:Quantity waitMillis?:Quantity",
        "List",
        "Blocks that the sequencer has signed, for replicas; waits for one if there is none.",
    ),
    ("mezz_status", "", "Object", "Where the chain stands."),
    ("net_listening", "", "Boolean", "True."),
    ("net_peerCount", "", "Quantity", "Zero: nodes follow L1."),
    ("net_version", "", "Text", "Chain id in decimal."),
    ("rpc.discover", "", "Object", "This document."),
    ("txpool_content", "", "Object", "All transactions that wait."),
    ("txpool_contentFrom", "address:Address", "Object", "Those of one sender."),
    ("txpool_inspect", "", "Object", "All transactions that wait, as text."),
    ("txpool_status", "", "Object", "How many wait."),
    ("web3_clientVersion", "", "Text", "Name and version."),
    ("web3_sha3", "data:Data", "Hash", "Keccak-256."),
];

/// The OpenRPC document of all methods.
pub fn openrpc() -> Value {
    let methods = [ETH, DEBUG, OTHERS].into_iter().flatten().map(described);
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Mezzanine JSON-RPC",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Ethereum's execution APIs over a Mezzanine node, and what only a rollup has.",
        },
        "methods": methods.collect::<Vec<_>>(),
        "components": { "schemas": schemas() },
    })
}

fn described((name, params, result, summary): &Described) -> Value {
    let params = params.split_whitespace().filter_map(|param| {
        let (name, schema) = param.split_once(':')?;
        let required = !name.ends_with('?');
        let name = name.trim_end_matches('?');
        Some(json!({ "name": name, "required": required, "schema": reference(schema) }))
    });
    json!({
        "name": name,
        "summary": summary,
        "paramStructure": "by-position",
        "params": params.collect::<Vec<_>>(),
        "result": { "name": "result", "schema": reference(result) },
    })
}

fn reference(schema: &str) -> Value {
    match schema.strip_suffix("OrNull") {
        Some(inner) => json!({ "oneOf": [{ "type": "null" }, reference(inner)] }),
        None => json!({ "$ref": format!("#/components/schemas/{schema}") }),
    }
}

fn schemas() -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    let tags = ["earliest", "finalized", "safe", "latest", "pending"];
    let (quantity, hash) = ("^0x(0|[1-9a-f][0-9a-f]{0,63})$", "^0x[0-9a-f]{64}$");
    let object = |properties: Value| json!({ "type": "object", "properties": properties });
    let mut schemas = Map::new();
    let mut add = |name: &str, schema| schemas.insert(name.to_owned(), schema);
    add("Address", text("^0x[0-9a-fA-F]{40}$"));
    add("Any", json!({}));
    add(
        "Block",
        json!({ "oneOf": [{ "enum": tags }, text(quantity), text(hash), { "type": "object" }] }),
    );
    add("Boolean", json!({ "type": "boolean" }));
    add(
        "Call",
        object(json!({
            "from": reference("Address"),
            "to": reference("Address"),
            "value": reference("Quantity"),
            "gas": reference("Quantity"),
            "gasPrice": reference("Quantity"),
            "maxFeePerGas": reference("Quantity"),
            "maxPriorityFeePerGas": reference("Quantity"),
            "nonce": reference("Quantity"),
            "input": reference("Data"),
            "accessList": reference("List"),
            "authorizationList": reference("List"),
        })),
    );
    add("Data", text("^0x([0-9a-fA-F]{2})*$"));
    add("Hash", text(hash));
    add("List", json!({ "type": "array" }));
    add(
        "LogFilter",
        object(json!({
            "fromBlock": reference("Block"),
            "toBlock": reference("Block"),
            "blockHash": reference("Hash"),
            "address": { "oneOf": [reference("Address"), reference("List")] },
            "topics": reference("List"),
        })),
    );
    add("Object", json!({ "type": "object" }));
    add("Overrides", json!({ "type": "object" }));
    add("Quantity", text(quantity));
    add("Text", json!({ "type": "string" }));
    add(
        "TraceOptions",
        object(json!({
            "tracer": { "enum": ["callTracer", "prestateTracer"] },
            "tracerConfig": reference("Object"),
            "timeout": reference("Text"),
            "disableStack": reference("Boolean"),
            "disableStorage": reference("Boolean"),
            "enableMemory": reference("Boolean"),
            "enableReturnData": reference("Boolean"),
            "limit": { "type": "integer" },
            "stateOverrides": reference("Overrides"),
            "blockOverrides": reference("Overrides"),
        })),
    );
    Value::Object(schemas)
}
