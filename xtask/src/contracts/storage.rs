//! Storage layouts without the identifiers that change with unrelated sources.

use eyre::eyre;
use serde_json::{Value, json};

/// One line per variable and per member of a struct: slot, offset in bytes, length in bytes, name,
/// type. Members of structs behind a mapping or an array follow their variable, with slots counted
/// from the struct's own.
pub(crate) fn flat(layout: &Value) -> eyre::Result<Value> {
    let mut lines = Vec::new();
    let variables = layout["storage"].as_array().map(Vec::as_slice).unwrap_or_default();
    add(&mut lines, variables, &layout["types"], "", 0, "")?;
    Ok(json!(lines))
}

fn add(
    lines: &mut Vec<String>,
    variables: &[Value],
    types: &Value,
    prefix: &str,
    base: u64,
    mark: &str,
) -> eyre::Result<()> {
    for variable in variables {
        let field = |name: &str| variable[name].as_str().ok_or_else(|| eyre!("no {name}"));
        let slot = base + field("slot")?.parse::<u64>()?;
        let offset = variable["offset"].as_u64().ok_or_else(|| eyre!("no offset"))?;
        let name = format!("{prefix}{}", field("label")?);
        let kind = &types[field("type")?];
        let label = kind["label"].as_str().ok_or_else(|| eyre!("a type without a label"))?;
        let bytes = kind["numberOfBytes"].as_str().ok_or_else(|| eyre!("a type without size"))?;
        lines.push(format!("{mark}{slot}+{offset} {bytes} {name}: {label}"));
        if let Some(members) = kind["members"].as_array() {
            add(lines, members, types, &format!("{name}."), slot, mark)?;
        }
        for inner in ["value", "base"] {
            let members = kind[inner].as_str().and_then(|inner| types[inner]["members"].as_array());
            if let Some(members) = members {
                add(lines, members, types, &format!("{name}[]."), 0, "*")?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_are_taken_apart() {
        let layout = json!({
            "storage": [
                {"astId": 1, "contract": "src/A.sol:A", "label": "_a", "offset": 0, "slot": "0",
                 "type": "t_struct(S)12_storage"},
                {"astId": 2, "contract": "src/A.sol:A", "label": "_m", "offset": 0, "slot": "2",
                 "type": "t_mapping(t_uint64,t_struct(S)12_storage)"},
            ],
            "types": {
                "t_uint64": {"label": "uint64", "numberOfBytes": "8"},
                "t_struct(S)12_storage": {"label": "struct S", "numberOfBytes": "64", "members": [
                    {"label": "x", "offset": 8, "slot": "0", "type": "t_uint64"},
                    {"label": "y", "offset": 0, "slot": "1", "type": "t_uint64"},
                ]},
                "t_mapping(t_uint64,t_struct(S)12_storage)": {
                    "label": "mapping(uint64 => struct S)", "numberOfBytes": "32",
                    "value": "t_struct(S)12_storage"},
            },
        });
        let expected = json!([
            "0+0 64 _a: struct S",
            "0+8 8 _a.x: uint64",
            "1+0 8 _a.y: uint64",
            "2+0 32 _m: mapping(uint64 => struct S)",
            "*0+8 8 _m[].x: uint64",
            "*1+0 8 _m[].y: uint64",
        ]);
        assert_eq!(flat(&layout).unwrap(), expected);
    }

    #[test]
    fn a_contract_without_storage_has_no_lines() {
        assert_eq!(flat(&json!({"storage": [], "types": null})).unwrap(), json!([]));
    }
}
