//! State: history, rollback, finality, witnesses, growth.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use mezz_store::{ProofState, Severity, Store, StoreError, StoreOptions};
use mezz_trie::{PartialTrie, Witness};
use mezz_types::{Account, BlockNumber, StateChanges, account_key, encode_slot, storage_key};

use crate::support::{Chain, Dice, IDENTITY, block, key, options, reads, root_of};

#[test]
fn older_states_are_read_within_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 10);
    chain.grow(40);
    assert_eq!(chain.reader().oldest_state().unwrap(), BlockNumber::new(24));
    chain.check();
    let error = chain.reader().state_at(BlockNumber::new(23)).err().unwrap();
    assert!(matches!(error, StoreError::OutsideHistory { .. }), "{error}");
    let error = chain.reader().state_at(BlockNumber::new(41)).err().unwrap();
    assert!(matches!(error, StoreError::UnknownBlock { .. }), "{error}");
    // Older values are on disk still, since nothing is final; the window stays what it was.
    let chain = chain.reopen(dir.path());
    assert_eq!(chain.reader().oldest_state().unwrap(), BlockNumber::new(24));
    chain.check();
}

#[test]
fn a_view_stays_at_its_block_while_others_come() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 11);
    chain.grow(5);
    let view = chain.reader().state_at_head().unwrap().unwrap();
    let state = chain.state();
    chain.grow(16);
    assert_eq!(view.block(), chain.blocks[5].0);
    for key in (0..200).map(key) {
        assert_eq!(view.value(&key).unwrap().as_ref(), state.get(&key));
    }
    chain.grow(1);
    let error = view.value(&key(0)).err().unwrap();
    assert!(matches!(error, StoreError::OutsideHistory { .. }), "{error}");
    assert_eq!(error.severity(), Severity::Temporary);
}

#[test]
fn readers_see_one_block_while_the_writer_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 12);
    chain.grow(8);
    let done = AtomicBool::new(false);
    let (reader, state) = (chain.reader(), chain.state());
    std::thread::scope(|scope| {
        let done = &done;
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let view = reader.state_at_head().unwrap().unwrap();
                let state = &state;
                scope.spawn(move || {
                    let mut rounds = 0;
                    while rounds == 0 || !done.load(Ordering::Acquire) {
                        for key in (0..200).map(key) {
                            assert_eq!(view.value(&key).unwrap().as_ref(), state.get(&key));
                        }
                        rounds += 1;
                    }
                })
            })
            .collect();
        chain.grow(16);
        done.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    chain.check();
}

#[test]
fn rollbacks_reach_any_depth_down_to_finality() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 13);
    chain.grow(50);
    chain.store.finalize(BlockNumber::new(6)).unwrap();
    for target in [50, 49, 47, 30, 29] {
        chain.rollback(target);
        chain.check();
    }
    chain.grow(3);
    chain = chain.reopen(dir.path());
    chain.check();
    chain.store.set_safe(BlockNumber::new(20)).unwrap();
    chain.rollback(6);
    assert_eq!(chain.reader().safe().unwrap(), Some(chain.blocks[6].0));
    let error = chain.store.rollback_to(BlockNumber::new(5)).err().unwrap();
    assert!(matches!(error, StoreError::BelowFinal { .. }), "{error}");
    let error = chain.store.rollback_to(BlockNumber::new(7)).err().unwrap();
    assert!(matches!(error, StoreError::UnknownBlock { .. }), "{error}");
    chain.grow(20);
    chain.check();
    chain.reopen(dir.path()).check();
}

#[test]
fn a_rollback_leaves_no_trace_of_its_blocks() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 14);
    chain.grow(9);
    let gone: Vec<_> = chain.blocks[5..].to_vec();
    chain.rollback(4);
    let reader = chain.reader();
    for (at, block) in &gone {
        assert_eq!(reader.header(at.number).unwrap(), None);
        assert_eq!(reader.block_number(at.hash).unwrap(), None);
        assert_eq!(reader.body(at.number).unwrap(), None);
        assert_eq!(reader.receipts(at.number).unwrap(), None);
        assert_eq!(reader.changes(at.number).unwrap(), None);
        for hash in &block.transaction_hashes {
            assert_eq!(reader.transaction(*hash).unwrap(), None);
        }
        for withdrawal in &block.withdrawals {
            assert!(reader.withdrawal(withdrawal.index).unwrap().is_none());
        }
    }
    let all = mezz_store::LogQuery::default();
    let found = reader.log_blocks(&all, BlockNumber::new(4), BlockNumber::new(99)).unwrap();
    assert_eq!((found.blocks, found.last), (Vec::new(), BlockNumber::new(4)));
}

