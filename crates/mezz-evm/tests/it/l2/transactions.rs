//! Signed transactions: what is valid, what is not, and that what is not leaves no trace.

use alloy_consensus::{
    SignableTransaction, Signed, Transaction, TxEip4844, TxEnvelope, transaction::Recovered,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, uint};
use mezz_evm::{
    BlockExecutor, DecodeError, InvalidTransaction, PlainCrypto, PushError, TRANSACTION_GAS_CAP,
    check_transaction, decode_transaction, intrinsic_gas, recover,
};
use mezz_types::Account;

use super::world::{ETHER, GWEI, Key, World, store};

const PAYEE: Address = Address::repeat_byte(0x77);

fn funded() -> (World, Key) {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), 100 * ETHER);
    let marker = world.marker();
    world.block(&[marker], &[]);
    (world, key)
}

fn blob(world: &World, key: &Key) -> Recovered<TxEnvelope> {
    let tx = TxEip4844 {
        chain_id: world.config.l2_chain_id,
        nonce: 0,
        gas_limit: 100_000,
        max_fee_per_gas: 100 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: PAYEE,
        blob_versioned_hashes: vec![B256::repeat_byte(1)],
        max_fee_per_blob_gas: GWEI,
        ..Default::default()
    };
    let signature = key.sign_hash(tx.signature_hash());
    let signed: TxEnvelope = TxEnvelope::Eip4844(tx.into_signed(signature).map_tx());
    Recovered::new_unchecked(signed, key.address())
}

/// A blob transaction without its blobs, as an envelope holds it.
trait MapTx {
    fn map_tx(self) -> Signed<alloy_consensus::TxEip4844Variant>;
}

impl MapTx for Signed<TxEip4844> {
    fn map_tx(self) -> Signed<alloy_consensus::TxEip4844Variant> {
        let (tx, signature, hash) = self.into_parts();
        Signed::new_unchecked(tx.into(), signature, hash)
    }
}

/// One way of being invalid.
struct Case {
    name: &'static str,
    transaction: Recovered<TxEnvelope>,
    expected: InvalidTransaction,
    permanent: bool,
}

fn case(
    name: &'static str,
    transaction: Recovered<TxEnvelope>,
    expected: InvalidTransaction,
    permanent: bool,
) -> Case {
    Case { name, transaction, expected, permanent }
}

fn permanent_cases(world: &World, key: &Key) -> Vec<Case> {
    let call = |change: &dyn Fn(&mut alloy_consensus::TxEip1559)| {
        let mut tx = world.eip1559(key, PAYEE.into(), &[]);
        change(&mut tx);
        key.sign(tx)
    };
    let mut legacy = world.legacy(key, PAYEE);
    legacy.chain_id = Some(1);
    vec![
        case("blobs", blob(world, key), InvalidTransaction::Blob, true),
        case(
            "chain id",
            call(&|tx| tx.chain_id = 31337),
            InvalidTransaction::ChainId { expected: 4242, got: 31337 },
            true,
        ),
        case(
            "chain id of a legacy transaction",
            key.sign(legacy),
            InvalidTransaction::ChainId { expected: 4242, got: 1 },
            true,
        ),
        case(
            "EIP-7825",
            call(&|tx| tx.gas_limit = TRANSACTION_GAS_CAP + 1),
            InvalidTransaction::GasLimitAboveCap { cap: 16_777_216, got: 16_777_217 },
            true,
        ),
        case(
            "intrinsic gas",
            call(&|tx| tx.gas_limit = 20_999),
            InvalidTransaction::GasLimitBelowIntrinsic { required: 21_000, got: 20_999 },
            true,
        ),
        case(
            "no gas at all",
            call(&|tx| tx.gas_limit = 0),
            InvalidTransaction::GasLimitBelowIntrinsic { required: 21_000, got: 0 },
            true,
        ),
        case(
            // EIP-7623: 10 tokens for each byte that is not zero, 4 times.
            "floor gas",
            call(&|tx| {
                tx.gas_limit = 21_000 + 100 * 40 - 1;
                tx.input = Bytes::from(vec![1; 100]);
            }),
            InvalidTransaction::GasLimitBelowIntrinsic { required: 25_000, got: 24_999 },
            true,
        ),
        case(
            "tip above maximum",
            call(&|tx| tx.max_priority_fee_per_gas = tx.max_fee_per_gas + 1),
            InvalidTransaction::TipAboveMaxFee { tip: 100 * GWEI + 1, max_fee: 100 * GWEI },
            true,
        ),
        case(
            "EIP-3860",
            call(&|tx| {
                tx.to = TxKind::Create;
                tx.gas_limit = 10_000_000;
                tx.input = Bytes::from(vec![0; 49_153]);
            }),
            InvalidTransaction::InitCodeTooLong { max: 49_152, got: 49_153 },
            true,
        ),
        case(
            "no authorization",
            key.sign(world.eip7702(key, PAYEE, vec![])),
            InvalidTransaction::NoAuthorizations,
            true,
        ),
        case("last nonce", call(&|tx| tx.nonce = u64::MAX), InvalidTransaction::NonceAtEnd, true),
    ]
}

