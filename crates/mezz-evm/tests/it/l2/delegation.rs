//! EIP-7702, with signers recovered through the cryptography that the caller passes.

use alloy_consensus::{TxEnvelope, transaction::Recovered};
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, Bytes, U256, keccak256, uint};
use mezz_types::Account;

use super::world::{ETHER, Key, World, push, store};

const CODE: Address = Address::repeat_byte(0xcd);

struct Setup {
    world: World,
    sponsor: Key,
    owner: Key,
}

fn setup() -> Setup {
    let mut world = World::new();
    let (sponsor, owner) = (Key::new(1), Key::new(2));
    world.fund(sponsor.address(), 10 * ETHER);
    world.fund(owner.address(), ETHER);
    // ADDRESS into slot 0
    world.install(CODE, &store(&[0x30]));
    Setup { world, sponsor, owner }
}

fn authorization(owner: &Key, chain_id: u64, address: Address, nonce: u64) -> SignedAuthorization {
    owner.authorize(Authorization { chain_id: U256::from(chain_id), address, nonce })
}

fn sponsored(setup: &Setup, list: Vec<SignedAuthorization>) -> Recovered<TxEnvelope> {
    let Setup { world, sponsor, owner } = setup;
    sponsor.sign(world.eip7702(sponsor, owner.address(), list))
}

fn designator(address: Address) -> Bytes {
    [&[0xef, 0x01, 0x00], address.as_slice()].concat().into()
}

#[test]
fn a_delegation_lasts_runs_on_the_owner_s_storage_and_is_in_the_changes() {
    let mut setup = setup();
    let owner = setup.owner.address();
    let tx = sponsored(&setup, vec![authorization(&setup.owner, 4242, CODE, 0)]);
    let block = setup.world.block(&[], &[tx]).sealed.block;
    assert!(block.receipts[0].succeeded());
    assert_eq!(setup.world.code(owner), designator(CODE));
    assert_eq!(setup.world.account(owner).nonce, 1);
    assert_eq!(setup.world.slot(owner, 0), U256::from_be_slice(owner.as_slice()));
    let hash = keccak256(designator(CODE));
    assert_eq!(block.changes.codes.get(&hash), Some(&designator(CODE)));
    // The next block loads the delegation from the state.
    setup.world.set_slot(owner, 0, 1);
    setup.world.call(&setup.sponsor, owner, &[]);
    assert_eq!(setup.world.slot(owner, 0), U256::from_be_slice(owner.as_slice()));
}

#[test]
fn a_delegated_account_still_sends() {
    let mut setup = setup();
    let tx = sponsored(&setup, vec![authorization(&setup.owner, 4242, CODE, 0)]);
    setup.world.block(&[], &[tx]);
    let outcome = setup.world.call(&setup.owner, Address::repeat_byte(0x77), &[]);
    assert!(outcome.result.is_success());
    assert_eq!(setup.world.account(setup.owner.address()).nonce, 2);
}

#[test]
fn delegating_to_zero_clears_the_code() {
    let mut setup = setup();
    let owner = setup.owner.address();
    let tx = sponsored(&setup, vec![authorization(&setup.owner, 4242, CODE, 0)]);
    setup.world.block(&[], &[tx]);
    let tx = sponsored(&setup, vec![authorization(&setup.owner, 4242, Address::ZERO, 1)]);
    let block = setup.world.block(&[], &[tx]).sealed.block;
    assert_eq!(setup.world.account(owner).code_hash, Account::default().code_hash);
    assert_eq!(setup.world.account(owner).nonce, 2);
    assert!(block.changes.codes.is_empty());
}

#[test]
fn a_delegation_set_and_cleared_in_one_block_leaves_no_code() {
    let mut setup = setup();
    let set = sponsored(&setup, vec![authorization(&setup.owner, 4242, CODE, 0)]);
    let mut clear = setup.world.eip7702(
        &setup.sponsor,
        setup.owner.address(),
        vec![authorization(&setup.owner, 4242, Address::ZERO, 1)],
    );
    clear.nonce = 1;
    let clear = setup.sponsor.sign(clear);
    let built = setup.world.block(&[], &[set, clear]);
    assert!(built.pushed.iter().all(Result::is_ok));
    assert!(built.sealed.block.changes.codes.is_empty());
    assert_eq!(setup.world.account(setup.owner.address()).nonce, 2);
}

