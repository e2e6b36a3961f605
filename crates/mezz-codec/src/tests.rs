//! Round trips, and bytes that nobody should have written.

use alloc::{vec, vec::Vec};
use alloy_consensus::{
    Signed, Transaction as _, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxEnvelope, TxLegacy,
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, b256, keccak256};
use mezz_types::Limits;
use miniz_oxide::deflate::compress_to_vec;
use proptest::{collection::vec as vec_of, option, prelude::*};

use crate::{write::write_payload, *};

fn limits() -> Limits {
    Limits {
        block_gas: 30_000_000,
        batch_gas: 60_000_000,
        message_gas: 10_000_000,
        batch_message_gas: 30_000_000,
        batch_messages: 64,
        batch_bytes: 1 << 20,
        batch_blocks: 256,
        batch_transactions: 20_000,
    }
}

fn u256() -> impl Strategy<Value = U256> {
    prop_oneof![
        Just(U256::ZERO),
        Just(U256::MAX),
        any::<u64>().prop_map(U256::from),
        (any::<u8>(), 0u32..77).prop_map(|(mantissa, exponent)| {
            U256::from(mantissa).saturating_mul(U256::from(10).pow(U256::from(exponent)))
        }),
        any::<[u64; 4]>().prop_map(U256::from_limbs),
    ]
}

fn fee() -> impl Strategy<Value = u128> {
    prop_oneof![Just(0), Just(u128::MAX), any::<u128>(), any::<u32>().prop_map(u128::from)]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0u64..300]
}

/// Few enough that they repeat.
fn address() -> impl Strategy<Value = Address> {
    prop_oneof![(0u8..4).prop_map(Address::repeat_byte), any::<[u8; 20]>().prop_map(Address::new)]
}

fn target() -> impl Strategy<Value = TxKind> {
    option::weighted(0.8, address()).prop_map(TxKind::from)
}

fn data() -> impl Strategy<Value = Bytes> {
    vec_of(any::<u8>(), 0..80).prop_map(Bytes::from)
}

fn access_list() -> impl Strategy<Value = AccessList> {
    let keys = vec_of(any::<[u8; 32]>().prop_map(B256::new), 0..3);
    let entry = (address(), keys);
    vec_of(entry, 0..3).prop_map(|entries| {
        let entry = |(address, storage_keys)| AccessListItem { address, storage_keys };
        AccessList(entries.into_iter().map(entry).collect())
    })
}

fn authorizations() -> impl Strategy<Value = Vec<SignedAuthorization>> {
    let one = (u256(), address(), number(), any::<u8>(), u256(), u256()).prop_map(
        |(chain_id, address, nonce, y_parity, r, s)| {
            let authorization = Authorization { chain_id, address, nonce };
            SignedAuthorization::new_unchecked(authorization, y_parity, r, s)
        },
    );
    vec_of(one, 0..3)
}

fn signature() -> impl Strategy<Value = Signature> {
    (u256(), u256(), any::<bool>()).prop_map(|(r, s, parity)| Signature::new(r, s, parity))
}

fn transaction() -> impl Strategy<Value = TxEnvelope> {
    let head = (0u8..4, option::weighted(0.8, number()), number(), number(), fee(), fee());
    let body = (target(), address(), u256(), data(), access_list(), authorizations());
    (head, body, signature()).prop_map(|(head, body, signature)| {
        let (kind, chain_id, nonce, gas_limit, max_fee_per_gas, tip) = head;
        let (to, callee, value, input, access_list, authorization_list) = body;
        let (gas_price, max_priority_fee_per_gas) = (max_fee_per_gas, tip);
        let protected = chain_id.unwrap_or(1);
        match kind {
            0 => {
                let tx = TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input };
                TxEnvelope::Legacy(Signed::new_unhashed(tx, signature))
            }
            1 => {
                let chain_id = protected;
                let tx = TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price,
                    gas_limit,
                    to,
                    value,
                    access_list,
                    input,
                };
                TxEnvelope::Eip2930(Signed::new_unhashed(tx, signature))
            }
            2 => {
                let tx = TxEip1559 {
                    chain_id: protected,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to,
                    value,
                    access_list,
                    input,
                };
                TxEnvelope::Eip1559(Signed::new_unhashed(tx, signature))
            }
            _ => {
                let tx = TxEip7702 {
                    chain_id: protected,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to: callee,
                    value,
                    access_list,
                    authorization_list,
                    input,
                };
                TxEnvelope::Eip7702(Signed::new_unhashed(tx, signature))
            }
        }
    })
}

