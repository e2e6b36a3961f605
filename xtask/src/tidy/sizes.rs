//! Sizes: functions of at most 70 lines, files of at most 800, held by a ratchet.
//!
//! The ratchet file lists what is larger today, with its size. An entry may only shrink: a larger
//! thing is a finding, and so is an entry that has become too generous.

use std::{collections::BTreeMap, fmt::Write as _};

use syn::visit::Visit;

use super::{
    finding::Finding,
    rust::{RustFile, RustTree, is_test_attribute},
    solidity,
    tree::Tree,
};

/// The list of what is larger than allowed.
pub(crate) const RATCHET: &str = "xtask/ratchet.txt";
/// The most lines of a function, signature and closing brace among them.
const FUNCTION_LINES: usize = 70;
/// The most lines of a file that are no tests.
const FILE_LINES: usize = 800;
/// Sources in other languages whose files are held to the same size.
const OTHER_SOURCES: [&str; 6] = [".sol", ".ts", ".mjs", ".js", ".sh", ".py"];

const HEADER: &str = "\
# What is larger than the house allows, with its size in lines. Entries only shrink and go away:
# `cargo xtask tidy --shrink` lowers them. A new entry needs a reason in the commit that adds it.
#   fn   <path>::<function> <lines>
#   file <path> <lines>
";

/// Something with a size: a file, or a function in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Thing {
    /// `fn` or `file`.
    kind: &'static str,
    /// `path` or `path::function`.
    name: String,
}

#[derive(Debug, Clone)]
struct Size {
    path: String,
    line: usize,
    lines: usize,
}

/// Compares the sizes of the tree with what is allowed and with the ratchet.
pub(crate) fn check(tree: &Tree, rust: &RustTree) -> Vec<Finding> {
    let (mut entries, mut findings) = read_ratchet(tree.text(RATCHET).unwrap_or_default());
    for (thing, size) in too_large(tree, rust) {
        let Size { path, line, lines } = size;
        let (max, split) = match thing.kind {
            "fn" => (FUNCTION_LINES, "split it into functions that each do one thing"),
            _ => (FILE_LINES, "split it into modules"),
        };
        match entries.remove(&thing) {
            None => {
                let what = format!("{} of {lines} lines, {max} allowed", describe(&thing));
                findings.push(Finding::new(path, line, what, split));
            }
            Some((_, allowed)) if lines > allowed => {
                let what = format!(
                    "{} grew to {lines} lines, the ratchet holds it at {allowed}",
                    describe(&thing)
                );
                findings.push(Finding::new(path, line, what, split));
            }
            Some((at, allowed)) if lines < allowed => {
                let what = format!("{} shrank from {allowed} to {lines} lines", describe(&thing));
                let fix = "run `cargo xtask tidy --shrink`";
                findings.push(Finding::new(RATCHET, at, what, fix));
            }
            Some(_) => {}
        }
    }
    for (thing, (at, _)) in entries {
        let what = format!("{} needs no exception any more", describe(&thing));
        findings.push(Finding::new(RATCHET, at, what, "run `cargo xtask tidy --shrink`"));
    }
    findings
}

/// The ratchet file with every entry lowered to today's size; nothing is added or raised.
pub(crate) fn shrink(tree: &Tree, rust: &RustTree) -> String {
    let (entries, _) = read_ratchet(tree.text(RATCHET).unwrap_or_default());
    let sizes = too_large(tree, rust);
    let mut out = HEADER.to_owned();
    for (thing, (_, allowed)) in entries {
        if let Some(size) = sizes.get(&thing) {
            let lines = size.lines.min(allowed);
            let _ = writeln!(out, "{} {} {lines}", thing.kind, thing.name);
        }
    }
    out
}

fn describe(thing: &Thing) -> String {
    match thing.kind {
        "fn" => format!("function `{}`", thing.name.rsplit("::").next().unwrap_or(&thing.name)),
        _ => "a file".to_owned(),
    }
}

