//! `mezz load`: how fast an RPC takes and includes transactions.

use eyre::{WrapErr as _, ensure};
use mezz_load::{Event, LoadSettings, Recipients, Report};
use url::Url;

use crate::{args::LoadArgs, keys, output::Output};

/// Who pays if nobody is named: the first account of every development chain.
const DEFAULT_FUNDER: u32 = 0;

/// Runs the load and prints its report.
pub(crate) async fn run(args: &LoadArgs, out: Output) -> eyre::Result<()> {
    let url = Url::parse(&args.rpc).wrap_err_with(|| args.rpc.clone())?;
    ensure!(
        args.key.signer.is_none(),
        "a load is signed here, ahead of time: name a key with --key-file or --dev-account"
    );
    let funder = if args.key.key_file.is_some() {
        keys::local_key(&args.key, mezz_load::chain_id(url.clone()).await?)?
    } else {
        keys::dev_account(args.key.dev_account.unwrap_or(DEFAULT_FUNDER))?
    };
    let settings = LoadSettings {
        url,
        funder,
        rate: args.rate,
        count: args.count,
        workload: args.kind.into(),
        senders: args.senders,
        recipients: args.recipients.map_or(Recipients::Senders, |it| Recipients::Uniform(it.get())),
        batch: args.batch,
        in_flight: args.in_flight,
        patience: args.patience,
        seed: args.seed,
    };
    let mut waiting = None;
    let report = mezz_load::run(&settings, |event| {
        // The spinner before goes when the next one comes.
        drop(waiting.take());
        waiting = Some(out.wait(match event {
            Event::Funding => "Funding the senders",
            Event::Signing => "Signing the transactions",
            Event::Sending => "Sending",
            Event::Draining => "Waiting for the last blocks",
        }));
    })
    .await;
    if let Some(waiting) = waiting {
        waiting.finish_and_clear();
    }
    let report = report?;
    out.emit("load", &report, text(&report));
    Ok(())
}

fn text(report: &Report) -> String {
    let Report { sent, accepted, included, accept_ms, include_ms, .. } = report;
    let mut text = format!(
        "sent      {sent:>9}   {:>9.1} a second\n\
         accepted  {accepted:>9}   {:>9.1} a second   \
         p50 {:.1} ms · p90 {:.1} · p99 {:.1} · max {:.1}\n\
         included  {included:>9}   {:>9.1} a second   \
         p50 {:.0} ms · p90 {:.0} · p99 {:.0} · max {:.0}\n\
         blocks    {:>9}   {:>9} transactions in the largest",
        report.sent_per_sec,
        report.accepted_per_sec,
        accept_ms.p50,
        accept_ms.p90,
        accept_ms.p99,
        accept_ms.max,
        report.included_per_sec,
        include_ms.p50,
        include_ms.p90,
        include_ms.p99,
        include_ms.max,
        report.blocks,
        report.largest_block,
    );
    if report.reverted > 0 {
        text.push_str(&format!("\nreverted  {:>9}", report.reverted));
    }
    for refusal in &report.refusals {
        text.push_str(&format!("\nrefused   {:>9}   {}", refusal.count, refusal.reason));
    }
    text
}
