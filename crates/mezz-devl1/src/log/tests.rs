//! Records come back as they were written.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, B256, U256, keccak256};
use mezz_evm::{EthereumAccountChange, EthereumChanges};
use mezz_types::Account;

use super::{BlockLog, Entry, GenesisRecord, Record};

fn changes() -> EthereumChanges {
    let account = Account { nonce: 3, balance: U256::MAX, code_hash: keccak256([1, 2]) };
    let slots = BTreeMap::from([(U256::ZERO, U256::from(5)), (U256::MAX, U256::ZERO)]);
    EthereumChanges {
        accounts: BTreeMap::from([
            (Address::ZERO, EthereumAccountChange::default()),
            (Address::repeat_byte(9), EthereumAccountChange { account: Some(account), slots }),
        ]),
        codes: BTreeMap::from([(keccak256([1, 2]), vec![1, 2].into())]),
    }
}

#[test]
fn edits_and_rewinds_survive_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, records) = BlockLog::open(directory.path()).unwrap();
    assert!(records.is_empty());
    let genesis =
        GenesisRecord { version: 1, chain_id: 900, timestamp: 0, hash: B256::repeat_byte(1) };
    let written =
        [Record::Genesis(genesis), Record::Edits(Arc::new(changes())), Record::Rewind { to: 300 }];
    log.append(&written[..1]).unwrap();
    log.append(&written[1..]).unwrap();
    drop(log);
    let (_, records) = BlockLog::open(directory.path()).unwrap();
    match records.as_slice() {
        [Entry::Genesis(found), Entry::Edits(edits), Entry::Rewind { to: 300 }] => {
            assert_eq!(*found, genesis);
            assert_eq!(**edits, changes());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_that_are_no_record_are_an_error() {
    let mut whole = Record::Edits(Arc::new(changes())).encode();
    assert!(Record::decode(&whole).is_ok());
    assert!(Record::decode(&whole[..whole.len() - 1]).is_err());
    whole.push(0);
    assert!(Record::decode(&whole).is_err());
    assert!(Record::decode(&[9, 0xc0]).is_err());
    assert!(Record::decode(&[]).is_err());
}
