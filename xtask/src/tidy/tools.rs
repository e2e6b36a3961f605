//! The programs that tidy asks: cargo, rustfmt, clippy.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{OptionExt as _, WrapErr as _, ensure};

use super::{finding::Finding, tree::Tree, workspace::Workspace};

/// The target of guest programs: what ring 0 depends on is judged as it is built for the guest.
const GUEST_TARGET: &str = "riscv64imac-unknown-none-elf";
/// The target on which everything else runs.
const HOST_TARGET: &str = "x86_64-unknown-linux-gnu";

/// The root of the repository: the folder above this crate.
pub(crate) fn root() -> eyre::Result<PathBuf> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.parent().map(Path::to_path_buf).ok_or_eyre("xtask has no folder above it")
}

/// The cargo that runs this program, started at the root.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Names of all crates that ring 0 links when it is built for the guest.
pub(crate) fn core_closure(
    root: &Path,
    workspace: &Workspace,
) -> eyre::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut closure = BTreeMap::new();
    for package in workspace.ring(0) {
        let output = cargo(root)
            .args(["tree", "--locked", "--prefix=none", "--format={p}", "--edges=normal"])
            .args(["--target", GUEST_TARGET, "--package", &package.name])
            .output()
            .wrap_err("run cargo tree")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo tree failed:\n{errors}");
        let lines = String::from_utf8(output.stdout)?;
        let names = lines.lines().filter_map(|line| line.split(' ').next());
        closure.insert(package.name.clone(), names.map(str::to_owned).collect());
    }
    Ok(closure)
}

/// The versions of every crate that the workspace builds on the host, tests among it.
pub(crate) fn versions(root: &Path) -> eyre::Result<BTreeMap<String, BTreeSet<String>>> {
    let output = cargo(root)
        .args(["tree", "--locked", "--workspace", "--prefix=none", "--format={p}"])
        .args(["--edges=normal,build,dev", "--target", HOST_TARGET])
        .output()
        .wrap_err("run cargo tree")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo tree failed:\n{errors}");
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout)?.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let (name, version) =
            words.next().zip(words.next()).ok_or_eyre("a crate with no version")?;
        versions.entry(name.to_owned()).or_default().insert(version.to_owned());
    }
    Ok(versions)
}

/// `cargo fmt --check` on the workspace and on the manifests beside it.
pub(crate) fn check_format(root: &Path, tree: &Tree) -> eyre::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for manifest in ["Cargo.toml", "guest/Cargo.toml", "fuzz/Cargo.toml"] {
        if !tree.has(manifest) {
            continue;
        }
        let output = cargo(root)
            .args(["fmt", "--all", "--manifest-path", manifest, "--", "--check", "-l"])
            .output()
            .wrap_err("run cargo fmt")?;
        let unformatted = String::from_utf8_lossy(&output.stdout).into_owned();
        for path in unformatted.lines() {
            let path = path.strip_prefix(&format!("{}/", root.display())).unwrap_or(path);
            findings.push(Finding::new(path, 0, "not formatted", "run `cargo fmt --all`"));
        }
        let clean = output.status.success() || !unformatted.trim().is_empty();
        ensure!(clean, "cargo fmt failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(findings)
}

/// Clippy on every target, warnings denied; it prints what it finds itself.
pub(crate) fn check_lints(root: &Path) -> eyre::Result<Vec<Finding>> {
    let status = cargo(root)
        .args(["clippy", "--release", "--workspace", "--all-targets", "--locked", "--quiet"])
        .args(["--", "-D", "warnings"])
        .status()
        .wrap_err("run cargo clippy")?;
    if status.success() {
        return Ok(Vec::new());
    }
    let fix = "see its messages above; a lint is silenced only by `#[expect(…, reason = \"…\")]`";
    Ok(vec![Finding::new("Cargo.toml", 0, "clippy found something", fix)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crate of its own, formatted by default rules.
    fn crate_with(source: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("src")).unwrap();
        let manifest = "[package]\nname = \"planted\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(dir.path().join("Cargo.toml"), manifest).unwrap();
        std::fs::write(dir.path().join("src/lib.rs"), source).unwrap();
        dir
    }

    #[test]
    fn what_is_not_formatted_is_found() {
        let tree = Tree::of(&[("Cargo.toml", "")]);
        let dir = crate_with("fn  f( ){}\n");
        let found = check_format(dir.path(), &tree).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].path.ends_with("src/lib.rs"), "{found:?}");
        let dir = crate_with("fn f() {}\n");
        assert_eq!(check_format(dir.path(), &tree).unwrap(), []);
    }

    #[test]
    fn versions_and_closures_are_read_from_cargo() {
        let root = root().unwrap();
        let versions = versions(&root).unwrap();
        assert_eq!(versions.get("xtask").map(BTreeSet::len), Some(1));
        let workspace = Workspace::load(&root).unwrap();
        let closure = core_closure(&root, &workspace).unwrap();
        assert!(
            closure.get("mezz-types").is_some_and(|linked| linked.contains("alloy-primitives"))
        );
        // A port is no part of the core's closure, or the bans would mean nothing.
        assert!(!closure.contains_key("mezz-store"));
    }
}
