//! L1 takes back a deposit, a batch, a claim or a payment that it has just accepted.

use mezz_devl1::{Dropped, Reorg};

use super::super::{dice::Dice, network::Network};

/// Times in a hundred that news is taken back.
const OFTEN: u64 = 20;

pub(super) async fn act(dice: &mut Dice, network: &mut Network) -> Option<String> {
    let news = network.news?;
    if !dice.percent(OFTEN) {
        return None;
    }
    let depth = if dice.percent(70) { dice.between(1, 3) } else { dice.between(1, 64) };
    let dropped =
        dice.weighted(&[(4, Dropped::Remine), (3, Dropped::Return), (2, Dropped::Forget)]);
    let blocks = dice.percent(30).then(|| dice.below(depth + 3));
    let delay_secs = if dice.percent(30) { dice.below(10) } else { 0 };
    let told = network.reorganise(Reorg { depth, blocks, dropped, delay_secs }).await;
    Some(format!("after a {news:?}, {dropped:?}: {told}"))
}
