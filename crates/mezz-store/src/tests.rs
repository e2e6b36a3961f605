//! Crashes between any two durable steps. A crash is a store that is dropped between them: what is
//! not durable by then is lost either way.

use alloy_primitives::B256;
use mezz_types::{BlockNumber, StateChanges};

use crate::{Store, StoreError, prune, recovery, tables, trie::Writes};

#[path = "../tests/it/support.rs"]
pub(crate) mod support;

use support::{Chain, IDENTITY, key, open, options};

/// Stores the next block, and crashes before the head instance has it.
fn crash_before_state(mut chain: Chain, dir: &std::path::Path, changes: StateChanges) -> Chain {
    let (state, block) = chain.block(&changes);
    let prepared = chain.store.prepare(changes, None).unwrap();
    let block_ref = chain.store.write_block(&prepared, &block).unwrap();
    drop(prepared);
    chain.states.push(state);
    chain.blocks.push((block_ref, block));
    chain.reopen(dir)
}

#[test]
fn a_block_that_is_stored_reaches_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 30);
    chain.grow(5);
    for _ in 0..4 {
        let changes = chain.changes();
        chain = crash_before_state(chain, dir.path(), changes);
        chain.check();
        chain.grow(1);
        chain.check();
    }
    // A block that leaves the state as it is.
    chain = crash_before_state(chain, dir.path(), StateChanges::default());
    chain.check();
}

#[test]
fn genesis_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::empty(dir.path(), 31);
    let changes = chain.changes();
    let mut chain = crash_before_state(chain, dir.path(), changes);
    assert_eq!(chain.reader().finalized().unwrap(), Some(chain.head()));
    chain.check();
    chain.grow(3);
    chain.check();
}

#[test]
fn genesis_becomes_final_once_the_state_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::empty(dir.path(), 32);
    let changes = chain.changes();
    let (state, block) = chain.block(&changes);
    let prepared = chain.store.prepare(changes, None).unwrap();
    let block_ref = chain.store.write_block(&prepared, &block).unwrap();
    chain.store.apply_block(prepared, block_ref).unwrap();
    chain.states.push(state);
    chain.blocks.push((block_ref, block));
    let chain = chain.reopen(dir.path());
    assert_eq!(chain.reader().finalized().unwrap(), Some(chain.head()));
    chain.check();
}

#[test]
fn rollbacks_are_finished() {
    for steps in 1..=2 {
        let dir = tempfile::tempdir().unwrap();
        let mut chain = Chain::new(dir.path(), 33 + steps);
        chain.grow(25);
        let target = BlockNumber::new(11);
        recovery::begin_rollback(&chain.store.shared, target).unwrap();
        if steps == 2 {
            recovery::rollback_state(&chain.store.shared, target).unwrap();
        }
        chain.forget_after(11);
        let mut chain = chain.reopen(dir.path());
        chain.check();
        chain.grow(4);
        chain.reopen(dir.path()).check();
    }
}

#[test]
fn a_rollback_after_a_crash_undoes_only_what_the_state_has() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 36);
    chain.grow(9);
    // The last block never reached the state when the rollback was written down.
    let changes = chain.changes();
    let (_, block) = chain.block(&changes);
    let prepared = chain.store.prepare(changes, None).unwrap();
    chain.store.write_block(&prepared, &block).unwrap();
    drop(prepared);
    recovery::begin_rollback(&chain.store.shared, BlockNumber::new(7)).unwrap();
    chain.forget_after(7);
    let mut chain = chain.reopen(dir.path());
    chain.check();
    chain.grow(3);
    chain.check();
}

#[test]
fn finality_is_finished_or_said_again() {
    for steps in 1..=2 {
        let dir = tempfile::tempdir().unwrap();
        let mut chain = Chain::new(dir.path(), 37 + steps);
        chain.grow(12);
        let target = BlockNumber::new(8);
        recovery::begin_finality(&chain.store.shared, target).unwrap();
        if steps == 2 {
            let mut writes = Writes::new();
            for number in 1..=8 {
                let changes = chain.reader().changes(BlockNumber::new(number)).unwrap().unwrap();
                writes.extend(changes.leaves);
            }
            chain.store.shared.finalized.apply(&writes).unwrap();
        }
        let mut chain = chain.reopen(dir.path());
        let arrived = if steps == 2 { 8 } else { 0 };
        assert_eq!(chain.reader().finalized().unwrap(), Some(chain.blocks[arrived].0));
        chain.check();
        chain.store.finalize(target).unwrap();
        chain.check();
    }
}

#[test]
fn half_made_instances_are_made_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let database =
        crate::database::Database::open(dir.path(), crate::database::CHAIN_FILE, IDENTITY, 1)
            .unwrap();
    let write = database.write().unwrap();
    write.remove_meta(tables::meta::READY).unwrap();
    write.commit().unwrap();
    drop(database);
    std::fs::remove_file(dir.path().join("head/meta")).unwrap();
    let mut chain = Chain::new(dir.path(), 40);
    chain.grow(2);
    chain.check();
}

#[test]
fn a_state_of_no_known_block_is_refused() {
    for instance in ["head", "final"] {
        let dir = tempfile::tempdir().unwrap();
        let mut chain = Chain::new(dir.path(), 41);
        chain.grow(3);
        let trie = match instance {
            "head" => &chain.store.shared.head,
            _ => &chain.store.shared.finalized,
        };
        trie.apply(&[(key(7_777), Some(vec![1]))].into()).unwrap();
        drop(chain);
        let error = Store::open(dir.path(), IDENTITY, options()).err().unwrap();
        let StoreError::Diverged { instance: got, .. } = &error else { panic!("{error}") };
        assert_eq!(*got, instance);
        assert!(error.to_string().contains("--fresh"), "{error}");
    }
}

