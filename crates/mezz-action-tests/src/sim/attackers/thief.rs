//! Who has the operator's key as well, and posts batches of his own.

use super::super::{
    dice::Dice,
    network::{Network, News},
};
use crate::key;

pub(super) async fn act(dice: &mut Dice, network: &mut Network) -> String {
    network.world.l1.mine_on_demand(false).await;
    let end = network.world.batch_end().await;
    let inbox_end = end.inbox_end + dice.below(end.messages - end.inbox_end + 1);
    let length = dice.below(200);
    let bytes: Vec<u8> = (0..length).map(|_| dice.below(256).to_le_bytes()[0]).collect();
    let posted = network.world.try_post(&key("operator"), inbox_end, bytes).await;
    network.news = Some(News::Batch);
    match posted {
        Ok(_) => format!("batch {} of junk, messages up to {inbox_end}", end.batches),
        Err(error) => format!("no batch: {error}"),
    }
}
