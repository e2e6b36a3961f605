//! L1 says of a block what it is when the node keeps its state no more.

use alloy::sol_types::SolCall as _;
use alloy_primitives::{Address, TxKind, U256};
use mezz_action_tests::{Account, ETHER, World, WorldSettings};
use mezz_contracts::Outbox;
use mezz_types::OUTBOX;

const WINDOW: u64 = 4;
const WITHDRAW_GAS: u64 = 300_000;

async fn withdraw(world: &mut World, alice: &mut Account) {
    let target = Address::repeat_byte(0x77);
    let data = Outbox::withdrawEtherCall { target }.abi_encode().into();
    world.act_send_l2(alice.sign(TxKind::Call(OUTBOX), U256::from(5), data, WITHDRAW_GAS)).await;
    world.act_l2_build().await.expect("a withdrawal is work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_taken_over_when_its_states_are_not_kept_any_more() {
    let settings = WorldSettings { history_window: WINDOW, ..WorldSettings::default() };
    let mut world = World::new(settings).await;
    let alice = world.account("alice");
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    world.act_batch_all().await;

    let mut alice = world.account_now("alice");
    withdraw(&mut world, &mut alice).await;
    let last = world.node.head().0;
    world.act_l1_catch_up().await;
    let posted = world.act_batch().await.expect("there is work");
    assert_eq!(posted.blocks.1.get(), last);
    // L1 is out of reach for a while, and blocks go on.
    for _ in 0..WINDOW {
        withdraw(&mut world, &mut alice).await;
        world.act_send_l2(alice.transfer(Address::repeat_byte(0x70), U256::from(1))).await;
        world.act_l2_build().await.expect("a transaction is work");
    }
    let view = &world.node.parts().view;
    view.reader.state_at(posted.blocks.1).err().expect("the state is not kept any more");
    world.act_derive_all().await;
    assert_eq!(world.node.safe(), last);

    let mut replica = world.replica();
    replica.derive_all().await.expect("the replica follows L1");
    let outcome = |parts: &mezz_node::NodeParts| {
        parts.view.l1.outcome(posted.index).unwrap().expect("the batch was taken over")
    };
    let ours = outcome(world.node.parts());
    assert_eq!(ours, outcome(replica.parts()));
    let count = |block| world.node.parts().view.reader.outbox_count(block).unwrap();
    assert_eq!(count(ours.first_block.prev()), 0);
    assert_eq!(count(ours.last_block), 1);
    let head = mezz_types::BlockNumber::new(world.node.head().0);
    assert_eq!(count(head), 1 + WINDOW);
}
