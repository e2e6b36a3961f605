//! Whether an answer is one that a client may be given.

use std::collections::BTreeMap;

use eyre::{WrapErr as _, bail, ensure, eyre};
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::Value;

/// What an answer must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// A result or an error with this id.
    One(Value),
    /// One for each of the ids, in any order.
    Each(Vec<Value>),
    /// Any that is well-formed; none, a refusal by HTTP or a closed connection are right, too.
    Any,
}

/// How many answers of each kind there were.
pub(crate) type Kinds = BTreeMap<String, u64>;

/// Codes that name a fault of the server, and no fault of the question.
const INTERNAL: i64 = -32_603;
/// Where nothing is to be answered, to a notification, the server's library says so over HTTP.
const NOTHING: &[u8] = b"null";
/// Words of a crash that a client has no use for.
const INSIDES: [&str; 6] =
    ["panic", "`Option::unwrap`", "`Result::unwrap`", ".rs:", "RUST_", "JoinError"];

/// An answer without what is in its result: that may be nested deeper than a reader follows, as
/// calls in a trace are.
#[derive(Deserialize)]
struct Answered {
    jsonrpc: Option<String>,
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    result: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    error: Option<Value>,
    /// What a subscription reports has one.
    method: Option<IgnoredAny>,
}

/// A field that is there, `null` or not.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Judges the body of an answer.
pub(crate) fn judge(body: &[u8], expected: &Expected, kinds: &mut Kinds) -> eyre::Result<()> {
    let nothing = body.is_empty() || body == NOTHING;
    if nothing {
        ensure!(*expected == Expected::Any, "the answer is empty");
        return Ok(());
    }
    let single = body.first() != Some(&b'[');
    let read = if single {
        serde_json::from_slice(body).map(|one| vec![one])
    } else {
        serde_json::from_slice(body)
    };
    let answers: Vec<Answered> =
        read.wrap_err_with(|| format!("not an answer of JSON-RPC: {}", shown(body)))?;
    for one in &answers {
        well_formed(one, kinds).wrap_err_with(|| shown(body))?;
    }
    let id = |one: &Answered| one.id.clone().unwrap_or_default();
    match expected {
        Expected::Any => {}
        Expected::One(asked) => {
            let to = answers.first().map(id).unwrap_or_default();
            ensure!(single && to == *asked, "the answer is to {to}, not to {asked}");
        }
        // A whole batch may be refused.
        Expected::Each(_) if single && answers.iter().all(|one| one.error.is_some()) => {}
        Expected::Each(ids) => {
            ensure!(!single, "the answer to a batch is no list");
            ensure!(answers.len() == ids.len(), "{} answers to {}", answers.len(), ids.len());
            let missing = ids.iter().find(|asked| !answers.iter().any(|one| id(one) == **asked));
            if let Some(missing) = missing {
                bail!("{missing} was not answered");
            }
        }
    }
    Ok(())
}

fn well_formed(answer: &Answered, kinds: &mut Kinds) -> eyre::Result<()> {
    ensure!(answer.jsonrpc.as_deref() == Some("2.0"), "the answer names no version");
    if answer.method.is_some() {
        return Ok(());
    }
    ensure!(answer.id.is_some(), "the answer has no id");
    let kind = match (&answer.result, &answer.error) {
        (Some(_), None) => "result".to_owned(),
        (None, Some(error)) => well_formed_error(error)?,
        (Some(_), Some(_)) => bail!("the answer has both a result and an error"),
        (None, None) => bail!("the answer has neither a result nor an error"),
    };
    *kinds.entry(kind).or_default() += 1;
    Ok(())
}

fn well_formed_error(error: &Value) -> eyre::Result<String> {
    let code = error["code"].as_i64().ok_or_else(|| eyre!("the error has no code"))?;
    let message = error["message"].as_str().ok_or_else(|| eyre!("the error has no message"))?;
    ensure!(!message.trim().is_empty(), "the error's message is empty");
    ensure!(code != INTERNAL, "the node takes the fault on itself");
    if let Some(inside) = INSIDES.iter().find(|inside| message.contains(**inside)) {
        bail!("the error shows the node's inside, {inside}");
    }
    ensure!(message.len() < 4_096, "the error's message has {} bytes", message.len());
    Ok(code.to_string())
}

/// The beginning of a text.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 300;
    let head = bytes.get(..SHOWN.min(bytes.len())).unwrap_or_default();
    let dots =
        if bytes.len() > SHOWN { format!("... ({} bytes)", bytes.len()) } else { String::new() };
    format!("{}{dots}", String::from_utf8_lossy(head))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(body: &str, expected: &Expected) -> Result<(), String> {
        judge(body.as_bytes(), expected, &mut Kinds::new()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn answers_that_a_client_cannot_use_are_found() {
        let one = Expected::One(json!(1));
        assert_eq!(verdict(r#"{"jsonrpc":"2.0","id":1,"result":null}"#, &one), Ok(()));
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#;
        assert_eq!(verdict(error, &one), Ok(()));
        for (body, reason) in [
            ("", "empty"),
            ("internal error", "not an answer"),
            ("[]", "is to null"),
            (r#"{"jsonrpc":"2.0","id":2,"result":1}"#, "is to 2"),
            (r#"{"jsonrpc":"2.0","id":1}"#, "neither"),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"message":"no"}}"#, "no code"),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":" "}}"#, "empty"),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"x"}}"#, "fault"),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"panicked at"}}"#, "inside"),
        ] {
            let said = verdict(body, &one).expect_err(body);
            assert!(said.contains(reason), "{body}: {said}");
        }
        let each = Expected::Each(vec![json!(1), json!(2)]);
        let first = r#"[{"jsonrpc":"2.0","id":1,"result":1}]"#;
        assert!(verdict(first, &each).is_err());
        let both = r#"[{"jsonrpc":"2.0","id":2,"result":1},{"jsonrpc":"2.0","id":1,"result":1}]"#;
        assert_eq!(verdict(both, &each), Ok(()));
        assert_eq!(verdict("", &Expected::Any), Ok(()));
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{}{}}}"#,
            "[".repeat(9_000),
            "]".repeat(9_000)
        );
        assert_eq!(verdict(&deep, &one), Ok(()));
    }
}
