//! Ring 0 sources: the header that turns the lints on, and what no lint catches.
//!
//! Clippy judges unwraps, casts, indexing and arithmetic, since it knows the types; it does so
//! where the crate's root asks for it, so this checker demands the request word for word. It also
//! looks for what clippy cannot forbid, or what an attribute could hide.

use super::{
    finding::Finding,
    rust::{RustFile, RustTree, Seen},
    tree::Tree,
    workspace::Workspace,
};

/// The lints that the root of every ring 0 crate denies.
const LINTS: [&str; 6] = [
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::panic",
    "clippy::indexing_slicing",
    "clippy::as_conversions",
    "clippy::arithmetic_side_effects",
];

/// Macros that stop the program.
const PANICS: [&str; 10] = [
    "panic",
    "todo",
    "unimplemented",
    "unreachable",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
];

/// Checks the sources of every ring 0 crate.
pub(crate) fn check(tree: &Tree, rust: &RustTree, workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.ring(0) {
        let root = format!("{}/src/lib.rs", package.dir);
        match tree.text(&root) {
            Some(text) => findings.extend(check_header(&root, text)),
            None => findings.push(Finding::new(
                package.manifest(),
                0,
                "a ring 0 crate without src/lib.rs",
                "ring 0 is libraries only",
            )),
        }
        let sources = format!("{}/src/", package.dir);
        for file in rust.files.iter().filter(|file| file.path.starts_with(&sources)) {
            check_tokens(file, &mut findings);
        }
    }
    findings
}

fn header() -> String {
    format!("#![cfg_attr(not(test), deny({}))]", LINTS.join(", "))
}

/// The attributes are compared without white space, so that rustfmt may break their lines.
fn check_header(path: &str, text: &str) -> Vec<Finding> {
    let squeeze = |text: &str| -> String {
        text.chars().filter(|c| !c.is_whitespace()).collect::<String>().replace(",)", ")")
    };
    let text = squeeze(text);
    let wanted = ["#![no_std]".to_owned(), header()];
    let missing = wanted.iter().filter(|attribute| !text.contains(&squeeze(attribute)));
    let finding = |attribute: &String| {
        let what = "the root of a ring 0 crate lacks an attribute";
        Finding::new(path, 1, what, format!("write `{attribute}`"))
    };
    missing.map(finding).collect()
}

fn check_tokens(file: &RustFile, findings: &mut Vec<Finding>) {
    file.each_token(|seen, line| {
        if file.is_test_line(line) {
            return;
        }
        if let Some((what, fix)) = offence(file, seen, line) {
            findings.push(Finding::new(file.path.as_str(), line, what, fix));
        }
    });
}

fn offence(file: &RustFile, seen: &Seen<'_>, line: usize) -> Option<(String, &'static str)> {
    const TOTAL: &str = "ring 0 is total: return an error or a defined outcome";
    let name = seen.ident(0)?;
    let is_panic = PANICS.contains(&name.as_str()) && seen.punct(1, '!') && !seen.punct(2, '=');
    if is_panic && !file.is_const_line(line) {
        return Some((format!("`{name}!` in ring 0"), TOTAL));
    }
    let is_call = seen.punct(-1, '.') && seen.parentheses(1);
    if is_call && (name == "unwrap" || name == "expect") {
        return Some((format!("`.{name}()` in ring 0"), TOTAL));
    }
    if name == "unsafe" {
        return Some(("`unsafe` in ring 0".to_owned(), "find a safe way: there is no exception"));
    }
    if name == "static" && seen.ident(1).is_some_and(|next| next == "mut") {
        return Some(("`static mut` in ring 0".to_owned(), "pass the state in as an argument"));
    }
    hidden_lint(seen, &name)
}