#[test]
fn an_authorization_that_does_not_hold_is_passed_over() {
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let Setup { world, owner, .. } = setup();
    let good = authorization(&owner, 4242, CODE, 0);
    let with = |parity: u8, r: U256, s: U256| {
        SignedAuthorization::new_unchecked(good.inner().clone(), parity, r, s)
    };
    let contract = Key::new(3);
    let cases = vec![
        ("another chain", authorization(&owner, 31337, CODE, 0)),
        ("nonce", authorization(&owner, 4242, CODE, 1)),
        ("last nonce", authorization(&owner, 4242, CODE, u64::MAX)),
        ("upper half of s", with(1 - good.y_parity(), good.r(), order - good.s())),
        ("r = 0", with(good.y_parity(), U256::ZERO, good.s())),
        ("parity 2", with(2, good.r(), good.s())),
        ("a contract", authorization(&contract, 4242, CODE, 1)),
    ];
    for (name, bad) in cases {
        let mut setup = Setup { world: world.clone(), ..setup() };
        setup.world.install(contract.address(), &[0x00]);
        let before = setup.world.account(contract.address());
        let tx = sponsored(&setup, vec![bad]);
        let outcome = setup.world.run(&tx);
        // The transaction is valid all the same, and pays for the authorization.
        assert!(outcome.result.is_success(), "{name}");
        assert_eq!(outcome.extras.gas_used, 21_000 + 25_000, "{name}");
        let owner = setup.world.account(setup.owner.address());
        assert_eq!((owner.nonce, owner.code_hash), (0, Account::default().code_hash), "{name}");
        assert_eq!(setup.world.account(contract.address()), before, "{name}");
    }
    let setup = Setup { world, ..setup() };
    let mut world = setup.world.clone();
    let tx = sponsored(&setup, vec![good]);
    // What all of them were compared with does work.
    assert!(world.run(&tx).extras.gas_used > 46_000);
}

#[test]
fn an_authorization_for_chain_0_holds_here() {
    let mut setup = setup();
    let tx = sponsored(&setup, vec![authorization(&setup.owner, 0, CODE, 0)]);
    setup.world.run(&tx);
    assert_eq!(setup.world.code(setup.owner.address()), designator(CODE));
}

#[test]
fn a_sender_may_authorize_for_itself_with_its_next_nonce() {
    let Setup { mut world, sponsor, .. } = setup();
    let list = vec![authorization(&sponsor, 4242, CODE, 1)];
    let tx = sponsor.sign(world.eip7702(&sponsor, Address::repeat_byte(0x77), list));
    world.run(&tx);
    assert_eq!(world.account(sponsor.address()).nonce, 2);
    assert_eq!(world.code(sponsor.address()), designator(CODE));
}

#[test]
fn the_last_of_two_authorizations_wins_and_delegation_survives_a_revert() {
    let mut setup = setup();
    let other = Address::repeat_byte(0xce);
    // PUSH0, PUSH0, REVERT
    setup.world.install(other, &[0x5f, 0x5f, 0xfd]);
    let list = vec![
        authorization(&setup.owner, 4242, CODE, 0),
        authorization(&setup.owner, 4242, other, 1),
    ];
    let tx = sponsored(&setup, list);
    let outcome = setup.world.run(&tx);
    assert!(!outcome.result.is_success());
    assert_eq!(setup.world.code(setup.owner.address()), designator(other));
    assert_eq!(setup.world.account(setup.owner.address()).nonce, 2);
}

#[test]
fn a_message_from_a_delegated_account_runs() {
    let mut setup = setup();
    let owner = setup.owner.address();
    let tx = sponsored(&setup, vec![authorization(&setup.owner, 4242, CODE, 0)]);
    setup.world.block(&[], &[tx]);
    // The message calls its own sender: the delegated code runs there.
    setup.world.set_slot(owner, 0, 1);
    let message = setup.world.call_message(owner, owner, 5);
    let block = setup.world.block(&[message], &[]).sealed.block;
    assert!(block.receipts[0].succeeded());
    assert_eq!(setup.world.slot(owner, 0), U256::from_be_slice(owner.as_slice()));
    assert_eq!(setup.world.account(owner).nonce, 2);
}

#[test]
fn extcodesize_of_a_delegated_account_is_the_designator_s() {
    let mut setup = setup();
    let owner = setup.owner.address();
    let tx = sponsored(&setup, vec![authorization(&setup.owner, 4242, CODE, 0)]);
    setup.world.block(&[], &[tx]);
    let probe = Address::repeat_byte(0x99);
    // PUSH20 owner, EXTCODESIZE
    let code = store(&[push(owner).as_slice(), &[0x3b]].concat());
    setup.world.install(probe, &code);
    setup.world.call(&setup.sponsor, probe, &[]);
    assert_eq!(setup.world.slot(probe, 0), U256::from(23));
}
