//! One test for each row of `docs/differences.md` that has no better place.

use alloy_primitives::{Address, B256, Bytes, U256, address};
use mezz_evm::MAX_PRECOMPILE_INPUT;
use mezz_types::{FEE_VAULT, alias};

use super::world::{ETHER, GWEI, Key, World, push, store};

const PROBE: Address = Address::repeat_byte(0x77);

fn funded() -> (World, Key) {
    let mut world = World::new();
    let key = Key::new(1);
    world.fund(key.address(), 100 * ETHER);
    let marker = world.marker();
    world.block(&[marker], &[]);
    (world, key)
}

/// What `opcodes` leave on the stack in the next block.
fn probe(world: &mut World, key: &Key, opcodes: &[u8]) -> U256 {
    world.install(PROBE, &store(opcodes));
    let outcome = world.call(key, PROBE, &[]);
    assert!(outcome.result.is_success(), "{outcome:?}");
    world.slot(PROBE, 0)
}

#[test]
fn coinbase_is_the_fee_vault_and_warm() {
    let (mut world, key) = funded();
    // COINBASE
    let coinbase = probe(&mut world, &key, &[0x41]);
    assert_eq!(coinbase, U256::from_be_slice(FEE_VAULT.as_slice()));
    // GAS, COINBASE, BALANCE, POP, GAS, SWAP1, SUB: what BALANCE and four cheap opcodes cost.
    let cost = probe(&mut world, &key, &[0x5a, 0x41, 0x31, 0x50, 0x5a, 0x90, 0x03]);
    // COINBASE 2, BALANCE 100 warm, POP 2, GAS 2
    assert_eq!(cost, U256::from(106));
}

#[test]
fn prevrandao_is_the_parent_s_hash() {
    let (mut world, key) = funded();
    let parent = world.head.hash();
    assert_eq!(B256::from(probe(&mut world, &key, &[0x44])), parent);
}

#[test]
fn blobbasefee_is_1_whatever_l1_pays() {
    let (mut world, key) = funded();
    assert_eq!(probe(&mut world, &key, &[0x4a]), U256::from(1));
}

#[test]
fn basefee_is_the_header_s() {
    let (mut world, key) = funded();
    let base_fee = world.env().base_fee();
    assert_eq!(probe(&mut world, &key, &[0x48]), U256::from(base_fee));
}

#[test]
fn base_fee_goes_to_the_vault_and_not_to_the_fire() {
    let (mut world, key) = funded();
    let supply = world.state.supply();
    let base_fee = world.env().base_fee();
    let mut tx = world.eip1559(&key, PROBE.into(), &[]);
    tx.max_priority_fee_per_gas = 0;
    let outcome = world.run(&key.sign(tx));
    assert_eq!(outcome.extras.effective_gas_price, u128::from(base_fee));
    let fee = U256::from(base_fee) * U256::from(21_000) + outcome.extras.data_fee;
    assert_eq!(world.balance(FEE_VAULT), fee);
    assert_eq!(world.state.supply(), supply);
}

#[test]
fn timestamps_may_repeat() {
    let (mut world, key) = funded();
    let at = world.head.timestamp;
    let mut header = world.head.inner().clone();
    // `World` builds one second after its head.
    header.timestamp = at - 1;
    let parent = alloy_consensus::Sealed::new_unchecked(header, world.head.hash());
    world.head = parent;
    // TIMESTAMP
    assert_eq!(probe(&mut world, &key, &[0x42]), U256::from(at));
    let env = mezz_evm::BlockEnv::child(
        &world.config,
        mezz_types::Rules::Osaka,
        &world.head,
        world.head.timestamp,
    );
    assert_eq!(env.map(|env| env.timestamp()), Ok(at));
}

/// The system contracts that this chain does not have.
const ABSENT: [Address; 3] = [
    address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02"),
    address!("00000961Ef480Eb55e80D19ad83579A64c007002"),
    address!("0000BBdDc7CE488642fb579F8B00f3a590007251"),
];

#[test]
fn beacon_roots_withdrawal_and_consolidation_contracts_are_absent() {
    let (mut world, key) = funded();
    for address in ABSENT {
        assert!(!world.exists(address));
        // A call succeeds and returns nothing, as of any account without code.
        // PUSH0 ×5, PUSH20 address, GAS, CALL, RETURNDATASIZE, PUSH1 8, SHL, OR
        let opcodes =
            [&[0x5f; 5], push(address).as_slice(), &[0x5a, 0xf1, 0x3d, 0x60, 0x08, 0x1b, 0x17]]
                .concat();
        assert_eq!(probe(&mut world, &key, &opcodes), U256::from(1), "{address}");
        assert!(!world.exists(address));
    }
    assert_eq!(world.head.parent_beacon_block_root, Some(B256::ZERO));
}

#[test]
fn a_precompile_s_input_is_bounded() {
    let (mut world, key) = funded();
    let call = |length: u32| {
        let [_, a, b, c] = length.to_be_bytes();
        // PUSH0 ×2, PUSH3 length, PUSH0 ×2, PUSH1 4 (identity), GAS, CALL
        [&[0x5f, 0x5f, 0x62, a, b, c, 0x5f, 0x5f, 0x60, 0x04, 0x5a, 0xf1][..]].concat()
    };
    let most = u32::try_from(MAX_PRECOMPILE_INPUT).unwrap();
    assert_eq!(probe(&mut world, &key, &call(most)), U256::from(1));
    assert_eq!(probe(&mut world, &key, &call(most + 1)), U256::ZERO);
}

#[test]
fn code_may_be_as_long_as_in_ethereum_and_not_longer() {
    let (mut world, key) = funded();
    for (length, deployed) in [(24_576u32, true), (24_577, false)] {
        let [_, a, b, c] = length.to_be_bytes();
        // PUSH3 length, PUSH0, RETURN
        let init = [0x62, a, b, c, 0x5f, 0xf3];
        let mut tx = world.eip1559(&key, alloy_primitives::TxKind::Create, &init);
        tx.gas_limit = 10_000_000;
        let created = key.address().create(world.nonce(&key));
        let outcome = world.run(&key.sign(tx));
        assert_eq!(outcome.result.is_success(), deployed);
        assert_eq!(world.exists(created), deployed);
        if deployed {
            assert_eq!(world.code(created), Bytes::from(vec![0; 24_576]));
        }
    }
}

#[test]
fn ether_is_conserved_whatever_happens() {
    let (mut world, key) = funded();
    let mut minted = U256::ZERO;
    // CALL(gas, COINBASE, value 1, …): contracts may pay the vault too.
    let pays = [&[0x5f, 0x5f, 0x5f, 0x5f, 0x60, 0x01, 0x41, 0x5a, 0xf1][..]].concat();
    world.install(PROBE, &store(&pays));
    world.fund(PROBE, 1000);
    let start = world.state.supply();
    for round in 0..6u8 {
        let sender = alias(Address::repeat_byte(round));
        let mut message = world.call_message(sender, PROBE, u128::from(round) * GWEI);
        message.gas_limit = 20_000 + 5_000 * u64::from(round);
        minted += message.value;
        let mut transactions = Vec::new();
        for nonce in 0..4 {
            let mut tx = world.eip1559(&key, PROBE.into(), &[round; 40]);
            tx.nonce = world.nonce(&key) + nonce;
            tx.gas_limit = 23_000 + 20_000 * nonce;
            tx.value = U256::from(nonce);
            transactions.push(key.sign(tx));
        }
        world.block(&[message], &transactions);
        assert_eq!(world.state.supply(), start + minted, "round {round}");
    }
    assert!(world.nonce(&key) > 12);
}
