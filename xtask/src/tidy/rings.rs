//! Rings: dependencies point inward, and each ring keeps its hands off what it may not touch.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    finding::Finding,
    tree::Tree,
    workspace::{Dependency, Kind, Package, Workspace},
};

/// The most lines of the root of a binary.
const MAIN_LINES: usize = 100;
/// The most lines of code of a guest program's root.
const GUEST_MAIN_LINES: usize = 40;
/// The outermost ring.
const OUTERMOST: u64 = 3;

/// The feature flags that a crate may have: each adds, none changes a meaning.
const FEATURES: [&str; 5] = ["default", "std", "serde", "arbitrary", "test-utils"];

/// What a ring may not name as a dependency, with the reason.
struct RingBan {
    rings: &'static [u64],
    crates: &'static [&'static str],
    except: &'static [&'static str],
    why: &'static str,
}

/// A trailing `*` stands for any end of the name.
const RING_BANS: &[RingBan] = &[
    RingBan {
        rings: &[0],
        crates: &[
            "tokio*",
            "async-*",
            "futures*",
            "reqwest",
            "hyper*",
            "tower*",
            "jsonrpsee*",
            "axum",
            "mio",
            "url",
            "alloy",
            "alloy-provider",
            "alloy-transport*",
            "alloy-rpc-client",
            "alloy-network",
            "alloy-signer*",
            "alloy-contract",
        ],
        except: &[],
        why: "the core does no I/O and is synchronous",
    },
    RingBan {
        rings: &[0],
        crates: &["nomt*", "redb", "tempfile", "memmap*", "rocksdb", "libc", "rustix", "nix"],
        except: &[],
        why: "the core cannot name storage or the operating system",
    },
    RingBan {
        rings: &[0],
        crates: &["rand", "rand_*", "getrandom", "fastrand", "chrono", "time", "rayon*"],
        except: &[],
        why: "the core has no randomness, no clock and no threads",
    },
    RingBan {
        rings: &[0],
        crates: &["c-kzg", "secp256k1*", "blst", "ring"],
        except: &[],
        why: "cryptography reaches the core as an argument",
    },
    RingBan {
        rings: &[0, 1],
        crates: &["tracing-subscriber", "clap*", "indicatif", "jsonrpsee-server"],
        except: &[],
        why: "only services and binaries face a person or listen on a port",
    },
    RingBan {
        rings: &[0, 1, 2],
        crates: &["eyre", "color-eyre", "anyhow"],
        except: &["mezz-cli", "mezz-action-tests"],
        why: "a library's errors are facts with fields; untyped ones are for commands and tests",
    },
];

/// A volatile dependency that one place alone may name, whatever it needs it for.
struct Home {
    prefix: &'static str,
    homes: &'static [&'static str],
    also_in_core_tests: &'static [&'static str],
}

const HOMES: &[Home] = &[
    Home { prefix: "revm", homes: &["mezz-evm"], also_in_core_tests: &[] },
    Home { prefix: "op-revm", homes: &["mezz-evm"], also_in_core_tests: &[] },
    Home { prefix: "alloy-evm", homes: &["mezz-evm"], also_in_core_tests: &[] },
    Home { prefix: "nomt", homes: &["mezz-store"], also_in_core_tests: &["nomt-core"] },
    Home { prefix: "redb", homes: &["mezz-store"], also_in_core_tests: &[] },
];

/// What ring 0 may not link on the guest, however deep: each of these needs an operating system.
/// (`rand` alone does not: without `getrandom` it is traits over a generator that is passed in.)
const CORE_CLOSURE_BANS: &[&str] = &[
    "tokio*",
    "mio",
    "reqwest",
    "hyper*",
    "socket2",
    "nomt",
    "redb",
    "jsonrpsee*",
    "getrandom",
    "tracing-subscriber",
    "rayon*",
    "libc",
    "rustix",
    "c-kzg",
    "secp256k1-sys",
];

