//! Fees, to the wei.

use alloy_consensus::{Transaction, TxEnvelope, transaction::Recovered};
use alloy_eips::{
    eip1559::{BaseFeeParams, calc_next_block_base_fee},
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use mezz_evm::{DataPrice, DataSize, InvalidTransaction, PushError, data_fee, next_base_fee};
use mezz_types::{FEE_VAULT, Fees, L1Facts};

use super::world::{ETHER, GWEI, Key, World, config, facts};

const PAYEE: Address = Address::repeat_byte(0x77);

/// A chain where data on L1 costs something: `facts(10)` are in force.
fn priced() -> (World, Key) {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), 10 * ETHER);
    let marker = world.marker();
    world.block(&[marker], &[]);
    (world, key)
}

/// Price of a byte under `facts(10)` and the fees of [`config`], worked out by hand:
/// (2000 × (7 gwei + 10) + 1033 × (3 gwei + 10)) / 1000.
const WEI_PER_BYTE: u128 = 17_099_000_030;

fn of_every_type(world: &World, key: &Key) -> Vec<(&'static str, Recovered<TxEnvelope>, u64)> {
    let list = AccessList(vec![AccessListItem {
        address: PAYEE,
        storage_keys: vec![B256::ZERO, B256::repeat_byte(1)],
    }]);
    let mut old = world.legacy(key, PAYEE);
    old.chain_id = None;
    let mut listed = world.eip2930(key, PAYEE);
    listed.access_list = list;
    let mut with_data = world.eip1559(key, PAYEE.into(), &[0, 0, 0, 0, 0, 1, 2, 3]);
    with_data.value = U256::from(5);
    let authorization = Key::new(9).authorize(Authorization {
        chain_id: U256::from(world.config.l2_chain_id),
        address: PAYEE,
        nonce: 0,
    });
    let mut delegating = world.eip7702(key, PAYEE, vec![authorization]);
    delegating.value = U256::from(5);
    vec![
        ("legacy", key.sign(world.legacy(key, PAYEE)), 96),
        ("legacy before EIP-155", key.sign(old), 96),
        ("EIP-2930", key.sign(listed), 96 + 3 * 32),
        // 3 bytes that are not zero, and 5 zeros as 2.
        ("EIP-1559", key.sign(with_data), 96 + 3 + 2),
        ("EIP-7702", key.sign(delegating), 96 + 128),
    ]
}

#[test]
fn every_type_pays_exactly_gas_and_data_and_all_of_it_reaches_the_vault() {
    let (world, key) = priced();
    for (name, transaction, bytes) in of_every_type(&world, &key) {
        let mut world = world.clone();
        let before = world.balance(key.address());
        let vault = world.balance(FEE_VAULT);
        let supply = world.state.supply();
        let base_fee = world.env().base_fee();
        let outcome = world.run(&transaction);

        let fee = U256::from(WEI_PER_BYTE) * U256::from(bytes);
        let authorised = transaction.max_fee_per_gas();
        let surcharge = fee.div_ceil(U256::from(transaction.gas_limit())).to::<u128>();
        let price = match transaction.max_priority_fee_per_gas() {
            Some(tip) => (authorised - surcharge).min(u128::from(base_fee) + tip),
            None => authorised - surcharge,
        };
        let extras = outcome.extras;
        assert!(outcome.result.is_success(), "{name}");
        assert_eq!(extras.data_fee, fee, "{name}");
        assert_eq!(extras.effective_gas_price, price, "{name}");
        let paid = U256::from(price) * U256::from(extras.gas_used) + fee;
        assert_eq!(before - world.balance(key.address()), paid + U256::from(5), "{name}");
        assert_eq!(world.balance(FEE_VAULT) - vault, paid, "{name}");
        assert_eq!(world.balance(PAYEE), U256::from(5), "{name}");
        assert_eq!(world.state.supply(), supply, "{name}");
        assert!(paid <= U256::from(authorised) * U256::from(transaction.gas_limit()), "{name}");
    }
}

#[test]
fn a_reverting_transaction_pays_for_gas_and_data() {
    let (mut world, key) = priced();
    // PUSH0, PUSH0, REVERT
    world.install(PAYEE, &[0x5f, 0x5f, 0xfd]);
    let supply = world.state.supply();
    let mut tx = world.eip1559(&key, PAYEE.into(), &[]);
    tx.value = U256::from(ETHER);
    let before = world.balance(key.address());
    let outcome = world.run(&key.sign(tx));
    assert!(!outcome.result.is_success());
    let extras = outcome.extras;
    let gas = U256::from(extras.effective_gas_price) * U256::from(extras.gas_used);
    assert_eq!(before - world.balance(key.address()), gas + extras.data_fee);
    assert_eq!(extras.data_fee, U256::from(WEI_PER_BYTE * 96));
    assert_eq!(world.balance(FEE_VAULT), gas + extras.data_fee);
    assert_eq!(world.state.supply(), supply);
}

