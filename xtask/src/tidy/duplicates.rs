//! One version of each crate, save for a list with reasons.

use std::collections::{BTreeMap, BTreeSet};

use super::{finding::Finding, tree::Tree};

/// The list: a line `name: why two versions are needed` for each exception.
const LIST: &str = "xtask/duplicates.txt";

/// Compares the versions in use with the list.
pub(crate) fn check(tree: &Tree, versions: &BTreeMap<String, BTreeSet<String>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut listed = BTreeMap::new();
    for (index, line) in tree.text(LIST).unwrap_or_default().lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(':') {
            Some((name, why)) if !why.trim().is_empty() => {
                listed.insert(name.trim().to_owned(), index + 1);
            }
            _ => findings.push(Finding::new(
                LIST,
                index + 1,
                "an exception without a reason",
                "write `name: why two versions are needed`",
            )),
        }
    }
    for (name, versions) in versions {
        let known = listed.remove(name);
        if versions.len() < 2 {
            if let Some(line) = known {
                let what = format!("`{name}` has one version now");
                findings.push(Finding::new(LIST, line, what, "take its line out"));
            }
        } else if known.is_none() {
            let all: Vec<&str> = versions.iter().map(String::as_str).collect();
            let what = format!("{} versions of `{name}`: {}", versions.len(), all.join(", "));
            let fix = format!("agree on one (`cargo tree -d`), or add it with a reason to {LIST}");
            findings.push(Finding::new("Cargo.lock", 0, what, fix));
        }
    }
    for (name, line) in listed {
        let what = format!("`{name}` is not used any more");
        findings.push(Finding::new(LIST, line, what, "take its line out"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(list: &str, crates: &[(&str, &[&str])]) -> Vec<String> {
        let versions = |all: &[&str]| all.iter().map(|version| (*version).to_owned()).collect();
        let crates = crates.iter().map(|(name, all)| ((*name).to_owned(), versions(all)));
        let findings = check(&Tree::of(&[(LIST, list)]), &crates.collect());
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn two_versions_need_a_reason() {
        let two: &[(&str, &[&str])] = &[("syn", &["1.0.0", "2.0.0"])];
        assert_eq!(found("", two), ["2 versions of `syn`: 1.0.0, 2.0.0"]);
        assert_eq!(found("# comment\nsyn: an old macro needs 1.0\n", two), [""; 0]);
        assert_eq!(found("syn:\n", two).len(), 2);
        assert_eq!(found("syn\n", two).len(), 2);
    }

    #[test]
    fn the_list_only_holds_what_is_needed() {
        assert_eq!(found("syn: why\n", &[("syn", &["2.0.0"])]), ["`syn` has one version now"]);
        assert_eq!(found("gone: why\n", &[]), ["`gone` is not used any more"]);
    }
}
