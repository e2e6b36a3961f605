//! What every text file keeps to: clean ends of lines, and no word of a place that others lack.

use super::{finding::Finding, tree::Tree};

/// Paths that exist on one machine alone. In two parts, so that this list is not a finding.
const MACHINE_PATHS: [(&str, &str); 4] =
    [("/ro", "ot/"), ("/wo", "rk/"), ("/ho", "me/"), ("/Use", "rs/")];

/// Hosts of package registries: which one serves a build is the builder's business.
const REGISTRY_HOSTS: [(&str, &str); 9] = [
    ("crates", ".io"),
    ("registry", ".npmjs.org"),
    ("npmjs", ".com"),
    ("yarnpkg", ".com"),
    ("pypi", ".org"),
    ("pythonhosted", ".org"),
    ("debian", ".org"),
    ("proxy.golang", ".org"),
    ("foundry.paradigm", ".xyz"),
];

/// How cargo names the one registry in a lock file, wherever its packages come from.
const LOCK_SOURCE: (&str, &str) =
    ("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");

/// What a tool writes and compares itself, without a newline at the end.
const SNAPSHOTS: &str = "contracts/snapshots/";

/// Checks every text file.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let places = |pairs: &[(&str, &str)]| -> Vec<String> {
        pairs.iter().map(|(start, end)| format!("{start}{end}")).collect()
    };
    let (paths, hosts) = (places(&MACHINE_PATHS), places(&REGISTRY_HOSTS));
    let lock_source = format!("{}{}", LOCK_SOURCE.0, LOCK_SOURCE.1);
    for (path, text) in tree.texts() {
        let is_lock = path == "Cargo.lock" || path.ends_with("/Cargo.lock");
        for (index, line) in text.split('\n').enumerate() {
            if is_lock && line == lock_source {
                continue;
            }
            let place = (path, index + 1);
            findings.extend(check_words(place, line, &paths, &hosts));
            if line.ends_with([' ', '\t', '\r']) {
                let what = "white space at the end of the line";
                findings.push(Finding::new(path, index + 1, what, "take it out"));
            }
        }
        findings.extend(check_end(path, text));
    }
    findings
}

fn check_words(
    (path, number): (&str, usize),
    line: &str,
    paths: &[String],
    hosts: &[String],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in paths.iter().filter(|word| starts_a_path(line, word)) {
        let what = format!("`{word}…` is a path of one machine");
        let fix = "name it from the root of the repository, or take it as an argument";
        findings.push(Finding::new(path, number, what, fix));
    }
    for word in hosts.iter().filter(|word| line.contains(word.as_str())) {
        let what = format!("`{word}` is a registry's host");
        let fix = "name the package alone: the client knows its registry";
        findings.push(Finding::new(path, number, what, fix));
    }
    findings
}

/// Whether `word` stands in the line as the start of an absolute path.
fn starts_a_path(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || ['_', '.', '-', '}', ')', '*'].contains(&c))
    })
}

fn check_end(path: &str, text: &str) -> Option<Finding> {
    if text.is_empty() {
        return None;
    }
    let lines = text.lines().count();
    if !text.ends_with('\n') && !path.starts_with(SNAPSHOTS) {
        return Some(Finding::new(path, lines, "no newline at the end of the file", "add one"));
    }
    if text.ends_with("\n\n") {
        return Some(Finding::new(path, lines, "empty lines at the end", "take them out"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn ends_are_clean() {
        assert_eq!(found("a.md", "text\n"), 0);
        assert_eq!(found("a.md", ""), 0);
        assert_eq!(found("a.md", "text \n"), 1);
        assert_eq!(found("a.md", "text\t\nx\n"), 1);
        assert_eq!(found("a.md", "text\r\n"), 1);
        assert_eq!(found("a.md", "text"), 1);
        assert_eq!(found("contracts/snapshots/a.json", "text"), 0);
        assert_eq!(found("a.md", "text\n\n"), 1);
    }

    #[test]
    fn machine_paths_are_found_and_others_are_not() {
        for (start, end) in MACHINE_PATHS {
            assert_eq!(found("a.md", &format!("see {start}{end}x\n")), 1);
            assert_eq!(found("a.md", &format!("\"{start}{end}x\"\n")), 1);
            assert_eq!(found("a.md", &format!("some{start}{end}x and ${{X}}{start}{end}\n")), 0);
        }
    }

    #[test]
    fn registry_hosts_are_found_save_in_lock_files() {
        for (start, end) in REGISTRY_HOSTS {
            assert_eq!(found("a.md", &format!("https://{start}{end}/x\n")), 1, "{start}{end}");
        }
        let source = format!("{}{}\n", LOCK_SOURCE.0, LOCK_SOURCE.1);
        assert_eq!(found("Cargo.lock", &source), 0);
        assert_eq!(found("guest/Cargo.lock", &source), 0);
        assert_eq!(found("a.toml", &source), 1);
        let mirror = source.replace("rust-lang", "mirror");
        assert_eq!(found("Cargo.lock", &mirror), 1);
    }
}
