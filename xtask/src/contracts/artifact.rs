//! From what forge wrote to what is committed.

use std::collections::BTreeMap;

use eyre::{WrapErr as _, eyre};
use serde_json::{Map, Value, json};

use super::storage;

/// The committed text of the artifact of contract `name`.
///
/// `abi`, `bytecode` (of creation), `deployedBytecode`, both as hexadecimal, `immutables` (where
/// the constructor writes into the deployed bytecode) and `storageLayout`.
pub(crate) fn normalized(name: &str, built: &str) -> eyre::Result<String> {
    let built: Value = serde_json::from_str(built).wrap_err("what forge built is no JSON")?;
    let mut abi = built["abi"].clone();
    own_types(&mut abi, name);
    let artifact = json!({
        "contractName": name,
        "abi": abi,
        "bytecode": code(&built["bytecode"], name)?,
        "deployedBytecode": code(&built["deployedBytecode"], name)?,
        "immutables": immutables(&built["deployedBytecode"]["immutableReferences"]),
        "storageLayout": storage::flat(&built["storageLayout"])?,
    });
    Ok(serde_json::to_string_pretty(&sorted(artifact))? + "\n")
}

/// Bytecode that is complete: nothing is linked in later.
fn code(object: &Value, name: &str) -> eyre::Result<String> {
    let hex = object["object"].as_str().ok_or_else(|| eyre!("{name} has no bytecode"))?;
    let digits = hex.strip_prefix("0x").unwrap_or(hex);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        eyre::bail!("the bytecode of {name} is empty or waits for a library");
    }
    Ok(format!("0x{digits}"))
}

/// `[start, length]` of every place that a constructor fills in, in order.
fn immutables(references: &Value) -> Value {
    let places = references.as_object().into_iter().flat_map(Map::values);
    let mut places: Vec<(u64, u64)> = places
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|place| Some((place["start"].as_u64()?, place["length"].as_u64()?)))
        .collect();
    places.sort_unstable();
    json!(places)
}

/// Types that the interface declares count as the contract's own, as a reader of the ABI sees it.
fn own_types(value: &mut Value, name: &str) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(text)) = map.get_mut("internalType") {
                *text = text.replace(&format!(" I{name}."), &format!(" {name}."));
            }
            map.values_mut().for_each(|value| own_types(value, name));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| own_types(value, name)),
        _ => {}
    }
}

/// The value with the keys of all objects in order, whatever order the parser keeps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// `path → version` of every package in a lock file of npm.
pub(crate) fn locked_packages(text: &str) -> eyre::Result<BTreeMap<String, String>> {
    let lock: Value = serde_json::from_str(text).wrap_err("the lock file is no JSON")?;
    let packages = lock["packages"].as_object().ok_or_else(|| eyre!("no packages in it"))?;
    Ok(packages
        .iter()
        .filter(|(path, _)| !path.is_empty())
        .filter_map(|(path, package)| Some((path.clone(), package["version"].as_str()?.to_owned())))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(bytecode: &str) -> String {
        json!({
            "abi": [{"name": "f", "inputs": [
                {"internalType": "struct IPot.Config", "components": [
                    {"internalType": "enum IPotter.Kind"}]}]}],
            "bytecode": {"object": bytecode, "sourceMap": "1:2"},
            "deployedBytecode": {"object": "0xbb", "immutableReferences":
                {"77": [{"start": 9, "length": 32}], "5": [{"start": 50, "length": 32}]}},
            "storageLayout": {"storage": [], "types": null},
            "metadata": {"compiler": "x"},
        })
        .to_string()
    }

    #[test]
    fn an_artifact_holds_what_depends_on_the_source_alone() {
        let text = normalized("Pot", &built("0xaa")).unwrap();
        let artifact: Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<&String> = artifact.as_object().unwrap().keys().collect();
        let expected =
            ["abi", "bytecode", "contractName", "deployedBytecode", "immutables", "storageLayout"];
        assert_eq!(keys, expected);
        assert_eq!(artifact["immutables"], json!([[9, 32], [50, 32]]));
        let input = &artifact["abi"][0]["inputs"][0];
        assert_eq!(input["internalType"], "struct Pot.Config");
        assert_eq!(input["components"][0]["internalType"], "enum IPotter.Kind");
    }

    #[test]
    fn incomplete_bytecode_is_refused() {
        for bytecode in ["0x", "", "0xaa__$c0ffee$__bb"] {
            assert!(normalized("Pot", &built(bytecode)).is_err(), "{bytecode}");
        }
    }

    #[test]
    fn a_lock_file_gives_its_packages() {
        let lock = json!({"packages": {
            "": {"name": "root"},
            "node_modules/a": {"version": "1.0.0"},
            "node_modules/b": {"version": "2.0.0", "optional": true},
        }});
        let packages = locked_packages(&lock.to_string()).unwrap();
        let a = ("node_modules/a".to_owned(), "1.0.0".to_owned());
        let b = ("node_modules/b".to_owned(), "2.0.0".to_owned());
        assert_eq!(packages, BTreeMap::from([a, b]));
        assert!(locked_packages("{}").is_err());
    }
}
