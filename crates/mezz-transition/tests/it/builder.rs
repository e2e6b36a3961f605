//! Splitting blocks into batches.

use alloy_primitives::{Address, TxKind};
use mezz_codec::{BatchBlock, encode};
use mezz_transition::{BatchBuilder, BatchFull, BatchInput, Bound, plan_batch};
use mezz_types::Limits;

use crate::world::{Data, Key, World, block, config, transaction};

fn full_block(timestamp: u64, transactions: u64) -> BatchBlock {
    let key = Key::new(1);
    let sign = |nonce| key.sign(transaction(nonce, TxKind::Call(Address::ZERO), 1, &[7; 30]));
    let transactions = (0..transactions).map(sign).collect();
    BatchBlock { transactions, ..block(timestamp, 0) }
}

/// Each bound in turn: what just fits, and what does not.
#[test]
fn every_bound_is_kept() {
    let limits = config().limits;
    let blocks = |count: usize| vec![(block(5, 0), 0); count];
    let message = |messages, gas| vec![(block(5, messages), gas)];
    let gas = |transactions, message_gas| vec![(full_block(5, transactions), message_gas)];
    let narrow = Limits { batch_transactions: 3, ..limits };
    let poor = Limits { batch_gas: 900_000, ..limits };
    for (limits, fits, one_more, bound, limit) in [
        (limits, blocks(64), (block(5, 0), 0), Bound::Blocks, 64),
        (narrow, gas(3, 0), (full_block(5, 1), 0), Bound::Transactions, 3),
        (limits, message(64, 0), (block(5, 1), 0), Bound::Messages, 64),
        (poor, gas(2, 300_000), (block(5, 0), 1), Bound::Gas, 900_000),
        (limits, message(1, 20_000_000), (block(5, 1), 1), Bound::MessageGas, 20_000_000),
    ] {
        let mut builder = BatchBuilder::new(limits);
        for (block, gas) in fits {
            builder.push(block, gas).expect("just fits");
        }
        let before = (builder.blocks().to_vec(), builder.payload_bytes());
        let got = builder.push(one_more.0, one_more.1).expect_err("one too much");
        assert_eq!((got.bound, got.limit), (bound, limit));
        assert_eq!((builder.blocks().to_vec(), builder.payload_bytes()), before);
    }
}

#[test]
fn bytes_are_bounded_before_compression() {
    let limits = Limits { batch_bytes: 3_000, ..config().limits };
    let mut builder = BatchBuilder::new(limits);
    let full = loop {
        if let Err(full) = builder.push(full_block(5, 3), 0) {
            break full;
        }
    };
    let BatchFull { bound, limit, got } = full;
    assert_eq!((bound, limit), (Bound::Bytes, 3_000));
    assert!(got > 3_000 && builder.payload_bytes() <= 3_000);
    assert!(builder.blocks().len() >= 6, "{}", builder.blocks().len());
    let bytes = encode(builder.blocks()).expect("no blob transactions");
    assert!(mezz_codec::decode(&bytes, &limits).is_ok());
}

/// What the builder gives is never void.
#[test]
fn batches_of_the_builder_are_good() {
    let mut world = World::new(&[]);
    for _ in 0..100 {
        world.enqueue(|message| message.gas_limit = 1_000_000);
    }
    let now = world.l1.timestamp;
    let mut builder = BatchBuilder::new(world.config.limits);
    let mut batches = 0;
    let mut blocks: Vec<_> =
        (0..90).map(|_| BatchBlock { message_count: 1, ..full_block(now, 20) }).collect();
    blocks.reverse();
    while !blocks.is_empty() || !builder.blocks().is_empty() {
        let next = blocks.last().cloned();
        if next.is_some_and(|next| builder.push(next, 1_000_000).is_ok()) {
            blocks.pop();
            continue;
        }
        let messages = builder.messages();
        let batch = builder.take();
        assert_eq!(batch.len() as u64, messages);
        let bytes = encode(&batch).expect("no blob transactions");
        let posted = world.post(messages, Data::Calldata(bytes.clone()), |_| {});
        let input = BatchInput {
            batch: &posted.batch,
            bytes: &bytes,
            messages: world.messages_of(&posted.batch),
        };
        let plan = plan_batch(&world.config, &world.head, &input);
        assert_eq!((plan.void, plan.blocks), (None, batch));
        batches += 1;
    }
    // 60 million gas at 20 × 300,000 and a million of the message: eight blocks a batch.
    assert_eq!(batches, 90usize.div_ceil(8));
}
