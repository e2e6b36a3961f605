//! The journal of waiting transactions.

use alloy_primitives::B256;
use mezz_store::{PoolUpdate, Store, StoreError};

use crate::support::{open, options};

#[test]
fn waiting_transactions_outlive_the_process_in_order() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = open(dir.path());
        let journal = store.pool_journal().unwrap();
        assert_eq!(journal.entries().unwrap(), []);
        let arrived = vec![(300, b"c".to_vec()), (1, b"a".to_vec()), (2, b"b".to_vec())];
        journal.write(&PoolUpdate { arrived, ..PoolUpdate::default() }).unwrap();
        let arrived = vec![(301, b"d".to_vec()), (302, b"e".to_vec())];
        // One that came and went within one write is gone; removing an unknown one is nothing.
        journal
            .write(&PoolUpdate { arrived, departed: vec![302, 2, 99], ..PoolUpdate::default() })
            .unwrap();
    }
    let journal = open(dir.path()).pool_journal().unwrap();
    let left = [(1, b"a".to_vec()), (300, b"c".to_vec()), (301, b"d".to_vec())];
    assert_eq!(journal.entries().unwrap(), left);
}

#[test]
fn what_blocks_give_back_is_kept_until_it_waits_again() {
    let dir = tempfile::tempdir().unwrap();
    let [one, two] = [1, 2].map(B256::repeat_byte);
    {
        let store = open(dir.path());
        let journal = store.pool_journal().unwrap();
        assert_eq!(journal.returned().unwrap(), []);
        journal.keep_returned(&[(two, b"b".to_vec()), (one, b"a".to_vec())]).unwrap();
        // The same block may be taken back again after a crash.
        journal.keep_returned(&[(one, b"a".to_vec())]).unwrap();
    }
    {
        let store = open(dir.path());
        let journal = store.pool_journal().unwrap();
        assert_eq!(journal.returned().unwrap(), [(one, b"a".to_vec()), (two, b"b".to_vec())]);
        let arrived = vec![(7, b"b".to_vec())];
        let settled = vec![two, B256::repeat_byte(9)];
        journal.write(&PoolUpdate { arrived, settled, ..PoolUpdate::default() }).unwrap();
    }
    let journal = open(dir.path()).pool_journal().unwrap();
    assert_eq!(journal.returned().unwrap(), [(one, b"a".to_vec())]);
    assert_eq!(journal.entries().unwrap(), [(7, b"b".to_vec())]);
}

#[test]
fn a_journal_belongs_to_one_chain_and_one_holder() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let journal = store.pool_journal().unwrap();
    assert!(matches!(store.pool_journal(), Err(StoreError::Locked { .. })));
    drop((journal, store));
    let other = B256::repeat_byte(0xee);
    std::fs::rename(dir.path().join("pool.redb"), dir.path().join("kept")).unwrap();
    drop(open(dir.path()).pool_journal().unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let store = Store::open(elsewhere.path(), other, options()).unwrap();
    std::fs::rename(dir.path().join("kept"), elsewhere.path().join("pool.redb")).unwrap();
    assert!(
        matches!(store.pool_journal(), Err(StoreError::WrongChain { got, .. }) if got != other)
    );
}