fn blocks() -> impl Strategy<Value = Vec<BatchBlock>> {
    let block = (number(), number(), vec_of(transaction(), 0..6)).prop_map(
        |(timestamp, message_count, transactions)| BatchBlock {
            timestamp,
            message_count,
            transactions,
        },
    );
    vec_of(block, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_encoded_comes_back(blocks in blocks()) {
        let bytes = encode(&blocks).expect("no blobs");
        prop_assert_eq!(decode(&bytes, &limits()), Ok(blocks));
    }

    /// The meter never promises less than the payload takes, and not much more.
    #[test]
    fn meter_is_an_upper_bound(blocks in blocks()) {
        let mut meter = PayloadMeter::default();
        blocks.iter().for_each(|block| meter.push(block));
        let payload = write_payload(&blocks).expect("no blobs").len() as u64;
        prop_assert!(meter.bytes() >= payload, "{} < {payload}", meter.bytes());
        let mut addresses = 0;
        for transaction in blocks.iter().flat_map(|block| &block.transactions) {
            addresses += 1 + transaction.access_list().map_or(0, |list| list.len());
            addresses += transaction.authorization_list().map_or(0, <[_]>::len);
        }
        let slack = 10 + 24 * addresses as u64;
        prop_assert!(meter.bytes() <= payload + slack, "{} > {payload} + {slack}", meter.bytes());
    }

    #[test]
    fn every_truncation_is_refused(blocks in blocks(), at in any::<prop::sample::Index>()) {
        let bytes = encode(&blocks).expect("no blobs");
        prop_assert!(decode(&bytes[..at.index(bytes.len())], &limits()).is_err());
        let payload = write_payload(&blocks).expect("no blobs");
        prop_assert!(decode(&plain(&payload[..at.index(payload.len())]), &limits()).is_err());
    }

    #[test]
    fn trailing_bytes_are_refused(blocks in blocks(), tail in vec_of(any::<u8>(), 1..9)) {
        let bytes = [encode(&blocks).expect("no blobs"), tail.clone()].concat();
        prop_assert!(decode(&bytes, &limits()).is_err());
        let payload = [write_payload(&blocks).expect("no blobs"), tail].concat();
        prop_assert!(decode(&plain(&payload), &limits()).is_err());
    }

    /// Whatever comes out of flipped bytes has an encoding again: the decoder invents nothing.
    #[test]
    fn altered_bytes_are_total(
        blocks in blocks(),
        flips in vec_of((any::<prop::sample::Index>(), 1u8..), 1..4),
        compressed in any::<bool>(),
    ) {
        let payload = write_payload(&blocks).expect("no blobs");
        let mut bytes = if compressed { deflated(&payload) } else { plain(&payload) };
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        if let Ok(read) = decode(&bytes, &limits()) {
            let again = encode(&read).expect("no blobs");
            prop_assert_eq!(decode(&again, &limits()), Ok(read));
        }
    }

    #[test]
    fn random_bytes_are_total(bytes in vec_of(any::<u8>(), 0..400)) {
        let _ = decode(&bytes, &limits());
        let read = decode(&plain(&bytes), &limits());
        prop_assert!(read.is_err() || bytes.len() >= 4);
        let _ = decode(&deflated(&bytes), &limits());
        let _ = decode(&[&[VERSION, 1, 0, 0, 1, 0][..], &bytes].concat(), &limits());
    }

    #[test]
    fn blobs_give_the_bytes_back(bytes in blob_bytes()) {
        let blobs = pack_blobs(&bytes).expect("fits six blobs");
        prop_assert_eq!(blobs.len(), blobs_needed(bytes.len()));
        prop_assert_eq!(unpack_blobs(&blobs), Ok(bytes));
    }
}

fn blob_bytes() -> impl Strategy<Value = Vec<u8>> {
    let edge = BLOB_CAPACITY - 4;
    let length =
        prop_oneof![0usize..100, edge - 40..edge + 40, Just(2 * BLOB_CAPACITY - 4), Just(edge)];
    (length, any::<u64>()).prop_map(|(length, seed)| random_bytes(seed).take(length).collect())
}

/// Bytes without pattern, the same on every run.
fn random_bytes(seed: u64) -> impl Iterator<Item = u8> {
    (0u64..).flat_map(move |i| keccak256([seed.to_be_bytes(), i.to_be_bytes()].concat()).0)
}

fn header(compression: u8, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).expect("small").to_be_bytes();
    [&[VERSION, compression][..], &length].concat()
}

