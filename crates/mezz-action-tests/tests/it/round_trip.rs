//! Money in, moved, and out again.

use alloy::sol_types::SolCall as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use mezz_action_tests::{
    ETHER, FINALIZED_DEPTH, World, WorldSettings, check_in_machine, check_witnesses, key,
    withdrawal_proof,
};
use mezz_contracts::{Outbox, Vault};
use mezz_l1::{L1Call, L1Error};
use mezz_node::Move;
use mezz_types::{BatchIndex, DataKind, OUTBOX};

const WITHDRAW_GAS: u64 = 300_000;

async fn withdraw(world: &World, call: &Vault::withdrawCall) -> Result<(), String> {
    let to = Some(world.chain.contracts.vault);
    let call = L1Call { to, data: call.abi_encode().into(), ..L1Call::default() };
    match world.l1.send(&key("carol"), call).await {
        Ok(_) => Ok(()),
        Err(L1Error::Refused { reason } | L1Error::Reverted { reason, .. }) => Err(reason),
        Err(error) => panic!("{error}"),
    }
}

/// Deposits, transfers, and puts three withdrawals into the outbox; everything is batched.
async fn up_to_the_batch(world: &mut World) -> [Address; 3] {
    let (alice, bob) = (world.account("alice"), world.account("bob"));
    world.act_deposit(&alice.signer, alice.address(), ETHER * U256::from(10)).await;
    world.act_derive_all().await;
    assert_eq!(world.node.balance(alice.address()), U256::ZERO);
    let built = world.act_l2_build().await.expect("a deposit is work");
    assert_eq!(built.transactions, 1);
    assert_eq!(world.node.balance(alice.address()), ETHER * U256::from(10));

    let mut alice = world.account_now("alice");
    let transfer = alice.transfer(bob.address(), ETHER);
    let transfer = world.act_send_l2(transfer).await;
    let targets = [0xd1, 0xd2, 0xd3].map(Address::repeat_byte);
    for target in targets {
        let data = Outbox::withdrawEtherCall { target }.abi_encode().into();
        let call = alice.sign(TxKind::Call(OUTBOX), ETHER, data, WITHDRAW_GAS);
        world.act_send_l2(call).await;
    }
    let built = world.act_l2_build().await.expect("transactions are work");
    assert_eq!(built.transactions, 4);
    assert_eq!(world.node.included(transfer), Some(true));
    assert_eq!(world.node.balance(bob.address()), ETHER);
    assert_eq!(world.node.safe(), 0);
    targets
}

async fn round_trip(data: DataKind) {
    let mut world = World::new(WorldSettings { data, ..WorldSettings::default() }).await;
    let targets = up_to_the_batch(&mut world).await;
    let posted = world.act_batch_all().await;
    let [posted] = posted.as_slice() else { panic!("one batch holds it all: {posted:?}") };
    let (head, head_hash) = world.node.head();
    assert_eq!((posted.blocks.1.get(), world.node.safe()), (head, head));

    let mut replica = world.replica();
    replica.derive_all().await.expect("the replica follows L1");
    assert_eq!(replica.head(), (head, head_hash));

    assert!(check_witnesses(&world.node) >= 2);
    check_in_machine(&world, &replica, 0..1).await;

    let claimed = world.act_propose().await;
    assert!(matches!(claimed, Some(Move::Proposed { batch_end, .. }) if batch_end.get() == 1));
    world.act_derive_all().await;
    assert_eq!(world.act_propose().await, None);
    let proof = withdrawal_proof(&world.node, 1, BatchIndex::new(1));
    assert!(withdraw(&world, &proof).await.unwrap_err().contains("Vault_NotFinal"));

    world.act_time_travel(world.chain.window_secs).await;
    world.act_derive_all().await;
    let finalized = world.act_propose().await;
    assert!(matches!(finalized, Some(Move::Finalized { .. })), "{finalized:?}");
    world.act_derive_all().await;
    assert_eq!(world.node.finalized(), 0);
    world.act_l1_mine(FINALIZED_DEPTH).await;
    world.act_derive_all().await;
    assert_eq!(world.node.finalized(), head);

    every_wrong_field_is_refused(&world, &proof).await;
    withdraw(&world, &proof).await.expect("the vault pays");
    assert_eq!(world.l1.balance(targets[1]).await, ETHER);
    assert!(withdraw(&world, &proof).await.unwrap_err().contains("Vault_AlreadyPaid"));
    for index in [0, 2] {
        let proof = withdrawal_proof(&world.node, index, BatchIndex::new(1));
        withdraw(&world, &proof).await.expect("the vault pays");
    }
    assert_eq!(world.l1.balance(targets[2]).await, ETHER);
}

type Change = fn(&mut Vault::withdrawCall);

const COMMITMENT: [(&str, Change); 6] = [
    ("block number", |call| call.commitment.blockNumber += 1),
    ("block hash", |call| call.commitment.blockHash = B256::repeat_byte(1)),
    ("timestamp", |call| call.commitment.timestamp += 1),
    ("state root", |call| call.commitment.stateRoot = B256::repeat_byte(1)),
    ("outbox root", |call| call.commitment.outboxRoot = B256::repeat_byte(1)),
    ("next inbox index", |call| call.commitment.nextInboxIndex += 1),
];

const WITHDRAWAL: [(&str, Change); 8] = [
    ("index", |call| call.withdrawal.index += 1),
    ("token kind", |call| call.withdrawal.kind = 1),
    ("call kind", |call| call.withdrawal.kind = 2),
    ("sender", |call| call.withdrawal.sender = Address::repeat_byte(1)),
    ("target", |call| call.withdrawal.target = Address::repeat_byte(1)),
    ("token", |call| call.withdrawal.token = Address::repeat_byte(1)),
    ("amount", |call| call.withdrawal.amount += U256::from(1)),
    ("data", |call| call.withdrawal.data = Bytes::from_static(&[0])),
];

async fn every_wrong_field_is_refused(world: &World, good: &Vault::withdrawCall) {
    for (field, change) in COMMITMENT {
        let mut wrong = good.clone();
        change(&mut wrong);
        let reason = withdraw(world, &wrong).await.expect_err(field);
        assert!(reason.contains("Vault_NotFinal"), "{field}: {reason}");
    }
    for (field, change) in WITHDRAWAL {
        let mut wrong = good.clone();
        change(&mut wrong);
        let reason = withdraw(world, &wrong).await.expect_err(field);
        assert!(reason.contains("Vault_BadProof"), "{field}: {reason}");
    }
    for level in 0..good.proof.len() {
        let mut wrong = good.clone();
        wrong.proof[level] = B256::repeat_byte(1);
        let reason = withdraw(world, &wrong).await.expect_err("a wrong sibling");
        assert!(reason.contains("Vault_BadProof"), "sibling {level}: {reason}");
    }
    let mut wrong = good.clone();
    wrong.withdrawal.index += 1 << 32;
    let reason = withdraw(world, &wrong).await.expect_err("an index outside the tree");
    assert!(reason.contains("Vault_BadIndex"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ether_goes_in_and_out_with_batches_in_calldata() {
    round_trip(DataKind::Calldata).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ether_goes_in_and_out_with_batches_in_blobs() {
    round_trip(DataKind::Blob).await;
}
