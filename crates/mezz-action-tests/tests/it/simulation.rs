//! A few seeds of the simulation; `cargo xtask simulate` runs as many as one likes.

use mezz_action_tests::simulate;

/// Steps of a seed.
const STEPS: usize = 60;

#[test]
fn every_seed_holds_and_gives_one_audit() {
    let mut audits = Vec::new();
    for seed in 1..=3 {
        let audit = simulate(seed, STEPS).unwrap_or_else(|failure| {
            let last = failure.last.join("\n");
            panic!(
                "{last}\nseed {seed}: {}; cargo xtask simulate --seed {seed} --steps {STEPS}",
                failure.reason
            )
        });
        assert!(audit.events.len() > STEPS && audit.blocks > 0, "{audit:?}");
        audits.push(audit.hash);
    }
    audits.dedup();
    assert_eq!(audits.len(), 3, "each seed is another story");
}
