//! Rust sources, parsed once, with the lines that only tests see.

use std::{collections::BTreeSet, ops::RangeInclusive, str::FromStr as _};

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::{Attribute, Meta, spanned::Spanned as _, visit::Visit};

use super::{finding::Finding, tree::Tree};

/// All Rust sources of the repository.
#[derive(Default)]
pub(crate) struct RustTree {
    /// In the order of their paths.
    pub(crate) files: Vec<RustFile>,
}

/// One parsed source.
pub(crate) struct RustFile {
    /// Path from the root of the repository.
    pub(crate) path: String,
    /// Its syntax tree.
    pub(crate) syntax: syn::File,
    /// Number of lines.
    pub(crate) lines: usize,
    /// Whether all of it is seen by tests alone.
    pub(crate) is_test: bool,
    tokens: TokenStream,
    test_lines: Vec<RangeInclusive<usize>>,
    const_lines: Vec<RangeInclusive<usize>>,
}

/// One token with what came before it, as a checker wants to see it.
pub(crate) struct Seen<'a> {
    /// The tokens of the group that holds it.
    tokens: &'a [TokenTree],
    index: usize,
}

impl RustTree {
    /// Parses every source; one that does not parse is a finding.
    pub(crate) fn parse(tree: &Tree) -> (Self, Vec<Finding>) {
        let mut files = Vec::new();
        let mut findings = Vec::new();
        for (path, text) in tree.ending(".rs") {
            match RustFile::parse(path, text) {
                Ok(file) => files.push(file),
                Err(error) => {
                    let line = error.span().start().line;
                    findings.push(Finding::new(path, line, error.to_string(), "make it parse"));
                }
            }
        }
        let test_modules: BTreeSet<String> =
            files.iter().flat_map(RustFile::test_modules).collect();
        for file in &mut files {
            let under = |module: &String| {
                let rest = file.path.strip_prefix(module.as_str());
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            file.is_test = file.is_test || test_modules.iter().any(under);
        }
        (Self { files }, findings)
    }

    /// The file of that path.
    pub(crate) fn file(&self, path: &str) -> Option<&RustFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

impl RustFile {
    fn parse(path: &str, text: &str) -> syn::Result<Self> {
        let syntax = syn::parse_file(text)?;
        // The shebang, if any, is no token; rustc accepts it in scripts alone.
        let tokens = TokenStream::from_str(text)?;
        let mut regions = Regions::default();
        regions.visit_file(&syntax);
        let in_tests_folder = path.split('/').any(|part| part == "tests" || part == "benches");
        let whole = syntax.attrs.iter().any(is_test_attribute);
        Ok(Self {
            path: path.to_owned(),
            lines: text.lines().count(),
            is_test: in_tests_folder || whole,
            syntax,
            tokens,
            test_lines: regions.tests,
            const_lines: regions.consts,
        })
    }

    /// Whether tests alone see that line.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test || self.test_lines.iter().any(|range| range.contains(&line))
    }

    /// Whether that line is evaluated by the compiler and never at run time.
    pub(crate) fn is_const_line(&self, line: usize) -> bool {
        self.const_lines.iter().any(|range| range.contains(&line))
    }

    /// Number of lines that are part of the product.
    pub(crate) fn product_lines(&self) -> usize {
        (1..=self.lines).filter(|line| !self.is_test_line(*line)).count()
    }

    /// Calls `look` with each token and its line, in groups as well.
    pub(crate) fn each_token(&self, mut look: impl FnMut(&Seen<'_>, usize)) {
        walk(&self.tokens, &mut look);
    }

    /// Paths, without `.rs`, of the modules that it declares for tests alone.
    fn test_modules(&self) -> Vec<String> {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let stem = self.path.trim_end_matches(".rs");
        let is_root = ["/lib", "/main", "/mod"].iter().any(|root| stem.ends_with(root));
        let base = if is_root { folder } else { stem };
        let declared = self.syntax.items.iter().filter_map(|item| match item {
            syn::Item::Mod(module) if module.content.is_none() => Some(module),
            _ => None,
        });
        let for_tests = declared.filter(|module| module.attrs.iter().any(is_test_attribute));
        for_tests.map(|module| format!("{base}/{}", module.ident)).collect()
    }
}

impl Seen<'_> {
    /// The identifier so many tokens away.
    pub(crate) fn ident(&self, ahead: isize) -> Option<String> {
        match self.at(ahead)? {
            TokenTree::Ident(ident) => Some(ident.to_string()),
            _ => None,
        }
    }

    /// Whether the token so many places away is this punctuation mark.
    pub(crate) fn punct(&self, ahead: isize, mark: char) -> bool {
        matches!(self.at(ahead), Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
    }

    /// Whether the token so many places away opens a group in parentheses.
    pub(crate) fn parentheses(&self, ahead: isize) -> bool {
        let Some(TokenTree::Group(group)) = self.at(ahead) else { return false };
        group.delimiter() == Delimiter::Parenthesis
    }

    /// The words of the attribute that this token is the bracket of.
    pub(crate) fn attribute(&self) -> Option<Vec<String>> {
        let Some(TokenTree::Group(group)) = self.at(0) else { return None };
        let marked = self.punct(-1, '#') || (self.punct(-1, '!') && self.punct(-2, '#'));
        if group.delimiter() != Delimiter::Bracket || !marked {
            return None;
        }
        let mut words = Vec::new();
        walk(&group.stream(), &mut |seen, _| words.extend(seen.ident(0)));
        Some(words)
    }

    /// The text of the group so many places away; empty when there is no group.
    pub(crate) fn group(&self, ahead: isize) -> String {
        match self.at(ahead) {
            Some(TokenTree::Group(group)) => group.stream().to_string(),
            _ => String::new(),
        }
    }

    fn at(&self, ahead: isize) -> Option<&TokenTree> {
        self.tokens.get(self.index.checked_add_signed(ahead)?)
    }
}

/// Whether an attribute makes its item a test's: `#[cfg(test)]`, `#[test]`, `#[tokio::test]`.
pub(crate) fn is_test_attribute(attribute: &Attribute) -> bool {
    let path = attribute.path();
    if path.segments.last().is_some_and(|segment| segment.ident == "test") {
        return true;
    }
    match &attribute.meta {
        Meta::List(list) if path.is_ident("cfg") => names_test(list.tokens.clone()),
        _ => false,
    }
}

/// Whether a `cfg` predicate asks for `test`; what is inside `not(…)` does not count.
fn names_test(predicate: TokenStream) -> bool {
    let mut negated = false;
    predicate.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => {
            negated = ident == "not";
            ident == "test"
        }
        TokenTree::Group(group) => !negated && names_test(group.stream()),
        _ => false,
    })
}