#[test]
fn send_max_leaves_exactly_what_was_not_spent() {
    let (mut world, key) = priced();
    for (gas_limit, max_fee) in
        [(21_000u64, 3 * GWEI), (21_000, 1_078_166_667), (90_000, 50 * GWEI)]
    {
        world.fund(key.address(), ETHER);
        let authorised = U256::from(gas_limit) * U256::from(max_fee);
        let mut tx = world.eip1559(&key, PAYEE.into(), &[]);
        tx.gas_limit = gas_limit;
        tx.max_fee_per_gas = max_fee;
        tx.max_priority_fee_per_gas = 0;
        tx.value = U256::from(ETHER) - authorised;
        let outcome = world.run(&key.sign(tx));
        assert!(outcome.result.is_success());
        let extras = outcome.extras;
        let gas = U256::from(extras.effective_gas_price) * U256::from(extras.gas_used);
        assert_eq!(world.balance(key.address()), authorised - gas - extras.data_fee);
    }
}

#[test]
fn a_wei_more_than_everything_is_refused() {
    let (mut world, key) = priced();
    world.fund(key.address(), ETHER);
    let mut tx = world.eip1559(&key, PAYEE.into(), &[]);
    let authorised = U256::from(tx.gas_limit) * U256::from(tx.max_fee_per_gas);
    tx.value = U256::from(ETHER) - authorised + U256::from(1);
    let required = U256::from(ETHER) + U256::from(1);
    let built = world.block(&[], &[key.sign(tx)]);
    let balance = U256::from(ETHER);
    match &built.pushed[0] {
        Err(PushError::Invalid(invalid)) => {
            assert_eq!(*invalid, InvalidTransaction::Balance { balance, required });
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_reduced_maximum_must_reach_the_base_fee_and_not_a_wei_more() {
    let (mut world, key) = priced();
    let base_fee = u128::from(world.env().base_fee());
    // 96 × 17,099,000,030 / 21,000, rounded up.
    let surcharge = 78_166_858;
    assert_eq!((WEI_PER_BYTE * 96).div_ceil(21_000), surcharge);
    let with_max = |world: &World, max_fee| {
        let mut tx = world.legacy(&key, PAYEE);
        tx.gas_limit = 21_000;
        tx.gas_price = max_fee;
        key.sign(tx)
    };
    let short = with_max(&world, base_fee + surcharge - 1);
    let built = world.execute_on(&world.state, &[], &[short]).unwrap();
    assert!(
        matches!(
            built.pushed[0],
            Err(PushError::Invalid(InvalidTransaction::DataFeeNotCovered { surcharge: s, .. }))
                if s == U256::from(surcharge)
        ),
        "{:?}",
        built.pushed
    );
    let enough = with_max(&world, base_fee + surcharge);
    let outcome = world.run(&enough);
    assert_eq!(outcome.extras.effective_gas_price, base_fee);
}

#[test]
fn a_tip_above_the_reduced_maximum_is_cut_and_not_refused() {
    let (mut world, key) = priced();
    let mut tx = world.eip1559(&key, PAYEE.into(), &[]);
    tx.gas_limit = 21_000;
    tx.max_fee_per_gas = 5 * GWEI;
    tx.max_priority_fee_per_gas = 5 * GWEI;
    let outcome = world.run(&key.sign(tx));
    assert_eq!(outcome.extras.effective_gas_price, 5 * GWEI - 78_166_858);
}

#[test]
fn gasprice_opcode_and_extras_agree() {
    let (mut world, key) = priced();
    // GASPRICE
    world.install(PAYEE, &super::world::store(&[0x3a]));
    let outcome = world.call(&key, PAYEE, &[]);
    assert_eq!(world.slot(PAYEE, 0), U256::from(outcome.extras.effective_gas_price));
}

#[test]
fn before_the_first_message_data_costs_nothing() {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), ETHER);
    assert_eq!(world.call(&key, PAYEE, &[1; 100]).extras.data_fee, U256::ZERO);
}

#[test]
fn facts_stay_in_force_until_the_next_message() {
    let (mut world, key) = priced();
    for _ in 0..3 {
        let fee = world.call(&key, PAYEE, &[]).extras.data_fee;
        assert_eq!(fee, U256::from(WEI_PER_BYTE * 96));
    }
    let mut marker = world.marker();
    marker.facts = L1Facts { base_fee: 0, blob_base_fee: 0, ..facts(77) };
    let tx = key.sign(world.eip1559(&key, PAYEE.into(), &[]));
    let built = world.block(&[marker], &[tx]);
    assert_eq!(built.pushed[0].as_ref().unwrap().extras.data_fee, U256::ZERO);
    assert_eq!(built.sealed.block.l1_facts.number.get(), 77);
}

#[test]
fn the_price_of_a_byte_is_the_formula() {
    let fees = |l1, blob| Fees {
        l1_gas_per_byte_milli: l1,
        blob_gas_per_byte_milli: blob,
        ..config().fees
    };
    let facts = |base_fee, blob_base_fee| L1Facts { base_fee, blob_base_fee, ..facts(1) };
    for (fees, facts, expected) in [
        (fees(0, 0), facts(GWEI, GWEI), U256::ZERO),
        (fees(16_000, 0), facts(GWEI, 5), U256::from(16 * GWEI)),
        (fees(0, 1_033), facts(5, GWEI), U256::from(1_033_000_000u64)),
        (fees(1, 1), facts(999, 0), U256::ZERO),
        (fees(1, 1), facts(999, 1), U256::from(1)),
        (
            fees(u64::MAX, u64::MAX),
            facts(u128::MAX, u128::MAX),
            U256::from(u64::MAX) * U256::from(u128::MAX) * U256::from(2) / U256::from(1000),
        ),
    ] {
        assert_eq!(DataPrice::new(&fees, &facts).wei_per_byte(), expected, "{fees:?} {facts:?}");
    }
}

#[test]
fn billed_bytes_of_every_part() {
    let size = |nonzero_bytes, zero_bytes, access_entries, authorizations| DataSize {
        nonzero_bytes,
        zero_bytes,
        access_entries,
        authorizations,
    };
    for (size, expected) in [
        (size(0, 0, 0, 0), 96),
        (size(1, 0, 0, 0), 97),
        (size(0, 1, 0, 0), 97),
        (size(0, 4, 0, 0), 97),
        (size(0, 5, 0, 0), 98),
        (size(7, 8, 2, 3), 96 + 7 + 2 + 64 + 384),
        (size(u64::MAX, 1, 1, 1), u64::MAX),
    ] {
        assert_eq!(size.billed_bytes(), expected, "{size:?}");
    }
    let (world, key) = priced();
    for (name, transaction, bytes) in of_every_type(&world, &key) {
        assert_eq!(DataSize::of(&transaction).billed_bytes(), bytes, "{name}");
        let fee = data_fee(&world.config, &facts(10), &transaction);
        assert_eq!(fee, U256::from(WEI_PER_BYTE) * U256::from(bytes), "{name}");
    }
}

#[test]
fn base_fee_moves_as_in_ethereum_and_never_below_its_floor() {
    let fees = config().fees;
    let params = BaseFeeParams::new(8, 4);
    let limit = 100_000_000;
    for used in [0, 1, 24_999_999, 25_000_000, 25_000_001, 60_000_000, limit] {
        for base_fee in [1_000_000, 1_000_007, 1_000_000_000, 123_456_789_012] {
            let expected = calc_next_block_base_fee(used, limit, base_fee, params).max(1_000_000);
            assert_eq!(next_base_fee(&fees, limit, used, base_fee), expected, "{used} {base_fee}");
        }
    }
    // Ends of the range are defined.
    assert_eq!(next_base_fee(&fees, u64::MAX, u64::MAX, u64::MAX), u64::MAX);
    assert_eq!(next_base_fee(&fees, 0, 0, 5), fees.min_base_fee);
    assert_eq!(next_base_fee(&fees, 3, 3, u64::MAX - 1), u64::MAX);
    let no_target = Fees { elasticity: 0, change_denominator: 0, ..fees };
    assert_eq!(next_base_fee(&no_target, limit, 0, 5_000_000), 5_000_000);
}

#[test]
fn the_chain_s_base_fee_follows_its_gas() {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), 1000 * ETHER);
    assert_eq!(world.head.base_fee_per_gas, Some(1_000_000_000));
    world.block(&[], &[]);
    assert_eq!(world.head.base_fee_per_gas, Some(875_000_000));
    // Five messages of 20 million gas that loop until it is gone: JUMPDEST, PUSH1 0, JUMP.
    world.install(PAYEE, &[0x5b, 0x60, 0x00, 0x56]);
    let messages: Vec<_> = (0..5)
        .map(|at| {
            let mut message = world.call_message(Address::repeat_byte(0x33), PAYEE, 0);
            message.index = mezz_types::InboxIndex::new(at);
            message.gas_limit = 20_000_000;
            message
        })
        .collect();
    let before = world.env().base_fee();
    let built = world.block(&messages, &[]);
    assert_eq!(built.sealed.block.gas_used, 100_000_000);
    // Three targets above the target, an eighth of each.
    assert_eq!(world.env().base_fee(), before + before * 3 / 8);
}

#[test]
fn a_creation_pays_for_its_init_code() {
    let (mut world, key) = priced();
    let init = super::world::deploying(&[0x00]);
    let zeros = init.iter().filter(|byte| **byte == 0).count() as u64;
    let tx = key.sign(world.eip1559(&key, TxKind::Create, &init));
    let outcome = world.run(&tx);
    let billed = 96 + (init.len() as u64 - zeros) + zeros.div_ceil(4);
    assert_eq!(outcome.extras.data_fee, U256::from(WEI_PER_BYTE) * U256::from(billed));
    let created = key.address().create(0);
    assert_eq!(outcome.extras.contract_address, Some(created));
    assert_eq!(world.code(created), Bytes::from_static(&[0]));
}
