//! Each rule of the pool.

use std::{collections::BTreeMap, sync::Arc};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, transaction::Recovered};
use alloy_primitives::{Address, B256, Signature, TxKind, U256};

use super::{Pool, PoolError, PoolLimits, PoolStatus, SharedTransaction};

pub(super) fn transaction(
    sender: u8,
    nonce: u64,
    max_fee: u128,
    tip: u128,
) -> Arc<Recovered<TxEnvelope>> {
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

fn refusal(pool: &mut Pool, transaction: SharedTransaction, account_nonce: u64) -> PoolError {
    pool.insert(transaction, account_nonce).expect_err("it must be refused")
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
    let first = pool.insert(transaction(1, 0, 100, 10), 0).unwrap().hash;
    assert_eq!(
        refusal(&mut pool, transaction(1, 0, 109, 20), 0),
        PoolError::Underpriced { needed: 110, got: 109 }
    );
    assert_eq!(
        refusal(&mut pool, transaction(1, 0, 200, 10), 0),
        PoolError::Underpriced { needed: 11, got: 10 }
    );
    let second = pool.insert(transaction(1, 0, 110, 11), 0).unwrap().hash;
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
        refusal(&mut pool, transaction(1, 7, 100, 1), 5),
        PoolError::NonceTooHigh { expected: 5, got: 7, ahead: 2 }
    );
    assert_eq!(
        refusal(&mut pool, transaction(1, 4, 100, 1), 5),
        PoolError::NonceTooLow { expected: 5, got: 4 }
    );
}

#[test]
fn a_full_pool_keeps_the_better_ones() {
    let mut pool = Pool::new(PoolLimits { capacity: 2, ..PoolLimits::default() });
    let cheap = pool.insert(transaction(1, 0, 50, 1), 0).unwrap().hash;
    pool.insert(transaction(2, 0, 100, 1), 0).unwrap();
    assert_eq!(refusal(&mut pool, transaction(3, 0, 50, 1), 0), PoolError::Full { capacity: 2 });
    pool.insert(transaction(3, 0, 60, 1), 0).unwrap();
    assert!(pool.get(cheap).is_none());
    assert_eq!(pool.len(), 2);
}

#[test]
fn a_block_clears_what_it_made_stale() {
    let mut pool = Pool::new(PoolLimits::default());
    let hashes: Vec<B256> =
        (0..3).map(|nonce| pool.insert(transaction(1, nonce, 100, 1), 0).unwrap().hash).collect();
    assert_eq!(
        refusal(&mut pool, transaction(1, 0, 100, 1), 0),
        PoolError::AlreadyKnown { hash: hashes[0] }
    );
    pool.set_nonce(Address::repeat_byte(1), 2);
    assert!(pool.get(hashes[1]).is_none());
    assert_eq!(order(&pool, 0), [(1, 2)]);
    pool.set_nonce(Address::repeat_byte(1), 3);
    assert!(pool.is_empty());
}

#[test]
fn a_replacement_departs_and_so_does_what_a_block_took() {
    let mut pool = Pool::new(PoolLimits::default());
    let first = pool.insert(transaction(1, 0, 100, 10), 0).unwrap().arrival;
    let second = pool.insert(transaction(1, 0, 200, 20), 0).unwrap().arrival;
    let third = pool.insert(transaction(1, 1, 200, 20), 0).unwrap().arrival;
    assert_eq!(pool.take_departed(), [first]);
    pool.set_nonce(Address::repeat_byte(1), 2);
    assert_eq!(pool.take_departed(), [second, third]);
    assert_eq!(pool.departures(), 0);
}

#[test]
fn a_nonce_read_before_a_block_does_not_hold_up_what_follows_the_block() {
    let mut pool = Pool::new(PoolLimits::default());
    pool.insert(transaction(1, 5, 100, 1), 5).unwrap();
    pool.set_nonce(Address::repeat_byte(1), 6);
    // Whoever offers nonce 6 read 5, before the block.
    pool.insert(transaction(1, 6, 100, 1), 5).unwrap();
    assert_eq!(order(&pool, 0), [(1, 6)]);
    assert_eq!(
        refusal(&mut pool, transaction(1, 5, 100, 1), 5),
        PoolError::NonceTooLow { expected: 6, got: 5 }
    );
    // The block is taken back, and its transaction comes again.
    pool.set_nonce(Address::repeat_byte(1), 5);
    assert_eq!(order(&pool, 0), []);
    pool.insert(transaction(1, 5, 100, 1), 5).unwrap();
    assert_eq!(order(&pool, 0), [(1, 5), (1, 6)]);
}

