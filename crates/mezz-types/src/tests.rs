//! Golden hashes: a change here is a change of the protocol.

use alloc::vec;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, b256};

use crate::*;

fn facts() -> L1Facts {
    L1Facts {
        number: L1BlockNumber::new(0x11),
        timestamp: 0x22,
        base_fee: 0x33,
        blob_base_fee: 0x44,
    }
}

fn message() -> Message {
    Message {
        kind: MessageKind::Call,
        index: InboxIndex::new(7),
        facts: facts(),
        sender: Address::repeat_byte(0xa1),
        to: Address::repeat_byte(0xa2),
        refund_to: Address::repeat_byte(0xa3),
        value: U256::from(1_000_000_000_000_000_000u64),
        gas_limit: 100_000,
        data: Bytes::from_static(&[1, 2, 3]),
    }
}

fn batch() -> Batch {
    Batch {
        parent: B256::repeat_byte(0xb1),
        index: BatchIndex::new(5),
        data_kind: DataKind::Blob,
        verdict: DataVerdict::Available,
        data_hash: B256::repeat_byte(0xb2),
        facts: facts(),
        inbox_start: InboxIndex::new(3),
        inbox_end: InboxIndex::new(8),
        inbox_accumulator: B256::repeat_byte(0xb3),
        oldest_unconsumed_timestamp: 0x55,
        poster: Address::repeat_byte(0xb4),
    }
}

fn withdrawal() -> Withdrawal {
    Withdrawal {
        index: OutboxIndex::new(2),
        kind: WithdrawalKind::Call,
        sender: Address::repeat_byte(0xc1),
        target: Address::repeat_byte(0xc2),
        token: Address::ZERO,
        amount: U256::from(12345),
        data: Bytes::from_static(&[9, 8, 7]),
    }
}

fn config() -> ChainConfig {
    ChainConfig {
        l1_chain_id: 31337,
        l2_chain_id: 4242,
        ledger: LedgerKind::Evm,
        genesis_timestamp: 1_700_000_000,
        vault: Address::repeat_byte(0xd1),
        fee_recipient: Address::repeat_byte(0xd2),
        force_delay: 3600,
        limits: Limits {
            block_gas: 100_000_000,
            batch_gas: 400_000_000,
            message_gas: 10_000_000,
            batch_message_gas: 30_000_000,
            batch_messages: 1024,
            batch_bytes: 2_000_000,
            batch_blocks: 4096,
            batch_transactions: 20_000,
        },
        fees: Fees {
            initial_base_fee: 1_000_000_000,
            min_base_fee: 1_000_000,
            elasticity: 4,
            change_denominator: 8,
            l1_gas_per_byte_milli: 0,
            blob_gas_per_byte_milli: 1033,
        },
        forks: vec![Fork { from_batch: BatchIndex::ZERO, rules: Rules::Osaka }],
    }
}

