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
    /// Bytes of the log when it was started last.
    said_before: u64,
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
        let program = program.to_owned();
        Ok(Self { name, rpc, crashes: 0, program, arguments, log, said_before: 0, child })
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
        self.start_again()
    }

    /// Starts it again with the same command line, if it has ended by itself and said `why`; whether it had.
    pub(crate) fn start_again_after(&mut self, why: &str) -> eyre::Result<bool> {
        let Some(status) = self.child.try_wait()? else { return Ok(false) };
        let log = std::fs::read(&self.log)?;
        let said = log.get(usize::try_from(self.said_before)?..).unwrap_or_default();
        if !String::from_utf8_lossy(said).contains(why) {
            bail!("{} ended, {status}, and does not say \"{why}\"{}", self.name, self.tail());
        }
        self.start_again()?;
        Ok(true)
    }

    fn start_again(&mut self) -> eyre::Result<()> {
        self.crashes += 1;
        self.said_before = std::fs::metadata(&self.log)?.len();
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
