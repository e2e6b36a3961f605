//! Runs seeds of the simulation: `simulate FROM TO STEPS`, the last seed not included. With a fourth word, it
//! prints every event.

use std::{env, process::ExitCode, time::Instant};

use mezz_action_tests::simulate;

fn main() -> ExitCode {
    let numbers: Vec<u64> = env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [from, to, steps] = numbers[..] else {
        eprintln!("usage: simulate FROM TO STEPS; or cargo xtask simulate --help");
        return ExitCode::FAILURE;
    };
    let all = env::args().len() > 4;
    let (began, mut failed) = (Instant::now(), 0);
    for seed in from..to {
        match simulate(seed, usize::try_from(steps).unwrap_or(usize::MAX)) {
            Ok(audit) => {
                if all {
                    audit.events.iter().for_each(|event| println!("    {event}"));
                }
                let (events, blocks) = (audit.events.len(), audit.blocks);
                println!("seed {seed}: {events} events, {blocks} blocks, audit {}", audit.hash);
            }
            Err(failure) => {
                failed += 1;
                println!("seed {seed} FAILED: {}", failure.reason);
                failure.last.iter().for_each(|event| println!("    {event}"));
                println!("  again: cargo xtask simulate --seed {seed} --steps {steps}");
            }
        }
    }
    let secs = began.elapsed().as_secs();
    println!("{} seeds of {steps} steps, each twice, in {secs} s: {failed} failed", to - from);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
