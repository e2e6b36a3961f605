//! Those who mean no good. Each has dice of its own, and acts between the steps of the others.

mod forger;
mod liar;
mod reorger;
mod spammer;
mod thief;

use super::{dice::Dice, network::Network};

/// One attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attack {
    /// L1 nodes that lie.
    Liar,
    /// Messages and transactions that are worth nothing.
    Spammer,
    /// L1 that changes its mind when it hurts most.
    Reorger,
    /// A feed that hands out others' blocks, or broken ones.
    Forger,
    /// Who has the operator's key as well.
    Thief,
}

const ALL: [Attack; 5] =
    [Attack::Liar, Attack::Spammer, Attack::Reorger, Attack::Forger, Attack::Thief];

/// An attacker at work.
#[derive(Clone, Debug)]
pub(super) struct Attacker {
    pub(super) attack: Attack,
    dice: Dice,
    /// Times in a hundred that it acts after a step.
    often: u64,
}

/// The attackers of a run: each of them is there in some seeds.
pub(super) fn draw(dice: &mut Dice) -> Vec<Attacker> {
    let mut drawn = Vec::new();
    for attack in ALL {
        let mut own = dice.fork();
        if own.percent(35) {
            drawn.push(Attacker { attack, often: own.between(2, 12), dice: own });
        }
    }
    drawn
}

impl Attacker {
    /// Acts, if it feels like it: what it did.
    pub(super) async fn act(&mut self, network: &mut Network) -> Option<String> {
        let dice = &mut self.dice;
        if self.attack == Attack::Reorger {
            // It looks at what L1 has just seen.
            return reorger::act(dice, network).await;
        }
        if !dice.percent(self.often) {
            return None;
        }
        Some(match self.attack {
            Attack::Liar => liar::act(dice, network),
            Attack::Spammer => spammer::act(dice, network).await,
            Attack::Forger => forger::act(dice, network),
            Attack::Thief => thief::act(dice, network).await,
            Attack::Reorger => unreachable!("it has acted"),
        })
    }
}
