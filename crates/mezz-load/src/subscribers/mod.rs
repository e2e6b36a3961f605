//! Many WebSocket subscribers and a flood of heavy requests: what they do to blocks, and what they get.
//!
//! Two runs of the same trickle of transactions are compared: one on the node as it is, one with the subscribers
//! and the flood. A subscriber that watches throughout says when heads arrive.

mod flood;
mod follow;
mod socket;

use std::{fs, num::NonZeroU64, time::Duration};

use alloy::signers::local::PrivateKeySigner;
use serde::Serialize;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use url::Url;

use crate::{
    LoadError, LoadSettings, Percentiles, Recipients, Refusal, Workload, client::Client, run,
};
use flood::flood;
use follow::{End, Followed, Kind, Seen, follow};
use socket::Socket;

/// Connections that are opened at once.
const OPENING: usize = 64;
/// Between looks at the node's memory.
const MEMORY_POLL: Duration = Duration::from_millis(500);

/// What to do.
#[derive(Clone, Debug)]
pub struct SubscriberSettings {
    /// The RPC, for HTTP and WebSocket.
    pub url: Url,
    /// Who pays for the trickle.
    pub funder: PrivateKeySigner,
    /// Subscribers, each with a connection of its own: to heads and to logs in turn.
    pub subscribers: usize,
    /// Heavy requests under way at once.
    pub flood: usize,
    /// Transactions a second of the trickle.
    pub rate: NonZeroU64,
    /// How long each of the two runs takes.
    pub duration: Duration,
    /// How long to wait for what was not delivered when a run is over.
    pub patience: Duration,
    /// The node's process, if it runs here and its memory is to be looked at.
    pub pid: Option<u32>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriberEvent {
    /// The trickle alone.
    Quiet,
    /// The subscribers connect.
    Opening,
    /// The trickle, the subscribers and the flood.
    Flooded,
    /// What is on its way is waited for.
    Draining,
}

/// One of the two runs.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockPace {
    /// Heads that arrived.
    pub blocks: u64,
    /// Between their arrivals at one subscriber.
    pub interval_ms: Percentiles,
    /// Transactions of the trickle that were sent.
    pub sent: u64,
    /// Those that were seen in a block.
    pub included: u64,
    /// From being due to being seen in a block.
    pub include_ms: Percentiles,
    /// The node's memory at most, MiB; only with its process.
    pub node_rss_mib: Option<u64>,
}

/// What subscribers of one kind got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// How many there were.
    pub subscribers: u64,
    /// What they were to get.
    pub expected: u64,
    /// What they got.
    pub delivered: u64,
    /// What did not come, or came again.
    pub missed: u64,
    /// Subscribers to which something came out of order.
    pub disordered: u64,
    /// Subscribers whose subscription or connection the node closed.
    pub closed: u64,
}

/// Heavy requests of one kind.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeavyRequests {
    /// The method.
    pub method: &'static str,
    /// Answers with a result.
    pub answered: u64,
    /// Times until the answer, whatever it was.
    pub answer_ms: Percentiles,
    /// Answers without, by reason.
    pub refusals: Vec<Refusal>,
}

/// What a run gave.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriberReport {
    /// The trickle alone.
    pub quiet: BlockPace,
    /// With subscribers and flood.
    pub flooded: BlockPace,
    /// Those to `newHeads`.
    pub heads: Delivery,
    /// Those to `logs`.
    pub logs: Delivery,
    /// The flood.
    pub heavy: Vec<HeavyRequests>,
}

/// Runs it; `progress` hears of each stage.
///
/// # Errors
/// [`LoadError`]. What the node refuses or fails to deliver is part of the report, no error.
pub async fn run_subscribers(
    settings: &SubscriberSettings,
    mut progress: impl FnMut(SubscriberEvent),
) -> Result<SubscriberReport, LoadError> {
    if settings.subscribers == 0 {
        return Err(LoadError::Nothing { what: "subscribers" });
    }
    let client = Client::new(settings.url.clone())?;
    progress(SubscriberEvent::Quiet);
    let quiet = pace(settings).await?;
    progress(SubscriberEvent::Opening);
    let (tell, told) = watch::channel(None);
    let mut subscribers = open(settings, &told).await?;
    let start = client.head().await?;
    progress(SubscriberEvent::Flooded);
    let (stop, stopped) = watch::channel(false);
    let flooding = tokio::spawn(flood(client.clone(), settings.flood, stopped));
    let flooded = pace(settings).await?;
    stop.send_replace(true);
    progress(SubscriberEvent::Draining);
    // The task neither panics nor is aborted.
    let heavy = flooding.await.unwrap_or_default();
    let block = client.head().await?;
    let logs = client.log_count(start.saturating_add(1), block).await?;
    tell.send_replace(Some(End { start, block, logs, at: Instant::now() + settings.patience }));
    let end = End { start, block, logs, at: Instant::now() };
    let (mut heads, mut of_logs) = (Delivery::default(), Delivery::default());
    while let Some(followed) = subscribers.join_next().await {
        // As above.
        let Ok(followed) = followed else { continue };
        match followed.kind {
            Kind::Heads => heads.add(&followed, &end),
            Kind::Logs => of_logs.add(&followed, &end),
        }
    }
    Ok(SubscriberReport { quiet, flooded, heads, logs: of_logs, heavy })
}

