//! `mezz doctor`: what about this machine and this configuration is unsafe, and what to do.

mod disk;
mod exposure;
mod l1;
mod machine;

use eyre::bail;
use mezz_deploy::ChainFile;
use serde::Serialize;

use crate::{args::DoctorArgs, output::Output};

pub(crate) use disk::FootprintText;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Nothing to do.
    Ok,
    /// It works, and something should be done.
    Warn,
    /// It does not work, or is not safe.
    Fail,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    check: &'static str,
    level: Level,
    /// What is so.
    finding: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, finding: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, finding: finding.into(), remedy: None }
    }

    pub(crate) fn warn(
        check: &'static str,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self { check, level: Level::Warn, finding: finding.into(), remedy }
    }

    pub(crate) fn fail(
        check: &'static str,
        finding: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self { check, level: Level::Fail, finding: finding.into(), remedy }
    }
}

/// Checks everything that the arguments name, and says what it found.
pub(crate) async fn run(args: &DoctorArgs, out: Output) -> eyre::Result<()> {
    let chain = args.chain.as_deref().map(ChainFile::read).transpose()?;
    let mut findings = machine::check(&args.data);
    findings.push(machine::check_store(&args.data, chain.as_ref()));
    findings.extend(disk::check(&args.data).await);
    findings.extend(exposure::check(args));
    findings.extend(l1::check(args, chain.as_ref()).await);
    for finding in &findings {
        let mark = match finding.level {
            Level::Ok => "ok  ",
            Level::Warn => "WARN",
            Level::Fail => "FAIL",
        };
        let mut text = format!("{mark}  {:<10}  {}", finding.check, finding.finding);
        if let Some(remedy) = &finding.remedy {
            text.push_str(&format!("\n      {:<10}  → {remedy}", ""));
        }
        out.emit("check", finding, text);
    }
    let count = |level| findings.iter().filter(|it| it.level == level).count();
    let (failed, warned) = (count(Level::Fail), count(Level::Warn));
    let value = serde_json::json!({ "checks": findings.len(), "failed": failed, "warned": warned });
    out.emit("doctor", &value, format!("{} checks, {warned} warnings", findings.len()));
    if failed > 0 {
        bail!("{failed} of {} checks failed", findings.len());
    }
    Ok(())
}
