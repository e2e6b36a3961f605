//! Each rule of the pool.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, transaction::Recovered};
use alloy_primitives::{Address, B256, Signature, TxKind, U256};

use super::{Pool, PoolError, PoolLimits, PoolStatus};

fn transaction(sender: u8, nonce: u64, max_fee: u128, tip: u128) -> Arc<Recovered<TxEnvelope>> {
    let unsigned = TxEip1559 {
        chain_id: 1,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: max_fee,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(Address::repeat_byte(9)),
        ..Default::default()
    };
    // The pool never looks at the signature; the sender is told apart by it.
    let signature = Signature::new(U256::from(sender), U256::from(1), false);
    let signed = unsigned.into_signed(signature);
    Arc::new(Recovered::new_unchecked(signed.into(), Address::repeat_byte(sender)))
}

fn order(pool: &Pool, base_fee: u64) -> Vec<(u8, u64)> {
    pool.best(base_fee).map(|entry| (entry.sender().0[0], entry.nonce())).collect()
}

#[test]
fn nonces_run_in_order_and_gaps_wait() {
    let mut pool = Pool::new(PoolLimits::default());
    for nonce in [2, 0, 4, 1] {
        pool.insert(transaction(1, nonce, 100, 1), 0).unwrap();
    }
    assert_eq!(order(&pool, 10), [(1, 0), (1, 1), (1, 2)]);
    assert_eq!(pool.status(), PoolStatus { pending: 3, queued: 1 });
    assert_eq!(pool.pending_nonce(Address::repeat_byte(1), 0), 3);
    pool.insert(transaction(1, 3, 100, 1), 0).unwrap();
    assert_eq!(order(&pool, 10).len(), 5);
}

#[test]
fn the_highest_tip_goes_first_and_ties_by_arrival() {
    let mut pool = Pool::new(PoolLimits::default());
    pool.insert(transaction(1, 0, 100, 5), 0).unwrap();
    pool.insert(transaction(2, 0, 100, 9), 0).unwrap();
    pool.insert(transaction(3, 0, 100, 5), 0).unwrap();
    pool.insert(transaction(1, 1, 100, 50), 0).unwrap();
    assert_eq!(order(&pool, 10), [(2, 0), (1, 0), (1, 1), (3, 0)]);
    // The cap binds the tip: at base fee 99 everybody pays 1.
    assert_eq!(order(&pool, 99), [(1, 0), (2, 0), (3, 0), (1, 1)]);
    assert_eq!(order(&pool, 101), []);
}

#[test]
fn a_skipped_sender_has_no_successors() {
    let mut pool = Pool::new(PoolLimits::default());
    pool.insert(transaction(1, 0, 100, 5), 0).unwrap();
    pool.insert(transaction(1, 1, 100, 5), 0).unwrap();
    pool.insert(transaction(2, 0, 100, 1), 0).unwrap();
    let mut best = pool.best(10);
    assert_eq!(best.next().map(|entry| entry.sender().0[0]), Some(1));
    best.skip_sender();
    assert_eq!(best.next().map(|entry| entry.sender().0[0]), Some(2));
    assert!(best.next().is_none());
}

#[test]
fn replacements_must_outbid_in_both_fees() {
    let mut pool = Pool::new(PoolLimits::default());
    let first = pool.insert(transaction(1, 0, 100, 10), 0).unwrap();
    assert_eq!(
        pool.insert(transaction(1, 0, 109, 20), 0),
        Err(PoolError::Underpriced { needed: 110, got: 109 })
    );
    assert_eq!(
        pool.insert(transaction(1, 0, 200, 10), 0),
        Err(PoolError::Underpriced { needed: 11, got: 10 })
    );
    let second = pool.insert(transaction(1, 0, 110, 11), 0).unwrap();
    assert!(pool.get(first).is_none());
    assert!(pool.get(second).is_some());
    assert_eq!(pool.len(), 1);
}

#[test]
fn one_sender_holds_no_more_than_its_share() {
    let mut pool = Pool::new(PoolLimits { per_sender: 2, ..PoolLimits::default() });
    pool.insert(transaction(1, 5, 100, 1), 5).unwrap();
    pool.insert(transaction(1, 6, 100, 1), 5).unwrap();
    assert_eq!(
        pool.insert(transaction(1, 7, 100, 1), 5),
        Err(PoolError::NonceTooHigh { expected: 5, got: 7, ahead: 2 })
    );
    assert_eq!(
        pool.insert(transaction(1, 4, 100, 1), 5),
        Err(PoolError::NonceTooLow { expected: 5, got: 4 })
    );
}

#[test]
fn a_full_pool_keeps_the_better_ones() {
    let mut pool = Pool::new(PoolLimits { capacity: 2, ..PoolLimits::default() });
    let cheap = pool.insert(transaction(1, 0, 50, 1), 0).unwrap();
    pool.insert(transaction(2, 0, 100, 1), 0).unwrap();
    assert_eq!(pool.insert(transaction(3, 0, 50, 1), 0), Err(PoolError::Full { capacity: 2 }));
    pool.insert(transaction(3, 0, 60, 1), 0).unwrap();
    assert!(pool.get(cheap).is_none());
    assert_eq!(pool.len(), 2);
}

#[test]
fn a_block_clears_what_it_made_stale() {
    let mut pool = Pool::new(PoolLimits::default());
    let hashes: Vec<B256> =
        (0..3).map(|nonce| pool.insert(transaction(1, nonce, 100, 1), 0).unwrap()).collect();
    assert_eq!(
        pool.insert(transaction(1, 0, 100, 1), 0),
        Err(PoolError::AlreadyKnown { hash: hashes[0] })
    );
    pool.set_nonce(Address::repeat_byte(1), 2);
    assert!(pool.get(hashes[1]).is_none());
    assert_eq!(order(&pool, 0), [(1, 2)]);
    pool.set_nonce(Address::repeat_byte(1), 3);
    assert!(pool.is_empty());
}