#[test]
fn a_state_without_blocks_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.shared.head.apply(&[(key(1), Some(vec![1]))].into()).unwrap();
    drop(store);
    let error = Store::open(dir.path(), IDENTITY, options()).err().unwrap();
    assert!(matches!(error, StoreError::Diverged { instance: "head", .. }), "{error}");
}

#[test]
fn another_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let database =
        crate::database::Database::open(dir.path(), crate::database::CHAIN_FILE, IDENTITY, 1)
            .unwrap();
    let write = database.write().unwrap();
    write.set_meta(tables::meta::FORMAT, &9u32.to_be_bytes()).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = Store::open(dir.path(), IDENTITY, options()).err().unwrap();
    assert!(matches!(error, StoreError::WrongFormat { expected: 1, got: 9, .. }), "{error}");
}

#[test]
fn nothing_works_after_a_failed_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 42);
    chain.grow(2);
    let view = chain.reader().state_at_head().unwrap().unwrap();
    let failure: Result<(), _> = Err(StoreError::Corrupt { table: "t", reason: "r" });
    chain.store.shared.durable(failure).unwrap_err();
    let poisoned = |error| matches!(error, Some(StoreError::Poisoned));
    assert!(poisoned(chain.reader().head().err()));
    assert!(poisoned(view.value(&key(0)).err()));
    assert!(poisoned(chain.store.prepare(StateChanges::default(), None).err()));
    assert!(poisoned(chain.store.rollback_to(BlockNumber::ZERO).err()));
    assert!(poisoned(chain.store.finalize(BlockNumber::ZERO).err()));
    assert!(poisoned(chain.store.l1().cursor().err()));
    assert!(poisoned(chain.store.l1().journal(Default::default()).put(0, b"").err()));
    drop(view);
    chain.reopen(dir.path()).check();
}

#[test]
fn damaged_bytes_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 43);
    chain.grow(3);
    let number = BlockNumber::new(2);
    let hash = chain.blocks[2].1.transaction_hashes[1];
    for table in
        [tables::HEADERS, tables::BODIES, tables::RECEIPTS, tables::FORWARD, tables::REVERSE]
    {
        let write = chain.store.shared.database.write().unwrap();
        write.put(table, 2, [0xff; 7].as_slice()).unwrap();
        write.commit().unwrap();
    }
    let reader = chain.reader();
    assert!(matches!(reader.header(number), Err(StoreError::Corrupt { .. })));
    assert!(matches!(reader.body(number), Err(StoreError::Corrupt { .. })));
    assert!(matches!(reader.receipts(number), Err(StoreError::Corrupt { .. })));
    assert!(matches!(reader.receipt(hash), Err(StoreError::Corrupt { .. })));
    assert!(matches!(reader.changes(number), Err(StoreError::Corrupt { .. })));
    let missing = reader.transaction(B256::ZERO).unwrap();
    assert_eq!(missing, None);
}

#[test]
fn writes_that_change_nothing_are_applied() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::empty(dir.path(), 44);
    let mut write = |value: Option<Vec<u8>>, at: u64| {
        let mut changes = StateChanges::default();
        changes.leaves.insert(key(at), value);
        chain.append(changes, None).unwrap();
        chain.check();
    };
    write(Some(vec![1; 32]), 1);
    write(Some(vec![1; 32]), 1);
    write(None, 2);
    write(None, 1);
    write(None, 1);
    chain.store.finalize(BlockNumber::new(2)).unwrap();
    chain.check();
    chain.rollback(3);
    chain.check();
    chain.reopen(dir.path()).check();
}

#[test]
fn what_a_crash_leaves_of_forgotten_blocks_goes_with_the_next_step() {
    let dir = tempfile::tempdir().unwrap();
    let kept = |store: &mut Chain| store.reader().history_from().unwrap();
    let mut chain = Chain::new(dir.path(), 45);
    chain.grow(60);
    chain.reader().log_indexer().unwrap().advance(|| true).unwrap();
    chain.store.finalize(BlockNumber::new(50)).unwrap();
    let sections = |chain: &Chain| {
        let read = chain.store.shared.logs.read().unwrap();
        let table = read.table(tables::LOG_SECTIONS).unwrap().unwrap();
        table.range::<u64>(..).unwrap().map(|it| it.unwrap().0.value()).collect::<Vec<_>>()
    };
    let before = sections(&chain);
    assert!(before.len() > 10);
    // The blocks are gone, and what finds them in the index of logs is not.
    prune::remove(&chain.store.shared, BlockNumber::new(1), BlockNumber::new(30)).unwrap();
    assert_eq!(sections(&chain), before);
    let mut chain = chain.reopen(dir.path());
    assert_eq!(kept(&mut chain), BlockNumber::new(30));
    let (query, number) = (crate::LogQuery::default(), BlockNumber::new(29));
    let error = chain.reader().log_blocks(&query, number, chain.head().number).unwrap_err();
    assert!(matches!(error, StoreError::Pruned { .. }), "{error}");
    let mut options = options();
    options.history_blocks = Some(31);
    drop(chain);
    let store = Store::open(dir.path(), IDENTITY, options).unwrap();
    assert!(!store.reader().history_pruner().step().unwrap());
    assert_eq!(store.reader().history_from().unwrap(), BlockNumber::new(30));
    let chain = Chain::with(store, 45);
    assert!(sections(&chain).iter().all(|first| *first >= 26), "{:?}", sections(&chain));
}
