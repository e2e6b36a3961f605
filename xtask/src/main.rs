//! Automation for the Mezzanine tree: checks, contract artifacts, guest programs, simulation, soak, fuzzing.

mod contracts;
mod fuzz_rpc;
mod guest;
mod simulate;
mod soak;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Automation for the Mezzanine tree.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the house rules: rings, bans, sizes, links, formatting, lints.
    Tidy(tidy::Args),
    /// Build the contracts and write their artifacts, or check the committed ones.
    Contracts(contracts::Args),
    /// Build the guest programs for RV64IM, or check the committed ones.
    Guest(guest::Args),
    /// Run the whole network in one process, from seeds: crashes, reorganisations, attackers.
    Simulate(simulate::Args),
    /// Throw malformed and hostile requests at a node's RPC, and see that it neither falls nor fills.
    FuzzRpc(fuzz_rpc::Args),
    /// Kill nodes at random under load, and see that nothing is lost.
    Soak(soak::Args),
    /// Fills the disk of nodes under load, again and again, and looks for what is lost.
    FullDisk(soak::full_disk::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Tidy(args) => tidy::run(&args),
        Command::Contracts(args) => contracts::run(&args),
        Command::Guest(args) => guest::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::FuzzRpc(args) => fuzz_rpc::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::FullDisk(args) => soak::full_disk::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
