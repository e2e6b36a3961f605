//! One run: fund, sign, send when due, watch the blocks, report.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU64,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};
use url::Url;

use crate::{
    LoadError, Percentiles, Recipients, Report, Workload,
    client::Client,
    fund::fund,
    prepare::{Prepared, prepare},
    report::refusals,
    workload::{Signed, Terms, key, recipient, sign},
};

/// Between looks for a new block.
const POLL: Duration = Duration::from_millis(20);

/// What to do.
#[derive(Clone, Debug)]
pub struct LoadSettings {
    /// The RPC.
    pub url: Url,
    /// Who pays.
    pub funder: PrivateKeySigner,
    /// Transactions a second; as fast as the answers come if there is none.
    pub rate: Option<NonZeroU64>,
    /// Transactions in all.
    pub count: u64,
    /// Accounts that send.
    pub senders: u64,
    /// What each does.
    pub workload: Workload,
    /// Accounts that receive transfers.
    pub recipients: Recipients,
    /// Transactions in one request.
    pub batch: u64,
    /// Requests without an answer at once. With a rate, one that is due waits for a place, and its latency counts.
    pub in_flight: u64,
    /// How long to wait for blocks after the last answer.
    pub patience: Duration,
    /// Names the senders.
    pub seed: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The senders get what they spend.
    Funding,
    /// The transactions are signed.
    Signing,
    /// The clock runs.
    Sending,
    /// All are sent; blocks are waited for.
    Draining,
}

/// What became of one transaction.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    due: Option<Instant>,
    accepted: Option<Instant>,
    included: Option<Instant>,
}

#[derive(Debug, Default)]
struct Book {
    fates: Vec<Fate>,
    refused: HashMap<String, u64>,
    last_answer: Option<Instant>,
    /// Those with transactions of the load.
    blocks: Vec<u64>,
    largest_block: u64,
}

type SharedBook = Arc<Mutex<Book>>;

