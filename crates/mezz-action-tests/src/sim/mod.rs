//! A simulation of the whole network: everything that happens follows from a seed.
//!
//! A seed draws the settings, who attacks, and a long row of steps; each step is done before the next
//! begins, time passes only in steps, keys come from names, and nothing asks the machine for chance. So a
//! seed gives the same events each time, and the hash over them, the audit, is the same: what makes two runs
//! of a seed differ is a fault of its own. What must hold is in `checks.rs`, by number.

mod attackers;
mod checks;
mod dice;
mod feed;
mod link;
mod member;
mod network;
mod step;
mod timer;

use std::{
    any::Any,
    sync::{Arc, Mutex},
    thread,
};

use alloy_primitives::{B256, keccak256};

use self::{
    dice::Dice,
    network::{Drawn, Network},
    step::{Step, Weights},
};

/// Events that a failure shows.
const SHOWN: usize = 25;
/// Times in a hundred that who was stopped is started again before a step.
const BACK: u64 = 15;
/// Stack of a run's thread.
const STACK: usize = 16 << 20;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Over all events, in order.
    pub hash: B256,
    /// The events.
    pub events: Vec<String>,
    /// Height of L2 in the end.
    pub blocks: u64,
}

/// Why a seed fails.
#[derive(Clone, Debug)]
pub struct SimFailure {
    /// The seed.
    pub seed: u64,
    /// What does not hold.
    pub reason: String,
    /// The last events, oldest first.
    pub last: Vec<String>,
}

/// Runs a seed twice, so many steps long.
///
/// # Errors
/// [`SimFailure`] if something does not hold, or the two runs differ.
pub fn simulate(seed: u64, steps: usize) -> Result<Audit, SimFailure> {
    let (first, second) = (run(seed, steps)?, run(seed, steps)?);
    if first == second {
        return Ok(first);
    }
    let mut pairs = first.events.iter().zip(&second.events);
    let at = pairs.position(|(one, other)| one != other);
    let at = at.unwrap_or(first.events.len().min(second.events.len()));
    let show = |run: &Audit| run.events.get(at).cloned().unwrap_or_else(|| "the end".into());
    let reason = format!("two runs differ in event {at}");
    let last = vec![show(&first), show(&second)];
    Err(SimFailure { seed, reason, last })
}

/// All that happened, as text.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<String>>>);

impl Record {
    fn note(&self, event: String) {
        self.0.lock().expect("no holder of the lock panics").push(event);
    }

    fn events(&self) -> Vec<String> {
        self.0.lock().expect("no holder of the lock panics").clone()
    }
}

/// Runs a seed once, on a thread of its own, so that a panic is an outcome.
fn run(seed: u64, steps: usize) -> Result<Audit, SimFailure> {
    let record = Record::default();
    let noted = record.clone();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(live(seed, steps, &noted))
    };
    let thread = thread::Builder::new().name(format!("seed {seed}")).stack_size(STACK);
    let ended = thread.spawn(work).map(thread::JoinHandle::join);
    let result = match ended {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(format!("panic: {}", words(panic.as_ref()))),
        Err(error) => Err(error.to_string()),
    };
    let events = record.events();
    let fail = |reason| {
        let last = events[events.len().saturating_sub(SHOWN)..].to_vec();
        SimFailure { seed, reason, last }
    };
    let blocks = result.map_err(fail)?;
    let digest =
        |hash: B256, event: &String| keccak256([hash.as_slice(), event.as_bytes()].concat());
    let hash = events.iter().fold(B256::ZERO, digest);
    Ok(Audit { hash, events, blocks })
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// The life of a network: the height of L2 at its end.
async fn live(seed: u64, steps: usize, record: &Record) -> Result<u64, String> {
    let mut dice = Dice::new(seed);
    let drawn = Drawn::new(&mut dice);
    let weights = Weights::draw(&mut dice);
    let mut attackers = attackers::draw(&mut dice);
    let names: Vec<_> = attackers.iter().map(|it| it.attack).collect();
    record.note(format!("{drawn:?} {weights:?} {names:?}"));
    let mut network = Network::new(drawn).await?;
    for number in 0..steps {
        let step = Step::draw(&mut dice, &weights, network.users.len());
        network.news = None;
        if dice.percent(BACK) {
            network.start_all();
        }
        let done = network.take(&step).await;
        note(record, &network, &format!("{number} {step:?}: {done:?}"));
        done?;
        network.note_finality();
        network.check().await?;
        for attacker in &mut attackers {
            if let Some(told) = attacker.act(&mut network).await {
                note(record, &network, &format!("{number} {:?}: {told}", attacker.attack));
                network.note_finality();
                network.check().await?;
            }
        }
    }
    network.finish().await?;
    note(record, &network, "the end");
    Ok(network.member(member::Who::Derived).node.head().0)
}

/// Writes down what happened, and where everybody is then.
fn note(record: &Record, network: &Network, event: &str) {
    let l1 = &network.world.l1;
    let (head, hash, standing) = (l1.head(), l1.head_hash(), network.standing());
    record.note(format!("{event} | L1 {head} {hash}{standing}"));
}