impl Delivery {
    fn add(&mut self, followed: &Followed, end: &End) {
        let blocks = || followed.seen.iter().filter(|seen| end.covers(seen.block));
        let expected = match followed.kind {
            Kind::Heads => end.block.saturating_sub(end.start),
            Kind::Logs => end.logs,
        };
        let delivered = blocks().count() as u64;
        let pairs = blocks().zip(blocks().skip(1));
        let in_order = pairs.into_iter().all(|(one, next)| match followed.kind {
            Kind::Heads => next.block == one.block.saturating_add(1),
            Kind::Logs => (one.block, one.index) < (next.block, next.index),
        });
        self.subscribers += 1;
        self.expected += expected;
        self.delivered += delivered;
        self.missed += expected.abs_diff(delivered);
        self.disordered += u64::from(!in_order);
        self.closed += u64::from(followed.closed);
    }
}

/// Opens the subscribers; none is missing when this returns.
async fn open(
    settings: &SubscriberSettings,
    told: &watch::Receiver<Option<End>>,
) -> Result<JoinSet<Followed>, LoadError> {
    let mut following = JoinSet::new();
    let mut opening = JoinSet::new();
    let mut begun = 0usize;
    loop {
        while opening.len() < OPENING && begun < settings.subscribers {
            let url = settings.url.clone();
            let kind = if begun.is_multiple_of(2) { Kind::Heads } else { Kind::Logs };
            opening.spawn(async move {
                let mut socket = Socket::open(&url).await?;
                socket.subscribe(kind.params()).await?;
                Ok::<_, LoadError>((kind, socket))
            });
            begun += 1;
        }
        match opening.join_next().await {
            Some(Ok(opened)) => {
                let (kind, socket) = opened?;
                following.spawn(follow(kind, socket, told.clone()));
            }
            // The tasks neither panic nor are aborted.
            Some(Err(_)) => {}
            None => return Ok(following),
        }
    }
}

/// The trickle, and how blocks come meanwhile.
async fn pace(settings: &SubscriberSettings) -> Result<BlockPace, LoadError> {
    let count = settings.rate.get().saturating_mul(settings.duration.as_secs()).max(1);
    let load = LoadSettings {
        url: settings.url.clone(),
        funder: settings.funder.clone(),
        rate: Some(settings.rate),
        count,
        senders: 1,
        workload: Workload::Token,
        recipients: Recipients::Uniform(1_000),
        batch: 1,
        in_flight: 64,
        patience: settings.patience,
        seed: 1,
    };
    let mut socket = Socket::open(&settings.url).await?;
    socket.subscribe(Kind::Heads.params()).await?;
    let (stop, stopped) = watch::channel(false);
    let heads = tokio::spawn(arrivals(socket, stopped.clone()));
    let memory = tokio::spawn(peak_memory(settings.pid, stopped));
    let report = run(&load, |_| {}).await;
    stop.send_replace(true);
    // The tasks neither panic nor are aborted.
    let (heads, memory) = (heads.await.unwrap_or_default(), memory.await.unwrap_or_default());
    let report = report?;
    let intervals = heads.iter().zip(heads.iter().skip(1));
    Ok(BlockPace {
        blocks: heads.len() as u64,
        interval_ms: Percentiles::of(intervals.map(|(one, next)| *next - *one).collect()),
        sent: report.sent,
        included: report.included,
        include_ms: report.include_ms,
        node_rss_mib: memory,
    })
}

/// When heads arrive.
async fn arrivals(mut socket: Socket, mut stop: watch::Receiver<bool>) -> Vec<Instant> {
    let mut arrived = Vec::new();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return arrived,
            news = socket.next() => match news {
                Ok(news) if Seen::of(Kind::Heads, &news).is_some() => arrived.push(Instant::now()),
                Ok(_) => {}
                Err(_) => return arrived,
            },
        }
    }
}

/// The most memory that a process has, MiB, until it is enough.
async fn peak_memory(pid: Option<u32>, mut stop: watch::Receiver<bool>) -> Option<u64> {
    let path = format!("/proc/{}/status", pid?);
    let mut peak = None;
    loop {
        peak = peak.max(resident_mib(&fs::read_to_string(&path).unwrap_or_default()));
        if timeout(MEMORY_POLL, stop.wait_for(|stop| *stop)).await.is_ok() {
            return peak;
        }
    }
}

fn resident_mib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1_024)
}

/// Waits a moment before something is tried again.
async fn pause() {
    sleep(Duration::from_millis(50)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(kind: Kind, seen: &[(u64, u64)]) -> Followed {
        let seen = seen.iter().map(|(block, index)| Seen { block: *block, index: *index });
        Followed { kind, seen: seen.collect(), closed: false }
    }

    #[test]
    fn what_is_missing_what_came_twice_and_what_came_out_of_order_is_counted() {
        let end = End { start: 4, block: 7, logs: 3, at: Instant::now() };
        let add = |kind, seen: &[(u64, u64)]| {
            let mut delivery = Delivery::default();
            delivery.add(&followed(kind, seen), &end);
            (delivery.delivered, delivery.missed, delivery.disordered)
        };
        // Before and after does not count.
        assert_eq!(add(Kind::Heads, &[(4, 0), (5, 0), (6, 0), (7, 0), (8, 0)]), (3, 0, 0));
        assert_eq!(add(Kind::Heads, &[(5, 0), (7, 0)]), (2, 1, 1));
        assert_eq!(add(Kind::Heads, &[(5, 0), (6, 0), (6, 0), (7, 0)]), (4, 1, 1));
        assert_eq!(add(Kind::Logs, &[(5, 0), (5, 1), (7, 0)]), (3, 0, 0));
        assert_eq!(add(Kind::Logs, &[(5, 1), (5, 0), (7, 0)]), (3, 0, 1));
    }

    #[test]
    fn memory_is_read_in_mebibytes() {
        let status = "Name:\tmezz\nVmHWM:\t  999999 kB\nVmRSS:\t  204800 kB\n";
        assert_eq!((resident_mib(status), resident_mib("")), (Some(200), None));
    }
}