fn read_ratchet(text: &str) -> (BTreeMap<Thing, (usize, usize)>, Vec<Finding>) {
    let mut entries = BTreeMap::new();
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let entry = match words[..] {
            [kind, name, lines] => {
                let kind = ["fn", "file"].into_iter().find(|known| *known == kind);
                kind.zip(lines.parse::<usize>().ok()).map(|(kind, lines)| {
                    (Thing { kind, name: name.to_owned() }, (index + 1, lines))
                })
            }
            _ => None,
        };
        match entry {
            Some((thing, size)) => {
                entries.insert(thing, size);
            }
            None => findings.push(Finding::new(
                RATCHET,
                index + 1,
                "a line that is no entry",
                "write `fn path::function lines` or `file path lines`",
            )),
        }
    }
    (entries, findings)
}

/// Everything that is larger than allowed.
fn too_large(tree: &Tree, rust: &RustTree) -> BTreeMap<Thing, Size> {
    let mut found = BTreeMap::new();
    for file in rust.files.iter().filter(|file| !file.is_test) {
        let lines = file.product_lines();
        if lines > FILE_LINES {
            insert(
                &mut found,
                "file",
                file.path.clone(),
                Size { path: file.path.clone(), line: 0, lines },
            );
        }
        for (name, line, lines) in functions(file) {
            if lines > FUNCTION_LINES {
                let name = format!("{}::{name}", file.path);
                insert(&mut found, "fn", name, Size { path: file.path.clone(), line, lines });
            }
        }
    }
    for (path, text) in tree.texts() {
        let lines = text.lines().count();
        let is_source = OTHER_SOURCES.iter().any(|end| path.ends_with(end));
        if is_source && lines > FILE_LINES && !path.contains("/test/") {
            insert(
                &mut found,
                "file",
                path.to_owned(),
                Size { path: path.to_owned(), line: 0, lines },
            );
        }
        if !path.ends_with(".sol") || path.contains("/test/") {
            continue;
        }
        for (name, line, lines) in solidity::functions(text) {
            if lines > FUNCTION_LINES {
                let name = format!("{path}::{name}");
                insert(&mut found, "fn", name, Size { path: path.to_owned(), line, lines });
            }
        }
    }
    found
}

/// Of two things of one name, the larger stands for both.
fn insert(found: &mut BTreeMap<Thing, Size>, kind: &'static str, name: String, size: Size) {
    let slot = found.entry(Thing { kind, name }).or_insert_with(|| size.clone());
    if slot.lines < size.lines {
        *slot = size;
    }
}

/// Name, first line and number of lines of every product function of a file.
fn functions(file: &RustFile) -> Vec<(String, usize, usize)> {
    let mut visitor = Functions::default();
    visitor.visit_file(&file.syntax);
    visitor.found.retain(|(_, line, _)| !file.is_test_line(*line));
    visitor.found
}

#[derive(Default)]
struct Functions {
    owner: Vec<String>,
    found: Vec<(String, usize, usize)>,
}

impl Functions {
    fn add(
        &mut self,
        attributes: &[syn::Attribute],
        signature: &syn::Signature,
        body: &syn::Block,
    ) {
        if attributes.iter().any(is_test_attribute) {
            return;
        }
        let first = signature.fn_token.span.start().line;
        let last = body.brace_token.span.close().end().line;
        let mut name = self.owner.last().map_or(String::new(), |owner| format!("{owner}::"));
        name.push_str(&signature.ident.to_string());
        self.found.push((name, first, last + 1 - first));
    }
}

