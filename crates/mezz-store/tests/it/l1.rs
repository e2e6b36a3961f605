//! Facts of L1.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use mezz_store::{
    BatchOutcome, ClaimEvent, ClaimOutcome, L1BlockRef, L1Position, L1Store, L1Update, StoreError,
    StoredBatch, StoredClaim, StoredMessage,
};
use mezz_types::{
    Batch, BatchIndex, BlockNumber, Commitment, DataKind, DataVerdict, InboxIndex, L1BlockNumber,
    L1Facts, Message, MessageKind,
};

use crate::support::open;

fn l1_block(number: u64) -> L1BlockRef {
    L1BlockRef { number: L1BlockNumber::new(number), hash: keccak256(number.to_be_bytes()) }
}

fn position(number: u64) -> L1Position {
    L1Position { block: l1_block(number), transaction: B256::repeat_byte(4), log_index: 5 }
}

fn facts(number: u64) -> L1Facts {
    L1Facts {
        number: L1BlockNumber::new(number),
        timestamp: 12 * number,
        base_fee: u128::MAX,
        blob_base_fee: 1,
    }
}

fn message(index: u64, at: u64) -> StoredMessage {
    let message = Message {
        kind: MessageKind::Call,
        index: InboxIndex::new(index),
        facts: facts(at),
        sender: Address::repeat_byte(1),
        to: Address::repeat_byte(2),
        refund_to: Address::repeat_byte(3),
        value: U256::MAX,
        gas_limit: u64::MAX,
        data: Bytes::from(vec![index as u8; 100]),
    };
    StoredMessage { message, accumulator: B256::repeat_byte(index as u8), position: position(at) }
}

fn batch(index: u64, at: u64) -> StoredBatch {
    let batch = Batch {
        parent: B256::repeat_byte(index as u8),
        index: BatchIndex::new(index),
        data_kind: DataKind::Blob,
        verdict: DataVerdict::Empty,
        data_hash: B256::repeat_byte(6),
        facts: facts(at),
        inbox_start: InboxIndex::new(index),
        inbox_end: InboxIndex::new(index + 1),
        inbox_accumulator: B256::repeat_byte(7),
        oldest_unconsumed_timestamp: 8,
        poster: Address::repeat_byte(9),
    };
    StoredBatch { hash: batch.hash(), batch, position: position(at) }
}

fn claim(id: u8, batch_end: u64, at: u64) -> StoredClaim {
    StoredClaim {
        id: B256::repeat_byte(id),
        parent: B256::repeat_byte(id - 1),
        digest: B256::repeat_byte(0x80),
        post: B256::repeat_byte(0x81),
        batch_end: BatchIndex::new(batch_end),
        line: 1,
        proposer: Address::repeat_byte(0x82),
        window_end: 99,
        proposed: position(at),
        contested: None,
        outcome: None,
    }
}

fn ended(id: u8, outcome: ClaimOutcome, at: u64) -> ClaimEvent {
    ClaimEvent::Ended { id: B256::repeat_byte(id), outcome, position: position(at) }
}

fn outcome(index: u64) -> BatchOutcome {
    let last_block = BlockNumber::new(10 * index + 9);
    BatchOutcome {
        first_block: BlockNumber::new(10 * index),
        last_block,
        post: Commitment {
            block_number: last_block,
            block_hash: B256::repeat_byte(1),
            timestamp: 2,
            state_root: B256::repeat_byte(3),
            outbox_root: B256::repeat_byte(4),
            next_inbox_index: InboxIndex::new(index + 1),
        },
        void: (index == 1).then(|| "it does not decode".to_owned()),
    }
}

