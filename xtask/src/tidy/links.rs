//! Links of the documents: what they point at is there, down to the heading, line or symbol.

use std::collections::{BTreeMap, BTreeSet};

use super::{finding::Finding, tree::Tree};

/// One link with the line on which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// What it points at, as written.
    pub(crate) target: String,
}

/// Where a link leads inside the repository.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Path from the root of the repository.
    pub(crate) path: String,
    /// What follows the `#`.
    pub(crate) fragment: Option<String>,
}

/// Checks the links of every Markdown file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut anchors_of = BTreeMap::new();
    for (path, text) in tree.ending(".md") {
        for link in links(text) {
            let Some(place) = resolve(path, &link.target) else { continue };
            if let Some(what) = dead(tree, &place, &mut anchors_of) {
                let fix = "point it at what is there, or take it out";
                findings.push(Finding::new(path, link.line, what, fix));
            }
        }
    }
    findings
}

fn dead<'a>(
    tree: &'a Tree,
    place: &Place,
    anchors_of: &mut BTreeMap<String, BTreeSet<String>>,
) -> Option<String> {
    let Place { path, fragment } = place;
    if !tree.has(path) {
        return Some(format!("dead link: there is no `{path}`"));
    }
    let fragment = fragment.as_ref()?;
    let text: &'a str = tree.text(path).unwrap_or_default();
    if path.ends_with(".md") {
        let anchors = anchors_of.entry(path.clone()).or_insert_with(|| anchors(text));
        let known = anchors.contains(fragment);
        return (!known).then(|| format!("dead link: no heading `#{fragment}` in `{path}`"));
    }
    if let Some(line) = fragment.strip_prefix('L').and_then(|line| line.parse::<usize>().ok()) {
        let known = line <= text.lines().count();
        return (!known).then(|| format!("dead link: `{path}` has no line {line}"));
    }
    let known = defines(path, text, fragment);
    (!known).then(|| format!("dead link: `{path}` defines no `{fragment}`"))
}

/// All links of a Markdown text, none of them from code.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, prose) in prose_lines(text) {
        let mut add = |target: &str| {
            let target = target.trim().trim_start_matches('<').trim_end_matches('>');
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push(Link { line, target: target.to_owned() });
        };
        for (at, _) in prose.match_indices("](") {
            add(inside_parentheses(&prose[at + 2..]));
        }
        for mark in ["src=\"", "href=\""] {
            for (at, _) in prose.match_indices(mark) {
                add(prose[at + mark.len()..].split('"').next().unwrap_or_default());
            }
        }
        // `[name]: target` at the start of a line.
        if let Some((name, target)) = prose.split_once("]: ")
            && name.starts_with('[')
        {
            add(target);
        }
    }
    found
}

/// Up to the closing parenthesis that matches the one before the text.
fn inside_parentheses(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return &text[..at],
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}

/// Where a target leads; nothing for another site.
pub(crate) fn resolve(from: &str, target: &str) -> Option<Place> {
    let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
    if is_elsewhere || target.is_empty() {
        return None;
    }
    let (path, fragment) = match target.split_once('#') {
        Some((path, fragment)) => (path, Some(fragment.to_owned())),
        None => (target, None),
    };
    if path.is_empty() {
        return Some(Place { path: from.to_owned(), fragment });
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => match parts.pop() {
                Some(_) => {}
                // Above the root: no path of the tree starts so.
                None => return Some(Place { path: "..".to_owned(), fragment }),
            },
            part => parts.push(part),
        }
    }
    Some(Place { path: parts.join("/"), fragment })
}

/// Lines outside fenced code, code spans blanked out, numbered from 1.
pub(crate) fn prose_lines(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => lines.push((index + 1, without_code_spans(line))),
        }
    }
    lines
}

fn without_code_spans(line: &str) -> String {
    let pieces: Vec<&str> = line.split('`').collect();
    let closed = pieces.len() % 2 == 1;
    let keep = |(index, piece): (usize, &&str)| {
        match (index % 2 == 1, closed) {
            (true, true) => "",
            _ => *piece,
        }
        .to_owned()
    };
    pieces.iter().enumerate().map(keep).collect::<Vec<String>>().join("")
}

/// The anchors that the headings of a Markdown text make, and those set by hand.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut in_fence = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        for mark in ["id=\"", "name=\""] {
            for (at, _) in line.match_indices(mark) {
                let id = line[at + mark.len()..].split('"').next().unwrap_or_default();
                anchors.insert(id.to_owned());
            }
        }
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let slug = slug(title.trim());
        let count = seen.entry(slug.clone()).or_default();
        anchors.insert(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}

fn slug(title: &str) -> String {
    // Of a link in a heading, only the text counts.
    let mut plain = String::new();
    let mut rest = title;
    while let Some(at) = rest.find("](") {
        plain.push_str(&rest[..at]);
        let target = inside_parentheses(&rest[at + 2..]);
        rest = rest.get(at + 2 + target.len() + 1..).unwrap_or_default();
    }
    plain.push_str(rest);
    let keep = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    plain.chars().filter_map(keep).flat_map(char::to_lowercase).collect()
}

