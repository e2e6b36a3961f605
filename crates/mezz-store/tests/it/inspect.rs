//! Looking at a directory without opening the store.

use mezz_store::{Holding, inspect};

use crate::support::{IDENTITY, open};

#[test]
fn a_directory_says_whose_it_is_and_whether_it_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(inspect(dir.path()).unwrap(), Holding::Nothing);
    let store = open(dir.path());
    assert_eq!(inspect(dir.path()).unwrap(), Holding::InUse);
    drop(store);
    assert_eq!(inspect(dir.path()).unwrap(), Holding::Chain { identity: IDENTITY });
    // Looking left no lock behind.
    drop(open(dir.path()));
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("chain.redb"), b"something else").unwrap();
    assert!(inspect(dir.path()).is_err());
}
