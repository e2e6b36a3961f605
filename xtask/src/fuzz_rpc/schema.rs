//! Parameters that a method could be meant to take, from the node's OpenRPC document.

use std::path::Path;

use eyre::{WrapErr as _, ensure, eyre};
use serde_json::{Map, Value, json};

use crate::soak::Draw;

/// What the chain has that questions can name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) addresses: Vec<String>,
    pub(crate) blocks: Vec<String>,
    pub(crate) transactions: Vec<String>,
    pub(crate) raw: Vec<String>,
}

/// One of several; the last of none is a default.
pub(crate) fn pick<T: Clone + Default>(draw: &mut Draw, of: &[T]) -> T {
    let at = usize::try_from(draw.below(of.len() as u64)).unwrap_or_default();
    of.get(at).cloned().unwrap_or_default()
}

/// Random bytes in hexadecimal.
pub(crate) fn data(draw: &mut Draw, length: u64) -> String {
    let bytes: Vec<u8> = (0..length).map(|_| draw.below(256) as u8).collect();
    format!("0x{}", hex::encode(bytes))
}

/// A number as quantities show it, of any size up to 64 bits, small ones most often.
pub(crate) fn quantity(draw: &mut Draw) -> String {
    let bits = 1 + draw.below(64);
    let small = draw.below(3) > 0;
    let number = draw.below(u64::MAX) >> (if small { 64 - bits.min(10) } else { 64 - bits });
    format!("{number:#x}")
}

/// Programs that make a machine work: the gas of a call is all that stops most of them.
pub(crate) const PROGRAMS: [&str; 25] = [
    // A loop that does nothing.
    "0x5b600056",
    // Memory that grows.
    "0x60005b612000018051506002 56",
    // Keccak of much, and copies of more, again and again.
    "0x5b62010000600020506000 56",
    "0x5b6210000060206000 5e600056",
    // Storage that was never read, or written; storage that is forgotten.
    "0x60005b805450600101600256",
    "0x60005b808055600101600256",
    "0x60005b80805d600101600256",
    // Calls of itself, as deep as it goes.
    "0x60006000600060006000305af100",
    "0x5b600080808080305af150600056",
    // Contracts that make contracts.
    "0x5b600060006000f050600056",
    "0x5b3860006000395a3860006000f550600056",
    // Logs without end.
    "0x5b6104006000a0600056",
    // Answers and reverts of a million bytes and more.
    "0x620fffff6000f3",
    "0x620fffff6000fd",
    "0x6303ffffff6000f3",
    // Code, balances and hashes that nobody has asked for.
    "0x60005b803b50600101600256",
    "0x60005b803150600101600256",
    "0x60005b804050600101600256",
    "0x5b6201000060006000303c600056",
    // Precompiles: modular exponentiation of large numbers, pairings, hashes.
    "0x61040060005261040060205261040060405260ff60605360ff6104605360ff610c5f53\
     5b60006000610c60600060055afa50602356",
    "0x5b60006000610180600060085afa50600056",
    "0x5b6000600061c000600060025afa50600056",
    // Ether sent away, all of it, and the account with it.
    "0x33ff",
    // What no opcode is, and an account that names another one.
    "0xfe",
    "0xef01000000000000000000000000000000000000000c0de0",
];

/// Where a program is put, and a call goes to.
pub(crate) const VICTIM: &str = "0x00000000000000000000000000000000000c0de0";

/// The methods of the document.
pub(crate) struct Methods {
    schemas: Map<String, Value>,
    methods: Vec<(String, Vec<(String, Value)>)>,
}

impl Methods {
    /// Reads `docs/openrpc.json`.
    pub(crate) fn read(root: &Path) -> eyre::Result<Self> {
        let path = root.join("docs/openrpc.json");
        let text = std::fs::read_to_string(&path).wrap_err_with(|| path.display().to_string())?;
        let document: Value = serde_json::from_str(&text)?;
        let schemas = document["components"]["schemas"].as_object().cloned();
        let mut methods = Vec::new();
        for method in document["methods"].as_array().into_iter().flatten() {
            let name = method["name"].as_str().ok_or_else(|| eyre!("a method has no name"))?;
            let params = method["params"].as_array().into_iter().flatten();
            let params = params.map(|it| {
                (it["name"].as_str().unwrap_or_default().to_owned(), it["schema"].clone())
            });
            methods.push((name.to_owned(), params.collect()));
        }
        ensure!(!methods.is_empty(), "{} names no method", path.display());
        Ok(Self { schemas: schemas.unwrap_or_default(), methods })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.methods.len()
    }

