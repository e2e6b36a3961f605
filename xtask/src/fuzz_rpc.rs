//! `cargo xtask fuzz-rpc`: malformed and hostile requests, and a node that answers them all.
//!
//! A real process with its embedded L1 serves; requests come from a seed, each from the seed and its
//! number alone, so that one that fails can be made again without the others. The methods and their
//! parameters are those of `docs/openrpc.json`: a new method is asked without anybody thinking of it. What
//! must hold is written beside each check: of answers in `judge.rs`, of the process in `world.rs`, of its memory here.

mod judge;
mod mutate;
mod schema;
mod shot;
mod wire;
mod world;

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use eyre::{WrapErr as _, bail, ensure, eyre};

use self::{
    judge::Kinds,
    schema::{Facts, Methods},
    shot::{Held, Shot},
    wire::Target,
    world::{Pulse, World, folder},
};
use crate::soak::{mezz_binary, root};

/// Longest wait for one answer: a node has four places for work that takes long, and the machine may be busy.
const BOUND: Duration = Duration::from_secs(90);
/// Requests at once.
const WORKERS: usize = 6;
/// Connections that a worker leaves open before it closes the oldest.
const HELD: usize = 24;
/// Between two lines of progress.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// Between two looks at the process.
const LOOK: Duration = Duration::from_millis(500);
/// Memory that may come in the second half of a run: blocks and their caches grow, too.
const GROWTH_KIB: u64 = 64 << 10;
/// Requests that fail before a run gives up.
const FAILURES: usize = 12;
/// Runs that are shorter tell of memory and do not judge it: so long do the allocator's arenas fill.
const JUDGED_SECS: u64 = 600;
/// How often a request is made when it is made alone.
const ALONE: u32 = 3;

/// Arguments of `cargo xtask fuzz-rpc`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long to go on.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Names the requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Make one request alone, by its number, a few times.
    #[arg(long, value_name = "NUMBER")]
    only: Option<u64>,
    /// A node that runs already, as http://HOST:PORT; its log and memory are not looked at.
    #[arg(long, value_name = "URL")]
    against: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> eyre::Result<()> {
    let methods = Methods::read(&root()?)?;
    if let Some(url) = &args.against {
        let facts = Facts { addresses: vec![schema::VICTIM.to_owned()], ..Facts::default() };
        let run = Run::new(args.seed, &methods, facts, address(url)?);
        println!("fuzz: {url}, seed {}, {} methods", args.seed, methods.len());
        return run.go(args, None);
    }
    let dir = folder();
    let ended = started(args, &methods, &dir);
    if ended.is_ok() {
        fs::remove_dir_all(&dir)?;
    }
    ended.wrap_err_with(|| format!("the node's log and data are in {}", dir.display()))
}

/// Starts a node, and runs against it; what fails is tried alone on a new one.
fn started(args: &Args, methods: &Methods, dir: &std::path::Path) -> eyre::Result<()> {
    let mezz = mezz_binary(&root()?);
    let mut world = World::start(&mezz, &dir.join("run"))?;
    let run = Run::new(args.seed, methods, world.facts.clone(), address(&world.rpc.url())?);
    println!("fuzz: seed {}, {} methods", args.seed, methods.len());
    let ended = run.go(args, Some(&mut world));
    drop(world);
    let Err(error) = ended else { return Ok(()) };
    let mut suspects = run.suspects();
    if args.only.is_some() {
        suspects.clear();
    }
    for number in suspects {
        let mut world = World::start(&mezz, &dir.join(format!("alone-{number}")))?;
        let run = Run::new(args.seed, methods, world.facts.clone(), address(&world.rpc.url())?);
        if let Err(alone) = run.alone(number, Some(&mut world)) {
            println!("fuzz: request {number} alone fails, too: {alone:#}");
            return Err(error.wrap_err(again(args.seed, number)));
        }
        println!("fuzz: request {number} alone does not fail");
    }
    let Args { seconds, seed, .. } = args;
    Err(error.wrap_err(format!("again: cargo xtask fuzz-rpc --seconds {seconds} --seed {seed}")))
}

fn again(seed: u64, number: u64) -> String {
    format!("again: cargo xtask fuzz-rpc --seed {seed} --only {number}")
}

fn address(url: &str) -> eyre::Result<SocketAddr> {
    let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    host.to_socket_addrs()
        .wrap_err_with(|| format!("{url} is no address"))?
        .next()
        .ok_or_else(|| eyre!("{url} is nowhere"))
}

