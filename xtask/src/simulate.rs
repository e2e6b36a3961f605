//! `cargo xtask simulate`: the whole network in one process, from seeds.
//!
//! The simulation is the example `simulate` of `mezz-action-tests`. It is built with the features of the whole
//! workspace, so that what `cargo test --workspace` has built is not built again.

use std::process::Command;

use eyre::{WrapErr as _, ensure, eyre};

/// Arguments of `cargo xtask simulate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// One seed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Seeds from the first to before the last.
    #[arg(long, default_value = "1..21", value_name = "FROM..TO", value_parser = range)]
    seeds: (u64, u64),
    /// Steps of each run, before everything is healed and comes to its end.
    #[arg(long, default_value_t = 120)]
    steps: u64,
    /// Print every event.
    #[arg(long)]
    events: bool,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let parts = text.split_once("..").and_then(|(from, to)| from.parse().ok().zip(to.parse().ok()));
    parts.filter(|(from, to)| from < to).ok_or_else(|| "a range of seeds is FROM..TO".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let build = ["build", "--quiet", "--release", "--workspace", "--example", "simulate"];
    let built = Command::new(cargo).args(build).status().wrap_err("run cargo")?;
    ensure!(built.success(), "the simulation does not build");
    // Beside this program lie the examples.
    let this = std::env::current_exe().wrap_err("find the folder of programs")?;
    let folder = this.parent().ok_or_else(|| eyre!("this program lies in no folder"))?;
    let (from, to) = args.seed.map_or(args.seeds, |seed| (seed, seed.saturating_add(1)));
    let numbers = [from, to, args.steps].map(|number| number.to_string());
    let program = folder.join("examples/simulate");
    let events = args.events.then_some("events");
    let ran =
        Command::new(program).args(numbers).args(events).status().wrap_err("run the simulation")?;
    ensure!(ran.success(), "a seed failed; the line with `again` repeats it");
    Ok(())
}
