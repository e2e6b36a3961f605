//! The trie against an independent builder, and its proofs against an independent verifier.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof, root};
use mezz_evm::{EthereumAccountChange, EthereumChanges};
use mezz_types::Account;
use proptest::prelude::*;

use super::{
    WorldState,
    trie::{Trie, TrieValue},
};

/// Few distinct bytes, in few places, so that keys share long prefixes.
fn key() -> impl Strategy<Value = B256> {
    (0u8..4, 0u8..4, 0usize..32).prop_map(|(first, byte, at)| {
        let mut key = [0u8; 32];
        key[0] = first << 4;
        key[at] |= byte;
        B256::from(key)
    })
}

fn value() -> impl Strategy<Value = U256> {
    // Short values make nodes that stand inside their parents.
    prop_oneof![(1u64..200).prop_map(U256::from), Just(U256::MAX)]
}

fn expected_root(model: &BTreeMap<B256, U256>) -> B256 {
    root::storage_root(model.iter().map(|(key, value)| (*key, *value)))
}

proptest! {
    #[test]
    fn any_order_of_writes_gives_the_root_of_what_is_left(
        writes in proptest::collection::vec((key(), proptest::option::of(value())), 1..60),
    ) {
        let mut trie = Trie::default();
        let mut model = BTreeMap::new();
        let mut versions = Vec::new();
        for (key, value) in writes {
            match value {
                Some(value) => {
                    trie.insert(&key, value);
                    model.insert(key, value);
                }
                None => {
                    trie.remove(&key);
                    model.remove(&key);
                }
            }
            prop_assert_eq!(trie.root(), expected_root(&model));
            versions.push((trie.clone(), model.clone()));
        }
        for (version, model) in versions {
            prop_assert_eq!(version.root(), expected_root(&model));
            for (key, value) in &model {
                prop_assert_eq!(version.get(key), Some(value));
            }
        }
    }

    #[test]
    fn a_proof_convinces_of_presence_and_of_absence(
        present in proptest::collection::btree_map(key(), value(), 0..40),
        asked in key(),
    ) {
        let mut trie = Trie::default();
        for (key, value) in &present {
            trie.insert(key, *value);
        }
        let leaf = present.get(&asked).map(TrieValue::leaf);
        let proof = trie.proof(&asked);
        let path = Nibbles::unpack(asked);
        prop_assert!(verify_proof(trie.root(), path, leaf, &proof).is_ok());
        let wrong = U256::from(201u64).leaf();
        prop_assert!(verify_proof(trie.root(), path, Some(wrong), &proof).is_err());
    }
}

fn account(nonce: u64, balance: u64) -> Account {
    Account { nonce, balance: U256::from(balance), ..Account::default() }
}

#[test]
fn the_state_root_is_that_of_ethereum() {
    let mut state = WorldState::default();
    let mut expected = BTreeMap::new();
    for index in 0..500u64 {
        let address = Address::from_word(U256::from(index * 7919).into());
        let slots: BTreeMap<_, _> =
            (1..=index % 5).map(|slot| (U256::from(slot), U256::from(slot * 11))).collect();
        let storage_root = root::storage_root_unhashed(
            slots.iter().map(|(slot, value)| (B256::from(*slot), *value)),
        );
        let account = account(index, index * 3 + 1);
        expected.insert(
            address,
            TrieAccount {
                nonce: account.nonce,
                balance: account.balance,
                storage_root,
                ..TrieAccount::default()
            },
        );
        let change = EthereumAccountChange { account: Some(account), slots };
        state.apply(&EthereumChanges {
            accounts: BTreeMap::from([(address, change)]),
            codes: BTreeMap::new(),
        });
    }
    assert_eq!(state.root(), root::state_root_unhashed(expected));
}

#[test]
fn a_removed_account_takes_its_storage_with_it() {
    let address = Address::repeat_byte(7);
    let change = |account, slots| EthereumChanges {
        accounts: BTreeMap::from([(address, EthereumAccountChange { account, slots })]),
        codes: BTreeMap::from([(keccak256([1]), Bytes::from_static(&[1]))]),
    };
    let mut state = WorldState::default();
    let slots = BTreeMap::from([(U256::from(1), U256::from(2))]);
    state.apply(&change(Some(account(1, 1)), slots));
    let before = state.clone();
    state.apply(&change(None, BTreeMap::new()));
    assert_eq!(state.root(), alloy_trie::EMPTY_ROOT_HASH);
    state.apply(&change(Some(account(1, 1)), BTreeMap::new()));
    assert_eq!(state.slot(address, U256::from(1)), U256::ZERO);
    assert_eq!(before.slot(address, U256::from(1)), U256::from(2));
}