impl Visit<'_> for Functions {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.add(&item.attrs, &item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &syn::ItemImpl) {
        let owner = match &*item.self_ty {
            syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.owner.push(owner.unwrap_or_else(|| "_".to_owned()));
        syn::visit::visit_item_impl(self, item);
        self.owner.pop();
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.add(&item.attrs, &item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_trait(&mut self, item: &syn::ItemTrait) {
        self.owner.push(item.ident.to_string());
        syn::visit::visit_item_trait(self, item);
        self.owner.pop();
    }

    fn visit_trait_item_fn(&mut self, item: &syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.add(&item.attrs, &item.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    x();\n".repeat(lines - 2))
    }

    fn run(files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::of(files);
        let (rust, broken) = RustTree::parse(&tree);
        assert!(broken.is_empty(), "{broken:?}");
        check(&tree, &rust).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_long_function_is_found_where_it_is() {
        assert_eq!(run(&[("a/src/a.rs", &function("f", 70))]), [""; 0]);
        let long = function("f", 71);
        assert_eq!(run(&[("a/src/a.rs", &long)]), ["function `f` of 71 lines, 70 allowed"]);
        assert_eq!(run(&[("a/src/a.rs", &format!("impl A {{ {long} }}"))]).len(), 1);
        assert_eq!(run(&[("a/src/a.rs", &format!("trait A {{ {long} }}"))]).len(), 1);
        assert_eq!(run(&[("a/src/a.rs", &format!("fn g() {{ {long} }}"))]).len(), 2);
        assert_eq!(run(&[("a/src/a.rs", &format!("#[cfg(test)] mod t {{ {long} }}"))]), [""; 0]);
        assert_eq!(run(&[("a/tests/it/a.rs", &long)]), [""; 0]);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let lines = "const A: u8 = 1;\n".repeat(800);
        assert_eq!(run(&[("a/src/a.rs", &lines)]), [""; 0]);
        let tests = format!("{lines}#[cfg(test)]\nmod t {{\n}}\n");
        assert_eq!(run(&[("a/src/a.rs", &tests)]), [""; 0]);
        let more = format!("{lines}const B: u8 = 1;\n");
        assert_eq!(run(&[("a/src/a.rs", &more)]), ["a file of 801 lines, 800 allowed"]);
        let script = "x\n".repeat(801);
        assert_eq!(run(&[("clients/a.mjs", &script)]), ["a file of 801 lines, 800 allowed"]);
    }

    #[test]
    fn the_ratchet_only_turns_one_way() {
        let long = function("f", 80);
        let with = |ratchet: &str| run(&[("a/src/a.rs", &long), (RATCHET, ratchet)]);
        assert_eq!(with("fn a/src/a.rs::f 80\n"), [""; 0]);
        let grown = with("fn a/src/a.rs::f 79\n");
        assert_eq!(grown, ["function `f` grew to 80 lines, the ratchet holds it at 79"]);
        assert_eq!(with("fn a/src/a.rs::f 81\n"), ["function `f` shrank from 81 to 80 lines"]);
        let gone = with("fn a/src/a.rs::f 80\nfn a/src/a.rs::g 90\n");
        assert_eq!(gone, ["function `g` needs no exception any more"]);
        assert_eq!(with("fn a/src/a.rs::f 80\nnonsense\n"), ["a line that is no entry"]);
    }

    #[test]
    fn shrinking_never_raises_or_adds() {
        let text = format!("{}{}{}", function("f", 80), function("g", 90), function("h", 75));
        let ratchet = "fn a/src/a.rs::f 85\nfn a/src/a.rs::g 89\nfn a/src/a.rs::gone 99\n";
        let tree = Tree::of(&[("a/src/a.rs", &text), (RATCHET, ratchet)]);
        let (rust, _) = RustTree::parse(&tree);
        let kept = shrink(&tree, &rust);
        let entries: Vec<&str> = kept.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(entries, ["fn a/src/a.rs::f 80", "fn a/src/a.rs::g 89"]);
    }

    #[test]
    fn solidity_functions_are_measured() {
        let body = "        x = 1;\n".repeat(70);
        let text = format!("contract C {{\n    function f() external {{\n{body}    }}\n}}\n");
        let found = run(&[("contracts/src/l1/C.sol", &text)]);
        assert_eq!(found, ["function `f` of 72 lines, 70 allowed"]);
        assert_eq!(run(&[("contracts/test/l1/C.t.sol", &text)]), [""; 0]);
    }
}