/// A run against one node.
struct Run<'m> {
    seed: u64,
    methods: &'m Methods,
    facts: Facts,
    target: Target,
    next: AtomicU64,
    stop: AtomicBool,
    seen: Mutex<Seen>,
}

/// What the workers saw.
#[derive(Default)]
struct Seen {
    done: u64,
    kinds: Kinds,
    /// Longest answer of each method, with the number of the request.
    slowest: BTreeMap<String, (Duration, u64)>,
    /// Requests without an answer yet.
    open: BTreeMap<u64, Instant>,
    /// The last ones that were answered.
    recent: VecDeque<u64>,
    failed: Vec<(u64, String)>,
}

impl<'m> Run<'m> {
    fn new(seed: u64, methods: &'m Methods, facts: Facts, addr: SocketAddr) -> Self {
        Self {
            seed,
            methods,
            facts,
            target: Target { addr, bound: BOUND },
            next: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            seen: Mutex::default(),
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go(&self, args: &Args, mut world: Option<&mut World>) -> eyre::Result<()> {
        if let Some(number) = args.only {
            return self.alone(number, world.as_deref_mut());
        }
        let started = Instant::now();
        let pulse = world.as_ref().map(|world| Pulse::start(&world.rpc, &world.sender));
        let watched = std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| self.work());
            }
            let end = started + Duration::from_secs(args.seconds);
            let watched = self.watch(end, world.as_deref_mut(), pulse.as_ref());
            self.stop.store(true, Ordering::Release);
            watched
        });
        let memory = watched?;
        self.failure(0)?;
        let transfers = pulse.map_or(Ok(0), Pulse::stop)?;
        if let Some(world) = world {
            world.check()?;
            println!("fuzz: {transfers} transfers in blocks meanwhile");
            match steady(&memory) {
                Ok(text) => println!("fuzz: {text}"),
                Err(error) if args.seconds < JUDGED_SECS => {
                    println!("fuzz: {error:#}, and may in a run of less than {JUDGED_SECS} s");
                }
                Err(error) => return Err(error),
            }
        }
        self.summary(started);
        Ok(())
    }

    /// One request, a few times, on a node that nobody else asks.
    fn alone(&self, number: u64, mut world: Option<&mut World>) -> eyre::Result<()> {
        let shot = Shot::number(self.seed, number, self.methods, &self.facts);
        println!("fuzz: request {number} {}", shot.describe());
        let mut kinds = Kinds::new();
        for _ in 0..ALONE {
            let began = Instant::now();
            let fired = shot.fire(&self.target, &mut kinds);
            println!("fuzz: after {} ms: {kinds:?}", began.elapsed().as_millis());
            fired.wrap_err_with(|| again(self.seed, number))?;
            if let Some(world) = world.as_deref_mut() {
                let pulse = Pulse::start(&world.rpc, &world.sender);
                world
                    .check()
                    .and_then(|()| pulse.stop())
                    .wrap_err_with(|| again(self.seed, number))?;
            }
        }
        Ok(())
    }

    /// Makes requests until it is told to stop.
    fn work(&self) {
        let mut held: VecDeque<Held> = VecDeque::new();
        while !self.stop.load(Ordering::Acquire) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let shot = Shot::number(self.seed, number, self.methods, &self.facts);
            self.seen().open.insert(number, Instant::now());
            let (began, mut kinds) = (Instant::now(), Kinds::new());
            let fired = shot.fire(&self.target, &mut kinds);
            let took = began.elapsed();
            let mut seen = self.seen();
            seen.done += 1;
            seen.open.remove(&number);
            seen.recent.push_back(number);
            if seen.recent.len() > WORKERS {
                seen.recent.pop_front();
            }
            for (kind, count) in kinds {
                *seen.kinds.entry(kind).or_default() += count;
            }
            let slowest = seen.slowest.entry(shot.method()).or_default();
            *slowest = (*slowest).max((took, number));
            match fired {
                Ok(None) => {}
                Ok(Some(connection)) => held.push_back(connection),
                Err(error) => {
                    let text = format!("request {number} {}: {error:#}", shot.describe());
                    seen.failed.push((number, text));
                }
            }
            drop(seen);
            if held.len() > HELD {
                held.pop_front();
            }
        }
    }

    /// Fails if more than `spared` requests did; says which.
    fn failure(&self, spared: usize) -> eyre::Result<()> {
        let failed = &self.seen().failed;
        if failed.len() <= spared {
            return Ok(());
        }
        for (number, text) in failed {
            println!("fuzz: {text}");
            println!("fuzz: {}", again(self.seed, *number));
        }
        Err(eyre!("{} requests were not answered as they must be", failed.len()))
    }

    /// Looks at the node and tells of progress until the end; its memory over time, KiB.
    fn watch(
        &self,
        end: Instant,
        mut world: Option<&mut World>,
        pulse: Option<&Pulse>,
    ) -> eyre::Result<Vec<u64>> {
        let (started, mut memory, mut told) = (Instant::now(), Vec::new(), Instant::now());
        while Instant::now() < end {
            std::thread::sleep(LOOK);
            // Of both, the process's end is the reason.
            if let Some(world) = world.as_deref_mut() {
                world.check()?;
                memory.push(world.resident_kib()?);
            }
            self.failure(FAILURES)?;
            let transfers = pulse.map_or(Ok(0), Pulse::check)?;
            if told.elapsed() > TOLD_EVERY {
                told = Instant::now();
                println!(
                    "fuzz: {} requests in {} s, {transfers} transfers in blocks, {} MiB",
                    self.seen().done,
                    started.elapsed().as_secs(),
                    memory.last().unwrap_or(&0) >> 10
                );
            }
        }
        Ok(memory)
    }

    /// Requests that may have done it: the one that failed, or the last ones and those under way.
    fn suspects(&self) -> Vec<u64> {
        let seen = self.seen();
        match seen.failed.first() {
            Some((number, _)) => vec![*number],
            None => seen.recent.iter().chain(seen.open.keys()).copied().collect(),
        }
    }

    fn summary(&self, started: Instant) {
        let seen = self.seen();
        let kinds: Vec<String> =
            seen.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("fuzz: answers: {}", kinds.join(", "));
        let mut slowest: Vec<_> = seen.slowest.iter().map(|(name, most)| (*most, name)).collect();
        slowest.sort_unstable();
        let slowest: Vec<String> = slowest
            .iter()
            .rev()
            .take(5)
            .map(|((took, number), name)| {
                format!("{name} {} ms (request {number})", took.as_millis())
            })
            .collect();
        println!("fuzz: slowest: {}", slowest.join(", "));
        println!("fuzz: {} requests, all answered, {} s", seen.done, started.elapsed().as_secs());
    }
}