#[test]
fn a_rollback_expires_views() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 15);
    chain.grow(9);
    let old = chain.reader().state_at(BlockNumber::new(3)).unwrap();
    let gone = chain.reader().state_at(BlockNumber::new(8)).unwrap();
    chain.rollback(5);
    chain.grow(4);
    for view in [old, gone] {
        let error = view.value(&key(0)).err().unwrap();
        assert!(matches!(error, StoreError::ViewExpired { .. }), "{error}");
        assert_eq!(error.severity(), Severity::Temporary);
    }
    chain.check();
}

#[test]
fn the_final_instance_trails() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 16);
    chain.grow(30);
    for target in [1, 2, 20, 30] {
        chain.store.finalize(BlockNumber::new(target)).unwrap();
        chain.check();
        assert_eq!(chain.reader().changes(BlockNumber::new(target)).unwrap(), None);
    }
    chain.grow(5);
    assert!(chain.reader().changes(BlockNumber::new(31)).unwrap().is_some());
    chain.reopen(dir.path()).check();
}

#[test]
fn witnesses_hold_what_a_run_needs_and_nothing_more_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 17);
    chain.grow(20);
    let mut dice = Dice::new(99);
    for _ in 0..30 {
        let code = *chain.changes().codes.keys().next().unwrap();
        let before = chain.state();
        let changes = chain.changes();
        // A code that is deployed by this very block is no part of the witness.
        let deployed = *changes.codes.keys().next().unwrap();
        let numbers: Vec<_> = (0..dice.below(20)).map(|_| dice.below(240)).collect();
        let keys = reads(numbers.iter().copied(), [deployed].into());
        assert!(matches!(
            chain.store.prepare(changes.clone(), Some(&reads([], [code].into()))).err(),
            Some(StoreError::UnknownCode { .. })
        ));
        let prior_root = root_of(&before);
        chain.append(changes.clone(), Some(&keys)).unwrap();
        let witness = chain.reader().witness(chain.head().number).unwrap().unwrap();
        let mut trie = PartialTrie::new(prior_root.0);
        for key in keys.keys.iter().chain(changes.leaves.keys()) {
            assert_eq!(trie.get(&witness, key).unwrap().as_ref(), before.get(key));
        }
        let root = trie.update(&witness, &changes.leaves).unwrap();
        assert_eq!(B256::from(root), chain.blocks.last().unwrap().1.header.state_root);
        check_every_node_counts(&witness, prior_root, &keys, &changes);
    }
    chain.store.finalize(chain.head().number).unwrap();
    assert_eq!(chain.reader().witness(chain.head().number).unwrap(), None);
}

/// Without any one node or value, the run fails.
fn check_every_node_counts(
    witness: &Witness,
    root: B256,
    keys: &mezz_store::WitnessKeys,
    changes: &StateChanges,
) {
    let runs = |witness: &Witness| {
        let mut trie = PartialTrie::new(root.0);
        let read = |trie: &mut PartialTrie, key| trie.get(witness, key).is_ok();
        keys.keys.iter().chain(changes.leaves.keys()).all(|key| read(&mut trie, key))
            && trie.update(witness, &changes.leaves).is_ok()
    };
    assert!(runs(witness));
    for hash in witness.nodes.keys() {
        let mut less = witness.clone();
        less.nodes.remove(hash);
        assert!(!runs(&less));
    }
    for hash in witness.values.keys() {
        let mut less = witness.clone();
        less.values.remove(hash);
        assert!(!runs(&less));
    }
}

#[test]
fn witnesses_hold_codes() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 18);
    let changes = chain.changes();
    let code = changes.codes.values().next().unwrap().clone();
    chain.append(changes, None).unwrap();
    let prepared = chain
        .store
        .prepare(StateChanges::default(), Some(&reads([1], [keccak256(&code)].into())))
        .unwrap();
    let codes = &prepared.witness().unwrap().codes;
    assert_eq!(codes.iter().collect::<Vec<_>>(), [(&keccak256(&code), &code)]);
    // A block that reads it and deploys it once more needs it all the same.
    let mut again = StateChanges::default();
    again.codes.insert(keccak256(&code), code.clone());
    let reads = reads([1], [keccak256(&code)].into());
    let prepared = chain.store.prepare(again, Some(&reads)).unwrap();
    assert!(prepared.witness().unwrap().codes.contains_key(&keccak256(&code)));
    assert_eq!(chain.reader().code(keccak256(&code)).unwrap(), code);
    assert_eq!(chain.reader().code(KECCAK256_EMPTY).unwrap(), Bytes::new());
}