/// L1 blocks 100 to 104: a message in each, a batch in 101 and 103, claims over them.
fn fill(l1: &L1Store) {
    let update = |number: u64, messages, batches, claims| L1Update {
        blocks: vec![l1_block(number)],
        messages,
        batches,
        claims,
        finalized: None,
    };
    let proposed = |claim: StoredClaim| ClaimEvent::Proposed(Box::new(claim));
    let updates = [
        update(100, vec![message(0, 100)], vec![], vec![]),
        update(101, vec![message(1, 101)], vec![batch(0, 101)], vec![]),
        update(102, vec![message(2, 102)], vec![], vec![proposed(claim(0x11, 1, 102))]),
        update(
            103,
            vec![message(3, 103)],
            vec![batch(1, 103)],
            vec![
                proposed(claim(0x12, 2, 103)),
                ClaimEvent::Contested { id: B256::repeat_byte(0x11), position: position(103) },
            ],
        ),
        update(
            104,
            vec![message(4, 104)],
            vec![],
            vec![
                ended(0x11, ClaimOutcome::Final, 104),
                ended(0x12, ClaimOutcome::Lost, 104),
                // The root of the tree is stored nowhere.
                ended(0x99, ClaimOutcome::Final, 104),
            ],
        ),
    ];
    for update in &updates {
        l1.apply(update).unwrap();
    }
    l1.set_outcome(BatchIndex::ZERO, &outcome(0)).unwrap();
    l1.set_outcome(BatchIndex::new(1), &outcome(1)).unwrap();
}

#[test]
fn facts_come_back() {
    let dir = tempfile::tempdir().unwrap();
    fill(&open(dir.path()).l1());
    let store = open(dir.path());
    let l1 = store.l1();
    assert_eq!(l1.cursor().unwrap(), Some(l1_block(104)));
    assert_eq!(l1.l1_block(L1BlockNumber::new(102)).unwrap(), Some(l1_block(102)));
    assert_eq!(l1.inbox_end().unwrap(), (InboxIndex::new(5), B256::repeat_byte(4)));
    assert_eq!(l1.message(InboxIndex::new(3)).unwrap(), Some(message(3, 103)));
    assert_eq!(l1.message(InboxIndex::new(5)).unwrap(), None);
    let some = l1.messages(InboxIndex::new(1), InboxIndex::new(3)).unwrap();
    assert_eq!(some, [message(1, 101), message(2, 102)]);
    assert_eq!(l1.last_batch().unwrap(), Some(batch(1, 103)));
    assert_eq!(l1.batch(BatchIndex::ZERO).unwrap(), Some(batch(0, 101)));
    assert_eq!(l1.outcome(BatchIndex::ZERO).unwrap(), Some(outcome(0)));
    assert_eq!(l1.last_outcome().unwrap(), Some((BatchIndex::new(1), outcome(1))));
    let first = l1.claim(B256::repeat_byte(0x11)).unwrap().unwrap();
    assert_eq!(first.contested, Some(position(103)));
    assert_eq!(first.outcome, Some((ClaimOutcome::Final, position(104))));
    assert_eq!(l1.claim(B256::repeat_byte(0x99)).unwrap(), None);
    assert_eq!(l1.last_final_claim().unwrap(), Some(first.clone()));
    let second = l1.claim(B256::repeat_byte(0x12)).unwrap().unwrap();
    assert_eq!(l1.claims_from(BatchIndex::ZERO, 9).unwrap(), [first.clone(), second.clone()]);
    assert_eq!(l1.claims_from(BatchIndex::new(1), 1).unwrap(), [first]);
    assert_eq!(l1.claims_from(BatchIndex::new(2), 9).unwrap(), [second]);
}