#[test]
fn transactions_behind_a_gap_have_bounded_places() {
    let limits = PoolLimits { capacity: 10, behind_gaps: 2, ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    pool.insert(transaction(1, 1, 1_000, 1), 0).unwrap();
    pool.insert(transaction(1, 2, 1_000, 1), 0).unwrap();
    let refused = refusal(&mut pool, transaction(2, 7, 9_000, 1), 0);
    assert_eq!(refused, PoolError::TooManyGaps { capacity: 2 });
    // What can run still gets in, and closing the gap gives the places back.
    pool.insert(transaction(2, 0, 10, 1), 0).unwrap();
    pool.insert(transaction(1, 0, 10, 1), 0).unwrap();
    assert_eq!(pool.status(), PoolStatus { pending: 4, queued: 0 });
    pool.insert(transaction(2, 7, 9_000, 1), 0).unwrap();
    assert_eq!(pool.status(), PoolStatus { pending: 4, queued: 1 });
}

#[test]
fn a_flood_does_not_push_out_who_pays_as_much_and_goes_first_itself() {
    let limits = PoolLimits { capacity: 8, per_sender: 8, ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    let quiet = pool.insert(transaction(9, 0, 50, 1), 0).unwrap().hash;
    for nonce in 0..7 {
        pool.insert(transaction(1, nonce, 50, 1), 0).unwrap();
    }
    // The flood's own next one, however dear, is no reason to drop the flood's last one.
    let refused = refusal(&mut pool, transaction(1, 7, 900, 1), 0);
    assert_eq!(refused, PoolError::Full { capacity: 8 });
    // Who pays more displaces the flood's last one: it came after the quiet sender's.
    pool.insert(transaction(2, 0, 60, 1), 0).unwrap();
    assert!(pool.get(quiet).is_some());
    assert_eq!(pool.pending_nonce(Address::repeat_byte(1), 0), 6);
}

#[test]
fn what_is_restored_keeps_its_order_and_what_is_stale_departs() {
    let mut pool = Pool::new(PoolLimits::default());
    assert!(pool.restore(7, transaction(1, 0, 100, 5), 1).is_err());
    pool.restore(9, transaction(1, 1, 100, 5), 1).unwrap();
    pool.restore(12, transaction(2, 0, 100, 5), 0).unwrap();
    pool.discard(40);
    let next = pool.insert(transaction(3, 0, 100, 5), 0).unwrap();
    assert_eq!(next.arrival, 41);
    assert_eq!(order(&pool, 0), [(1, 1), (2, 0), (3, 0)]);
    assert_eq!(pool.take_departed(), [7, 40]);
}

/// A pool that is told the same, kept as plainly as can be.
#[derive(Default)]
struct Plain {
    waiting: BTreeMap<(u8, u64), (u128, u64)>,
    next: BTreeMap<u8, u64>,
}

impl Plain {
    fn runs(&self) -> usize {
        let runs = |sender: u8| {
            let next = self.next.get(&sender).copied().unwrap_or_default();
            (next..).take_while(|nonce| self.waiting.contains_key(&(sender, *nonce))).count()
        };
        (0..=u8::MAX).map(runs).sum()
    }
}

#[test]
fn what_is_counted_along_the_way_is_what_counting_gives() {
    let limits =
        PoolLimits { capacity: 40, per_sender: 16, behind_gaps: 12, replacement_percent: 10 };
    let mut pool = Pool::new(limits);
    let mut plain = Plain::default();
    let mut dice = 0x2545_f491_u64;
    let mut roll = |bound: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % bound
    };
    for _ in 0..20_000 {
        let sender = roll(6) as u8;
        let next = plain.next.get(&sender).copied().unwrap_or_default();
        if roll(10) < 8 {
            let (nonce, fee) = (next + roll(12), u128::from(roll(1_000)));
            if let Ok(entry) = pool.insert(transaction(sender, nonce, fee, 0), next) {
                plain.waiting.insert((sender, nonce), (fee, entry.arrival));
            }
        } else {
            let next = (next + 3).saturating_sub(roll(4));
            pool.set_nonce(Address::repeat_byte(sender), next);
            plain.next.insert(sender, next);
        }
        for gone in pool.take_departed() {
            plain.waiting.retain(|_, (_, arrival)| *arrival != gone);
        }
        let pending = plain.runs();
        let expected = PoolStatus { pending, queued: plain.waiting.len() - pending };
        assert_eq!(pool.status(), expected);
        assert_eq!(order(&pool, 0).len(), pending);
        assert!(pool.len() <= limits.capacity);
    }
}