#[test]
fn accounts_and_slots_are_decoded() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 19);
    let address = Address::repeat_byte(0xaa);
    let account = Account { nonce: 7, balance: U256::from(8), code_hash: B256::repeat_byte(9) };
    let slot = U256::from(5);
    let mut changes = StateChanges::default();
    changes.leaves.insert(account_key(address), Some(account.encode().to_vec()));
    let value = encode_slot(U256::from(77)).map(|value| value.to_vec());
    changes.leaves.insert(storage_key(address, slot), value);
    chain.append(changes, None).unwrap();
    let view = chain.reader().state_at_head().unwrap().unwrap();
    assert_eq!(view.account(address).unwrap(), Some(account));
    assert_eq!(view.account(Address::ZERO).unwrap(), None);
    assert_eq!(view.storage(address, slot).unwrap(), U256::from(77));
    assert_eq!(view.storage(address, U256::ZERO).unwrap(), U256::ZERO);
    // A slot's 32 bytes are no account.
    let mut wrong = StateChanges::default();
    wrong.leaves.insert(account_key(address), Some(vec![1; 32]));
    chain.append(wrong, None).unwrap();
    let view = chain.reader().state_at_head().unwrap().unwrap();
    assert!(matches!(view.account(address), Err(StoreError::Corrupt { .. })));
}

#[test]
fn proofs_are_of_one_known_block_while_the_writer_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 13);
    chain.grow(4);
    let done = AtomicBool::new(false);
    let reader = chain.reader();
    std::thread::scope(|scope| {
        let done = &done;
        let reader = &reader;
        let prover = scope.spawn(move || {
            let mut proven = Vec::new();
            while proven.is_empty() || !done.load(Ordering::Acquire) {
                for state in [ProofState::Head, ProofState::Final] {
                    let proofs = reader.prove(state, &[key(1), key(2)]).unwrap();
                    proven.push((proofs.block, proofs.root));
                }
            }
            proven
        });
        for _ in 0..60 {
            chain.grow(1);
        }
        done.store(true, Ordering::Release);
        for (block, root) in prover.join().unwrap() {
            assert_eq!(reader.header(block).unwrap().unwrap().1.state_root, root);
        }
    });
    chain.check();
}

#[test]
fn the_hash_table_grows_when_it_is_crowded() {
    let dir = tempfile::tempdir().unwrap();
    let small = StoreOptions { head_buckets: 64, final_buckets: 64, ..options() };
    let mut store = Store::open(dir.path(), IDENTITY, small).unwrap();
    let mut state = BTreeMap::new();
    let mut parent = B256::ZERO;
    for number in 0..3u64 {
        let mut changes = StateChanges::default();
        for leaf in 0..8_000 {
            changes.leaves.insert(key(number * 8_000 + leaf), Some(vec![1; 32]));
        }
        state.extend(changes.leaves.iter().map(|(key, value)| (*key, value.clone().unwrap())));
        let prepared = store.prepare(changes, None).unwrap();
        let next = block(number, parent, prepared.root());
        parent = store.commit_block(prepared, &next).unwrap().hash;
    }
    store.finalize(BlockNumber::new(2)).unwrap();
    let final_proofs = store.reader().prove(ProofState::Final, &[key(0)]).unwrap();
    assert_eq!(final_proofs.root, root_of(&state));
    let usage = store.reader().usage().unwrap();
    assert!(usage.head_capacity > 64 && usage.final_capacity > 64, "{usage:?}");
    assert!(usage.head_occupied < usage.head_capacity / 4 * 3, "{usage:?}");
    let check = |store: &Store| {
        let view = store.reader().state_at_head().unwrap().unwrap();
        for number in (0..24_000).step_by(97) {
            assert_eq!(view.value(&key(number)).unwrap(), Some(vec![1; 32]));
        }
        assert_eq!(store.prepare(StateChanges::default(), None).unwrap().root(), root_of(&state));
    };
    check(&store);
    drop(store);
    check(&Store::open(dir.path(), IDENTITY, small).unwrap());
}

#[test]
fn changes_prepared_before_the_table_grew_are_prepared_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 20);
    let changes = chain.changes();
    let (_, next) = chain.block(&changes);
    let early = chain.store.prepare(changes.clone(), None).unwrap();
    let mut large = StateChanges::default();
    for leaf in 0..6_000 {
        large.leaves.insert(key(1_000 + leaf), Some(vec![1; 32]));
    }
    drop(chain.store.prepare(large, None).unwrap());
    let error = chain.store.commit_block(early, &next).err().unwrap();
    assert!(matches!(error, StoreError::TableGrown), "{error}");
    assert_eq!(error.severity(), Severity::Temporary);
    chain.append(changes, None).unwrap();
    chain.check();
}
