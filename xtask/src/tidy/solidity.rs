//! Contracts: licence, compiler version, no leftovers; and a scanner for the lengths of functions.

use std::collections::BTreeSet;

use super::{finding::Finding, tree::Tree};

const SOURCES: &str = "contracts/src/";
const LICENCE: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0";

/// Checks every contract of the product.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut pragmas = BTreeSet::new();
    for (path, text) in tree.ending(".sol").filter(|(path, _)| path.starts_with(SOURCES)) {
        if text.lines().next() != Some(LICENCE) {
            let what = "the first line is not the licence";
            findings.push(Finding::new(path, 1, what, format!("write `{LICENCE}`")));
        }
        let Some((index, pragma)) = pragma(text) else {
            let fix = "write `pragma solidity X;` with the version of the other contracts";
            findings.push(Finding::new(path, 0, "no compiler version", fix));
            continue;
        };
        if !pragma.starts_with(|c: char| c.is_ascii_digit()) {
            let what = format!("the compiler version `{pragma}` is a range");
            findings.push(Finding::new(path, index + 1, what, "name one version"));
        }
        if pragmas.insert(pragma) && pragmas.len() > 1 {
            let all: Vec<&str> = pragmas.iter().copied().collect();
            let what = format!("contracts name different compiler versions: {}", all.join(", "));
            findings.push(Finding::new(path, index + 1, what, "name one version everywhere"));
        }
        findings.extend(leftovers(path, text));
    }
    findings
}

fn pragma(text: &str) -> Option<(usize, &str)> {
    let pragmas = text.lines().enumerate().filter_map(|(index, line)| {
        Some((index, line.trim().strip_prefix("pragma solidity ")?.trim_end_matches(';').trim()))
    });
    pragmas.into_iter().next()
}

/// What belongs into tests only.
fn leftovers(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for mark in ["forge-std/", "console.log", "console2"] {
            if code.contains(mark) {
                let what = format!("`{mark}` in a contract of the product");
                findings.push(Finding::new(path, index + 1, what, "keep it in contracts/test"));
            }
        }
    }
    findings
}

/// Name, first line and number of lines of every function that has a body.
pub(crate) fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let code = blank(text);
    let mut found = Vec::new();
    for keyword in ["function", "modifier", "constructor", "receive", "fallback"] {
        for (at, _) in code.match_indices(keyword) {
            if !is_word(&code, at, keyword.len()) {
                continue;
            }
            let rest = code.get(at + keyword.len()..).unwrap_or_default();
            let name: String = rest
                .trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let name = if name.is_empty() { keyword.to_owned() } else { name };
            let Some(open) = rest.find(['{', ';']).filter(|open| rest[*open..].starts_with('{'))
            else {
                continue;
            };
            let length = body_length(&rest[open..]);
            let first = code[..at].matches('\n').count() + 1;
            let lines = rest[..open + length].matches('\n').count() + 1;
            found.push((name, first, lines));
        }
    }
    found
}

/// Bytes from the opening brace to its match.
fn body_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

fn is_word(text: &str, at: usize, length: usize) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let before = text[..at].chars().next_back().is_some_and(part);
    let after = text[at + length..].chars().next().is_some_and(part);
    !before && !after
}

/// The text with comments and strings blanked out, line by line the same.
fn blank(text: &str) -> String {
    #[derive(PartialEq)]
    enum In {
        Code,
        Line,
        Block,
        Text(char),
    }
    let mut state = In::Code;
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let was_code = state == In::Code;
        match (&state, c, next) {
            (In::Code, '/', Some('/')) => state = In::Line,
            (In::Code, '/', Some('*')) => state = In::Block,
            (In::Code, '"' | '\'', _) => state = In::Text(c),
            (In::Line, '\n', _) => state = In::Code,
            (In::Block, '*', Some('/')) => {
                chars.next();
                out.push(' ');
                state = In::Code;
            }
            (In::Text(_), '\\', Some(_)) => {
                chars.next();
                out.push(' ');
            }
            (In::Text(end), _, _) if c == *end => state = In::Code,
            _ => {}
        }
        let keep = c == '\n' || (was_code && state == In::Code);
        out.push(if keep { c } else { ' ' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn licence_and_version_are_demanded() {
        let good = format!("{LICENCE}\npragma solidity 0.8.30;\n");
        assert_eq!(found(&[("contracts/src/A.sol", &good)]), [""; 0]);
        let bare = found(&[("contracts/src/A.sol", "pragma solidity 0.8.30;\n")]);
        assert_eq!(bare, ["the first line is not the licence"]);
        let unversioned = format!("{LICENCE}\n");
        assert_eq!(found(&[("contracts/src/A.sol", &unversioned)]), ["no compiler version"]);
        let range = format!("{LICENCE}\npragma solidity ^0.8.30;\n");
        assert_eq!(found(&[("contracts/src/A.sol", &range)]).len(), 1);
        let other = format!("{LICENCE}\npragma solidity 0.8.29;\n");
        assert_eq!(
            found(&[("contracts/src/A.sol", &good), ("contracts/src/B.sol", &other)]).len(),
            1
        );
        assert_eq!(found(&[("contracts/test/A.sol", "")]), [""; 0]);
    }

    #[test]
    fn test_code_stays_out_of_the_product() {
        let import =
            format!("{LICENCE}\npragma solidity 0.8.30;\nimport \"forge-std/Test.sol\";\n");
        assert_eq!(found(&[("contracts/src/A.sol", &import)]).len(), 1);
        let comment = format!("{LICENCE}\npragma solidity 0.8.30;\n// console.log\n");
        assert_eq!(found(&[("contracts/src/A.sol", &comment)]), [""; 0]);
    }

    #[test]
    fn functions_are_measured_past_comments_and_strings() {
        let text = "contract C {\n  constructor() {}\n  function f() external;\n  function g(uint x)\n    external\n  {\n    s = \"}\"; // }\n    if (x > 0) { y(); }\n  }\n  // function h() {}\n  receive() external payable {\n  }\n}\n";
        let mut found = functions(text);
        found.sort();
        let expected = [("constructor", 2, 1), ("g", 4, 6), ("receive", 11, 2)];
        let expected = expected.map(|(name, line, lines)| (name.to_owned(), line, lines));
        assert_eq!(found, expected);
    }
}
