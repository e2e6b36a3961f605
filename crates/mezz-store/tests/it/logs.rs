//! The index of logs beside a look at every block.

use alloy_primitives::{Address, B256, Bloom, Bytes, Log, LogData};
use mezz_store::{LogQuery, StoreReader};
use mezz_types::{BlockNumber, StateChanges};
use proptest::prelude::*;

use crate::support::{Chain, Dice, block, root_of};

fn address(number: u64) -> Address {
    Address::repeat_byte(number as u8)
}

fn topic(number: u64) -> B256 {
    B256::repeat_byte(number as u8)
}

/// Logs of few kinds, so that a query finds some and not all.
fn random_logs(dice: &mut Dice) -> Vec<Log> {
    let log = |dice: &mut Dice| Log {
        address: address(dice.below(6)),
        data: LogData::new_unchecked(
            (0..dice.below(5)).map(|_| topic(dice.below(4))).collect(),
            Bytes::new(),
        ),
    };
    let count = if dice.below(3) == 0 { 0 } else { dice.below(5) };
    (0..count).map(|_| log(dice)).collect()
}

fn random_query(dice: &mut Dice) -> LogQuery {
    let count = |dice: &mut Dice| if dice.below(2) == 0 { 0 } else { 1 + dice.below(2) };
    let addresses = (0..count(dice)).map(|_| address(dice.below(7))).collect();
    let topics = (0..dice.below(5))
        .map(|_| (0..count(dice)).map(|_| topic(dice.below(5))).collect())
        .collect();
    LogQuery { addresses, topics }
}

/// Appends a block with these logs.
fn append(chain: &mut Chain, logs: Vec<Log>) {
    let mut made = block(chain.blocks.len() as u64, Default::default(), root_of(&chain.state()));
    made.header.parent_hash = chain.head().hash;
    // Blocks that take the place of others differ from them.
    made.header.extra_data = Bytes::from(chain.salt().to_be_bytes().to_vec());
    for receipt in &mut made.receipts {
        receipt.logs.clear();
    }
    made.header.logs_bloom = Bloom::ZERO;
    if let Some(receipt) = made.receipts.last_mut() {
        logs.iter().for_each(|log| made.header.logs_bloom.accrue_log(log));
        receipt.logs = logs;
    }
    let prepared = chain.store.prepare(StateChanges::default(), None).unwrap();
    let at = chain.store.commit_block(prepared, &made).unwrap();
    chain.states.push(chain.state());
    chain.blocks.push((at, made));
}

/// Blocks that a search names and that have a wanted log.
fn found(reader: &StoreReader, query: &LogQuery, from: u64, to: u64) -> Vec<u64> {
    let (mut at, to) = (BlockNumber::new(from), BlockNumber::new(to));
    let mut found = Vec::new();
    while at <= to {
        let step = reader.log_blocks(query, at, to).unwrap();
        assert!(step.blocks.iter().all(|block| (at..=step.last).contains(block)));
        let has = |number: &BlockNumber| {
            let receipts = reader.receipts(*number).unwrap().unwrap();
            receipts.iter().flat_map(|receipt| &receipt.logs).any(|log| query.matches(log))
        };
        found.extend(step.blocks.iter().filter(|number| has(number)).map(|it| it.get()));
        if step.last < at {
            break;
        }
        at = step.last.next();
    }
    found
}

/// The same by a look at every block.
fn expected(chain: &Chain, query: &LogQuery, from: u64, to: u64) -> Vec<u64> {
    let blocks = chain.blocks.iter().filter(|(at, _)| (from..=to).contains(&at.number.get()));
    let has = |block: &mezz_store::Block| {
        block.receipts.iter().flat_map(|receipt| &receipt.logs).any(|log| query.matches(log))
    };
    blocks.filter(|(_, block)| has(block)).map(|(at, _)| at.number.get()).collect()
}

