//! Messages and transactions that are worth nothing.

use alloy_primitives::{Bytes, TxKind, U256};

use super::super::{
    dice::Dice,
    member::Who,
    network::{Network, sink},
};

pub(super) async fn act(dice: &mut Dice, network: &mut Network) -> String {
    match dice.below(4) {
        0 => {
            let length = dice.below(600);
            let junk: Vec<u8> = (0..length).map(|_| dice.below(256).to_le_bytes()[0]).collect();
            match network.force("mallory", junk.into()).await {
                Ok(_) => format!("{length} bytes of junk through the inbox"),
                Err(error) => format!("no junk: {error}"),
            }
        }
        1 => {
            // The outbox has no such function: the ether comes back to who sent it, on L2.
            let data = Bytes::from_static(&[0xba, 0xd0, 0xba, 0xd0]);
            let sent = network.deposit("mallory", mezz_types::OUTBOX, U256::from(7), data).await;
            match sent {
                Ok(_) => "a deposit that bounces".into(),
                Err(error) => format!("no deposit: {error}"),
            }
        }
        _ if !network.member(Who::Sequencer).open => "nobody to send to".into(),
        _ => {
            // Far ahead of what runs: it waits for ever, or until it is in the way.
            let mut user = network.users[0].clone();
            user.nonce = dice.between(10_000, 1_000_000);
            let spam = user.sign(TxKind::Call(sink(0)), U256::from(1), Bytes::new(), 21_000);
            network.offer(spam, false).await
        }
    }
}