fn passing_cases(world: &World, key: &Key) -> Vec<Case> {
    let call = |key: &Key, change: &dyn Fn(&mut alloy_consensus::TxEip1559)| {
        let mut tx = world.eip1559(key, PAYEE.into(), &[]);
        change(&mut tx);
        key.sign(tx)
    };
    let base_fee = u128::from(world.env().base_fee());
    let poor = Key::new(2);
    let contract = Key::new(3);
    let required = U256::from(1_000_000 * 100 * GWEI);
    vec![
        case(
            "maximum below base fee",
            call(key, &|tx| {
                tx.max_fee_per_gas = base_fee - 1;
                tx.max_priority_fee_per_gas = 0;
            }),
            InvalidTransaction::MaxFeeBelowBaseFee { base_fee, max_fee: base_fee - 1 },
            false,
        ),
        case(
            "nonce too high",
            call(key, &|tx| tx.nonce = 5),
            InvalidTransaction::NonceTooHigh { expected: 4, got: 5 },
            false,
        ),
        case(
            "nonce too low",
            call(key, &|tx| tx.nonce = 3),
            InvalidTransaction::NonceTooLow { expected: 4, got: 3 },
            true,
        ),
        case(
            "no account",
            call(&poor, &|_| {}),
            InvalidTransaction::Balance { balance: U256::ZERO, required },
            false,
        ),
        case(
            "more than there can be",
            call(key, &|tx| tx.value = U256::MAX),
            InvalidTransaction::Balance {
                balance: world.balance(key.address()),
                required: U256::MAX,
            },
            false,
        ),
        case(
            "EIP-3607",
            call(&contract, &|_| {}),
            InvalidTransaction::SenderIsContract { sender: contract.address() },
            false,
        ),
    ]
}

