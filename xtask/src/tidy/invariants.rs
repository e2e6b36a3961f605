//! `docs/invariants.md`: every invariant names the line that enforces it and a test that would
//! fail without it.
//!
//! ```text
//! ### INV-001 Title
//!
//! Statement.
//!
//! - Enforced by: [path#symbol](../path#symbol), …
//! - Tested by: [path#test](../path#test), …
//! ```
//!
//! That the links lead somewhere is judged with all other links; here it is judged that they are
//! there, and that the tests are tests.

use std::collections::BTreeMap;

use super::{
    finding::Finding,
    links::{Link, Place, links, prose_lines, resolve},
    rust::RustTree,
    tree::Tree,
};

const DOCUMENT: &str = "docs/invariants.md";
const HEADING: &str = "### INV-";
const ENFORCED: &str = "- Enforced by:";
const TESTED: &str = "- Tested by:";

/// One numbered section.
#[derive(Debug, Default)]
struct Section {
    line: usize,
    number: String,
    statement: bool,
    enforced: Vec<Link>,
    tested: Vec<Link>,
}

/// Checks the sections of the document, and every mention of an invariant in any file.
pub(crate) fn check(tree: &Tree, rust: &RustTree) -> Vec<Finding> {
    let Some(text) = tree.text(DOCUMENT) else {
        let fix = "write the invariants down";
        return vec![Finding::new(DOCUMENT, 0, "the document is not there", fix)];
    };
    let sections = sections(text);
    let mut findings = Vec::new();
    let mut previous = "000".to_owned();
    let mut known = BTreeMap::new();
    for section in &sections {
        findings.extend(check_section(section, rust));
        if section.number <= previous {
            let what = format!("INV-{} stands after INV-{previous}", section.number);
            findings.push(Finding::new(
                DOCUMENT,
                section.line,
                what,
                "numbers rise and are unique",
            ));
        }
        previous.clone_from(&section.number);
        known.insert(section.number.clone(), section.line);
    }
    for (path, text) in tree.texts() {
        findings.extend(check_mentions(path, text, &known));
    }
    findings
}

fn sections(text: &str) -> Vec<Section> {
    let all_links = links(text);
    let mut sections: Vec<Section> = Vec::new();
    let mut bullet = "";
    for (number, line) in prose_lines(text) {
        if let Some(title) = line.strip_prefix(HEADING) {
            let name = title.split(' ').next().unwrap_or_default().to_owned();
            sections.push(Section { line: number, number: name, ..Section::default() });
            bullet = "";
            continue;
        }
        if line.starts_with('#') {
            // Another heading ends the section: what follows belongs to none.
            sections.push(Section::default());
        }
        let Some(section) = sections.last_mut().filter(|section| section.line > 0) else {
            continue;
        };
        for start in [ENFORCED, TESTED] {
            if line.starts_with(start) {
                bullet = start;
            }
        }
        let here = all_links.iter().filter(|link| link.line == number).cloned();
        match bullet {
            ENFORCED => section.enforced.extend(here),
            TESTED => section.tested.extend(here),
            _ => section.statement |= !line.trim().is_empty(),
        }
    }
    sections.retain(|section| section.line > 0);
    sections
}

fn check_section(section: &Section, rust: &RustTree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |line: usize, what: String, fix: &str| {
        findings.push(Finding::new(DOCUMENT, line, what, fix));
    };
    let Section { line, number, .. } = section;
    if number.len() != 3 || !number.chars().all(|c| c.is_ascii_digit()) {
        add(*line, format!("`INV-{number}` is no number of three digits"), "write `INV-001`");
    }
    if !section.statement {
        add(*line, format!("INV-{number} states nothing"), "write the statement below its title");
    }
    if section.enforced.is_empty() {
        let fix = "write `- Enforced by: [path#symbol](../path#symbol)`";
        add(*line, format!("INV-{number} is enforced by nothing"), fix);
    }
    if section.tested.is_empty() {
        let fix = "write `- Tested by: [path#test](../path#test)`";
        add(*line, format!("INV-{number} is tested by nothing"), fix);
    }
    for link in section.enforced.iter().chain(&section.tested) {
        let place = resolve(DOCUMENT, &link.target);
        if place.is_none_or(|place| place.fragment.is_none()) {
            add(link.line, format!("`{}` names no symbol", link.target), "write `path#symbol`");
        }
    }
    for link in &section.tested {
        let Some(place) = resolve(DOCUMENT, &link.target) else { continue };
        if !is_test(rust, &place) {
            let what = format!("`{}` is not a test", link.target);
            add(link.line, what, "name a test that fails when the invariant is broken");
        }
    }
    findings
}