    /// A method and parameters that fit it.
    pub(crate) fn question(&self, draw: &mut Draw, facts: &Facts) -> (String, Vec<Value>) {
        let (name, params) = pick(draw, &self.methods);
        let count = match draw.below(4) {
            0 => draw.below(params.len() as u64 + 1),
            _ => params.len() as u64,
        };
        let mut source = Source { schemas: &self.schemas, draw, facts };
        let params = params.iter().take(usize::try_from(count).unwrap_or_default());
        let params = params.map(|(name, schema)| source.value(name, schema, 0)).collect();
        (name, params)
    }
}

struct Source<'s> {
    schemas: &'s Map<String, Value>,
    draw: &'s mut Draw,
    facts: &'s Facts,
}

impl Source<'_> {
    /// A value of the schema, for a parameter or field called `name`.
    fn value(&mut self, name: &str, schema: &Value, depth: u32) -> Value {
        if let Some(known) = self.named(name, depth) {
            return known;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let name_of = reference.rsplit('/').next().unwrap_or_default();
            let schema = self.schemas.get(name_of).cloned().unwrap_or_default();
            return self.value(name, &schema, depth + 1);
        }
        let choices = schema["oneOf"].as_array().or_else(|| schema["enum"].as_array());
        if let Some(choices) = choices {
            let chosen = pick(self.draw, choices);
            return match schema.get("oneOf") {
                Some(_) => self.value("", &chosen, depth + 1),
                None => chosen,
            };
        }
        match schema["type"].as_str().unwrap_or_default() {
            "string" => Value::String(self.text(schema["pattern"].as_str().unwrap_or_default())),
            "integer" => json!(self.draw.below(1 << 20)),
            "boolean" => json!(self.draw.below(2) == 0),
            "array" => (0..self.draw.below(4)).map(|_| self.any()).collect(),
            "object" => self.object(schema, depth),
            _ => self.any(),
        }
    }

    fn object(&mut self, schema: &Value, depth: u32) -> Value {
        let Some(properties) = schema["properties"].as_object() else {
            // A block by hash or number (EIP-1898).
            return match self.draw.below(2) {
                0 => json!({ "blockHash": pick(self.draw, &self.facts.blocks) }),
                _ => json!({ "blockNumber": quantity(self.draw), "requireCanonical": true }),
            };
        };
        let mut object = Map::new();
        for (name, schema) in properties {
            if self.draw.below(5) < 2 {
                object.insert(name.clone(), self.value(name, schema, depth + 1));
            }
        }
        Value::Object(object)
    }

    fn text(&mut self, pattern: &str) -> String {
        if pattern.contains("{40}") {
            return pick(self.draw, &self.facts.addresses);
        }
        if pattern.contains("{64}") {
            let known = [&self.facts.blocks[..], &self.facts.transactions].concat();
            return match self.draw.below(4) {
                0 => data(self.draw, 32),
                _ => pick(self.draw, &known),
            };
        }
        if pattern.contains("{2})*") {
            let length = self.draw.below(100);
            return data(self.draw, length);
        }
        if pattern.contains("0|[1-9a-f]") {
            return quantity(self.draw);
        }
        pick(self.draw, &["head", "final", "latest", "newHeads", "1s", "x"].map(str::to_owned))
    }

    fn any(&mut self) -> Value {
        match self.draw.below(5) {
            0 => json!(data(self.draw, 32)),
            1 => json!(quantity(self.draw)),
            2 => json!(self.draw.below(100)),
            3 => json!(self.draw.below(2) == 0),
            _ => Value::Null,
        }
    }

    /// What the schema does not say, and the name does.
    fn named(&mut self, name: &str, depth: u32) -> Option<Value> {
        Some(match name {
            "stateOverrides" => self.state_overrides(),
            "blockOverrides" => self.block_overrides(),
            "payload" => self.payload(depth),
            "topics" => {
                let hash = json!(data(self.draw, 32));
                pick(self.draw, &[json!([]), json!([null, hash]), json!([[hash, hash], null])])
            }
            "keys" | "slots" => {
                let count = pick(self.draw, &[0, 1, 3, 100, 2_000]);
                (0..count).map(|_| json!(data(self.draw, 32))).collect()
            }
            "rewardPercentiles" => {
                let count = self.draw.below(20);
                (0..count).map(|at| json!(at as f64 * 100.0 / count as f64)).collect()
            }
            "accessList" => json!([{ "address": VICTIM, "storageKeys": [data(self.draw, 32)] }]),
            "authorizationList" => json!([{
                "chainId": "0x0", "address": VICTIM, "nonce": quantity(self.draw),
                "yParity": "0x1", "r": data(self.draw, 32), "s": data(self.draw, 32),
            }]),
            "kind" => pick(
                self.draw,
                &["newHeads", "logs", "newPendingTransactions", "syncing"].map(|it| json!(it)),
            ),
            "tracerConfig" => pick(
                self.draw,
                &[
                    json!({ "onlyTopCall": true }),
                    json!({ "withLog": true }),
                    json!({ "diffMode": true }),
                ],
            ),
            "transaction" if self.draw.below(2) == 0 => json!(pick(self.draw, &self.facts.raw)),
            // Waiting is what it is for, and not for long here.
            "waitMillis" => json!(format!("{:#x}", self.draw.below(2_000))),
            _ => return None,
        })
    }

    fn state_overrides(&mut self) -> Value {
        let mut accounts = Map::new();
        for _ in 0..=self.draw.below(3) {
            let slot = data(self.draw, 32);
            let value = data(self.draw, 32);
            let mut account = Map::new();
            account.insert("code".into(), json!(program(self.draw)));
            if self.draw.below(2) == 0 {
                account.insert("balance".into(), json!(quantity(self.draw)));
                account.insert("nonce".into(), json!(quantity(self.draw)));
            }
            let storage = pick(self.draw, &["state", "stateDiff"].map(str::to_owned));
            account.insert(storage, json!({ slot: value }));
            let address = match self.draw.below(2) {
                0 => VICTIM.to_owned(),
                _ => pick(self.draw, &self.facts.addresses),
            };
            accounts.insert(address, Value::Object(account));
        }
        Value::Object(accounts)
    }

    fn block_overrides(&mut self) -> Value {
        let mut block = Map::new();
        let names =
            ["number", "time", "gasLimit", "baseFeePerGas", "blobBaseFee", "difficulty", "random"];
        for name in names {
            if self.draw.below(3) == 0 {
                let value = match name {
                    "random" => data(self.draw, 32),
                    _ => quantity(self.draw),
                };
                block.insert(name.to_owned(), json!(value));
            }
        }
        Value::Object(block)
    }

    fn payload(&mut self, depth: u32) -> Value {
        let call = json!({ "$ref": "#/components/schemas/Call" });
        let blocks: Vec<Value> = (0..=self.draw.below(3))
            .map(|_| {
                let calls: Vec<Value> =
                    (0..self.draw.below(4)).map(|_| self.value("call", &call, depth)).collect();
                let mut block = json!({ "calls": calls });
                if self.draw.below(2) == 0 {
                    block["stateOverrides"] = self.state_overrides();
                }
                if self.draw.below(2) == 0 {
                    block["blockOverrides"] = self.block_overrides();
                }
                block
            })
            .collect();
        json!({
            "blockStateCalls": blocks,
            "validation": self.draw.below(4) == 0,
            "traceTransfers": self.draw.below(2) == 0,
            "returnFullTransactions": self.draw.below(2) == 0,
        })
    }
}

/// One of the programs, or bytes of chance.
pub(crate) fn program(draw: &mut Draw) -> String {
    match draw.below(5) {
        0 => {
            let length = draw.below(200);
            data(draw, length)
        }
        _ => pick(draw, &PROGRAMS.map(str::to_owned)).replace(' ', ""),
    }
}