/// Judges memory over time. The median of the last quarter of the run is held against that of the
/// quarter before it: the first half is for caches to fill. More than a tenth and 64 MiB is growth.
fn steady(memory: &[u64]) -> eyre::Result<String> {
    let quarter = memory.len() / 4;
    let median = |from: usize| {
        let mut part: Vec<u64> = memory.iter().skip(from).take(quarter.max(1)).copied().collect();
        part.sort_unstable();
        part.get(part.len() / 2).copied().unwrap_or_default()
    };
    let (third, last) = (median(quarter * 2), median(quarter * 3));
    let text = format!(
        "memory was {} MiB in the third quarter and {} MiB in the last, {} MiB at most",
        third >> 10,
        last >> 10,
        memory.iter().max().unwrap_or(&0) >> 10
    );
    ensure!(!memory.is_empty(), "memory was never looked at");
    if last > third + third / 10 && last - third > GROWTH_KIB {
        bail!("the node's {text}: it grows");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_in_the_second_half_is_found_and_no_other() {
        let mib = |values: &[u64]| values.iter().map(|it| it << 10).collect::<Vec<_>>();
        assert!(steady(&mib(&[100, 400, 500, 500, 510, 500, 520, 500])).is_ok());
        assert!(steady(&mib(&[100, 100, 100, 100, 100, 100, 200, 200])).is_err());
        // A peak is no growth.
        assert!(
            steady(&mib(&[100, 100, 100, 100, 100, 100, 900, 100, 100, 100, 100, 100])).is_ok()
        );
        assert!(steady(&[]).is_err());
    }

    #[test]
    fn a_request_is_its_seed_and_number() {
        let methods = Methods::read(&root().expect("a root")).expect("docs/openrpc.json");
        let facts = Facts::default();
        let described = |seed, number| Shot::number(seed, number, &methods, &facts).describe();
        let all: Vec<String> = (0..2_000).map(|number| described(1, number)).collect();
        assert_eq!(all[1_999], described(1, 1_999));
        assert_ne!(all[..100], (0..100).map(|number| described(2, number)).collect::<Vec<_>>()[..]);
        for method in
            ["eth_simulateV1", "mezz_getProof", "rpc.discover", "over WebSocket", "half of"]
        {
            assert!(all.iter().any(|text| text.contains(method)), "{method} is never asked");
        }
    }
}
