//! `cargo xtask contracts`: artifacts, ABI, storage layouts and gas snapshots.
//!
//! Builds with the packages that `npm ci` put into `contracts/node_modules`, then writes what the
//! build gave in a form that depends on the sources alone: no paths, no identifiers of syntax
//! trees, keys in order. The same run makes the gas snapshots, so that a committed artifact and
//! its cost belong together.

mod artifact;
mod storage;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use eyre::{WrapErr as _, bail, eyre};

/// Folders of `contracts/src` whose contracts are deployed.
const PRODUCT: [&str; 4] = ["l1", "l2", "dispute", "load"];
/// Where artifacts are committed.
const ARTIFACTS: &str = "contracts/artifacts";
/// Where forge writes gas snapshots.
const SNAPSHOTS: &str = "contracts/snapshots";

/// Arguments of `cargo xtask contracts`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when a committed file differs from what the sources give.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or_else(|| eyre!("no parent"))?;
    let contracts = root.join("contracts");
    let forge = forge(&contracts)?;
    install(&contracts, &forge)?;
    forge_run(&forge, &contracts, &["build", "--skip", "test"], args.check)?;
    let names = product(&contracts)?;
    let mut stale = Vec::new();
    for name in &names {
        let built = fs::read_to_string(contracts.join(format!("out/{name}.sol/{name}.json")))
            .wrap_err_with(|| format!("read what forge built of {name}"))?;
        let text = artifact::normalized(name, &built)?;
        let path = root.join(ARTIFACTS).join(format!("{name}.json"));
        if !same(&path, &text) {
            stale.push(path.clone());
        }
        if !args.check {
            fs::create_dir_all(root.join(ARTIFACTS))?;
            fs::write(&path, text).wrap_err_with(|| format!("write {}", path.display()))?;
        }
    }
    stale.extend(leftovers(&root.join(ARTIFACTS), &names, args.check)?);
    forge_run(&forge, &contracts, &["test", "--match-path", "test/gas/*"], args.check)
        .wrap_err_with(|| format!("make or compare {SNAPSHOTS}"))?;
    report(root, &names, &stale, args.check)
}

fn same(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|committed| committed == text)
}

/// Names of the contracts of the product: one a file, named like it.
fn product(contracts: &Path) -> eyre::Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in PRODUCT {
        let folder = contracts.join("src").join(folder);
        for entry in fs::read_dir(&folder).wrap_err_with(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "sol") {
                let stem = path.file_stem().ok_or_else(|| eyre!("a source without a name"))?;
                names.push(stem.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Artifacts of contracts that are gone; removed unless only checking.
fn leftovers(folder: &Path, names: &[String], check: bool) -> eyre::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let known = path.file_stem().is_some_and(|stem| names.iter().any(|n| stem == n.as_str()));
        if !known {
            if !check {
                fs::remove_file(&path)?;
            }
            found.push(path);
        }
    }
    Ok(found)
}

/// The forge program of this platform, as its package ships it.
fn forge(contracts: &Path) -> eyre::Result<PathBuf> {
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        other => bail!("the packages of forge have no build for {other}"),
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("the packages of forge have no build for {other}"),
    };
    let package = format!("node_modules/@foundry-rs/forge-{system}-{machine}");
    Ok(contracts.join(package).join("bin/forge"))
}

/// Installs the packages of the lock file unless exactly these are there.
fn install(contracts: &Path, forge: &Path) -> eyre::Result<()> {
    let wanted =
        artifact::locked_packages(&fs::read_to_string(contracts.join("package-lock.json"))?)?;
    let installed = fs::read_to_string(contracts.join("node_modules/.package-lock.json"))
        .ok()
        .and_then(|text| artifact::locked_packages(&text).ok())
        .unwrap_or_default();
    // Packages for other platforms are in the lock file and are not installed.
    let known = |(path, version): (&String, &String)| wanted.get(path) == Some(version);
    if forge.is_file() && !installed.is_empty() && installed.iter().all(known) {
        return Ok(());
    }
    println!("contracts: npm ci");
    let status = Command::new("npm").arg("ci").current_dir(contracts).status();
    let status = status.wrap_err("run npm; install Node.js 20 or later")?;
    if !status.success() {
        bail!("`npm ci` in contracts/ failed: {status}");
    }
    Ok(())
}

fn forge_run(forge: &Path, contracts: &Path, args: &[&str], check: bool) -> eyre::Result<()> {
    println!("contracts: forge {}", args.join(" "));
    let status = Command::new(forge)
        .args(args)
        .current_dir(contracts)
        .env("FORGE_SNAPSHOT_CHECK", if check { "true" } else { "false" })
        .status()
        .wrap_err_with(|| format!("run {}", forge.display()))?;
    if !status.success() {
        bail!("`forge {}` failed: {status}", args.join(" "));
    }
    Ok(())
}

fn report(root: &Path, names: &[String], stale: &[PathBuf], check: bool) -> eyre::Result<()> {
    for path in stale {
        let path = path.strip_prefix(root).unwrap_or(path).display();
        println!("{} {path}", if check { "differs:" } else { "wrote" });
    }
    if check && !stale.is_empty() {
        bail!("{} artifacts are stale: run `cargo xtask contracts` and commit them", stale.len());
    }
    println!("contracts: {} artifacts, {} changed", names.len(), stale.len());
    Ok(())
}
