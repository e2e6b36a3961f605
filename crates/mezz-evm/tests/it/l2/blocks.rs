//! The block around the transactions: roots, bloom, header, history.

use alloy_consensus::{
    Header, ReceiptEnvelope, Sealed, TxReceipt,
    proofs::{calculate_receipt_root, calculate_transaction_root, ordered_trie_root_encoded},
};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, b256, bloom, keccak256};
use alloy_rlp::Decodable;
use mezz_evm::{
    BlockEnv, BlockTransaction, ExtraData, GenesisAccount, ParentError, Receipt, genesis,
};
use mezz_types::{
    BlockNumber, FEE_VAULT, HISTORY_STORAGE, OUTBOX, OutboxTree, Rules, account_key, storage_key,
};

use super::world::{ETHER, Key, World, config, store};

const TARGET: Address = Address::repeat_byte(0x77);

/// Code that logs two topics and 32 bytes: PUSH1 2, PUSH1 1, PUSH1 32, PUSH0, LOG2.
const LOGGING: [u8; 8] = [0x60, 0x02, 0x60, 0x01, 0x60, 0x20, 0x5f, 0xa2];

#[test]
fn roots_and_bloom_are_ethereum_s() {
    let mut world = World::new();
    let keys: Vec<_> = (1..=20).map(Key::new).collect();
    world.install(TARGET, &LOGGING);
    let other = Address::repeat_byte(0x78);
    let mut transactions = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        world.fund(key.address(), ETHER);
        transactions.push(match at % 3 {
            0 => key.sign(world.legacy(key, other)),
            1 => key.sign(world.eip2930(key, other)),
            _ => key.sign(world.eip1559(key, TARGET.into(), &[])),
        });
    }
    let sealed = world.block(&[], &transactions).sealed;
    let header = &sealed.header;
    let plain: Vec<_> = transactions.iter().map(|tx| tx.inner().clone()).collect();
    assert_eq!(header.transactions_root, calculate_transaction_root(&plain));
    // Each receipt read back by the library that knows nothing of ours.
    let receipts: Vec<_> = sealed
        .block
        .receipts
        .iter()
        .map(|receipt| ReceiptEnvelope::decode_2718_exact(&receipt.encode_2718()).unwrap())
        .collect();
    assert_eq!(header.receipts_root, calculate_receipt_root(&receipts));
    let bloom = receipts.iter().fold(Bloom::ZERO, |bloom, receipt| bloom | receipt.bloom());
    assert_eq!(header.logs_bloom, bloom);
    assert_ne!(bloom, Bloom::ZERO);
    let mut gas = 0;
    for (receipt, extras) in receipts.iter().zip(&sealed.block.extras) {
        gas += extras.gas_used;
        assert_eq!(receipt.cumulative_gas_used(), gas);
    }
    assert_eq!(header.gas_used, gas);
}

#[test]
fn a_log_is_in_the_bloom_by_address_and_topics() {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    world.install(TARGET, &LOGGING);
    let tx = key.sign(world.eip1559(&key, TARGET.into(), &[]));
    let block = world.block(&[], &[tx]).sealed.block;
    let log = &block.receipts[0].logs()[0];
    assert_eq!(log.address, TARGET);
    assert_eq!(log.topics(), [B256::with_last_byte(1), B256::with_last_byte(2)]);
    let mut expected = Bloom::ZERO;
    for input in [TARGET.as_slice(), log.topics()[0].as_slice(), log.topics()[1].as_slice()] {
        expected.accrue(alloy_primitives::BloomInput::Raw(input));
    }
    assert_eq!(block.logs_bloom, expected);
    assert_ne!(expected, bloom!());
}

