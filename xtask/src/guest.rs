//! `cargo xtask guest`: guest programs for RV64IM and their hashes.

/// Arguments of `cargo xtask guest`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail when a committed file differs from what the sources give.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let check = args.check;
    eyre::bail!("`cargo xtask guest` (check: {check}) is not there yet")
}
