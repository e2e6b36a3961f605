//! `cargo xtask tidy`: the house rules, checked.
//!
//! Every checker is a pure function from the tree (and what cargo says about it) to findings; this
//! file gathers the facts, runs the checkers and prints. A finding names a place, what is wrong
//! there, and what to do about it.

mod core_bans;
mod duplicates;
mod finding;
mod invariants;
mod links;
mod rings;
mod rust;
mod sizes;
mod solidity;
mod test_rules;
mod text;
mod tools;
mod tree;
mod workspace;

use eyre::WrapErr as _;
use finding::Finding;
use rust::RustTree;
use tree::Tree;
use workspace::Workspace;

/// Arguments of `cargo xtask tidy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out clippy, the slow part.
    #[arg(long)]
    no_clippy: bool,
    /// Lower the entries of `xtask/ratchet.txt` to what the tree has now, and drop those not needed.
    #[arg(long)]
    shrink: bool,
}

/// Runs the command: all checkers, every finding printed, an error when there is one.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let root = tools::root()?;
    let tree = Tree::load(&root).wrap_err("list the files of the repository")?;
    let workspace = Workspace::load(&root).wrap_err("read the workspace from cargo")?;
    let (rust, mut findings) = RustTree::parse(&tree);
    if args.shrink {
        let kept = sizes::shrink(&tree, &rust);
        std::fs::write(root.join(sizes::RATCHET), kept).wrap_err("write the ratchet file")?;
    }
    let tree = if args.shrink { Tree::load(&root)? } else { tree };
    findings.extend(rings::check(&tree, &workspace));
    findings.extend(rings::check_core_closure(&tools::core_closure(&root, &workspace)?));
    findings.extend(duplicates::check(&tree, &tools::versions(&root)?));
    findings.extend(core_bans::check(&tree, &rust, &workspace));
    findings.extend(sizes::check(&tree, &rust));
    findings.extend(test_rules::check(&tree, &rust));
    findings.extend(links::check(&tree));
    findings.extend(invariants::check(&tree, &rust));
    findings.extend(text::check(&tree));
    findings.extend(solidity::check(&tree));
    findings.extend(tools::check_format(&root, &tree)?);
    if !args.no_clippy {
        findings.extend(tools::check_lints(&root)?);
    }
    report(findings, tree.len())
}

/// Prints the findings in the order of the tree.
fn report(mut findings: Vec<Finding>, files: usize) -> eyre::Result<()> {
    findings.sort();
    findings.dedup();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!("tidy: {files} files, nothing to do");
        return Ok(());
    }
    eyre::bail!("tidy: {} findings in {files} files", findings.len())
}
