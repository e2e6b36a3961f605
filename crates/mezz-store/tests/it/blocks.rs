//! Directories, blocks, logs, labels.

use alloy_primitives::B256;
use mezz_store::{Severity, Store, StoreError};
use mezz_types::BlockNumber;

use crate::support::{Chain, IDENTITY, block, open, options};

#[test]
fn blocks_come_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 1);
    chain.grow(12);
    chain.check();
    chain.reopen(dir.path()).check();
}

#[test]
fn the_directory_of_another_chain_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let other = B256::repeat_byte(2);
    let error = Store::open(dir.path(), other, options()).err().unwrap();
    let StoreError::WrongChain { expected, got, .. } = &error else { panic!("{error}") };
    assert_eq!((*expected, *got), (other, IDENTITY));
    assert!(error.to_string().contains("--fresh"), "{error}");
    assert_eq!(error.severity(), Severity::Critical);
    open(dir.path());
}

#[test]
fn a_directory_opens_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let error = Store::open(dir.path(), IDENTITY, options()).err().unwrap();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(first);
    open(dir.path());
}

#[test]
fn only_the_next_block_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 2);
    chain.grow(3);
    let head = chain.head();
    let changes = chain.changes();
    let (_, good) = chain.block(&changes);
    let attempts = [
        block(5, head.hash, good.header.state_root),
        block(3, head.hash, good.header.state_root),
        block(4, B256::ZERO, good.header.state_root),
    ];
    for attempt in attempts {
        let prepared = chain.store.prepare(changes.clone(), None).unwrap();
        let error = chain.store.commit_block(prepared, &attempt).err().unwrap();
        assert!(matches!(error, StoreError::NotNext { .. }), "{error}");
    }
    let prepared = chain.store.prepare(changes.clone(), None).unwrap();
    let wrong_root = block(4, head.hash, B256::repeat_byte(9));
    let error = chain.store.commit_block(prepared, &wrong_root).err().unwrap();
    assert!(matches!(error, StoreError::WrongRoot { .. }), "{error}");
    let prepared = chain.store.prepare(changes.clone(), None).unwrap();
    let mut uneven = good.clone();
    uneven.receipts.pop();
    let error = chain.store.commit_block(prepared, &uneven).err().unwrap();
    assert!(matches!(error, StoreError::UnevenBlock { what: "receipts", got: 2, .. }), "{error}");
    chain.append(changes, None).unwrap();
    chain.check();
}

#[test]
fn changes_prepared_on_an_older_head_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 3);
    let changes = chain.changes();
    let stale = chain.store.prepare(changes, None).unwrap();
    let root = stale.root();
    chain.grow(1);
    let next = block(2, chain.head().hash, root);
    let error = chain.store.commit_block(stale, &next).err().unwrap();
    assert!(matches!(error, StoreError::StaleChanges { .. }), "{error}");
    assert_eq!(error.severity(), Severity::Temporary);
    chain.grow(1);
    chain.check();
}

#[test]
fn roots_are_known_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 4);
    chain.grow(2);
    let changes = chain.changes();
    let (_, next) = chain.block(&changes);
    for _ in 0..3 {
        let prepared = chain.store.prepare(changes.clone(), None).unwrap();
        assert_eq!(prepared.root(), next.header.state_root);
        assert_eq!(prepared.prior_root(), chain.blocks[2].1.header.state_root);
    }
    chain.check();
}

#[test]
fn labels_follow_and_survive() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 6);
    assert_eq!(chain.reader().finalized().unwrap(), Some(chain.head()));
    chain.grow(9);
    chain.store.set_safe(BlockNumber::new(7)).unwrap();
    chain.store.finalize(BlockNumber::new(4)).unwrap();
    chain.store.finalize(BlockNumber::new(2)).unwrap();
    let chain = chain.reopen(dir.path());
    let reader = chain.reader();
    assert_eq!(reader.safe().unwrap(), Some(chain.blocks[7].0));
    assert_eq!(reader.finalized().unwrap(), Some(chain.blocks[4].0));
    chain.check();
}

#[test]
fn finality_drags_safety_along() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 7);
    chain.grow(5);
    chain.store.finalize(BlockNumber::new(3)).unwrap();
    assert_eq!(chain.reader().safe().unwrap(), Some(chain.blocks[3].0));
    for unknown in [6, 100] {
        let block = BlockNumber::new(unknown);
        assert!(matches!(chain.store.finalize(block), Err(StoreError::UnknownBlock { .. })));
        assert!(matches!(chain.store.set_safe(block), Err(StoreError::UnknownBlock { .. })));
    }
    chain.check();
}
