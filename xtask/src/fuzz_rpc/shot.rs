//! One request of the run, from the run's seed and its number alone.

use std::net::TcpStream;

use eyre::{WrapErr as _, eyre};
use serde_json::{Value, json};

use super::{
    judge::{Expected, Kinds, judge, shown},
    mutate,
    schema::{Facts, Methods, VICTIM, pick, program},
    wire::{Answer, Socket, TEXT, Target, frame},
};
use crate::soak::Draw;

/// Bytes of a request that a node takes: more is refused by HTTP, or cut off.
const REQUEST_BYTES: usize = 5 << 20;
/// How the report of a subscription begins.
const REPORT: &[u8] = br#"{"jsonrpc":"2.0","method":"#;
/// Subscriptions or filters that are opened and forgotten at once.
const FORGOTTEN: u64 = 140;

/// What is sent.
pub(crate) enum Shot {
    /// A body over HTTP.
    Http(Vec<u8>, Expected),
    /// The same over WebSocket.
    WebSocket(Vec<u8>, Expected),
    /// Bytes that are no whole HTTP, and whether the connection ends there or stays.
    Half { bytes: Vec<u8>, stays: bool },
    /// WebSocket frames that are not allowed.
    Frames(Vec<Vec<u8>>),
    /// Subscriptions whose reports nobody reads.
    Subscriptions(u64),
}