fn plain(payload: &[u8]) -> Vec<u8> {
    [header(0, payload.len()), payload.to_vec()].concat()
}

fn deflated(payload: &[u8]) -> Vec<u8> {
    [header(1, payload.len()), compress_to_vec(payload, 8)].concat()
}

/// Transfers between accounts that nobody saw before, as wallets send them.
fn transfers(count: u64, seed: u64) -> Vec<BatchBlock> {
    let mut random = random_bytes(seed);
    let mut word = || B256::from_slice(&random.by_ref().take(32).collect::<Vec<_>>());
    let mut transactions = Vec::new();
    for _ in 0..count {
        let small = word();
        let tx = TxEip1559 {
            chain_id: 901_337,
            nonce: u64::from(small[0] % 8),
            gas_limit: 21_000,
            max_fee_per_gas: 1_000_000_000 + 1_000_000 * u128::from(small[1] % 8),
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(Address::from_word(word())),
            // Up to 6.5 ETH in steps of 0.0001.
            value: U256::from(u16::from_be_bytes([small[2], small[3]]))
                * U256::from(100_000_000_000_000u64),
            access_list: AccessList::default(),
            input: Bytes::new(),
        };
        let signature = Signature::new(word().into(), word().into(), small[4] & 1 == 1);
        transactions.push(TxEnvelope::Eip1559(Signed::new_unhashed(tx, signature)));
    }
    let blocks = transactions.chunks(200).zip(1_750_000_000u64..);
    blocks
        .map(|(transactions, timestamp)| BatchBlock {
            timestamp,
            message_count: 0,
            transactions: transactions.to_vec(),
        })
        .collect()
}

/// Bytes on L1 per ETH transfer between fresh accounts, header and blob packing aside.
#[test]
fn transfers_take_at_most_95_bytes() {
    for (count, limit) in [(1_000u64, 95_000), (5_000, 5_000 * 93)] {
        let blocks = transfers(count, 1);
        let bytes = encode(&blocks).expect("no blobs");
        assert_eq!(decode(&bytes, &limits()).as_deref(), Ok(&blocks[..]));
        assert!(bytes.len() <= limit, "{count} transfers take {} bytes", bytes.len());
    }
}

#[test]
fn golden_bytes() {
    let blocks = transfers(3, 7);
    let payload = write_payload(&blocks).expect("no blobs");
    assert_eq!(
        hex::encode(&payload[..56]),
        "0180c3bbc2060003020202d98137000004040488a40188a40188a40102020206060603eb03ef03eb\
         0101010606060101010101010202020e"
    );
    assert_eq!(
        keccak256(&payload),
        b256!("98035fe742873ad27ae18200f02bec149e4e521948f99753e706e2af87f52dd6")
    );
}

#[test]
fn blob_transactions_have_no_encoding() {
    let signature = Signature::new(U256::from(1), U256::from(1), false);
    let blob = TxEnvelope::from(Signed::new_unhashed(TxEip4844::default(), signature));
    let blocks = [BatchBlock { transactions: vec![blob], ..BatchBlock::default() }];
    assert_eq!(encode(&blocks), Err(CodecError::Kind { got: 3 }));
}