#[test]
fn golden_hashes_hold() {
    let commitment = Commitment {
        block_number: BlockNumber::new(9),
        block_hash: B256::repeat_byte(0xe1),
        timestamp: 0x66,
        state_root: B256::repeat_byte(0xe2),
        outbox_root: B256::repeat_byte(0xe3),
        next_inbox_index: InboxIndex::new(8),
    };
    let claim = Claim {
        config_hash: config().hash(),
        pre: B256::repeat_byte(0xf1),
        batch_start: B256::repeat_byte(0xf2),
        batch_end: B256::repeat_byte(0xf3),
        inbox_start: B256::repeat_byte(0xf4),
        inbox_end: B256::repeat_byte(0xf5),
        post: commitment.hash(),
    };
    let hashes = [
        (
            "message",
            message().hash(),
            b256!("b450ea782d8079423806be59b3e0239ecf6d3e3cc209f174130811cc11acca72"),
        ),
        (
            "accumulator",
            next_accumulator(B256::ZERO, message().hash()),
            b256!("2b0e97848d09b159a3669e91a501f8daeff6574671e308470a5ee16af5009a58"),
        ),
        (
            "batch",
            batch().hash(),
            b256!("91b57f2b27ac189d9dd0105306b492725b9e77453736dd9fd7bdc3d7772dc2ea"),
        ),
        (
            "withdrawal",
            withdrawal().leaf(),
            b256!("e6f99695197ee82ae9427e57d3e07286809ec1d5c76c10ce63236be2658017c0"),
        ),
        (
            "config",
            config().hash(),
            b256!("6d166c776ab12260acff4d7e12a090da4bf190d4f2da5b6341af7201e58c277e"),
        ),
        (
            "commitment",
            commitment.hash(),
            b256!("e0f6b404df84501b08cb4c7f52504f63906feaacbc34b75ecc76528544631d81"),
        ),
        (
            "claim",
            claim.digest(),
            b256!("51d15f336fdf7d85142fe42f2f8f97c9b742df2ac9df5d4ea02c66fe2c581e16"),
        ),
        (
            "claim id",
            claim_id(B256::repeat_byte(0xf6), claim.digest()),
            b256!("7a6478736e1959a853a7cf80bc57b817c022bb9c7a75ecd72ddee21197e31c91"),
        ),
        (
            "genesis",
            genesis_batch_accumulator(config().hash(), commitment.hash()),
            b256!("1a4bebda603ec035ad3d2d5e404ab11ca0e5ac0c52604468cc278b484c96ece3"),
        ),
        (
            "empty outbox",
            OutboxTree::default().root(),
            b256!("27ae5ba08d7291c96c8cbddcc148bf48a6d68c7974b94356f53754ef6171d757"),
        ),
        (
            "account key",
            account_key(Address::repeat_byte(0xa1)).into(),
            b256!("f3a01e100aa3ab0e11bd4350baad91d569ad79b78ba8d6a1466adddd829dce93"),
        ),
        (
            "storage key",
            storage_key(Address::repeat_byte(0xa1), U256::from(3)).into(),
            b256!("e60972db5682a043e70a439decfe76ce74adddbfde02bde667dfb482d9c9e654"),
        ),
        (
            "system transaction",
            SystemTransaction::from_message(&message()).unwrap().hash(),
            b256!("5deb729f9836cdfb03eb5948d138e1c38352dfe1aaf07f4519528c09778bbdcb"),
        ),
    ];
    let wrong: alloc::vec::Vec<_> =
        hashes.iter().filter(|(_, got, golden)| got != golden).map(|(n, g, _)| (*n, *g)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_field_changes_the_hash() {
    let base = batch().hash();
    let changed = [
        Batch { parent: B256::ZERO, ..batch() },
        Batch { index: BatchIndex::new(6), ..batch() },
        Batch { data_kind: DataKind::Calldata, ..batch() },
        Batch { verdict: DataVerdict::Empty, ..batch() },
        Batch { data_hash: B256::ZERO, ..batch() },
        Batch { facts: L1Facts { number: L1BlockNumber::new(1), ..facts() }, ..batch() },
        Batch { facts: L1Facts { timestamp: 1, ..facts() }, ..batch() },
        Batch { facts: L1Facts { base_fee: 1, ..facts() }, ..batch() },
        Batch { facts: L1Facts { blob_base_fee: 1, ..facts() }, ..batch() },
        Batch { inbox_start: InboxIndex::new(4), ..batch() },
        Batch { inbox_end: InboxIndex::new(4), ..batch() },
        Batch { inbox_accumulator: B256::ZERO, ..batch() },
        Batch { oldest_unconsumed_timestamp: 1, ..batch() },
        Batch { poster: Address::ZERO, ..batch() },
    ];
    for other in changed {
        assert_ne!(base, other.hash(), "{other:?}");
    }
}

#[test]
fn aliasing_wraps_around() {
    assert_eq!(alias(Address::ZERO), ALIAS_OFFSET);
    assert_eq!(
        alias(address!("ffffffffffffffffffffffffffffffffffffffff")),
        address!("1111000000000000000000000000000000001110")
    );
}

#[test]
fn outbox_paths_lead_to_the_root() {
    let leaves: alloc::vec::Vec<B256> = (1..=5u8).map(B256::repeat_byte).collect();
    let mut tree = OutboxTree::default();
    for leaf in &leaves {
        tree.push(*leaf).unwrap();
    }
    // The path of every leaf, made the slow way: all the nodes of each level.
    for index in 0..leaves.len() {
        let mut level = leaves.clone();
        let mut empty = B256::ZERO;
        let mut position = index;
        let mut siblings = [B256::ZERO; OUTBOX_DEPTH];
        for sibling in &mut siblings {
            *sibling = level.get(position ^ 1).copied().unwrap_or(empty);
            level = level
                .chunks(2)
                .map(|pair| {
                    let right = pair.get(1).copied().unwrap_or(empty);
                    alloy_primitives::keccak256([pair[0].0, right.0].concat())
                })
                .collect();
            empty = alloy_primitives::keccak256([empty.0, empty.0].concat());
            position /= 2;
        }
        let proof = OutboxProof { index: OutboxIndex::new(index as u64), siblings };
        assert_eq!(proof.root(leaves[index]), tree.root());
        assert_ne!(proof.root(B256::repeat_byte(0x77)), tree.root());
    }
}

#[test]
fn system_transactions_survive_a_round_trip() {
    let call = SystemTransaction::from_message(&message()).unwrap();
    let create = SystemTransaction { to: TxKind::Create, ..call.clone() };
    for transaction in [call, create] {
        let bytes = transaction.encode_2718();
        assert_eq!(SystemTransaction::decode_2718(&bytes), Ok(transaction));
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(SystemTransaction::decode_2718(&longer).is_err());
        assert!(SystemTransaction::decode_2718(&bytes[..bytes.len() - 1]).is_err());
    }
}

#[test]
fn accounts_survive_a_round_trip() {
    let account = Account { nonce: 3, balance: U256::MAX, code_hash: B256::repeat_byte(0x5a) };
    assert_eq!(Account::decode(&account.encode()), Ok(account));
    assert_eq!(
        Account::decode(&account.encode()[1..]),
        Err(AccountDecodeError { expected: 72, got: 71 })
    );
}

#[test]
fn bad_configurations_are_refused() {
    assert_eq!(config().validate(), Ok(()));
    let mut same = config();
    same.l2_chain_id = same.l1_chain_id;
    assert_eq!(same.validate(), Err(ConfigError::SameChainId { chain_id: 31337 }));
    let mut large = config();
    large.limits.batch_message_gas = large.limits.block_gas + 1;
    assert!(matches!(large.validate(), Err(ConfigError::Exceeds { .. })));
    let mut late = config();
    late.forks[0].from_batch = BatchIndex::new(1);
    assert_eq!(late.validate(), Err(ConfigError::ForkOrder { position: 0 }));
    let mut none = config();
    none.forks.clear();
    assert_eq!(none.validate(), Err(ConfigError::ForkOrder { position: 0 }));
}

#[test]
fn hashed_objects_are_read_back_from_their_words() {
    let commitment = Commitment {
        block_number: BlockNumber::new(9),
        block_hash: B256::repeat_byte(0xe1),
        timestamp: 0x66,
        state_root: B256::repeat_byte(0xe2),
        outbox_root: B256::repeat_byte(0xe3),
        next_inbox_index: InboxIndex::new(8),
    };
    assert_eq!(Commitment::from_words(commitment.words().as_bytes()), Ok(commitment));
    assert_eq!(Batch::from_words(batch().words().as_bytes()), Ok(batch()));
    let claim = Claim {
        config_hash: B256::repeat_byte(0xf0),
        pre: B256::repeat_byte(0xf1),
        batch_start: B256::repeat_byte(0xf2),
        batch_end: B256::repeat_byte(0xf3),
        inbox_start: B256::repeat_byte(0xf4),
        inbox_end: B256::repeat_byte(0xf5),
        post: B256::repeat_byte(0xf6),
    };
    assert_eq!(Claim::from_words(claim.words().as_bytes()), Ok(claim));
    assert_eq!(claim.question(), Claim { post: B256::ZERO, ..claim });
    assert_eq!(ChainConfig::from_words(config().words().as_bytes()), Ok(config()));
    let head = MessageHead::from_words(message().words().as_bytes()).unwrap();
    assert_eq!(head.clone().with_data(message().data), Ok(message()));
    let (expected, got) = (head.data_hash(), alloy_primitives::keccak256([9]));
    let other = head.with_data(Bytes::from_static(&[9]));
    assert_eq!(other, Err(WordsDecodeError::Data { expected, got }));
}

/// What is read from words hashes to the hash of those words, whatever the words are.
#[test]
fn altered_words_are_refused_or_mean_something_else() {
    let words = batch().words().as_bytes().to_vec();
    for at in 0..words.len() {
        let mut altered = words.clone();
        altered[at] ^= 0x81;
        if let Ok(other) = Batch::from_words(&altered) {
            assert_eq!(other.words().as_bytes(), altered);
            assert_ne!(other, batch());
        }
        assert!(Batch::from_words(&words[..at]).is_err());
    }
    let expected = alloy_primitives::keccak256("mezzanine.commitment.v1");
    let got = alloy_primitives::keccak256("mezzanine.batch.v1");
    assert_eq!(Commitment::from_words(&words), Err(WordsDecodeError::Tag { expected, got }));
    let longer = [words, vec![0; 32]].concat();
    assert_eq!(Batch::from_words(&longer), Err(WordsDecodeError::Length { bytes: longer.len() }));
}