/// Checks the direct dependencies of every crate and the size of every binary's root.
pub(crate) fn check(tree: &Tree, workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &workspace.packages {
        findings.extend(check_ring(package));
        findings.extend(check_manifest(tree, package));
        for dependency in &package.dependencies {
            let line = line_of(tree, &package.manifest(), &dependency.name);
            findings.extend(check_direction(workspace, package, dependency, line));
            findings.extend(check_bans(package, dependency, line));
            findings.extend(check_home(package, dependency, line));
        }
        for binary in &package.binaries {
            let lines = tree.text(binary).map_or(0, |text| text.lines().count());
            if lines > MAIN_LINES {
                let what = format!("{lines} lines in a binary's root, {MAIN_LINES} allowed");
                findings.push(Finding::new(binary, 0, what, "move its logic into a library"));
            }
        }
    }
    findings.extend(check_guest_mains(tree));
    findings
}

/// Checks everything that ring 0 links when it is built for the guest.
pub(crate) fn check_core_closure(closure: &BTreeMap<String, BTreeSet<String>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, linked) in closure {
        for name in linked {
            if CORE_CLOSURE_BANS.iter().any(|ban| matches(ban, name)) {
                let what = format!("{package} links `{name}` on the guest, through a dependency");
                let fix = format!("switch off the feature that brings it: `cargo tree -i {name}`");
                findings.push(Finding::new(format!("crates/{package}/Cargo.toml"), 0, what, fix));
            }
        }
    }
    findings
}

fn check_ring(package: &Package) -> Option<Finding> {
    let fix = "write `[package.metadata.mezz]` with `ring = 0`, 1, 2 or 3 (see ARCHITECTURE.md)";
    match package.ring {
        Some(ring) if ring <= OUTERMOST => None,
        Some(ring) => {
            let what = format!("ring {ring} does not exist");
            Some(Finding::new(package.manifest(), 0, what, fix))
        }
        None => Some(Finding::new(package.manifest(), 0, "a crate without a ring", fix)),
    }
}

fn check_manifest(tree: &Tree, package: &Package) -> Vec<Finding> {
    let manifest = package.manifest();
    let mut findings = Vec::new();
    let text = tree.text(&manifest).unwrap_or_default();
    let Ok(parsed) = text.parse::<toml::Table>() else { return findings };
    let inherits = parsed.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
    if !text.is_empty() && inherits != Some(true) {
        let what = "the lint table of the workspace is not inherited";
        let fix = "write `[lints]` with `workspace = true`";
        findings.push(Finding::new(manifest.as_str(), 0, what, fix));
    }
    let features = parsed.get("features").and_then(toml::Value::as_table);
    for feature in features.into_iter().flat_map(toml::Table::keys) {
        if !FEATURES.contains(&feature.as_str()) {
            let what = format!("feature `{feature}`: only {} are known", FEATURES.join(", "));
            let fix = "make it an argument, or a crate of its own";
            findings.push(Finding::new(
                manifest.as_str(),
                line_of(tree, &manifest, feature),
                what,
                fix,
            ));
        }
    }
    findings
}

fn check_direction(
    workspace: &Workspace,
    package: &Package,
    dependency: &Dependency,
    line: usize,
) -> Option<Finding> {
    let inner = workspace.package(&dependency.name)?;
    let (from, to) = (package.ring?, inner.ring?);
    // Tests may stand a core on a real port.
    if to <= from || dependency.kind == Kind::Dev {
        return None;
    }
    let what = format!("ring {from} depends on {} in ring {to}", inner.name);
    let fix = "dependencies point inward: move what is needed inward, or pass it in as an argument";
    Some(Finding::new(package.manifest(), line, what, fix))
}

fn check_bans(package: &Package, dependency: &Dependency, line: usize) -> Option<Finding> {
    if dependency.kind == Kind::Dev {
        return None;
    }
    let ring = package.ring?;
    let ban = RING_BANS.iter().find(|ban| {
        ban.rings.contains(&ring)
            && !ban.except.contains(&package.name.as_str())
            && ban.crates.iter().any(|name| matches(name, &dependency.name))
    })?;
    let what = format!("ring {ring} names `{}`: {}", dependency.name, ban.why);
    Some(Finding::new(package.manifest(), line, what, "use it in an outer ring behind a port"))
}