#[test]
fn envelope_is_checked() {
    let truncated = |needed, left| Err(CodecError::Truncated { needed, left });
    assert_eq!(decode(&[], &limits()), truncated(1, 0));
    assert_eq!(decode(&[VERSION], &limits()), truncated(1, 0));
    assert_eq!(decode(&[VERSION, 0, 0, 0], &limits()), truncated(4, 2));
    let got = 2;
    assert_eq!(decode(&[2], &limits()), Err(CodecError::Version { got, expected: VERSION }));
    assert_eq!(decode(&header(2, 0), &limits()), Err(CodecError::Compression { got }));
    assert_eq!(decode(&plain(&[0]), &limits()), Ok(vec![]));
    assert_eq!(decode(&deflated(&[0]), &limits()), Ok(vec![]));
    let longer = [header(1, 1), compress_to_vec(&[0, 0], 8)].concat();
    assert!(matches!(decode(&longer, &limits()), Err(CodecError::Deflate { .. })));
    let shorter = [header(1, 3), compress_to_vec(&[0, 0], 8)].concat();
    assert_eq!(decode(&shorter, &limits()), Err(CodecError::Deflate { got: 2, expected: 3 }));
}

/// A gigabyte of zeros in a few bytes never comes to be.
#[test]
fn bombs_do_not_go_off() {
    let limit = limits().batch_bytes;
    let bomb = compress_to_vec(&vec![0; 1 << 24], 9);
    assert!(bomb.len() < 20_000);
    let got = 1 << 24;
    let announced = [header(1, 1 << 24), bomb.clone()].concat();
    let item = Item::PayloadBytes;
    assert_eq!(decode(&announced, &limits()), Err(CodecError::TooMany { item, got, limit }));
    let understated = [header(1, 1 << 20), bomb].concat();
    let full = Err(CodecError::Deflate { got: limit, expected: limit });
    assert_eq!(decode(&understated, &limits()), full);
}

fn varint(value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    columns::put_varint(&mut out, value);
    out
}

/// Counts cost nothing until what they count is there.
#[test]
fn counts_are_checked_before_allocation() {
    let limit = limits().batch_blocks;
    let read = |parts: &[&[u8]]| decode(&plain(&parts.concat()), &limits());
    let (item, got) = (Item::Blocks, u64::MAX);
    assert_eq!(read(&[&varint(u64::MAX)]), Err(CodecError::TooMany { item, got, limit }));
    assert_eq!(read(&[&varint(256)]), Err(CodecError::Truncated { needed: 256, left: 0 }));
    // One block of 2^60 transactions; then two whose sum leaves the range.
    let huge = read(&[&[1, 0, 0], &varint(1 << 60)]);
    assert_eq!(huge, Err(CodecError::Truncated { needed: u64::MAX, left: 0 }));
    let sum = read(&[&[2, 0, 0, 0, 0], &varint(u64::MAX), &[1]]);
    let item = Item::Transactions;
    assert_eq!(sum, Err(CodecError::TooMany { item, got: u64::MAX, limit: 0 }));
}

#[test]
fn limits_hold() {
    let blocks = transfers(600, 3);
    let bytes = encode(&blocks).expect("no blobs");
    let with = |change: fn(&mut Limits)| {
        let mut limits = limits();
        change(&mut limits);
        decode(&bytes, &limits)
    };
    assert_eq!(with(|limits| limits.batch_blocks = 3), Ok(blocks));
    let too_many = |item, got, limit| Err(CodecError::TooMany { item, got, limit });
    assert_eq!(with(|limits| limits.batch_blocks = 2), too_many(Item::Blocks, 3, 2));
    assert_eq!(
        with(|limits| limits.batch_transactions = 599),
        too_many(Item::Transactions, 600, 599)
    );
    let payload = u64::from(u32::from_be_bytes(bytes[2..6].try_into().expect("four")));
    assert!(matches!(
        with(|limits| limits.batch_bytes = 1_000),
        Err(CodecError::TooMany { item: Item::PayloadBytes, got, limit: 1_000 }) if got == payload
    ));
}

