//! Tests run, can fail, and wait for nothing; errors are facts.

use super::{
    finding::Finding,
    rust::{RustFile, RustTree, Seen},
    tree::Tree,
};

/// A crate that is tests from end to end, though its harness lies in `src`.
const TEST_CRATE: &str = "crates/mezz-action-tests/";
/// Names of error variants that hold anything and so say nothing.
const SHAPELESS: [&str; 6] = ["Custom", "Other", "Generic", "Message", "Msg", "Any"];
/// What switches tests off in other languages, by file name ending.
const OTHER_SKIPS: [(&str, &[&str]); 4] = [
    (".t.sol", &["vm.skip(", "vm.sleep("]),
    (".mjs", &[".skip(", ".only(", ".todo(", "sleep("]),
    (".ts", &[".skip(", ".only(", ".todo(", "sleep("]),
    (".py", &["pytest.skip", "mark.skip", "mark.xfail", "time.sleep("]),
];

/// Checks tests in every language and the errors of every crate.
pub(crate) fn check(tree: &Tree, rust: &RustTree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &rust.files {
        check_tests(file, &mut findings);
        check_errors(file, &mut findings);
    }
    for (end, skips) in OTHER_SKIPS {
        for (path, text) in tree.ending(end) {
            for (index, line) in text.lines().enumerate() {
                for skip in skips.iter().filter(|skip| line.contains(**skip)) {
                    let what = format!("`{skip}` in a test");
                    let fix = "every test runs whole: wait for the event, or take the test out";
                    findings.push(Finding::new(path, index + 1, what, fix));
                }
            }
        }
    }
    findings
}

fn check_tests(file: &RustFile, findings: &mut Vec<Finding>) {
    let all = file.path.starts_with(TEST_CRATE);
    file.each_token(|seen, line| {
        if !all && !file.is_test_line(line) {
            return;
        }
        let (what, fix) = if let Some(words) = seen.attribute() {
            match switched_off(&words) {
                Some(offence) => offence,
                None => return,
            }
        } else if sleeps(seen) {
            ("a test that sleeps", "drive time through the port, or wait for the event itself")
        } else {
            return;
        };
        findings.push(Finding::new(file.path.as_str(), line, what, fix));
    });
}

/// Attributes that keep a test from running, or from failing for the right reason.
fn switched_off(words: &[String]) -> Option<(&'static str, &'static str)> {
    let first = words.first()?;
    let names =
        |word: &str| first == word || (first == "cfg_attr" && words.iter().any(|w| w == word));
    if names("ignore") {
        return Some(("an ignored test", "make it pass, or take it out"));
    }
    if names("should_panic") {
        return Some(("a test that passes on any panic", "assert on the error that is returned"));
    }
    None
}

fn sleeps(seen: &Seen<'_>) -> bool {
    let name = seen.ident(0).unwrap_or_default();
    ["sleep", "sleep_until", "sleep_ms"].contains(&name.as_str()) && seen.parentheses(1)
}

fn check_errors(file: &RustFile, findings: &mut Vec<Finding>) {
    for item in &file.syntax.items {
        let syn::Item::Enum(item) = item else { continue };
        for variant in &item.variants {
            let name = variant.ident.to_string();
            let syn::Fields::Unnamed(fields) = &variant.fields else { continue };
            let [field] = &fields.unnamed.iter().collect::<Vec<_>>()[..] else { continue };
            if SHAPELESS.contains(&name.as_str()) && is_text(&field.ty) {
                let what = format!("`{name}` of `{}` can hold any text", item.ident);
                let fix = "name the fact, with fields for what was got and what was expected";
                let line = variant.ident.span().start().line;
                findings.push(Finding::new(file.path.as_str(), line, what, fix));
            }
        }
    }
}

/// `String`, `&str`, `Cow<str>` and boxes of anything.
fn is_text(ty: &syn::Type) -> bool {
    match ty {
        syn::Type::Reference(reference) => is_text(&reference.elem),
        syn::Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            ["String", "str", "Cow", "Box", "Report"].iter().any(|name| last.ident == name)
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[(path, text)]);
        let (rust, broken) = RustTree::parse(&tree);
        assert!(broken.is_empty(), "{broken:?}");
        check(&tree, &rust).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn tests_are_not_switched_off() {
        let ignored = "#[test] #[ignore] fn t() {}";
        assert_eq!(found("a/tests/it/a.rs", ignored), ["an ignored test"]);
        assert_eq!(found("a/src/a.rs", ignored), ["an ignored test"]);
        let slow = "#[test] #[ignore = \"slow\"] fn t() {}";
        assert_eq!(found("a/tests/it/a.rs", slow), ["an ignored test"]);
        let conditional = "#[cfg_attr(debug_assertions, ignore)] #[test] fn t() {}";
        assert_eq!(found("a/tests/it/a.rs", conditional).len(), 1);
        let panics = "#[test] #[should_panic(expected = \"x\")] fn t() {}";
        assert_eq!(found("a/tests/it/a.rs", panics), ["a test that passes on any panic"]);
    }

    #[test]
    fn tests_do_not_sleep() {
        let plain = "fn t() { std::thread::sleep(d); }";
        assert_eq!(found("a/tests/it/a.rs", plain), ["a test that sleeps"]);
        let in_macro = "fn t() { tokio::select! { _ = sleep(d) => {} } }";
        assert_eq!(found("a/tests/it/a.rs", in_macro), ["a test that sleeps"]);
        let harness = "fn act_wait() { tokio::time::sleep(d) }";
        assert_eq!(found("crates/mezz-action-tests/src/world.rs", harness).len(), 1);
        assert_eq!(found("a/src/service.rs", plain), [""; 0]);
        assert_eq!(found("a/tests/it/a.rs", "/// No sleep(1).\nfn t() {}"), [""; 0]);
    }

    #[test]
    fn likenesses_pass() {
        assert_eq!(found("a/tests/it/a.rs", "fn t() { ignore(x); ignore.y(); }"), [""; 0]);
        assert_eq!(found("a/tests/it/a.rs", "fn t() { f(x, ignore); }"), [""; 0]);
    }

    #[test]
    fn errors_are_facts() {
        let custom = "enum Error { Custom(String), Other(Box<dyn E>), Io(std::io::Error) }";
        assert_eq!(found("a/src/error.rs", custom).len(), 2);
        assert_eq!(found("a/src/error.rs", "enum Error { Custom { code: u64 } }"), [""; 0]);
        assert_eq!(found("a/src/error.rs", "enum Fee { Custom(u64) }"), [""; 0]);
    }

    #[test]
    fn tests_in_other_languages_run_whole() {
        assert_eq!(found("contracts/test/A.t.sol", "vm.skip(true);\n").len(), 1);
        assert_eq!(found("clients/a.test.mjs", "test.skip('x')\nawait sleep(1)\n").len(), 2);
        assert_eq!(found("clients/a.test.mjs", "test('x')\n"), [""; 0]);
    }
}
