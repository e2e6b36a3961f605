//! A feed that is not what the sequencer says.

use super::super::{dice::Dice, feed::Heard, member::Who, network::Network};

pub(super) fn act(dice: &mut Dice, network: &Network) -> String {
    let who = if dice.percent(50) { Who::Batcher } else { Who::Replica };
    let heard = dice.weighted(&[
        (4, Heard::Everything),
        (2, Heard::Stranger),
        (2, Heard::Emptied),
        (2, Heard::Torn),
        (1, Heard::Nothing),
    ]);
    network.member(who).feed.say(heard);
    format!("{who:?} hears {heard:?}")
}
