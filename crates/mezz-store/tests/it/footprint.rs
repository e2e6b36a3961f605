//! How large a store is and how fast it grows.

use mezz_store::{disk_parts, footprint};

use crate::support::Chain;

#[test]
fn what_a_block_adds_is_measured_on_the_last_ones() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::new(dir.path(), 91);
    chain.grow(20);
    assert_eq!(chain.reader().footprint().unwrap().growth, None, "the chain is too young");
    chain.grow(180);
    let running = chain.reader().footprint().unwrap();
    let growth = running.growth.unwrap();
    assert_eq!((running.head.get(), growth.blocks), (200, 199));
    // Two of five blocks hold no transaction; the others hold three of 33 bytes, and their receipts.
    assert!((400..4_000).contains(&growth.history_bytes), "{growth:?}");
    // A header is some 500 bytes, and a few leaves are new.
    assert!((500..10_000).contains(&growth.lasting_bytes), "{growth:?}");
    // All blocks have one timestamp: a second at least is counted.
    assert_eq!(growth.bytes_per_day(false), growth.lasting_bytes * 199 * 86_400);
    assert!(growth.bytes_per_day(true) > growth.bytes_per_day(false));
    assert_eq!(running.bytes(), running.parts.iter().map(|(_, bytes)| bytes).sum::<u64>());
    assert!(running.parts.iter().all(|(name, bytes)| *bytes > 0 || *name == "pool.redb"));
    assert!(footprint(dir.path()).is_err(), "it is in use");
    drop(chain);
    let stopped = footprint(dir.path()).unwrap();
    // The index of logs is smaller once it is closed.
    let lasting = stopped.growth.map(|growth| growth.lasting_bytes);
    assert_eq!((lasting, stopped.head), (Some(growth.lasting_bytes), running.head));
    assert_eq!(stopped.parts, disk_parts(dir.path()));
}
