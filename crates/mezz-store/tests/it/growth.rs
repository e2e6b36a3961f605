//! A crash while the state's hash table is replaced by a larger one.

use std::{fs, path::Path};

use mezz_store::{Store, StoreOptions};
use mezz_types::StateChanges;

use crate::support::{Chain, IDENTITY, key, options};

/// As the trie writes it down before the larger table takes the place of the other.
fn marker(old: usize, new: usize) -> Vec<u8> {
    let counts = [old, new].map(|count| (count as u32).to_le_bytes());
    [b"NOMTRH1\0".as_slice(), &counts[0], &counts[1]].concat()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_table_that_was_growing_is_the_old_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let small = StoreOptions { head_buckets: 128, ..options() };
    let original = dir.path().join("original");
    let store = Store::open(&original, IDENTITY, small).unwrap();
    let mut chain = Chain::with(store, 95);
    chain.grow(12);
    let before = chain.reader().usage().unwrap().head_capacity;
    let old = dir.path().join("old");
    let chain = chain.reopen_after(&original, |path| copy(path, &old));
    // A large block makes room, and is not committed.
    let mut large = StateChanges::default();
    for leaf in 0..6_000 {
        large.leaves.insert(key(1_000 + leaf), Some(vec![1; 32]));
    }
    drop(chain.store.prepare(large, None).unwrap());
    let after = chain.reader().usage().unwrap().head_capacity;
    assert!(after > before, "{after} {before}");
    let new = dir.path().join("new");
    let chain = chain.reopen_after(&original, |path| copy(path, &new));

    let marker = marker(before, after);
    let table = |from: &Path| fs::read(from.join("head/ht")).unwrap();
    type Files = Vec<(&'static str, Vec<u8>)>;
    let states: [(&Path, Files, usize); 4] = [
        // The larger table is being written.
        (&old, vec![("ht.rehashing", table(&new)[..9_000].to_vec())], before),
        // It is whole, and about to take the other's place.
        (
            &old,
            vec![("ht.rehashing", table(&new)), ("ht.rehashing-marker", marker.clone())],
            before,
        ),
        // It took it, and nothing else says so.
        (&old, vec![("ht", table(&new)), ("ht.rehashing-marker", marker.clone())], after),
        // All is done but for cleaning up.
        (&new, vec![("ht.rehashing-marker", marker)], after),
    ];
    for (place, (from, files, buckets)) in states.into_iter().enumerate() {
        let crashed = dir.path().join(format!("crashed-{place}"));
        copy(from, &crashed);
        for (name, bytes) in files {
            fs::write(crashed.join("head").join(name), bytes).unwrap();
        }
        let store = Store::open(&crashed, IDENTITY, small).unwrap();
        assert_eq!(store.reader().usage().unwrap().head_capacity, buckets, "{place}");
        let mut copied = Chain::with(store, 96);
        copied.states = chain.states.clone();
        copied.blocks = chain.blocks.clone();
        copied.check();
        copied.grow(3);
        copied.check();
        assert!(!crashed.join("head/ht.rehashing-marker").exists());
    }
}
