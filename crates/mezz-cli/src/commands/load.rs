//! `mezz load`: how fast an RPC takes and includes transactions.

use alloy::signers::local::PrivateKeySigner;
use eyre::{WrapErr as _, ensure};
use mezz_load::{
    Event, LoadSettings, Recipients, Report, SubscriberEvent, SubscriberReport, SubscriberSettings,
};
use url::Url;

use crate::{
    args::{KeyArgs, LoadArgs, OtherLoad, SubscribersArgs},
    keys, open_files,
    output::Output,
};

/// Who pays if nobody is named: the first account of every development chain.
const DEFAULT_FUNDER: u32 = 0;

/// Runs the load and prints its report.
pub(crate) async fn run(args: &LoadArgs, out: Output) -> eyre::Result<()> {
    if let Some(OtherLoad::Subscribers(args)) = &args.other {
        return subscribers(args, out).await;
    }
    let url = Url::parse(&args.rpc).wrap_err_with(|| args.rpc.clone())?;
    let funder = funder(&args.key, &url).await?;
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

async fn funder(key: &KeyArgs, url: &Url) -> eyre::Result<PrivateKeySigner> {
    ensure!(
        key.signer.is_none(),
        "a load is signed here, ahead of time: name a key with --key-file or --dev-account"
    );
    if key.key_file.is_some() {
        return keys::local_key(key, mezz_load::chain_id(url.clone()).await?);
    }
    keys::dev_account(key.dev_account.unwrap_or(DEFAULT_FUNDER))
}

async fn subscribers(args: &SubscribersArgs, out: Output) -> eyre::Result<()> {
    let url = Url::parse(&args.rpc).wrap_err_with(|| args.rpc.clone())?;
    open_files::require(args.subscribers as u64 + args.flood as u64)?;
    let settings = SubscriberSettings {
        funder: funder(&args.key, &url).await?,
        url,
        subscribers: args.subscribers,
        flood: args.flood,
        rate: args.rate,
        duration: args.duration,
        patience: args.patience,
        pid: args.pid,
    };
    let mut waiting = None;
    let report = mezz_load::run_subscribers(&settings, |event| {
        // The spinner before goes when the next one comes.
        drop(waiting.take());
        waiting = Some(out.wait(match event {
            SubscriberEvent::Quiet => "Looking at blocks without subscribers and flood",
            SubscriberEvent::Opening => "Opening subscribers",
            SubscriberEvent::Flooded => "Looking at blocks with them and the flood",
            SubscriberEvent::Draining => "Waiting for what is on its way",
        }));
    })
    .await;
    if let Some(waiting) = waiting {
        waiting.finish_and_clear();
    }
    let report = report?;
    out.emit("subscribers", &report, subscribers_text(&report));
    Ok(())
}

fn subscribers_text(report: &SubscriberReport) -> String {
    let mut text = String::new();
    for (name, pace) in [("quiet", &report.quiet), ("flooded", &report.flooded)] {
        let (blocks, included) = (&pace.interval_ms, &pace.include_ms);
        text.push_str(&format!(
            "{name:<8} {:>6} blocks     apart    p50 {:.0} ms · p99 {:.0} · max {:.0}\n\
             {:>15} of {} included after p50 {:.0} ms · p99 {:.0} · max {:.0}\n",
            pace.blocks,
            blocks.p50,
            blocks.p99,
            blocks.max,
            pace.included,
            pace.sent,
            included.p50,
            included.p99,
            included.max,
        ));
        if let Some(mib) = pace.node_rss_mib {
            text.push_str(&format!("{mib:>15} MiB of memory at most\n"));
        }
    }
    for (name, got) in [("heads", &report.heads), ("logs", &report.logs)] {
        text.push_str(&format!(
            "{name:<8} {:>6} subscribers got {} of {}: {} missed, {} out of order, {} closed\n",
            got.subscribers, got.delivered, got.expected, got.missed, got.disordered, got.closed,
        ));
    }
    for heavy in &report.heavy {
        text.push_str(&format!(
            "{:>15} × {} answered, p50 {:.0} ms · p99 {:.0}\n",
            heavy.answered, heavy.method, heavy.answer_ms.p50, heavy.answer_ms.p99,
        ));
        for refusal in &heavy.refusals {
            text.push_str(&format!("{:>15} × {}\n", refusal.count, refusal.reason));
        }
    }
    text.truncate(text.trim_end().len());
    text
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