fn check(chain: &Chain, dice: &mut Dice) {
    let reader = chain.reader();
    for _ in 0..12 {
        let query = random_query(dice);
        let (a, b) = (dice.below(70), dice.below(70));
        let (from, to) = (a.min(b), a.max(b));
        let expected = expected(chain, &query, from, to);
        assert_eq!(found(&reader, &query, from, to), expected, "{query:?} in {from} to {to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever order blocks, rollbacks, indexing, restarts and the loss of the index come in.
    #[test]
    fn the_index_finds_what_a_look_at_every_block_finds(seed in 1u64..u64::MAX / 4) {
        let dir = tempfile::tempdir().unwrap();
        let mut chain = Chain::new(dir.path(), 3);
        let mut dice = Dice::new(seed);
        let mut indexer = chain.store.reader().log_indexer().unwrap();
        for _ in 0..40 {
            match dice.below(8) {
                0..=2 => for _ in 0..=dice.below(6) {
                    append(&mut chain, random_logs(&mut dice));
                },
                3 | 4 => indexer.advance(|| true).unwrap(),
                5 => {
                    let left = std::cell::Cell::new(dice.below(5));
                    indexer.advance(|| left.replace(left.get().saturating_sub(1)) > 0).unwrap();
                }
                6 => {
                    let head = chain.head().number.get();
                    chain.rollback(head - dice.below(head.min(9) + 1));
                }
                _ => {
                    drop(indexer);
                    let lost = dice.below(3) == 0;
                    chain = chain.reopen_after(dir.path(), |dir| if lost {
                        std::fs::remove_file(dir.join("logs.redb")).unwrap();
                    });
                    indexer = chain.store.reader().log_indexer().unwrap();
                }
            }
            check(&chain, &mut dice);
        }
    }
}

#[test]
fn the_index_follows_the_head_and_is_made_anew_when_it_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 3);
    let mut dice = Dice::new(3);
    for _ in 0..10 {
        append(&mut chain, random_logs(&mut dice));
    }
    let at = |number| Some(BlockNumber::new(number));
    let status = |chain: &Chain| {
        let status = chain.reader().log_index().unwrap();
        (status.durable, status.last)
    };
    let mut indexer = chain.store.reader().log_indexer().unwrap();
    assert_eq!(status(&chain), (None, None));
    indexer.advance(|| true).unwrap();
    // Sections of four blocks: genesis to 3, 4 to 7, and three more.
    assert_eq!(status(&chain), (at(7), at(10)));
    chain.rollback(5);
    append(&mut chain, random_logs(&mut dice));
    indexer.advance(|| true).unwrap();
    assert_eq!(status(&chain), (at(3), at(6)));
    drop(indexer);
    let mut chain = chain.reopen_after(dir.path(), |dir| {
        std::fs::write(dir.join("logs.redb"), b"something else").unwrap();
    });
    assert_eq!(status(&chain), (None, None));
    append(&mut chain, random_logs(&mut dice));
    chain.store.reader().log_indexer().unwrap().advance(|| true).unwrap();
    assert_eq!(status(&chain), (at(7), at(7)));
    check(&chain, &mut dice);
}

#[test]
fn a_search_looks_at_the_blocks_that_have_what_it_wants_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 4);
    for number in 1..=20 {
        let data = LogData::new_unchecked(vec![topic(number), topic(number % 2)], Bytes::new());
        append(&mut chain, vec![Log { address: address(number % 7), data }]);
    }
    let query = LogQuery {
        addresses: vec![address(3)],
        topics: vec![Vec::new(), vec![topic(0), topic(9)]],
    };
    let mut indexer = chain.store.reader().log_indexer().unwrap();
    indexer.advance(|| true).unwrap();
    let (from, to) = (BlockNumber::new(0), BlockNumber::new(u64::MAX));
    let step = chain.reader().log_blocks(&query, from, to).unwrap();
    // Block 10 has no transactions, as every fifth one.
    let blocks: Vec<_> = step.blocks.iter().map(|block| block.get()).collect();
    assert_eq!((blocks, step.last.get()), (vec![], 20));
    let odd = LogQuery { topics: vec![Vec::new(), vec![topic(1)]], ..query };
    let step = chain.reader().log_blocks(&odd, from, to).unwrap();
    let blocks: Vec<_> = step.blocks.iter().map(|block| block.get()).collect();
    assert_eq!(blocks, [3, 17]);
    let none = chain.reader().log_blocks(&odd, to, from).unwrap();
    assert!(none.blocks.is_empty());
}