fn check_home(package: &Package, dependency: &Dependency, line: usize) -> Option<Finding> {
    let home = HOMES.iter().find(|home| {
        let rest = dependency.name.strip_prefix(home.prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })?;
    let in_core_tests = package.ring == Some(0)
        && dependency.kind == Kind::Dev
        && home.also_in_core_tests.contains(&dependency.name.as_str());
    if home.homes.contains(&package.name.as_str()) || in_core_tests {
        return None;
    }
    let what = format!("`{}` is named outside {}", dependency.name, home.homes.join(", "));
    Some(Finding::new(package.manifest(), line, what, "use what that crate exports"))
}

fn check_guest_mains(tree: &Tree) -> Vec<Finding> {
    let guests = tree.ending("/src/main.rs").filter(|(path, _)| path.starts_with("guest/"));
    let mut findings = Vec::new();
    for (path, text) in guests {
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        let lines = text.lines().filter(is_code).count();
        if lines > GUEST_MAIN_LINES {
            let what =
                format!("{lines} lines of code, {GUEST_MAIN_LINES} allowed in a guest's root");
            findings.push(Finding::new(path, 0, what, "move the logic into a ring 0 crate"));
        }
    }
    findings
}

fn line_of(tree: &Tree, manifest: &str, dependency: &str) -> usize {
    let Some(text) = tree.text(manifest) else { return 0 };
    let names = |line: &str| {
        let rest = line.trim_start().strip_prefix(dependency);
        rest.is_some_and(|rest| rest.starts_with([' ', '=', '.']))
    };
    text.lines().position(names).map_or(0, |index| index + 1)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, ring: u64, dependencies: &[(&str, Kind)]) -> Package {
        let dependency =
            |(name, kind): &(&str, Kind)| Dependency { name: (*name).to_owned(), kind: *kind };
        Package {
            name: name.to_owned(),
            dir: format!("crates/{name}"),
            ring: Some(ring),
            dependencies: dependencies.iter().map(dependency).collect(),
            binaries: Vec::new(),
        }
    }

    fn findings(packages: Vec<Package>) -> Vec<String> {
        let findings = check(&Tree::default(), &Workspace { packages });
        findings.into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn inward_is_allowed_and_outward_is_not() {
        let inner = package("inner", 0, &[]);
        assert!(
            findings(vec![inner.clone(), package("outer", 2, &[("inner", Kind::Normal)])])
                .is_empty()
        );
        let outer = package("outer", 2, &[]);
        let bad = package("inner", 0, &[("outer", Kind::Normal)]);
        assert_eq!(findings(vec![bad, outer.clone()]), ["ring 0 depends on outer in ring 2"]);
        let tests = package("inner", 0, &[("outer", Kind::Dev)]);
        assert!(findings(vec![tests, outer]).is_empty());
    }

    #[test]
    fn a_crate_needs_a_ring() {
        let mut lost = package("lost", 0, &[]);
        lost.ring = None;
        assert_eq!(findings(vec![lost.clone()]), ["a crate without a ring"]);
        lost.ring = Some(4);
        assert_eq!(findings(vec![lost]), ["ring 4 does not exist"]);
    }

    #[test]
    fn the_core_may_not_name_the_world() {
        for name in ["tokio", "tokio-util", "redb", "rand", "libc", "secp256k1", "clap", "eyre"] {
            let core = package("core", 0, &[(name, Kind::Normal)]);
            assert!(!findings(vec![core]).is_empty(), "{name} passes");
        }
        assert!(findings(vec![package("core", 0, &[("tokio", Kind::Dev)])]).is_empty());
        assert!(findings(vec![package("port", 1, &[("tokio", Kind::Normal)])]).is_empty());
        assert!(!findings(vec![package("port", 1, &[("clap", Kind::Normal)])]).is_empty());
        assert!(!findings(vec![package("node", 2, &[("eyre", Kind::Normal)])]).is_empty());
        assert!(findings(vec![package("mezz-cli", 2, &[("eyre", Kind::Normal)])]).is_empty());
    }

    #[test]
    fn volatile_crates_have_one_home() {
        assert!(findings(vec![package("mezz-evm", 0, &[("revm", Kind::Normal)])]).is_empty());
        assert!(!findings(vec![package("mezz-devl1", 2, &[("revm", Kind::Dev)])]).is_empty());
        let precompile = package("mezz-node", 2, &[("revm-precompile", Kind::Normal)]);
        assert!(!findings(vec![precompile]).is_empty());
        assert!(findings(vec![package("mezz-store", 1, &[("nomt", Kind::Normal)])]).is_empty());
        assert!(findings(vec![package("mezz-trie", 0, &[("nomt-core", Kind::Dev)])]).is_empty());
        assert!(
            !findings(vec![package("mezz-trie", 0, &[("nomt-core", Kind::Normal)])]).is_empty()
        );
        assert!(!findings(vec![package("mezz-trie", 0, &[("nomt", Kind::Dev)])]).is_empty());
        assert!(!findings(vec![package("mezz-node", 2, &[("nomt-core", Kind::Dev)])]).is_empty());
    }

    #[test]
    fn the_closure_of_the_core_is_watched() {
        let linked = BTreeSet::from(["alloy-rlp".to_owned(), "getrandom".to_owned()]);
        let closure = BTreeMap::from([("mezz-evm".to_owned(), linked)]);
        let found = check_core_closure(&closure);
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("getrandom"));
    }

    #[test]
    fn roots_of_binaries_are_short() {
        let mut binary = package("tool", 3, &[]);
        binary.binaries.push("crates/tool/src/main.rs".to_owned());
        let workspace = Workspace { packages: vec![binary] };
        let long = "x\n".repeat(101);
        let short = "x\n".repeat(100);
        assert_eq!(check(&Tree::of(&[("crates/tool/src/main.rs", &long)]), &workspace).len(), 1);
        assert_eq!(check(&Tree::of(&[("crates/tool/src/main.rs", &short)]), &workspace).len(), 0);
        let guest = format!("// comment\n\n{}", "x\n".repeat(41));
        let none = Workspace::default();
        assert_eq!(check(&Tree::of(&[("guest/evm/src/main.rs", &guest)]), &none).len(), 1);
        let guest = format!("// comment\n\n{}", "x\n".repeat(40));
        assert_eq!(check(&Tree::of(&[("guest/evm/src/main.rs", &guest)]), &none).len(), 0);
    }

    #[test]
    fn a_finding_points_at_the_line_of_the_manifest() {
        let manifest = "[lints]\nworkspace = true\n[dependencies]\ntokio = { workspace = true }\n";
        let tree = Tree::of(&[("crates/core/Cargo.toml", manifest)]);
        let packages = vec![package("core", 0, &[("tokio", Kind::Normal)])];
        assert_eq!(check(&tree, &Workspace { packages })[0].line, 4);
    }

    #[test]
    fn features_are_of_the_known_kinds() {
        let found = |features: &str| {
            let manifest = format!("[lints]\nworkspace = true\n[features]\n{features}\n");
            let tree = Tree::of(&[("crates/core/Cargo.toml", manifest.as_str())]);
            check(&tree, &Workspace { packages: vec![package("core", 0, &[])] }).len()
        };
        assert_eq!(found("std = []\nserde = []"), 0);
        assert_eq!(found("fast = []"), 1);
    }

    #[test]
    fn the_lint_table_is_inherited() {
        let packages = vec![package("core", 0, &[])];
        let tree = Tree::of(&[("crates/core/Cargo.toml", "[package]\nname = \"core\"\n")]);
        assert_eq!(check(&tree, &Workspace { packages }).len(), 1);
    }
}
