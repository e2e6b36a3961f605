//! `cargo xtask contracts`: artifacts, ABI, storage layouts and gas snapshots.

/// Arguments of `cargo xtask contracts`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when a committed file differs from what the sources give.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let check = args.check;
    eyre::bail!("`cargo xtask contracts` (check: {check}) is not there yet")
}
