//! The pool's loop with a real disk under it.

use std::sync::Arc;

use mezz_store::{Store, StoreOptions};
use tempfile::TempDir;

use super::{BlockNews, Pool, PoolError, PoolLimits, start_pool, tests::transaction};

fn store(dir: &TempDir) -> Store {
    store_with(dir, 0)
}

fn store_with(dir: &TempDir, reserve_mib: u64) -> Store {
    let options = StoreOptions {
        head_buckets: 1_024,
        final_buckets: 1_024,
        page_cache_mib: 8,
        leaf_cache_mib: 8,
        database_cache_mib: 16,
        commit_threads: 1,
        reserve_mib,
        history_window: 16,
        ..StoreOptions::default()
    };
    Store::open(dir.path(), alloy_primitives::B256::repeat_byte(1), options).unwrap()
}

#[test]
fn what_a_sender_was_told_of_is_on_disk_and_what_left_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    {
        let store = store(&dir);
        let journal = Arc::new(store.pool_journal().unwrap());
        let (pool, thread) = start_pool(Pool::new(PoolLimits::default()), journal);
        let mut arrivals = pool.subscribe();
        runtime.block_on(async {
            let first = pool.insert(transaction(1, 0, 100, 10), 0).await.unwrap();
            assert_eq!(*arrivals.recv().await.unwrap().tx_hash(), first);
            pool.insert(transaction(2, 3, 100, 10), 0).await.unwrap();
            assert!(matches!(
                pool.insert(transaction(1, 0, 101, 10), 0).await,
                Err(PoolError::Underpriced { .. })
            ));
            // The write that brings the replacement takes out what it replaced.
            pool.insert(transaction(1, 0, 200, 20), 0).await.unwrap();
        });
        drop(pool);
        thread.join().unwrap();
    }
    let store = store(&dir);
    let entries = store.pool_journal().unwrap().entries().unwrap();
    let arrivals: Vec<u64> = entries.iter().map(|(arrival, _)| *arrival).collect();
    assert_eq!(arrivals, [2, 3]);
    use alloy_eips::Encodable2718 as _;
    assert_eq!(entries[1].1, transaction(1, 0, 200, 20).encoded_2718());
}

#[test]
fn a_flood_of_senders_shares_the_writes_and_all_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let journal = Arc::new(store.pool_journal().unwrap());
    let (pool, thread) = start_pool(Pool::new(PoolLimits::default()), journal);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut sent = tokio::task::JoinSet::new();
        for sender in 0..200 {
            let pool = pool.clone();
            sent.spawn(async move {
                for nonce in 0..20 {
                    pool.insert(transaction(sender, nonce, 100, 1), 0).await.unwrap();
                }
            });
        }
        while let Some(done) = sent.join_next().await {
            done.unwrap();
        }
    });
    drop(pool);
    thread.join().unwrap();
    assert_eq!(store.pool_journal().unwrap().entries().unwrap().len(), 4_000);
}

#[test]
fn a_pool_that_is_closed_ends_with_its_journal_whoever_holds_a_handle() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let journal = Arc::new(store.pool_journal().unwrap());
    let (pool, thread) = start_pool(Pool::new(PoolLimits::default()), journal);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        pool.insert(transaction(1, 0, 100, 1), 0).await.unwrap();
        pool.close().await;
    });
    // It ends though `pool` is still there.
    thread.join().unwrap();
    runtime.block_on(async {
        assert_eq!(pool.status().await.pending, 0, "it answers no more");
        let late = pool.insert(transaction(2, 0, 100, 1), 0).await;
        assert!(matches!(late, Err(PoolError::Busy)));
    });
    assert_eq!(store.pool_journal().unwrap().entries().unwrap().len(), 1);
}

#[test]
fn what_blocks_give_back_waits_again_whatever_the_bounds_and_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let journal = Arc::new(store.pool_journal().unwrap());
    let limits = PoolLimits { capacity: 2, per_sender: 2, ..PoolLimits::default() };
    let (pool, thread) = start_pool(Pool::new(limits), Arc::clone(&journal));
    let given: Vec<_> = (0..5).map(|nonce| transaction(1, nonce, 100, 1)).collect();
    use alloy_eips::Encodable2718 as _;
    let kept: Vec<_> = given.iter().map(|it| (*it.tx_hash(), it.encoded_2718())).collect();
    journal.keep_returned(&kept).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        // Nonce 0 is in another block by now; the bounds would keep out 3 and 4.
        let returned = given.into_iter().map(|it| (it, 1)).collect();
        let nonces = vec![(transaction(1, 0, 1, 1).signer(), 1)];
        pool.block_built(BlockNews { nonces, returned, ..BlockNews::default() }).await;
        assert_eq!(pool.status().await.pending, 4);
    });
    drop(pool);
    thread.join().unwrap();
    assert_eq!(journal.returned().unwrap(), []);
    let waiting: Vec<_> = journal.entries().unwrap().into_iter().map(|it| it.1).collect();
    let expected: Vec<_> = kept.into_iter().skip(1).map(|it| it.1).collect();
    assert_eq!(waiting, expected);
}

#[test]
fn nothing_is_taken_while_the_disk_has_only_its_reserve() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    {
        let store = store_with(&dir, u64::MAX);
        let journal = Arc::new(store.pool_journal().unwrap());
        let (pool, thread) = start_pool(Pool::new(PoolLimits::default()), journal);
        let refused = runtime.block_on(pool.insert(transaction(1, 0, 100, 10), 0)).unwrap_err();
        assert!(matches!(refused, PoolError::DiskLow { reserve_mib: u64::MAX, .. }), "{refused:?}");
        assert!(refused.to_string().contains("disk is nearly full"), "{refused}");
        assert_eq!(runtime.block_on(pool.status()).pending, 0);
        drop(pool);
        thread.join().unwrap();
    }
    let store = store(&dir);
    let journal = Arc::new(store.pool_journal().unwrap());
    assert_eq!(journal.entries().unwrap(), []);
    let (pool, thread) = start_pool(Pool::new(PoolLimits::default()), journal);
    runtime.block_on(pool.insert(transaction(1, 0, 100, 10), 0)).unwrap();
    drop(pool);
    thread.join().unwrap();
}
