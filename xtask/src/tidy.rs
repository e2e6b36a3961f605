//! `cargo xtask tidy`: the house rules, checked.

/// Arguments of `cargo xtask tidy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out clippy, the slow part.
    #[arg(long)]
    no_clippy: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let no_clippy = args.no_clippy;
    eyre::bail!("`cargo xtask tidy` (no clippy: {no_clippy}) is not there yet")
}