/// A connection that nobody closes for some time.
pub(crate) enum Held {
    Http(#[expect(dead_code, reason = "held, not used")] TcpStream),
    WebSocket(#[expect(dead_code, reason = "held, not used")] Socket),
}

impl Shot {
    /// The request with this number.
    pub(crate) fn number(seed: u64, number: u64, methods: &Methods, facts: &Facts) -> Self {
        let mut draw = Draw(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let draw = &mut draw;
        match draw.below(100) {
            0..15 => Self::heavy(draw, facts),
            15..20 => Self::half(draw),
            20..25 => Self::Frames(frames(draw)),
            25..27 => Self::Subscriptions(1 + draw.below(FORGOTTEN)),
            27..30 => Self::filters(draw),
            30..36 => Self::batch(draw, methods, facts),
            _ => Self::single(draw, methods, facts),
        }
    }

    /// A question, whole or with something changed.
    fn single(draw: &mut Draw, methods: &Methods, facts: &Facts) -> Self {
        let (method, list) = methods.question(draw, facts);
        let mut params = Value::Array(list);
        let kind = draw.below(10);
        if (3..8).contains(&kind) {
            for _ in 0..=draw.below(2) {
                mutate::params(draw, &mut params);
            }
        }
        let mut request = question(1, &method, &params);
        let mut expected = Expected::One(json!(1));
        if kind == 8 {
            mutate::envelope(draw, &mut request);
            expected = Expected::Any;
        }
        let mut bytes = request.to_string().into_bytes();
        if kind == 9 {
            bytes = mutate::text(draw, &request.to_string());
            expected = Expected::Any;
        }
        Self::over(draw, bytes, expected)
    }

    fn over(draw: &mut Draw, bytes: Vec<u8>, expected: Expected) -> Self {
        let expected = if bytes.len() > REQUEST_BYTES { Expected::Any } else { expected };
        match draw.below(4) {
            0 => Self::WebSocket(bytes, expected),
            _ => Self::Http(bytes, expected),
        }
    }

    /// A call that does as much as a call may.
    fn heavy(draw: &mut Draw, facts: &Facts) -> Self {
        let mut call = json!({ "to": VICTIM, "from": pick(draw, &facts.addresses) });
        let gas =
            pick(draw, &["", "0x5f5e100", "0xffffffffffffffff", "0x1c9c380"].map(str::to_owned));
        if !gas.is_empty() {
            call["gas"] = json!(gas);
        }
        if draw.below(4) == 0 {
            call["value"] = json!("0x1");
        }
        let mut code = program(draw);
        if draw.below(8) == 0 {
            // As large as a request can be.
            code.push_str(&"5b".repeat(pick(draw, &[20_000, 2_000_000])));
        }
        let overrides = json!({ VICTIM: { "code": code } });
        let (method, params) = match draw.below(6) {
            0 => ("eth_call", json!([call, "latest", overrides])),
            1 => ("eth_estimateGas", json!([call, "latest", overrides])),
            2 => ("eth_createAccessList", json!([call, "latest", overrides])),
            3 => {
                let calls = vec![call; pick(draw, &[1, 3, 200])];
                let block = json!({ "stateOverrides": overrides, "calls": calls });
                let number = pick(draw, &["0x1", "0xff", "0xffffffffffffffff"].map(str::to_owned));
                let far = json!({ "blockOverrides": { "number": number } });
                let blocks = if draw.below(3) == 0 { vec![far, block] } else { vec![block; 2] };
                ("eth_simulateV1", json!([{ "blockStateCalls": blocks }, "latest"]))
            }
            _ => {
                let tracer =
                    pick(draw, &[json!(null), json!("callTracer"), json!("prestateTracer")]);
                let memory = draw.below(3) == 0;
                let options = json!({ "tracer": tracer, "enableMemory": memory, "stateOverrides": overrides });
                ("debug_traceCall", json!([call, "latest", options]))
            }
        };
        let bytes = question(1, method, &params).to_string().into_bytes();
        Self::over(draw, bytes, Expected::One(json!(1)))
    }

    fn batch(draw: &mut Draw, methods: &Methods, facts: &Facts) -> Self {
        let kind = draw.below(6);
        let count = match kind {
            0 => 0,
            // More than a batch may have.
            1 => 3_000,
            _ => pick(draw, &[1, 2, 20, 300]),
        };
        let mut questions = Vec::new();
        for id in 0..count {
            let (method, params) = match kind {
                2 if id < 20 => methods.question(draw, facts),
                _ => (
                    pick(
                        draw,
                        &["eth_chainId", "eth_blockNumber", "mezz_status", "no"].map(str::to_owned),
                    ),
                    Vec::new(),
                ),
            };
            questions.push(question(id, &method, &Value::Array(params)));
        }
        let ids = questions.iter().map(|one| one["id"].clone()).collect();
        let mut expected = if count == 0 { Expected::Any } else { Expected::Each(ids) };
        if questions.iter().any(|one| one["method"] == "eth_subscribe") {
            // The server's library answers it by itself as well, before the batch.
            expected = Expected::Any;
        }
        if kind == 3 {
            questions.extend([json!([]), json!(1), json!(null), json!([[]])]);
            expected = Expected::Any;
        }
        let bytes = Value::Array(questions).to_string().into_bytes();
        Self::over(draw, bytes, expected)
    }

    fn filters(draw: &mut Draw) -> Self {
        let count = 1 + draw.below(FORGOTTEN);
        let filters = ["eth_newFilter", "eth_newBlockFilter", "eth_newPendingTransactionFilter"];
        let questions: Vec<Value> = (0..count)
            .map(|id| {
                let method = pick(draw, &filters);
                let params = if method == "eth_newFilter" { json!([{}]) } else { json!([]) };
                question(id, method, &params)
            })
            .collect();
        let ids = questions.iter().map(|one| one["id"].clone()).collect();
        Self::Http(Value::Array(questions).to_string().into_bytes(), Expected::Each(ids))
    }

    fn half(draw: &mut Draw) -> Self {
        let body = question(1, "eth_chainId", &json!([])).to_string();
        let whole = format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let bytes = match draw.below(8) {
            0 => whole.replacen("content-length: ", "content-length: 1", 1),
            1 => whole.replacen("content-length: ", "content-length: -", 1),
            2 => whole.replacen("content-length: ", "content-length: 99999999999999999999", 1),
            3 => whole.replacen("content-length: ", "transfer-encoding: chunked\r\nx: ", 1),
            4 => whole.replacen("host: x", &format!("x: {}", "y".repeat(1 << 20)), 1),
            5 => whole.replacen("POST", "\u{0}\u{1}", 1),
            6 => "GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
                .into(),
            _ => whole,
        };
        let end = 1 + draw.below(bytes.len() as u64);
        let bytes = bytes.into_bytes();
        let bytes = bytes.get(..usize::try_from(end).unwrap_or_default()).unwrap_or_default();
        Self::Half { bytes: bytes.to_vec(), stays: draw.below(3) == 0 }
    }

    /// What it is, to find it again.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Http(body, _) => format!("over HTTP: {}", shown(body)),
            Self::WebSocket(body, _) => format!("over WebSocket: {}", shown(body)),
            Self::Half { bytes, stays } => format!("half of HTTP, stays {stays}: {}", shown(bytes)),
            Self::Frames(frames) => {
                let heads = frames.iter().map(|it| hex::encode(it.get(..16).unwrap_or(it)));
                format!("WebSocket frames {}", heads.collect::<Vec<_>>().join(" "))
            }
            Self::Subscriptions(count) => format!("{count} subscriptions, forgotten"),
        }
    }

    /// The method that it asks for, if it is one.
    pub(crate) fn method(&self) -> String {
        let (Self::Http(body, _) | Self::WebSocket(body, _)) = self else { return String::new() };
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        request["method"]
            .as_str()
            .map_or_else(|| "a batch".to_owned(), |it| it.chars().take(40).collect())
    }

    /// Sends it and judges the answer; a connection that is left open is given back.
    pub(crate) fn fire(&self, target: &Target, kinds: &mut Kinds) -> eyre::Result<Option<Held>> {
        match self {
            Self::Http(body, expected) => {
                let answer = target.post(body)?;
                http(&answer, expected, kinds)?;
            }
            Self::WebSocket(body, expected) => {
                let mut socket = target.web_socket()?;
                socket.send_raw(&frame(TEXT, body));
                // To a notification nothing is answered.
                if *expected == Expected::Any {
                    socket.glance()?;
                } else {
                    judge(&answer(&mut socket)?, expected, kinds)?;
                }
            }
            Self::Half { bytes, stays: true } => return Ok(Some(Held::Http(target.half(bytes)?))),
            Self::Half { bytes, stays: false } => target.cut(bytes)?,
            Self::Frames(frames) => {
                let mut socket = target.web_socket()?;
                for frame in frames {
                    socket.send_raw(frame);
                }
                socket.glance()?;
            }
            Self::Subscriptions(count) => {
                let mut socket = target.web_socket()?;
                for id in 0..*count {
                    let kind = ["newHeads", "logs", "newPendingTransactions"];
                    let kind = kind.get(usize::try_from(id % 3)?).copied().unwrap_or_default();
                    let request = question(id, "eth_subscribe", &json!([kind]));
                    socket.send_raw(&frame(TEXT, request.to_string().as_bytes()));
                }
                socket.glance()?;
                return Ok(Some(Held::WebSocket(socket)));
            }
        }
        Ok(None)
    }
}

/// The next text that is no report of a subscription.
fn answer(socket: &mut Socket) -> eyre::Result<Vec<u8>> {
    loop {
        let text = socket.text()?.ok_or_else(|| eyre!("the WebSocket was closed"))?;
        if !text.starts_with(REPORT) {
            return Ok(text);
        }
    }
}

fn http(answer: &Answer, expected: &Expected, kinds: &mut Kinds) -> eyre::Result<()> {
    match (answer, expected) {
        (Answer::Http(200, body), _) => judge(body, expected, kinds),
        (Answer::Http(400..500, _) | Answer::Closed, Expected::Any) => Ok(()),
        (Answer::Http(status, body), _) => Err(eyre!("{}", shown(body)))
            .wrap_err_with(|| format!("the node answers with status {status}")),
        (Answer::Closed, _) => Err(eyre!("the connection was closed without an answer")),
    }
}

fn question(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Frames that RFC 6455 forbids, or that ask for more than there will be.
fn frames(draw: &mut Draw) -> Vec<Vec<u8>> {
    let text = question(1, "eth_chainId", &json!([])).to_string();
    let unmasked = [&[TEXT, 5][..], b"hello"].concat();
    let endless = [&[TEXT, 0xff][..], &[0xff; 8], &[0; 4]].concat();
    let kinds: [Vec<Vec<u8>>; 10] = [
        vec![unmasked],
        vec![endless],
        vec![frame(0x83, b"reserved"), frame(0x8b, b"reserved")],
        vec![frame(0xf1, text.as_bytes())],
        vec![frame(0x09, b"a ping in two"), frame(0x80, b"parts")],
        vec![frame(0x80, b"goes on with nothing")],
        vec![frame(TEXT, b"\xff\xfe\xc0")],
        vec![frame(0x88, b"x")],
        vec![frame(0x89, &[0; 100]); 500],
        vec![frame(0x01, &vec![b'['; 1 << 20]); 8],
    ];
    let mut frames = pick(draw, &kinds);
    if draw.below(3) == 0
        && let Some(last) = frames.last_mut()
    {
        last.truncate(last.len() / 2);
    }
    frames
}
