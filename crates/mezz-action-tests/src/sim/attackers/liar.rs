//! An L1 node that shows its client what is not so, in a way that shows.

use super::super::{dice::Dice, member::Who, network::Network};
use crate::Lie;

pub(super) fn act(dice: &mut Dice, network: &Network) -> String {
    let who = Who::ALL[dice.place(Who::ALL.len())];
    let from = network.world.l1.head().saturating_sub(dice.below(8)).max(1);
    let lies = [
        Lie::BlockHash(from),
        Lie::Parent(from),
        Lie::OtherBlock(from),
        Lie::MissingLog,
        Lie::InventedLog,
        Lie::ChangedLog,
        Lie::ReorderedLogs,
        Lie::OtherTransactions,
        Lie::Calldata,
        Lie::StaleHead(from),
        Lie::Garbage,
        Lie::Errors,
    ];
    let lie = if dice.percent(40) { Lie::Nothing } else { lies[dice.place(lies.len())].clone() };
    let told = format!("{who:?} hears {lie:?}");
    network.member(who).l1.tell(lie);
    told
}