#[test]
fn gaps_are_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let l1 = store.l1();
    fill(&l1);
    let good = L1Update {
        blocks: vec![l1_block(105)],
        messages: vec![message(5, 105)],
        batches: vec![batch(2, 105)],
        ..L1Update::default()
    };
    let attempts = [
        L1Update { blocks: vec![l1_block(106)], ..good.clone() },
        L1Update { blocks: vec![l1_block(105), l1_block(107)], ..good.clone() },
        L1Update { messages: vec![message(6, 105)], ..good.clone() },
        L1Update { messages: vec![message(4, 105)], ..good.clone() },
        L1Update { batches: vec![batch(1, 105)], ..good.clone() },
    ];
    for attempt in attempts {
        let error = l1.apply(&attempt).err().unwrap();
        assert!(matches!(error, StoreError::L1Gap { .. }), "{error}");
        assert_eq!(l1.cursor().unwrap(), Some(l1_block(104)));
        assert_eq!(l1.inbox_end().unwrap().0, InboxIndex::new(5));
    }
    l1.apply(&good).unwrap();
    assert_eq!(l1.cursor().unwrap(), Some(l1_block(105)));
}

#[test]
fn a_reorganisation_takes_back_what_it_must() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let l1 = store.l1();
    fill(&l1);
    l1.rollback_to(l1_block(103)).unwrap();
    assert_eq!(l1.cursor().unwrap(), Some(l1_block(103)));
    assert_eq!(l1.inbox_end().unwrap().0, InboxIndex::new(4));
    assert_eq!(l1.last_batch().unwrap(), Some(batch(1, 103)));
    assert_eq!(l1.last_final_claim().unwrap(), None);
    assert_eq!(l1.claim(B256::repeat_byte(0x12)).unwrap(), Some(claim(0x12, 2, 103)));
    l1.rollback_to(l1_block(102)).unwrap();
    assert_eq!(l1.last_batch().unwrap(), Some(batch(0, 101)));
    assert_eq!(l1.last_outcome().unwrap(), Some((BatchIndex::ZERO, outcome(0))));
    assert_eq!(l1.claim(B256::repeat_byte(0x12)).unwrap(), None);
    assert_eq!(l1.claim(B256::repeat_byte(0x11)).unwrap(), Some(claim(0x11, 1, 102)));
    assert_eq!(l1.l1_block(L1BlockNumber::new(103)).unwrap(), None);
    l1.rollback_to(l1_block(99)).unwrap();
    assert_eq!(l1.inbox_end().unwrap(), (InboxIndex::ZERO, B256::ZERO));
    assert_eq!(l1.last_batch().unwrap(), None);
    assert_eq!(l1.last_outcome().unwrap(), None);
    assert_eq!(l1.claims_from(BatchIndex::ZERO, 9).unwrap(), []);
    fill(&l1);
    assert_eq!(l1.inbox_end().unwrap().0, InboxIndex::new(5));
}

#[test]
fn hashes_of_final_l1_blocks_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let l1 = store.l1();
    fill(&l1);
    let finalized = Some(L1BlockNumber::new(103));
    l1.apply(&L1Update { finalized, ..L1Update::default() }).unwrap();
    assert_eq!(l1.l1_block(L1BlockNumber::new(102)).unwrap(), None);
    assert_eq!(l1.l1_block(L1BlockNumber::new(103)).unwrap(), Some(l1_block(103)));
    assert_eq!(l1.cursor().unwrap(), Some(l1_block(104)));
}

#[test]
fn journals_are_apart_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let [low, high] = [Address::repeat_byte(1), Address::repeat_byte(2)];
    {
        let store = open(dir.path());
        let journal = store.l1().journal(low);
        journal.put(300, b"c").unwrap();
        journal.put(2, b"a").unwrap();
        journal.put(2, b"b").unwrap();
        journal.put(u64::MAX, b"d").unwrap();
        store.l1().journal(high).put(0, b"x").unwrap();
        journal.remove(u64::MAX).unwrap();
        journal.remove(7).unwrap();
    }
    let store = open(dir.path());
    let journal = store.l1().journal(low);
    assert_eq!(journal.entries().unwrap(), [(2, b"b".to_vec()), (300, b"c".to_vec())]);
    assert_eq!(store.l1().journal(high).entries().unwrap(), [(0, b"x".to_vec())]);
    assert_eq!(store.l1().journal(Address::ZERO).entries().unwrap(), []);
}
