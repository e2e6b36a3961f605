//! The files of the repository, read once.

use std::{collections::BTreeMap, path::Path, process::Command};

use eyre::{WrapErr as _, ensure};

/// All files that git knows or would add, by path from the root. A file that is not UTF-8 text is
/// there by name only.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads the tree below `root`: tracked files and new ones that no ignore rule names.
    pub(crate) fn load(root: &Path) -> eyre::Result<Self> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .wrap_err("run git ls-files")?;
        ensure!(output.status.success(), "git ls-files failed: {}", output.status);
        let listing = String::from_utf8(output.stdout).wrap_err("a file name is not UTF-8")?;
        let mut files = BTreeMap::new();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            // A tracked file may be deleted in the working copy: then it is not part of the tree.
            let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
            let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
            files.insert(path.to_owned(), text);
        }
        Ok(Self { files })
    }

    /// A tree made of the given texts.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())));
        Self { files: files.collect() }
    }

    /// Number of files.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// The text of a file, when there is such a file and it is text.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether there is a file or a folder of that path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty()
            || self.files.contains_key(path)
            || self
                .files
                .keys()
                .any(|file| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Every text file with its path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// The text files whose name ends so.
    pub(crate) fn ending(&self, end: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.texts().filter(move |(path, _)| path.ends_with(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_what_git_has_or_would_add() {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let status = Command::new("git").args(args).current_dir(dir.path()).status().unwrap();
            assert!(status.success(), "git {args:?}");
        };
        git(&["init", "--quiet"]);
        std::fs::create_dir(dir.path().join("docs")).unwrap();
        for (path, bytes) in [
            ("tracked.md", &b"text"[..]),
            ("docs/new.md", b"text"),
            ("image.png", b"\x00\xff"),
            (".gitignore", b"ignored.md\n"),
            ("ignored.md", b"text"),
            ("deleted.md", b"text"),
        ] {
            std::fs::write(dir.path().join(path), bytes).unwrap();
        }
        git(&["add", "tracked.md", "deleted.md"]);
        std::fs::remove_file(dir.path().join("deleted.md")).unwrap();
        let tree = Tree::load(dir.path()).unwrap();
        assert_eq!(tree.text("tracked.md"), Some("text"));
        assert!(tree.has("docs/new.md") && tree.has("docs") && tree.has("docs/"));
        assert!(tree.has("image.png") && tree.text("image.png").is_none());
        assert!(!tree.has("ignored.md") && !tree.has("deleted.md") && !tree.has("doc"));
        assert_eq!(tree.len(), 4);
    }
}