/// One transaction, one broken column at a time; offsets by `docs/formats.md`, section 6.
#[test]
fn columns_are_checked() {
    let signature = Signature::new(U256::from(1), U256::from(1), true);
    let tx = TxLegacy { to: TxKind::Call(Address::repeat_byte(9)), ..TxLegacy::default() };
    let transactions = vec![TxEnvelope::Legacy(Signed::new_unhashed(tx, signature))];
    let block = BatchBlock { timestamp: 5, message_count: 6, transactions };
    let payload = write_payload(&[block]).expect("no blobs");
    assert_eq!(payload[..16], [1, 5, 6, 1, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9]);
    let with = |at: usize, byte: u8| {
        let mut payload = payload.clone();
        payload[at] = byte;
        decode(&plain(&payload), &limits()).expect_err("one column is broken")
    };
    assert_eq!(with(4, 3), CodecError::Kind { got: 3 });
    assert_eq!(with(4, 5), CodecError::Kind { got: 5 });
    assert_eq!(with(8, 1), CodecError::Amount { length: 0, exponent: 1 });
    assert_eq!(with(7, 33), CodecError::Amount { length: 33, exponent: 0 });
    assert_eq!(with(10, 33), CodecError::Amount { length: 33, exponent: 0 });
    assert_eq!(with(9, 2), CodecError::AddressReference { got: 2, known: 0 });
    assert_eq!(with(13, 3), CodecError::Padding { got: 3 });
    assert_eq!(with(12, 200), CodecError::Truncated { needed: 200, left: 84 });
}

#[test]
fn integers_are_minimal_and_64_bits() {
    let read = |bytes: &[u8]| columns::Reader::new(bytes).varint();
    assert_eq!(read(&varint(u64::MAX)), Ok(u64::MAX));
    assert_eq!(read(&[0x80, 0x01]), Ok(128));
    assert_eq!(read(&[0x80, 0x00]), Err(CodecError::Varint));
    let beyond = [[0xff; 9].as_slice(), &[0x02]].concat();
    assert_eq!(read(&beyond), Err(CodecError::Varint));
    assert_eq!(read(&[0xff; 11]), Err(CodecError::Varint));
    for bits in 0..64 {
        let value = u64::MAX >> bits;
        assert_eq!(columns::varint_length(value), varint(value).len() as u64);
    }
    assert_eq!(columns::varint_length(0), 1);
}

#[test]
fn amounts_stay_in_range() {
    let read = |bytes: &[u8]| columns::Reader::new(bytes).amounts(1);
    assert_eq!(read(&[1, 77, 1]), Ok(vec![U256::from(10).pow(U256::from(77))]));
    let malformed = |length, exponent| Err(CodecError::Amount { length, exponent });
    assert_eq!(read(&[1, 77, 2]), malformed(1, 77));
    assert_eq!(read(&[1, 78, 1]), malformed(1, 78));
    assert_eq!(read(&[2, 0, 0, 1]), malformed(2, 0));
}

#[test]
fn golden_blob() {
    let bytes: Vec<u8> = random_bytes(5).take(BLOB_CAPACITY).collect();
    let blobs = pack_blobs(&bytes).expect("fits two blobs");
    assert_eq!(blobs.len(), 2);
    assert_eq!(blobs[0][..36], [&[0, 0, 1, 0xf0, 0], &bytes[..27], &[0], &bytes[27..30]].concat());
    assert_eq!(
        keccak256([&blobs[0][..], &blobs[1][..]].concat()),
        b256!("caaf4f9d5fe64c95d84d74283a18c70f530691b7b21e78d19988b518c261786b")
    );
}

#[test]
fn blobs_not_packed_by_the_rules_are_refused() {
    let none: [Blob; 0] = [];
    assert_eq!(unpack_blobs(&none), Err(BlobError::Empty));
    let mut blobs = pack_blobs(&[7; 40]).expect("fits one blob");
    assert_eq!(unpack_blobs(&blobs), Ok(vec![7; 40]));
    blobs[0][64] = 1;
    assert_eq!(unpack_blobs(&blobs), Err(BlobError::Element { element: 2, got: 1 }));
    blobs[0][64] = 0;
    blobs[0][BLOB_BYTES - 1] = 9;
    let position = BLOB_CAPACITY - 4 - 40 - 1;
    assert_eq!(unpack_blobs(&blobs), Err(BlobError::Padding { position, got: 9 }));
    blobs[0][1..5].copy_from_slice(&126_973u32.to_be_bytes());
    let capacity = BLOB_CAPACITY - 4;
    assert_eq!(unpack_blobs(&blobs), Err(BlobError::Length { got: 126_973, capacity }));
    let got = 6 * BLOB_CAPACITY - 3;
    let too_long = Err(BlobError::Length { got, capacity: 6 * BLOB_CAPACITY - 4 });
    assert_eq!(pack_blobs(&vec![1; got]), too_long);
}
