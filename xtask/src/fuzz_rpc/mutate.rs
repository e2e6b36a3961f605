//! What is done to a right question to make it a wrong one.

use serde_json::{Value, json};

use super::schema::{data, pick};
use crate::soak::Draw;

/// A value where another kind, or a smaller one, is wanted.
fn hostile(draw: &mut Draw) -> Value {
    match draw.below(9) {
        0 => pick(draw, &[Value::Null, json!(true), json!([]), json!({}), json!("")]),
        1 => pick(draw, &[json!(0), json!(-1), json!(1.5), json!(1e308), json!(u64::MAX)]),
        2 => pick(
            draw,
            &["0x", "0X1", "0x00", "0x01", "0xg", "0x1 ", " 0x1", "-0x1", "0x-1", "0x_", "1", "x"]
                .map(|it| json!(it)),
        ),
        3 => {
            let digits = pick(draw, &[15, 16, 17, 31, 32, 33, 39, 40, 41, 63, 64, 65, 66, 129]);
            json!(format!(
                "0x{}",
                pick(draw, &["f", "1", "0", "8"].map(str::to_owned)).repeat(digits)
            ))
        }
        4 => pick(
            draw,
            &[
                "latest ",
                "LATEST",
                "pending",
                "safe",
                "finalized",
                "earliest",
                "\u{0}",
                "\u{202e}x",
                "é𝕏🦀",
                "NaN",
                "Infinity",
            ]
            .map(|it| json!(it)),
        ),
        5 => {
            let length = pick(draw, &[1, 2, 19, 21, 31, 33, 1_000, 50_000]);
            json!(data(draw, length))
        }
        6 => {
            let mut nested = json!(0);
            for _ in 0..pick(draw, &[5, 60, 120]) {
                nested = if draw.below(2) == 0 { json!([nested]) } else { json!({ "a": nested }) };
            }
            nested
        }
        7 => {
            let one = pick(draw, &[json!(null), json!("0x1"), json!({}), json!([[]])]);
            Value::Array(vec![one; pick(draw, &[1, 101, 1_001, 20_000])])
        }
        _ => {
            let length = pick(draw, &[100_usize, 100_000, 1_000_000, 4_900_000]);
            json!(pick(draw, &["0x", "a", "\u{fffd}"].map(str::to_owned)) + &"a".repeat(length))
        }
    }
}

/// Changes the list of parameters, or something in it.
pub(crate) fn params(draw: &mut Draw, params: &mut Value) {
    match draw.below(8) {
        0 => *params = pick(draw, &[json!(null), json!({}), json!("x"), json!({ "block": "0x1" })]),
        1 => {
            if let Some(list) = params.as_array_mut() {
                list.pop();
            }
        }
        2 => {
            let extra = hostile(draw);
            if let Some(list) = params.as_array_mut() {
                list.push(extra);
            }
        }
        _ => {
            let at = draw.below(count(params));
            let value = hostile(draw);
            replace(params, at, &mut Some(value));
        }
    }
}

fn count(value: &Value) -> u64 {
    1 + match value {
        Value::Array(list) => list.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Puts `new` in place of the value that has number `at`, outer ones first; how many there were.
fn replace(value: &mut Value, at: u64, new: &mut Option<Value>) -> u64 {
    if at == 0 {
        *value = new.take().unwrap_or_default();
        return 1;
    }
    let mut seen = 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        if new.is_none() || seen > at {
            break;
        }
        seen += replace(child, at - seen, new);
    }
    seen
}

/// Changes the envelope around a question.
pub(crate) fn envelope(draw: &mut Draw, request: &mut Value) {
    match draw.below(5) {
        0 => {
            let long = json!("i".repeat(100_000));
            let ids = [json!(null), json!(""), json!(1.5), json!({}), json!([1]), json!(-1), long];
            request["id"] = pick(draw, &ids);
        }
        1 => {
            if let Some(fields) = request.as_object_mut() {
                let field = pick(draw, &["id", "jsonrpc", "method", "params"]);
                fields.remove(field);
            }
        }
        2 => {
            let versions = [json!("1.0"), json!(2), json!(null), json!("2.00")];
            request["jsonrpc"] = pick(draw, &versions);
        }
        3 => {
            let long = json!("eth_".repeat(500_000));
            let names = [
                json!(""),
                json!(1),
                json!(null),
                json!("eth_call "),
                json!("ETH_CALL"),
                json!("\u{0}"),
                long,
            ];
            request["method"] = pick(draw, &names);
        }
        _ => request["more"] = hostile(draw),
    }
}

/// Bytes that are nearly this JSON.
pub(crate) fn text(draw: &mut Draw, json: &str) -> Vec<u8> {
    match draw.below(10) {
        0 => {
            let end = usize::try_from(draw.below(json.len() as u64)).unwrap_or_default();
            json.as_bytes().get(..end).unwrap_or_default().to_vec()
        }
        1 => json.replacen('{', "{\"params\":[],\"id\":7,", 1).into_bytes(),
        2 => json.replacen('[', "[NaN,-Infinity,", 1).into_bytes(),
        3 => json.replacen('[', "[0123,1e99999,", 1).into_bytes(),
        4 => json.replacen('[', "[\"\\ud800\",", 1).into_bytes(),
        5 => [b"\xef\xbb\xbf", json.as_bytes()].concat(),
        6 => {
            let mut bytes = json.as_bytes().to_vec();
            for _ in 0..=draw.below(4) {
                let at = usize::try_from(draw.below(bytes.len() as u64)).unwrap_or_default();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = draw.below(256) as u8;
                }
            }
            bytes
        }
        7 => {
            let bracket = pick(draw, &["[", "{\"a\":"].map(str::to_owned));
            bracket.repeat(pick(draw, &[200, 100_000, 900_000])).into_bytes()
        }
        8 => [" ".repeat(4 << 20).as_bytes(), json.as_bytes()].concat(),
        // More than a node takes.
        _ => [json.as_bytes(), " ".repeat(10 << 20).as_bytes()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_of_a_tree_can_be_replaced() {
        let tree = json!([1, { "a": [2, 3], "b": 4 }]);
        assert_eq!(count(&tree), 7);
        let mut changed = std::collections::BTreeSet::new();
        for at in 0..7 {
            let mut tree = tree.clone();
            replace(&mut tree, at, &mut Some(json!("x")));
            changed.insert(tree.to_string());
        }
        let expected = [
            r#""x""#,
            r#"["x",{"a":[2,3],"b":4}]"#,
            r#"[1,"x"]"#,
            r#"[1,{"a":"x","b":4}]"#,
            r#"[1,{"a":["x",3],"b":4}]"#,
            r#"[1,{"a":[2,"x"],"b":4}]"#,
            r#"[1,{"a":[2,3],"b":"x"}]"#,
        ];
        assert_eq!(changed, expected.iter().map(|it| (*it).to_owned()).collect());
    }
}