#[test]
fn system_transactions_stand_in_the_roots_with_their_type() {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    world.install(TARGET, &LOGGING);
    let message = world.call_message(Address::repeat_byte(0x33), TARGET, 1);
    let tx = key.sign(world.eip1559(&key, TARGET.into(), &[]));
    let sealed = world.block(&[message], &[tx]).sealed;
    let transactions: Vec<_> =
        sealed.block.transactions.iter().map(BlockTransaction::encode_2718).collect();
    let receipts: Vec<_> = sealed.block.receipts.iter().map(Receipt::encode_2718).collect();
    assert_eq!((transactions[0][0], receipts[0][0]), (0x7d, 0x7d));
    assert_eq!((transactions[1][0], receipts[1][0]), (2, 2));
    assert_eq!(sealed.header.transactions_root, ordered_trie_root_encoded(&transactions));
    assert_eq!(sealed.header.receipts_root, ordered_trie_root_encoded(&receipts));
    assert_eq!(sealed.block.receipts[0].logs().len(), 1);
    for (receipt, encoded) in sealed.block.receipts.iter().zip(&receipts) {
        assert_eq!(Receipt::decode_2718(encoded).as_ref(), Ok(receipt));
        assert!(Receipt::decode_2718(&encoded[..encoded.len() - 1]).is_err());
        assert!(Receipt::decode_2718(&[encoded.as_slice(), &[0]].concat()).is_err());
    }
    assert_eq!(sealed.block.transactions[0].hash(), keccak256(&transactions[0]));
}

