//! A process that is killed and started again.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use eyre::{bail, eyre};
use serde_json::json;

use super::{LOOK, rpc::Rpc};

/// Lines of a log that an error repeats.
const SHOWN: usize = 12;

/// A child with its command line; it does not outlive this value.
pub(crate) struct Process {
    /// What it is called in messages, and in the name of its log.
    pub(crate) name: &'static str,
    /// Where it answers.
    pub(crate) rpc: Rpc,
    /// How often it was killed.
    pub(crate) crashes: u32,
    program: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `program`. The first of `arguments` is split at spaces, the others are not: they may be
    /// paths.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        rpc: Rpc,
        dir: &Path,
    ) -> eyre::Result<Self> {
        let (first, rest) = arguments.split_first().ok_or_else(|| eyre!("no arguments"))?;
        let mut arguments: Vec<String> = first.split(' ').map(str::to_owned).collect();
        arguments.extend_from_slice(rest);
        let log = dir.join(format!("{name}.log"));
        let child = spawn(program, &arguments, &log)?;
        Ok(Self { name, rpc, crashes: 0, program: program.to_owned(), arguments, log, child })
    }

    /// Waits until it serves; one that ends instead has failed.
    pub(crate) fn wait_until_it_answers(&mut self, patience: Duration) -> eyre::Result<()> {
        let started = Instant::now();
        while self.rpc.ask("eth_chainId", json!([])).is_err() {
            self.check_alive()?;
            if started.elapsed() > patience {
                bail!("{} serves nothing after {} s{}", self.name, patience.as_secs(), self.tail());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Fails if it has ended by itself: a process is to go on until it is killed.
    pub(crate) fn check_alive(&mut self) -> eyre::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended by itself, {status}{}", self.name, self.tail()),
        }
    }

    /// What the operating system calls it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// SIGKILL at this instant, and the same command line again.
    pub(crate) fn kill_and_start(&mut self) -> eyre::Result<()> {
        self.check_alive()?;
        self.child.kill()?;
        self.child.wait()?;
        self.crashes += 1;
        self.child = spawn(&self.program, &self.arguments, &self.log)?;
        Ok(())
    }

    fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(SHOWN);
        lines.iter().skip(from).map(|line| format!("\n  | {line}")).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &Path, arguments: &[String], log: &Path) -> eyre::Result<Child> {
    let log: File = OpenOptions::new().create(true).append(true).open(log)?;
    let command = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok(command)
}
