//! What a chain holds in memory, as it grows.

use alloy::consensus::Header;
use alloy::consensus::Sealable as _;
use alloy_primitives::Bloom;

use std::sync::Arc;

use super::{Block, blocks::Blocks};
use crate::log::{BlockLog, Record};

/// Blocks that are held, and their bytes at most.
const MAX_WEIGHT: usize = 1 << 20;

fn block(number: u64, logs: bool, size: usize) -> Arc<Block> {
    let logs_bloom = if logs { Bloom::repeat_byte(1) } else { Bloom::ZERO };
    let header = Header { number, logs_bloom, ..Header::default() }.seal_slow();
    Arc::new(Block {
        header,
        transactions: Vec::new(),
        receipts: Vec::new(),
        size,
        edits: Arc::default(),
        changes: Arc::default(),
    })
}

fn write(blocks: &mut Blocks, log: &mut BlockLog, numbers: core::ops::Range<u64>) {
    for number in numbers {
        let block = block(number, number % 3 == 0, 10_000);
        blocks.append(block.clone());
        let places = log.append(&[Record::Block(block.clone())]).unwrap();
        blocks.written(number, block.hash(), places[0]);
        blocks.shed();
    }
}

#[test]
fn memory_stays_within_its_bound_and_every_block_can_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = BlockLog::open(directory.path()).unwrap();
    let mut blocks = Blocks::new(block(0, false, 500), MAX_WEIGHT);
    blocks.read_from(log.reader().clone());
    write(&mut blocks, &mut log, 1..1_000);
    let (whole_from, weight) = blocks.held();
    assert!(weight <= MAX_WEIGHT && weight > MAX_WEIGHT / 2, "{weight}");
    assert!(whole_from > 900, "{whole_from}");
    for number in 0..1_000 {
        let found = blocks.block(number).unwrap().unwrap();
        assert_eq!((found.number(), Some(found.hash())), (number, blocks.hash(number)));
        let logs = number > 0 && number % 3 == 0;
        assert_eq!(blocks.may_have_logs(number, |bloom| !bloom.is_zero()), logs);
    }
    assert!(blocks.block(1_000).unwrap().is_none());
    // Back to a block that is on disk alone, and on from there.
    let head = blocks.block(500).unwrap().unwrap();
    blocks.truncate(head.clone());
    assert_eq!(blocks.held(), (501, 0));
    assert_eq!(blocks.head().hash(), head.hash());
    write(&mut blocks, &mut log, 501..700);
    let (whole_from, weight) = blocks.held();
    assert!(weight <= MAX_WEIGHT && weight > MAX_WEIGHT / 2, "{weight}");
    assert!(whole_from > 600, "{whole_from}");
}

#[test]
fn what_is_not_on_disk_stays_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = BlockLog::open(directory.path()).unwrap();
    let mut blocks = Blocks::new(block(0, false, 500), 0);
    blocks.read_from(log.reader().clone());
    for number in 1..4 {
        blocks.append(block(number, false, 500));
        blocks.shed();
    }
    assert_eq!(blocks.held().0, 1);
    let second = block(2, false, 500);
    let places = log.append(&[Record::Block(second.clone())]).unwrap();
    // The place of a block that another took the number of.
    blocks.written(1, second.hash(), places[0]);
    blocks.shed();
    assert_eq!(blocks.held().0, 1);
    assert_eq!(blocks.block(1).unwrap().unwrap().number(), 1);
}