fn walk(tokens: &TokenStream, look: &mut dyn FnMut(&Seen<'_>, usize)) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        look(&Seen { tokens: &tokens, index }, token.span().start().line);
        if let TokenTree::Group(group) = token {
            walk(&group.stream(), look);
        }
    }
}

/// Collects the lines of test items and of constants.
#[derive(Default)]
struct Regions {
    tests: Vec<RangeInclusive<usize>>,
    consts: Vec<RangeInclusive<usize>>,
}

impl Regions {
    fn test(&mut self, attributes: &[Attribute], span: Span) {
        if attributes.iter().any(is_test_attribute) {
            self.tests.push(lines(span));
        }
    }
}

fn lines(span: Span) -> RangeInclusive<usize> {
    span.start().line..=span.end().line
}

impl Visit<'_> for Regions {
    fn visit_item(&mut self, item: &syn::Item) {
        if let Some(attributes) = attributes(item) {
            self.test(attributes, item.span());
        }
        if let syn::Item::Const(constant) = item {
            self.consts.push(lines(constant.span()));
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &syn::ImplItem) {
        match item {
            syn::ImplItem::Fn(function) => self.test(&function.attrs, function.span()),
            syn::ImplItem::Const(constant) => self.consts.push(lines(constant.span())),
            _ => {}
        }
        syn::visit::visit_impl_item(self, item);
    }
}

fn attributes(item: &syn::Item) -> Option<&Vec<Attribute>> {
    Some(match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
fn product() {}

#[cfg(test)]
mod inner {
    fn helper() {}
}

#[cfg(not(test))]
fn also_product() {}

#[cfg(any(test, feature = \"test-utils\"))]
fn for_tests() {}

#[tokio::test]
async fn a_test() {}

const SIZE: usize = 3;

struct S;
impl S {
    #[cfg(test)]
    fn probe(&self) {}
}
";

    #[test]
    fn test_lines_are_told_apart() {
        let file = RustFile::parse("crates/x/src/a.rs", SOURCE).unwrap();
        let tests: Vec<usize> = (1..=file.lines).filter(|line| file.is_test_line(*line)).collect();
        assert_eq!(tests, [3, 4, 5, 6, 11, 12, 14, 15, 21, 22]);
        assert_eq!(file.product_lines(), file.lines - tests.len());
        assert!(file.is_const_line(17));
        assert!(!file.is_const_line(19));
    }

    #[test]
    fn modules_of_tests_are_tests_in_their_own_files() {
        let tree = Tree::of(&[
            ("crates/x/src/lib.rs", "#[cfg(test)] mod tests; mod product;"),
            ("crates/x/src/tests.rs", "mod deep;"),
            ("crates/x/src/tests/deep.rs", ""),
            ("crates/x/src/product.rs", "#[cfg(test)] mod tests;"),
            ("crates/x/src/product/tests.rs", ""),
            ("crates/x/src/product/testing.rs", ""),
            ("crates/x/tests/it/main.rs", ""),
        ]);
        let (rust, findings) = RustTree::parse(&tree);
        assert!(findings.is_empty());
        let tests: Vec<&str> =
            rust.files.iter().filter(|file| file.is_test).map(|f| f.path.as_str()).collect();
        let expected = ["product/tests.rs", "tests.rs", "tests/deep.rs"];
        let expected: Vec<String> =
            expected.iter().map(|path| format!("crates/x/src/{path}")).collect();
        assert_eq!(tests[..3], expected);
        assert_eq!(tests[3..], ["crates/x/tests/it/main.rs"]);
    }

    #[test]
    fn a_source_that_does_not_parse_is_a_finding() {
        let (rust, findings) = RustTree::parse(&Tree::of(&[("a.rs", "fn x() {}\nfn (")]));
        assert!(rust.files.is_empty());
        assert_eq!((findings.len(), findings[0].line), (1, 2));
    }
}