fn with_book<T>(book: &SharedBook, act: impl FnOnce(&mut Book) -> T) -> T {
    // A writer that panicked left whole entries.
    act(&mut book.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Runs a load; `progress` hears of each stage.
///
/// # Errors
/// [`LoadError`]. Refused transactions are part of the report, no error.
pub async fn run(
    settings: &LoadSettings,
    mut progress: impl FnMut(Event),
) -> Result<Report, LoadError> {
    for (what, value) in
        [("count", settings.count), ("senders", settings.senders), ("batch", settings.batch)]
    {
        if value == 0 {
            return Err(LoadError::Nothing { what });
        }
    }
    let client = Client::new(settings.url.clone())?;
    let keys: Vec<PrivateKeySigner> =
        (0..settings.senders).map(|index| key(settings.seed, index)).collect::<Result<_, _>>()?;
    let senders: Vec<Address> = keys.iter().map(PrivateKeySigner::address).collect();
    progress(Event::Funding);
    let plain = plain_terms(&client, settings).await?;
    let each = settings.count.div_ceil(settings.senders);
    let prepared = prepare(&client, settings.workload, &settings.funder, &senders, &plain).await?;
    fund(&client, &settings.funder, &senders, prepared.cost(each), &plain).await?;
    prepared.set_up(&client, &keys).await?;
    progress(Event::Signing);
    let signed = Arc::new(sign_all(&client, settings, &prepared, &keys, &senders).await?);
    progress(Event::Sending);
    let book = SharedBook::default();
    with_book(&book, |book| book.fates = vec![Fate::default(); signed.len()]);
    let (all_answered, answered) = watch::channel(false);
    let head = client.head().await?;
    let watching = tokio::spawn(watch_blocks(
        client.clone(),
        head,
        signed.iter().enumerate().map(|(index, it)| (it.hash, index)).collect(),
        Arc::clone(&book),
        answered,
        settings.patience,
    ));
    let started = Instant::now();
    let sent_in = send_all(&client, settings, &signed, &book, started).await;
    progress(Event::Draining);
    all_answered.send_replace(true);
    // The task neither panics nor is aborted.
    watching.await.unwrap_or(Ok(()))?;
    let reverted = match settings.workload {
        Workload::Ether => 0,
        Workload::Token | Workload::Swap => count_reverted(&client, &signed, &book).await?,
    };
    Ok(with_book(&book, |book| report(book, started, sent_in, reverted)))
}

async fn count_reverted(
    client: &Client,
    signed: &[Signed],
    book: &SharedBook,
) -> Result<u64, LoadError> {
    let ours: HashSet<B256> = signed.iter().map(|it| it.hash).collect();
    let mut count = 0;
    for number in with_book(book, |book| book.blocks.clone()) {
        let reverted = client.reverted(number).await?;
        count += reverted.iter().filter(|hash| ours.contains(*hash)).count() as u64;
    }
    Ok(count)
}

/// The chain id that an RPC names.
///
/// # Errors
/// [`LoadError`] if it does not answer.
pub async fn chain_id(url: Url) -> Result<u64, LoadError> {
    Client::new(url)?.chain_id().await
}

/// Terms of a transfer of ether.
async fn plain_terms(client: &Client, settings: &LoadSettings) -> Result<Terms, LoadError> {
    let chain_id = client.chain_id().await?;
    // The base fee may rise while the load runs.
    let max_fee = client.gas_price().await?.saturating_mul(8).max(1);
    let to = recipient(Recipients::Uniform(u64::MAX), &[], settings.seed, 0);
    let gas_limit = client.gas(settings.funder.address(), to.into(), &Bytes::new()).await?;
    Ok(Terms { chain_id, gas_limit, max_fee })
}

/// Transaction `i` is of sender `i` modulo their number.
async fn sign_all(
    client: &Client,
    settings: &LoadSettings,
    prepared: &Prepared,
    keys: &[PrivateKeySigner],
    senders: &[Address],
) -> Result<Vec<Signed>, LoadError> {
    let mut nonces = Vec::with_capacity(senders.len());
    for sender in senders {
        nonces.push(client.nonce(*sender).await?);
    }
    let mut signed = Vec::with_capacity(usize::try_from(settings.count).unwrap_or_default());
    let (mut index, mut turn) = (0, 0);
    while index < settings.count {
        for (key, nonce) in keys.iter().zip(&mut nonces) {
            if index == settings.count {
                break;
            }
            let to = recipient(settings.recipients, senders, settings.seed, index);
            let call = prepared.action.call(to, turn);
            signed.push(sign(key, *nonce, call, &prepared.terms)?);
            *nonce = nonce.saturating_add(1);
            index += 1;
        }
        turn += 1;
        tokio::task::yield_now().await;
    }
    Ok(signed)
}

/// Sends everything; returns how long the sending took.
async fn send_all(
    client: &Client,
    settings: &LoadSettings,
    signed: &Arc<Vec<Signed>>,
    book: &SharedBook,
    started: Instant,
) -> Duration {
    let batch = usize::try_from(settings.batch).unwrap_or(usize::MAX);
    let places = usize::try_from(settings.in_flight).unwrap_or(usize::MAX);
    let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
    let mut requests = JoinSet::new();
    let mut first = 0;
    while first < signed.len() {
        let end = first.saturating_add(batch).min(signed.len());
        let due = match settings.rate {
            Some(rate) => {
                let due = started + Duration::from_secs_f64(first as f64 / rate.get() as f64);
                sleep_until(due).await;
                Some(due)
            }
            None => None,
        };
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let due = due.unwrap_or_else(Instant::now);
        with_book(book, |book| {
            book.fates[first..end].iter_mut().for_each(|fate| fate.due = Some(due));
        });
        let (client, signed, book) = (client.clone(), Arc::clone(signed), Arc::clone(book));
        requests.spawn(async move {
            let raw: Vec<&[u8]> = signed[first..end].iter().map(|it| it.raw.as_slice()).collect();
            let answers = client.send(&raw).await;
            drop(place);
            with_book(&book, |book| book.answered(first, end, answers));
        });
        while requests.try_join_next().is_some() {}
        first = end;
    }
    let sent_in = started.elapsed();
    while requests.join_next().await.is_some() {}
    sent_in
}

impl Book {
    fn answered(
        &mut self,
        first: usize,
        end: usize,
        answers: Result<Vec<Option<String>>, LoadError>,
    ) {
        let now = Instant::now();
        self.last_answer = Some(now);
        let answers = answers.unwrap_or_else(|error| vec![Some(error.to_string()); end - first]);
        for (fate, refused) in self.fates[first..end].iter_mut().zip(answers) {
            match refused {
                None => fate.accepted = Some(now),
                Some(reason) => *self.refused.entry(generic(&reason)).or_default() += 1,
            }
        }
    }

    fn outstanding(&self) -> bool {
        self.fates.iter().any(|fate| fate.accepted.is_some() && fate.included.is_none())
    }
}

/// A reason without what differs from one transaction to the next, so that equal ones are counted together.
pub(crate) fn generic(reason: &str) -> String {
    let word = |word: &str| {
        let is_value = word.starts_with("0x") || word.bytes().any(|byte| byte.is_ascii_digit());
        String::from(if is_value && !word.starts_with('(') { "…" } else { word })
    };
    reason.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

async fn watch_blocks(
    client: Client,
    mut head: u64,
    index: HashMap<B256, usize>,
    book: SharedBook,
    answered: watch::Receiver<bool>,
    patience: Duration,
) -> Result<(), LoadError> {
    let mut draining: Option<Instant> = None;
    loop {
        while let Some(hashes) = client.block(head + 1).await? {
            head += 1;
            let now = Instant::now();
            let ours: Vec<usize> = hashes.iter().filter_map(|it| index.get(it).copied()).collect();
            with_book(&book, |book| {
                book.blocks.extend((!ours.is_empty()).then_some(head));
                book.largest_block = book.largest_block.max(ours.len() as u64);
                ours.iter().for_each(|at| book.fates[*at].included = Some(now));
            });
        }
        if *answered.borrow() {
            let since = *draining.get_or_insert_with(Instant::now);
            if !with_book(&book, |book| book.outstanding()) || since.elapsed() > patience {
                return Ok(());
            }
        }
        sleep(POLL).await;
    }
}

fn report(book: &mut Book, started: Instant, sent_in: Duration, reverted: u64) -> Report {
    let per_sec = |count: usize, until: Option<Instant>| {
        let secs = until.map_or(0.0, |until| until.duration_since(started).as_secs_f64());
        if secs > 0.0 { (count as f64 / secs * 10.0).round() / 10.0 } else { 0.0 }
    };
    let latencies = |until: fn(&Fate) -> Option<Instant>| -> Vec<Duration> {
        let fates = book.fates.iter();
        fates.filter_map(|fate| Some(until(fate)?.duration_since(fate.due?))).collect()
    };
    let accepted = latencies(|fate| fate.accepted);
    let included = latencies(|fate| fate.included);
    let last_included = book.fates.iter().filter_map(|fate| fate.included).max();
    Report {
        sent: book.fates.len() as u64,
        accepted: accepted.len() as u64,
        included: included.len() as u64,
        reverted,
        sent_per_sec: per_sec(book.fates.len(), Some(started + sent_in)),
        accepted_per_sec: per_sec(accepted.len(), book.last_answer),
        included_per_sec: per_sec(included.len(), last_included),
        accept_ms: Percentiles::of(accepted),
        include_ms: Percentiles::of(included),
        blocks: book.blocks.len() as u64,
        largest_block: book.largest_block,
        refusals: refusals(std::mem::take(&mut book.refused)),
    }
}

#[cfg(test)]
mod tests {
    use super::generic;

    #[test]
    fn reasons_that_differ_in_values_are_one() {
        let reason = |nonce| format!("nonce too high: {nonce} of 0x1f (-32000)");
        assert_eq!(generic(&reason(5)), generic(&reason(77)));
        assert_eq!(generic(&reason(5)), "nonce too high: … of … (-32000)");
    }
}
