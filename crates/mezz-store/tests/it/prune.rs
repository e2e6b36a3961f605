//! Old blocks are forgotten, and nothing else.

use alloy_primitives::B256;
use mezz_store::{LogQuery, Store, StoreError, StoreOptions};
use mezz_types::{BlockNumber, OutboxIndex};

use crate::support::{Chain, IDENTITY, logger, options};

fn pruned<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, StoreError::Pruned { .. }), "{error}");
}

/// Blocks before `kept` are known by their headers; from there on everything is there.
fn check(chain: &Chain, kept: u64) {
    let reader = chain.reader();
    assert_eq!(reader.history_from().unwrap().get(), kept);
    for (at, block) in &chain.blocks {
        let (number, hash) = (at.number, at.hash);
        assert_eq!(reader.header(number).unwrap(), Some((hash, block.header.clone())));
        assert_eq!(reader.block_number(hash).unwrap(), Some(number));
        let withdrawal = reader.withdrawal(OutboxIndex::new(number.get())).unwrap();
        assert_eq!(withdrawal.unwrap().withdrawal, block.withdrawals[0]);
        let query = LogQuery { addresses: vec![logger(number.get())], ..LogQuery::default() };
        let (first, last) = (number, BlockNumber::new(chain.blocks.len() as u64));
        let found = reader.log_blocks(&query, first, last);
        let transaction = block.transaction_hashes.first().copied().unwrap_or(B256::ZERO);
        if number.get() >= kept || number.get() == 0 {
            assert_eq!(reader.body(number).unwrap().unwrap().transactions, block.transactions);
            assert_eq!(reader.receipts(number).unwrap().unwrap(), block.receipts);
            assert_eq!(
                reader.receipt(transaction).unwrap().is_some(),
                !block.transactions.is_empty()
            );
        } else {
            pruned(reader.body(number));
            pruned(reader.receipts(number));
            pruned(reader.transaction_at(number, 0));
            pruned(reader.log_blocks(&query, number, number));
            assert_eq!(reader.transaction(transaction).unwrap(), None);
        }
        if number.get() >= kept {
            let logs = number.get().is_multiple_of(3) && !number.get().is_multiple_of(5);
            assert_eq!(found.unwrap().blocks.contains(&number), logs, "{number}");
        } else if kept > 1 {
            // A range that begins before history does has no answer, not even a part of one.
            pruned(found);
        }
    }
}

fn kept_blocks(history_blocks: u64) -> StoreOptions {
    StoreOptions { history_blocks: Some(history_blocks), ..options() }
}

#[test]
fn old_blocks_go_as_far_as_they_are_final_and_old() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), IDENTITY, kept_blocks(40)).unwrap();
    let mut chain = Chain::with(store, 81);
    chain.grow(201);
    chain.reader().log_indexer().unwrap().advance(|| true).unwrap();
    let mut pruner = chain.reader().history_pruner();
    // Nothing is final, so that nothing goes, however old it is.
    assert!(!pruner.step().unwrap());
    check(&chain, 0);
    chain.store.finalize(BlockNumber::new(90)).unwrap();
    assert!(pruner.step().unwrap(), "a step takes a part");
    check(&chain, 65);
    while pruner.step().unwrap() {}
    // The last final block stays.
    check(&chain, 90);
    chain.rollback(120);
    chain.grow(80);
    chain.store.finalize(BlockNumber::new(190)).unwrap();
    while pruner.step().unwrap() {}
    // And so do the last forty.
    check(&chain, 161);
    let mut indexer = chain.reader().log_indexer().unwrap();
    indexer.advance(|| true).unwrap();
    chain.grow(3);
    indexer.advance(|| true).unwrap();
    while pruner.step().unwrap() {}
    check(&chain, 164);
}

#[test]
fn without_the_option_everything_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 82);
    chain.grow(30);
    chain.store.finalize(BlockNumber::new(30)).unwrap();
    assert!(!chain.reader().history_pruner().step().unwrap());
    check(&chain, 0);
}

#[test]
fn an_index_that_is_behind_does_not_bring_back_what_went() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), IDENTITY, kept_blocks(10)).unwrap();
    let mut chain = Chain::with(store, 83);
    chain.grow(100);
    let mut indexer = chain.reader().log_indexer().unwrap();
    chain.store.finalize(BlockNumber::new(99)).unwrap();
    let mut pruner = chain.reader().history_pruner();
    while pruner.step().unwrap() {}
    indexer.advance(|| true).unwrap();
    check(&chain, 90);
    assert!(!pruner.step().unwrap());
    check(&chain, 90);
}