/// Whether a source defines a symbol: `name`, `Type::name` or `Contract.name`.
pub(crate) fn defines(path: &str, text: &str, symbol: &str) -> bool {
    let mut parts = symbol.split(['.', ':']).filter(|part| !part.is_empty()).rev();
    let Some(name) = parts.next() else { return false };
    let owners_are_there = parts.all(|owner| has_word(text, owner));
    let keywords: &[&str] = match path.rsplit('.').next().unwrap_or_default() {
        "rs" => {
            &["fn", "struct", "enum", "trait", "const", "static", "type", "mod", "macro_rules!"]
        }
        "sol" => &[
            "function",
            "modifier",
            "contract",
            "library",
            "interface",
            "struct",
            "enum",
            "error",
            "event",
            "constant",
            "immutable",
            "type",
        ],
        _ => return owners_are_there && has_word(text, name),
    };
    let defined = text.lines().any(|line| {
        let code = line.split("//").next().unwrap_or_default();
        has_word(code, name) && keywords.iter().any(|keyword| introduces(code, keyword, name))
    });
    owners_are_there && defined
}

/// `keyword name`, or a constant with its keyword anywhere before the name.
fn introduces(line: &str, keyword: &str, name: &str) -> bool {
    let Some(at) = line.find(keyword) else { return false };
    let after = line[at + keyword.len()..].trim_start();
    if matches!(keyword, "constant" | "immutable") {
        return has_word(after, name);
    }
    let word = after.strip_prefix(name);
    word.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn has_word(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(part);
        let after = text[at + word.len()..].chars().next().is_some_and(part);
        !before && !after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_link_to_nothing_is_dead() {
        let dead = [("docs/a.md", "see [b](b.md)\n")];
        assert_eq!(found(&dead), ["dead link: there is no `docs/b.md`"]);
        let files = [
            ("docs/a.md", "[b](b.md) [c](../c/) [d](./../c/d.rs)"),
            ("docs/b.md", ""),
            ("c/d.rs", ""),
        ];
        assert_eq!(found(&files), [""; 0]);
        assert_eq!(found(&[("a.md", "[x](../outside.md)")]).len(), 1);
        assert_eq!(found(&[("a.md", "[x](https://example.com/nothing)")]), [""; 0]);
        assert_eq!(found(&[("a.md", "[x]: gone.md\n")]).len(), 1);
        assert_eq!(found(&[("a.md", "<img src=\"gone.svg\">\n")]).len(), 1);
        assert_eq!(found(&[("a.md", "[x](gone.md \"title\")\n")]).len(), 1);
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(
            found(&[("a.md", "`[b](b.md)`\n```\n[c](c.md)\n```\n~~~\n[d](d.md)\n~~~\n")]),
            [""; 0]
        );
        assert_eq!(found(&[("a.md", "```\n```\n[c](c.md)\n")]).len(), 1);
        assert_eq!(found(&[("a.md", "[`b`](b.md)\n")]).len(), 1);
    }

    #[test]
    fn a_heading_that_is_not_there_is_dead() {
        let text = "# One claim\n## `Vault`, [Messenger](b.rs)\n## One claim\n";
        for good in ["one-claim", "vault-messenger", "one-claim-1"] {
            let link = format!("[x](a.md#{good})\n");
            assert_eq!(found(&[("a.md", text), ("b.md", &link), ("b.rs", "")]), [""; 0], "{good}");
        }
        let dead = found(&[("a.md", text), ("b.md", "[x](a.md#two)"), ("b.rs", "")]);
        assert_eq!(dead, ["dead link: no heading `#two` in `a.md`"]);
        assert_eq!(found(&[("a.md", "[x](#gone)\n")]).len(), 1);
    }

    #[test]
    fn a_symbol_or_line_that_is_not_there_is_dead() {
        let rust =
            "pub struct Batch;\nimpl Batch {\n    pub fn hash(&self) {}\n}\nlet x = hash2();\n";
        for good in ["Batch", "hash", "Batch::hash", "L5"] {
            let link = format!("[x](a.rs#{good})");
            assert_eq!(found(&[("a.md", &link), ("a.rs", rust)]), [""; 0], "{good}");
        }
        for bad in ["has", "hash2", "Claim::hash", "L6", "x"] {
            let link = format!("[x](a.rs#{bad})");
            assert_eq!(found(&[("a.md", &link), ("a.rs", rust)]).len(), 1, "{bad}");
        }
        let contract = "contract Vault {\n  uint256 public constant MAX = 3;\n  // function gone()\n  function pay() external {}\n}\n";
        for (symbol, dead) in [("Vault.pay", 0), ("MAX", 0), ("gone", 1), ("Inbox.pay", 1)] {
            let link = format!("[x](V.sol#{symbol})");
            assert_eq!(found(&[("a.md", &link), ("V.sol", contract)]).len(), dead, "{symbol}");
        }
    }
}