#[test]
fn the_header_says_what_the_format_says() {
    let mut world = World::new();
    let parent = world.head.clone();
    let sealed = world.block(&[], &[]).sealed;
    let header = &sealed.header;
    assert_eq!(header.parent_hash, parent.hash());
    assert_eq!(header.mix_hash, parent.hash());
    assert_eq!(header.beneficiary, FEE_VAULT);
    assert_eq!(header.number, 1);
    assert_eq!(header.gas_limit, 100_000_000);
    assert_eq!(header.state_root, world.state.root());
    assert_eq!(header.difficulty, U256::ZERO);
    assert_eq!(header.extra_data.len(), 25);
    assert_eq!((header.blob_gas_used, header.excess_blob_gas), (Some(0), Some(0)));
    assert_eq!(header.parent_beacon_block_root, Some(B256::ZERO));
    let empty_trie = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    assert_eq!(header.withdrawals_root, Some(empty_trie));
    assert_eq!((header.transactions_root, header.receipts_root), (empty_trie, empty_trie));
    assert_eq!(
        header.requests_hash,
        Some(b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    );
    let encoded = alloy_rlp::encode(header.inner());
    assert_eq!(keccak256(&encoded), sealed.hash());
    assert_eq!(Header::decode(&mut encoded.as_slice()).as_ref(), Ok(header.inner()));
    let commitment = sealed.commitment();
    assert_eq!(commitment.block_hash, sealed.hash());
    assert_eq!(commitment.block_number, BlockNumber::new(1));
    assert_eq!(commitment.state_root, world.state.root());
    assert_eq!(commitment.timestamp, header.timestamp);
}

#[test]
fn golden_headers() {
    let mut world = World::new();
    let genesis = world.head.hash();
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    world.install(TARGET, &LOGGING);
    let message = world.call_message(Address::repeat_byte(0x33), TARGET, 1);
    let tx = key.sign(world.eip1559(&key, TARGET.into(), &[1, 2, 3]));
    let sealed = world.block(&[message], &[tx]).sealed;
    assert_eq!(
        (genesis, sealed.hash()),
        (
            b256!("860d330dac7989aa77617a2263048863a062216bd634dd845b5da0a1c0934a75"),
            b256!("c655166bf036f0571bfe80c3a4ed96f839eff0c73ddaa56cbcc5bf99d3eb8a60"),
        )
    );
}

#[test]
fn genesis_holds_its_contracts_the_empty_outbox_and_no_ether() {
    let storage = [(U256::from(3), U256::from(4)), (U256::from(5), U256::ZERO)];
    let account = GenesisAccount {
        address: TARGET,
        code: Bytes::from_static(&[0x5f]),
        storage: storage.into_iter().collect(),
    };
    let config = config();
    let block = genesis(&config, &[account]);
    let empty = OutboxTree::default().root();
    let leaves = &block.changes.leaves;
    assert_eq!(leaves.len(), 3);
    let outbox = storage_key(OUTBOX, U256::ZERO);
    assert_eq!(leaves[&outbox].as_deref(), Some(empty.as_slice()));
    assert!(leaves.contains_key(&account_key(TARGET)));
    assert!(leaves.contains_key(&storage_key(TARGET, U256::from(3))));
    assert_eq!(block.changes.codes.len(), 1);
    let mut world = World::new();
    world.state = Default::default();
    world.state.apply(&block.changes);
    assert_eq!(world.state.supply(), U256::ZERO);
    assert_eq!(world.account(TARGET).nonce, 1);
    assert_eq!(world.code(TARGET), Bytes::from_static(&[0x5f]));
    let sealed = block.seal(B256::repeat_byte(9));
    assert_eq!(sealed.header.number, 0);
    assert_eq!(sealed.header.timestamp, config.genesis_timestamp);
    assert_eq!(sealed.header.base_fee_per_gas, Some(config.fees.initial_base_fee));
    assert_eq!(sealed.header.extra_data, ExtraData::default().encode());
    assert_eq!(sealed.commitment().outbox_root, empty);
}

#[test]
fn the_outbox_root_is_slot_0_of_the_outbox() {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    let empty = OutboxTree::default().root();
    assert_eq!(world.block(&[], &[]).sealed.block.outbox_root, empty);
    // CALLER into slot 0
    world.install(OUTBOX, &store(&[0x33]));
    let tx = key.sign(world.eip1559(&key, OUTBOX.into(), &[]));
    let block = world.block(&[], &[tx]).sealed.block;
    assert_eq!(block.outbox_root, B256::from(key.address().into_word()));
}

#[test]
fn block_hashes_come_from_the_state_and_reach_back_256_blocks() {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    // BLOCKHASH of the number in the call data: PUSH0, CALLDATALOAD, BLOCKHASH
    world.install(TARGET, &store(&[0x5f, 0x35, 0x40]));
    let mut hashes = vec![world.head.hash()];
    for _ in 0..300 {
        hashes.push(world.block(&[], &[]).sealed.hash());
    }
    let ask = |world: &mut World, number: u64| {
        world.call(&key, TARGET, &U256::from(number).to_be_bytes::<32>());
        B256::from(world.slot(TARGET, 0))
    };
    // The next block is 301; its parent's number is the last that it can name.
    for (number, expected) in [
        (300, hashes[300]),
        (299, hashes[299]),
        (100, hashes[100]),
        (45, hashes[45]),
        (44, B256::ZERO),
        (301, B256::ZERO),
        (u64::MAX, B256::ZERO),
    ] {
        let mut world = world.clone();
        assert_eq!(ask(&mut world, number), expected, "{number}");
    }
    let slot = world.slot(HISTORY_STORAGE, 7);
    assert_eq!(B256::from(slot), hashes[7]);
}

#[test]
fn the_history_ring_wraps_after_8191_blocks() {
    let mut world = World::new();
    let mut header = world.head.inner().clone();
    header.number = 8191 + 6;
    world.head = Sealed::new(header);
    let parent = world.head.hash();
    world.block(&[], &[]);
    assert_eq!(B256::from(world.slot(HISTORY_STORAGE, 6)), parent);
}

#[test]
fn a_parent_that_is_none_is_refused() {
    let world = World::new();
    let with = |change: &dyn Fn(&mut Header)| {
        let mut header = world.head.inner().clone();
        change(&mut header);
        Sealed::new(header)
    };
    let at = world.head.timestamp;
    let child = |parent: &Sealed<Header>, timestamp| {
        BlockEnv::child(&world.config, Rules::Osaka, parent, timestamp).map(|env| env.number())
    };
    assert_eq!(child(&world.head, at), Ok(BlockNumber::new(1)));
    assert_eq!(child(&world.head, at - 1), Err(ParentError::Timestamp { parent: at, got: at - 1 }));
    for bytes in [vec![], vec![1; 24], vec![1; 26], vec![2; 25], vec![0; 25]] {
        let parent = with(&|header| header.extra_data = bytes.clone().into());
        assert_eq!(child(&parent, at), Err(ParentError::ExtraData { number: 0 }));
    }
    let parent = with(&|header| header.base_fee_per_gas = None);
    assert_eq!(child(&parent, at), Err(ParentError::NoBaseFee { number: 0 }));
    let parent = with(&|header| header.number = u64::MAX);
    assert_eq!(child(&parent, at), Err(ParentError::LastNumber { number: u64::MAX }));
}