#[test]
fn every_way_of_being_invalid_has_its_name_and_leaves_no_trace() {
    let (mut world, key) = funded();
    world.set_account(key.address(), Account { nonce: 4, ..world.account(key.address()) });
    let contract = Key::new(3).address();
    world.fund(contract, ETHER);
    world.install(contract, &[0x00]);
    let good = key.sign(world.eip1559(&key, PAYEE.into(), &[]));
    let alone = world.execute_on(&world.state, &[], std::slice::from_ref(&good)).unwrap().sealed;
    let cases = permanent_cases(&world, &key).into_iter().chain(passing_cases(&world, &key));
    for Case { name, transaction, expected, permanent } in cases {
        let built = world.execute_on(&world.state, &[], &[transaction, good.clone()]).unwrap();
        match &built.pushed[0] {
            Err(PushError::Invalid(invalid)) => assert_eq!(*invalid, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(expected.is_permanent(), permanent, "{name}");
        assert_eq!(built.sealed, alone, "{name}");
    }
}

#[test]
fn a_block_smaller_than_the_cap_bounds_transactions() {
    let mut config = super::world::config();
    config.limits.block_gas = 1_000_000;
    let world = World::with_config(config);
    let key = Key::new(1);
    let mut tx = world.eip1559(&key, PAYEE.into(), &[]);
    tx.gas_limit = 1_000_001;
    assert_eq!(
        check_transaction(&world.config, key.sign(tx).inner()),
        Err(InvalidTransaction::GasLimitAboveBlock { block: 1_000_000, got: 1_000_001 })
    );
}

#[test]
fn what_does_not_fit_is_left_out_and_smaller_ones_still_fit() {
    let mut config = super::world::config();
    config.limits.block_gas = 100_000;
    let mut world = World::with_config(config);
    let (one, two) = (Key::new(1), Key::new(2));
    for key in [&one, &two] {
        world.fund(key.address(), ETHER);
    }
    let transfer = |key: &Key, nonce, gas_limit| {
        let mut tx = world.eip1559(key, PAYEE.into(), &[]);
        (tx.nonce, tx.gas_limit) = (nonce, gas_limit);
        key.sign(tx)
    };
    let transactions = [
        transfer(&one, 0, 100_000),
        transfer(&one, 1, 79_001),
        transfer(&two, 0, 79_000),
        transfer(&one, 1, 58_000),
    ];
    let mut executor = BlockExecutor::new(world.env(), &world.state, &PlainCrypto).unwrap();
    assert_eq!(executor.gas_left(), 100_000);
    executor.push_transaction(&transactions[0]).unwrap();
    assert_eq!(executor.gas_left(), 79_000);
    match executor.push_transaction(&transactions[1]) {
        Err(PushError::DoesNotFit { gas_limit: 79_001, left: 79_000 }) => {}
        other => panic!("{other:?}"),
    }
    executor.push_transaction(&transactions[2]).unwrap();
    executor.push_transaction(&transactions[3]).unwrap();
    assert_eq!(executor.transaction_count(), 3);
    let block = executor.finish().unwrap();
    assert_eq!(block.gas_used, 63_000);
    assert_eq!(block.receipts.len(), 3);
}

#[test]
fn signatures_have_one_form() {
    let world = World::new();
    let key = Key::new(1);
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let tx = world.eip1559(&key, PAYEE.into(), &[]);
    let good = key.sign_hash(tx.signature_hash());
    let twin = Signature::new(good.r(), order - good.s(), !good.v());
    let zero = Signature::new(U256::ZERO, good.s(), good.v());
    let beyond = Signature::new(order, good.s(), good.v());
    let with = |signature| TxEnvelope::from(tx.clone().into_signed(signature));
    assert_eq!(recover(with(good), &PlainCrypto).unwrap().signer(), key.address());
    for (name, signature) in [("upper half", twin), ("r = 0", zero), ("r = order", beyond)] {
        let recovered = recover(with(signature), &PlainCrypto);
        assert_eq!(recovered, Err(InvalidTransaction::Signature), "{name}");
    }
    // Nothing but the half of `s` is wrong with the twin.
    assert_eq!(
        mezz_evm::Crypto::recover_signer(&PlainCrypto, &tx.signature_hash(), &twin),
        Some(key.address())
    );
}

#[test]
fn only_whole_canonical_transactions_decode() {
    let world = World::new();
    let key = Key::new(1);
    let legacy = key.sign(world.legacy(&key, PAYEE)).inner().encoded_2718();
    let typed = key.sign(world.eip1559(&key, PAYEE.into(), &[1])).inner().encoded_2718();
    for bytes in [&legacy, &typed] {
        assert_eq!(decode_transaction(bytes).unwrap().encoded_2718(), *bytes);
        for end in 0..bytes.len() {
            assert!(decode_transaction(&bytes[..end]).is_err(), "{end}");
        }
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert!(decode_transaction(&trailing).is_err());
    }
    // A type that Ethereum does not have, a system transaction, and a legacy one with type byte 0.
    for kind in [0x00, 0x05, 0x7d, 0x7f] {
        let mut bytes = typed.clone();
        bytes[0] = kind;
        assert!(decode_transaction(&bytes).is_err(), "{kind}");
    }
    assert_eq!(
        decode_transaction(&blob(&world, &key).inner().encoded_2718()),
        Err(DecodeError::Invalid(InvalidTransaction::Blob))
    );
}

#[test]
fn access_lists_warm_what_they_name() {
    let (mut world, key) = funded();
    // SLOAD of slot 7, POP
    world.install(PAYEE, &[0x60, 0x07, 0x54, 0x50]);
    let bare = world.call(&key, PAYEE, &[]).extras.gas_used;
    let mut tx = world.eip1559(&key, PAYEE.into(), &[]);
    tx.access_list.0.push(alloy_eips::eip2930::AccessListItem {
        address: PAYEE,
        storage_keys: vec![B256::with_last_byte(7)],
    });
    let listed = world.run(&key.sign(tx)).extras.gas_used;
    // 2400 and 1900 for the entries (EIP-2930), 2100 cold against 100 warm (EIP-2929).
    assert_eq!(listed, bare + 2400 + 1900 - 2000);
}

#[test]
fn replay_under_the_same_nonce_is_refused() {
    let (mut world, key) = funded();
    let tx = key.sign(world.eip1559(&key, PAYEE.into(), &[]));
    let built = world.block(&[], &[tx.clone(), tx.clone()]);
    assert!(built.pushed[0].is_ok());
    assert!(matches!(
        built.pushed[1],
        Err(PushError::Invalid(InvalidTransaction::NonceTooLow { expected: 1, got: 0 }))
    ));
    assert_eq!(built.sealed.block.transactions.len(), 1);
    let again = world.block(&[], &[tx]);
    assert!(again.sealed.block.transactions.is_empty());
}

#[test]
fn intrinsic_gas_is_the_engine_s() {
    let (world, key) = funded();
    let authorization = Key::new(9).authorize(alloy_eips::eip7702::Authorization {
        chain_id: U256::ZERO,
        address: PAYEE,
        nonce: 0,
    });
    let list = |addresses: u8, keys: usize| {
        let item = |at| alloy_eips::eip2930::AccessListItem {
            address: Address::repeat_byte(at),
            storage_keys: vec![B256::ZERO; keys],
        };
        alloy_eips::eip2930::AccessList((0..addresses).map(item).collect())
    };
    for data in [vec![], vec![0; 1000], vec![1; 1000], [vec![0; 33], vec![2; 31]].concat()] {
        for (addresses, keys) in [(0, 0), (3, 0), (2, 5)] {
            for to in [TxKind::Call(PAYEE), TxKind::Create] {
                let mut tx = world.eip1559(&key, to, &data);
                tx.access_list = list(addresses, keys);
                exactly_enough(&world, key.sign(tx.clone()).inner(), |gas_limit| {
                    key.sign(alloy_consensus::TxEip1559 { gas_limit, ..tx.clone() })
                });
            }
            let mut tx = world.eip7702(&key, PAYEE, vec![authorization.clone(); 3]);
            tx.access_list = list(addresses, keys);
            tx.input = data.clone().into();
            exactly_enough(&world, key.sign(tx.clone()).inner(), |gas_limit| {
                key.sign(alloy_consensus::TxEip7702 { gas_limit, ..tx.clone() })
            });
        }
    }
}

/// Simulation does not use `intrinsic_gas`: what the engine demands there is its own number.
fn exactly_enough(
    world: &World,
    transaction: &TxEnvelope,
    with: impl Fn(u64) -> Recovered<TxEnvelope>,
) {
    let required = intrinsic_gas(transaction);
    let call = mezz_evm::Call {
        from: with(required).signer(),
        to: transaction.kind(),
        data: transaction.input().clone(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        authorizations: transaction.authorization_list().unwrap_or_default().to_vec(),
        ..Default::default()
    };
    let mut simulator =
        mezz_evm::Simulator::new(world.here(), &world.state, &PlainCrypto, &|| false).unwrap();
    assert!(simulator.call(&call, required).is_ok());
    match simulator.call(&call, required - 1) {
        Err(mezz_evm::SimulationError::Invalid(invalid)) => assert_eq!(
            invalid,
            InvalidTransaction::GasLimitBelowIntrinsic { required, got: required - 1 }
        ),
        other => panic!("{other:?}"),
    }
    assert!(check_transaction(&world.config, with(required).inner()).is_ok());
    assert!(check_transaction(&world.config, with(required - 1).inner()).is_err());
}

#[test]
fn a_creation_by_create2_and_its_init_code() {
    let (mut world, key) = funded();
    // A factory: CREATE2 with salt 5 of the call data as init code; stores the address in slot 0.
    // CALLDATASIZE, PUSH0, PUSH0, CALLDATACOPY, PUSH1 5, CALLDATASIZE, PUSH0, PUSH0, CREATE2
    let factory = store(&[0x36, 0x5f, 0x5f, 0x37, 0x60, 0x05, 0x36, 0x5f, 0x5f, 0xf5]);
    world.install(PAYEE, &factory);
    let init = super::world::deploying(&[0x60, 0x01]);
    let outcome = world.call(&key, PAYEE, &init);
    assert!(outcome.result.is_success());
    let created = PAYEE.create2_from_code(B256::with_last_byte(5), &init);
    assert_eq!(world.slot(PAYEE, 0), U256::from_be_slice(created.as_slice()));
    assert_eq!(world.code(created), Bytes::from_static(&[0x60, 0x01]));
    assert_eq!(world.account(created).nonce, 1);
    assert_eq!(outcome.extras.contract_address, None);
}

#[test]
fn a_transaction_of_every_type_keeps_its_type_and_hash() {
    let (mut world, key) = funded();
    let authorization = Key::new(9).authorize(alloy_eips::eip7702::Authorization {
        chain_id: U256::ZERO,
        address: PAYEE,
        nonce: 0,
    });
    for (kind, make) in [
        (0u8, &(|world: &World| key.sign(world.legacy(&key, PAYEE))) as &dyn Fn(&World) -> _),
        (1, &|world| key.sign(world.eip2930(&key, PAYEE))),
        (2, &|world| key.sign(world.eip1559(&key, PAYEE.into(), &[]))),
        (4, &|world| key.sign(world.eip7702(&key, PAYEE, vec![authorization.clone()]))),
    ] {
        let transaction: Recovered<TxEnvelope> = make(&world);
        let built = world.block(&[], std::slice::from_ref(&transaction));
        let block = &built.sealed.block;
        assert_eq!(block.receipts[0].kind, kind);
        assert_eq!(block.transactions[0].kind(), kind);
        assert_eq!(block.transactions[0].hash(), *transaction.inner().tx_hash());
        assert_eq!(block.transactions[0].sender(), key.address());
        assert!(block.receipts[0].succeeded());
        assert!(transaction.gas_limit() >= block.gas_used);
    }
}
