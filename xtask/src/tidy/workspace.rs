//! The crates of the workspace, as `cargo metadata` tells them.

use std::path::Path;

use eyre::{OptionExt as _, WrapErr as _, ensure};
use serde_json::Value;

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Part of the product.
    Normal,
    /// For tests, benches and examples only.
    Dev,
    /// For the build script.
    Build,
}

/// One named dependency of a crate.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    /// Name of the crate depended on.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) kind: Kind,
}

/// A crate of the workspace.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its folder from the root of the repository.
    pub(crate) dir: String,
    /// `package.metadata.mezz.ring`.
    pub(crate) ring: Option<u64>,
    /// Its direct dependencies.
    pub(crate) dependencies: Vec<Dependency>,
    /// Paths of the roots of its binaries, from the root of the repository.
    pub(crate) binaries: Vec<String>,
}

/// All crates of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// In the order of cargo.
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load(root: &Path) -> eyre::Result<Self> {
        let output = super::tools::cargo(root)
            .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
            .output()
            .wrap_err("run cargo metadata")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed:\n{errors}");
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        Self::from_metadata(&metadata, root)
    }

    fn from_metadata(metadata: &Value, root: &Path) -> eyre::Result<Self> {
        let packages = list(metadata, "packages")?;
        let packages = packages.iter().map(|package| Package::from_metadata(package, root));
        Ok(Self { packages: packages.collect::<eyre::Result<_>>()? })
    }

    /// The crate of that name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// The crates of a ring.
    pub(crate) fn ring(&self, ring: u64) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(move |package| package.ring == Some(ring))
    }
}

impl Package {
    fn from_metadata(package: &Value, root: &Path) -> eyre::Result<Self> {
        let manifest = relative(string(package, "manifest_path")?, root)?;
        let dir = manifest.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned();
        let mut dependencies = Vec::new();
        for dependency in list(package, "dependencies")? {
            let kind = match dependency.get("kind").and_then(Value::as_str) {
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                _ => Kind::Normal,
            };
            dependencies.push(Dependency { name: string(dependency, "name")?.to_owned(), kind });
        }
        let mut binaries = Vec::new();
        for target in list(package, "targets")? {
            if list(target, "kind")?.iter().any(|kind| kind == "bin") {
                binaries.push(relative(string(target, "src_path")?, root)?);
            }
        }
        let ring = package.pointer("/metadata/mezz/ring").and_then(Value::as_u64);
        Ok(Self { name: string(package, "name")?.to_owned(), dir, ring, dependencies, binaries })
    }

    /// The path of its manifest.
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.dir)
    }
}

fn list<'a>(value: &'a Value, key: &str) -> eyre::Result<&'a Vec<Value>> {
    let list = value.get(key).and_then(Value::as_array);
    list.ok_or_eyre(format!("cargo metadata has no list `{key}`"))
}

fn string<'a>(value: &'a Value, key: &str) -> eyre::Result<&'a str> {
    let string = value.get(key).and_then(Value::as_str);
    string.ok_or_eyre(format!("cargo metadata has no string `{key}`"))
}

fn relative(path: &str, root: &Path) -> eyre::Result<String> {
    let path = Path::new(path).strip_prefix(root).wrap_err("a crate outside the repository")?;
    path.to_str().map(str::to_owned).ok_or_eyre("a path that is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rings_dependencies_and_binaries() {
        let metadata = serde_json::json!({ "packages": [{
            "name": "inner",
            "manifest_path": "/r/crates/inner/Cargo.toml",
            "metadata": { "mezz": { "ring": 2 } },
            "dependencies": [
                { "name": "a", "kind": null },
                { "name": "b", "kind": "dev" },
                { "name": "c", "kind": "build" },
            ],
            "targets": [
                { "kind": ["lib"], "src_path": "/r/crates/inner/src/lib.rs" },
                { "kind": ["bin"], "src_path": "/r/crates/inner/src/main.rs" },
            ],
        }]});
        let workspace = Workspace::from_metadata(&metadata, Path::new("/r")).unwrap();
        let package = workspace.package("inner").unwrap();
        assert_eq!(package.ring, Some(2));
        assert_eq!(package.manifest(), "crates/inner/Cargo.toml");
        assert_eq!(package.binaries, ["crates/inner/src/main.rs"]);
        let kinds: Vec<Kind> = package.dependencies.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Dev, Kind::Build]);
        assert_eq!(workspace.ring(2).count(), 1);
        assert_eq!(workspace.ring(0).count(), 0);
    }
}
