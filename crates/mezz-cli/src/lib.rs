//! The commands of mezz.

mod admin;
mod args;
mod blobs;
mod client;
mod commands;
mod deposit;
mod doctor;
mod examples;
mod http;
mod keys;
mod keystore;
mod live;
mod metrics;
mod open_files;
mod output;
mod reference;
mod wiring;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

pub use args::Cli;
use args::{Command, LogFormat};
use output::Output;

/// Parses the command line and does what it says; the exit code.
pub fn run() -> std::process::ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_new(&cli.log).unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match cli.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    let out = Output::new(cli.json);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&eyre::eyre!(error), out),
    };
    let ended = runtime.block_on(dispatch(&cli.command, out));
    // What still runs was left on purpose: nobody waits for it.
    runtime.shutdown_background();
    match ended {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => fail(&error, out),
    }
}

async fn dispatch(command: &Command, out: Output) -> eyre::Result<()> {
    match command {
        Command::Up(args) => commands::up::run(args, out).await,
        Command::Deploy(args) => commands::deploy::run(args, out).await,
        Command::Node(args) => commands::node::run(args, out).await,
        Command::Deposit(args) => commands::deposit::run(args, out).await,
        Command::Withdraw { step } => commands::withdraw::run(step, out).await,
        Command::Key { command } => commands::key::run(command, out),
        Command::Doctor(args) => doctor::run(args, out).await,
        Command::Snapshot { command } => commands::snapshot::run(command, out).await,
        Command::Status(args) => commands::status::run(args, out).await,
        Command::Tour(args) => commands::tour::run(args, out).await,
        Command::Load(args) => commands::load::run(args, out).await,
        Command::Reference => {
            print!("{}", reference::reference());
            Ok(())
        }
    }
}

fn fail(error: &eyre::Report, out: Output) -> std::process::ExitCode {
    let causes = causes(error);
    if out.is_json() {
        println!("{}", serde_json::json!({ "event": "error", "causes": causes }));
    } else {
        eprintln!("error: {}", causes.join(": "));
    }
    std::process::ExitCode::FAILURE
}

/// What went wrong and why, outermost first; a cause that the one before it quotes is left out.
fn causes(error: &eyre::Report) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if causes.last().is_none_or(|outer| !outer.contains(&cause)) {
            causes.push(cause);
        }
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::causes;

    #[test]
    fn a_cause_is_told_once() {
        let error = eyre::eyre!("in use").wrap_err("cannot listen: in use").wrap_err("the L1");
        assert_eq!(causes(&error), ["the L1", "cannot listen: in use"]);
        let error = eyre::eyre!("no such file").wrap_err("the settings");
        assert_eq!(causes(&error), ["the settings", "no such file"]);
    }
}
