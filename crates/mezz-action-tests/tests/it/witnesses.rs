//! What a witness is for: it is enough, and nothing in it is too much.

use alloy_primitives::{TxKind, U256};
use mezz_action_tests::{
    ETHER, TOKEN_GAS, World, WorldSettings, block_witness, check_witnesses, mint_call, rerun,
    token_init_code, transfer_call,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_block_without_any_one_part_of_its_witness_cannot_be_run() {
    let mut world = World::new(WorldSettings::default()).await;
    let (alice, bob) = (world.account("alice"), world.account("bob"));
    world.act_deposit(&alice.signer, alice.address(), ETHER).await;
    world.act_derive_all().await;
    world.act_l2_build().await.expect("a deposit is work");
    let mut alice = world.account_now("alice");
    let token = alice.address().create(alice.nonce);
    let deploy = alice.sign(TxKind::Create, U256::ZERO, token_init_code(), 200_000);
    let mint = alice.sign(TxKind::Call(token), U256::ZERO, mint_call(100), TOKEN_GAS);
    world.act_send_l2(deploy).await;
    world.act_send_l2(mint).await;
    world.act_l2_build().await.expect("transactions are work");
    let call = transfer_call(bob.address(), 30);
    let transfer = alice.sign(TxKind::Call(token), U256::ZERO, call, TOKEN_GAS);
    let transfer = world.act_send_l2(transfer).await;
    world.act_l2_build().await.expect("a transaction is work");
    assert_eq!(world.node.included(transfer), Some(true));
    let balance = |owner: alloy_primitives::Address| U256::from_be_bytes(owner.into_word().0);
    assert_eq!(world.node.slot(token, balance(alice.address())), U256::from(70));
    assert_eq!(world.node.slot(token, balance(bob.address())), U256::from(30));

    let (head, hash) = world.node.head();
    assert_eq!(check_witnesses(&world.node), head);
    let whole = block_witness(&world.node, head).expect("it is kept");
    assert_eq!(rerun(&world.node, head, &whole).expect("it is enough"), hash);
    let parts = (whole.nodes.len(), whole.values.len(), whole.codes.len());
    assert!(parts.0 > 8 && parts.1 > 4 && parts.2 > 0, "{parts:?}");
    for node in whole.nodes.keys() {
        let mut less = whole.clone();
        less.nodes.remove(node);
        assert!(rerun(&world.node, head, &less).is_err(), "it runs without a node");
    }
    for value in whole.values.keys() {
        let mut less = whole.clone();
        less.values.remove(value);
        assert!(rerun(&world.node, head, &less).is_err(), "it runs without a value");
    }
    for code in whole.codes.keys() {
        let mut less = whole.clone();
        less.codes.remove(code);
        assert!(rerun(&world.node, head, &less).is_err(), "it runs without a code");
    }
}