/// Whether a place is a test: in Rust a function that tests alone see; in Solidity a function of a
/// test contract that the runner calls; in other languages anything in a folder of tests.
fn is_test(rust: &RustTree, place: &Place) -> bool {
    let Some(fragment) = &place.fragment else { return false };
    let name = fragment.rsplit([':', '.']).next().unwrap_or(fragment);
    if place.path.ends_with(".rs") {
        let Some(file) = rust.file(&place.path) else { return false };
        let mut found = false;
        file.each_token(|seen, line| {
            let here = seen.ident(0).is_some_and(|word| word == "fn");
            found |= here && seen.ident(1).as_deref() == Some(name) && file.is_test_line(line);
        });
        return found;
    }
    if place.path.ends_with(".sol") {
        let runs = ["test", "invariant", "check_"].iter().any(|start| name.starts_with(start));
        return runs && place.path.starts_with("contracts/test/");
    }
    place.path.starts_with("clients/") || place.path.contains("/test")
}

fn check_mentions(path: &str, text: &str, known: &BTreeMap<String, usize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // This checker's own sources show the format.
    if path.starts_with("xtask/") {
        return findings;
    }
    for (index, line) in text.lines().enumerate() {
        for (at, mark) in line.match_indices("INV-") {
            let rest = &line[at + mark.len()..];
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if !number.is_empty() && !known.contains_key(&number) {
                let what = format!("INV-{number} is not in {DOCUMENT}");
                findings.push(Finding::new(path, index + 1, what, "write it down there"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str =
        "pub fn pay() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn pays() {}\n}\n";

    fn found(document: &str) -> Vec<String> {
        found_with(document, ("a.md", ""))
    }

    fn found_with(document: &str, extra: (&str, &str)) -> Vec<String> {
        let contract = "contract T { function test_pay() public {} function helper() public {} }";
        let tree = Tree::of(&[
            (DOCUMENT, document),
            ("crates/x/src/a.rs", CODE),
            ("contracts/test/T.t.sol", contract),
            extra,
        ]);
        let (rust, _) = RustTree::parse(&tree);
        check(&tree, &rust).into_iter().map(|finding| finding.what).collect()
    }

    fn section(number: &str, enforced: &str, tested: &str) -> String {
        format!(
            "### INV-{number} Title\n\nIt holds.\n\n- Enforced by: {enforced}\n- Tested by: {tested}\n\n"
        )
    }

    const PAY: &str = "[pay](../crates/x/src/a.rs#pay)";
    const PAYS: &str = "[pays](../crates/x/src/a.rs#pays)";

    #[test]
    fn a_whole_section_passes() {
        assert_eq!(found(&format!("# Invariants\n\n{}", section("001", PAY, PAYS))), [""; 0]);
        let sol = "[test](../contracts/test/T.t.sol#test_pay)";
        assert_eq!(found(&section("001", PAY, sol)), [""; 0]);
        let shown = format!("```text\n### INV-001 Title\n```\n{}", section("001", PAY, PAYS));
        assert_eq!(found(&shown), [""; 0]);
        let two_lines = format!("{PAYS},\n  {PAYS}");
        assert_eq!(found(&section("001", PAY, &two_lines)), [""; 0]);
    }

    #[test]
    fn nothing_may_be_missing() {
        assert_eq!(found(&section("001", "", PAYS)), ["INV-001 is enforced by nothing"]);
        assert_eq!(found(&section("001", PAY, "")), ["INV-001 is tested by nothing"]);
        let silent = section("001", PAY, PAYS).replace("It holds.", "");
        assert_eq!(found(&silent), ["INV-001 states nothing"]);
        let file_only = section("001", "[a](../crates/x/src/a.rs)", PAYS);
        assert_eq!(found(&file_only), ["`../crates/x/src/a.rs` names no symbol"]);
        let stray = format!("### INV-001 Title\n\nIt holds.\n\n## Other\n\n- Enforced by: {PAY}\n");
        assert_eq!(found(&stray).len(), 2);
    }

    #[test]
    fn a_test_is_a_test() {
        assert_eq!(found(&section("001", PAY, PAY)), ["`../crates/x/src/a.rs#pay` is not a test"]);
        let helper = "[helper](../contracts/test/T.t.sol#helper)";
        assert_eq!(found(&section("001", PAY, helper)).len(), 1);
    }

    #[test]
    fn numbers_rise_and_mentions_are_known() {
        let one = section("001", PAY, PAYS);
        let two = section("002", PAY, PAYS);
        assert_eq!(found(&format!("{one}{two}")), [""; 0]);
        assert_eq!(found(&format!("{two}{one}")), ["INV-001 stands after INV-002"]);
        assert_eq!(found(&format!("{one}{one}")).len(), 1);
        assert_eq!(found(&section("1", PAY, PAYS)), ["`INV-1` is no number of three digits"]);
        let mention = found_with(&one, ("crates/x/src/b.rs", "// INV-007 holds: guard\n"));
        assert_eq!(mention, ["INV-007 is not in docs/invariants.md"]);
    }

    #[test]
    fn the_document_is_demanded() {
        let (rust, _) = RustTree::parse(&Tree::default());
        assert_eq!(check(&Tree::default(), &rust).len(), 1);
    }
}