/// `#[allow(clippy::…)]` of a lint of the header, or `#[expect(…)]` of it without a reason.
fn hidden_lint(seen: &Seen<'_>, name: &str) -> Option<(String, &'static str)> {
    if !(name == "allow" || name == "expect") || !seen.parentheses(1) || seen.punct(-1, '.') {
        return None;
    }
    let arguments: String = seen.group(1).split_whitespace().collect();
    let lint = LINTS.iter().find(|lint| arguments.split(',').any(|word| word == **lint))?;
    if name == "expect" && arguments.contains("reason") {
        return None;
    }
    let what = format!("`{lint}` is switched off with no reason given");
    Some((what, "write `#[expect(lint, reason = \"why it cannot happen\")]` on the smallest item"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::workspace::Package;

    fn found(body: &str) -> Vec<String> {
        let root = format!("#![no_std]\n{}\nmod body;\n", header());
        found_with_root(&root, body)
    }

    fn found_with_root(root: &str, body: &str) -> Vec<String> {
        let files = [("crates/core/src/lib.rs", root), ("crates/core/src/body.rs", body)];
        let tree = Tree::of(&files);
        let (rust, broken) = RustTree::parse(&tree);
        assert!(broken.is_empty(), "{broken:?}");
        let package = Package {
            name: "core".to_owned(),
            dir: "crates/core".to_owned(),
            ring: Some(0),
            dependencies: Vec::new(),
            binaries: Vec::new(),
        };
        let findings = check(&tree, &rust, &Workspace { packages: vec![package] });
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn the_header_is_demanded_and_may_be_wrapped() {
        assert_eq!(found(""), [""; 0]);
        assert_eq!(found_with_root("#![no_std]", "").len(), 1);
        assert_eq!(found_with_root(&header(), "").len(), 1);
        let wrapped = format!(
            "#![no_std]\n#![cfg_attr(\n    not(test),\n    deny(\n        {},\n    )\n)]\n",
            LINTS.join(",\n        ")
        );
        assert_eq!(found_with_root(&wrapped, ""), [""; 0]);
        let short = header().replace("clippy::panic, ", "");
        assert_eq!(found_with_root(&format!("#![no_std]\n{short}"), "").len(), 1);
    }

    #[test]
    fn what_stops_the_program_is_found_outside_tests() {
        for bad in [
            "fn f() { x.unwrap(); }",
            "fn f() { x.expect(\"why\"); }",
            "fn f() { panic!(); }",
            "fn f() { todo!() }",
            "fn f() { unimplemented!() }",
            "fn f() { core::unreachable!() }",
            "fn f() { assert_eq!(1, 1); }",
            "fn f() { vec![x.unwrap()]; }",
            "macro_rules! m { () => { x.unwrap() } }",
            "static mut X: u8 = 0;",
            "fn f() { unsafe { g() } }",
        ] {
            assert_eq!(found(bad).len(), 1, "{bad}");
            assert_eq!(found(&format!("#[cfg(test)] mod t {{ {bad} }}")), [""; 0], "{bad}");
        }
    }

    #[test]
    fn likenesses_pass() {
        for good in [
            "fn f() { x.unwrap_or(1); }",
            "// x.unwrap()\nfn f() {}",
            "/// Calls panic!() never.\nfn f() {}",
            "fn f() { g(\"todo!()\"); }",
            "const _: () = assert!(SIZE == 3);",
            "fn f() { if todo != 1 {} }",
            "fn expect(panic: u8) {}",
        ] {
            assert_eq!(found(good), [""; 0], "{good}");
        }
    }

    #[test]
    fn a_lint_is_switched_off_only_with_a_reason() {
        assert_eq!(found("#[allow(clippy::as_conversions)] fn f() {}").len(), 1);
        assert_eq!(found("#[allow(clippy::as_conversions, reason = \"r\")] fn f() {}").len(), 1);
        assert_eq!(found("#[expect(clippy::indexing_slicing)] fn f() {}").len(), 1);
        let reasoned = "#[expect(clippy::indexing_slicing, reason = \"r\")] fn f() {}";
        assert_eq!(found(reasoned), [""; 0]);
        assert_eq!(found("#[allow(clippy::too_many_arguments)] fn f() {}"), [""; 0]);
    }
}
