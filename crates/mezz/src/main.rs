//! One binary, every role.

use std::process::ExitCode;

fn main() -> ExitCode {
    mezz_cli::run()
}
