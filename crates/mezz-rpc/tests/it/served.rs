//! A network with a little history, and its node's server.

use std::net::SocketAddr;

use alloy_primitives::{Address, B256, TxKind, U256};
use mezz_action_tests::{
    Account, ETHER, TOKEN_GAS, World, WorldSettings, mint_call, token_init_code, transfer_call,
};
use mezz_rpc::{ChainInfo, Limits, RpcConfig, RpcHandle};
use serde_json::Value;

use crate::client;

/// Who receives tokens.
pub(crate) const BOB: Address = Address::repeat_byte(0xb0);

/// Block 1: a deposit. Block 2: the token. Block 3: minted; a transfer with a log; one that reverts.
pub(crate) struct Served {
    /// Goes first: the node's threads end when nobody can ask them any more.
    pub(crate) rpc: RpcHandle,
    pub(crate) world: World,
    pub(crate) alice: Account,
    pub(crate) token: Address,
    /// The transfer that worked.
    pub(crate) moved: B256,
    /// The one that reverted.
    pub(crate) reverted: B256,
}

impl Served {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        let mut world = World::new(WorldSettings::default()).await;
        let alice = world.account("alice");
        world.act_deposit(&alice.signer, alice.address(), ETHER * U256::from(10)).await;
        world.act_derive_all().await;
        world.act_l2_build().await.expect("a deposit is work");
        let mut alice = world.account_now("alice");
        let token = alice.address().create(alice.nonce);
        let deploy = alice.sign(TxKind::Create, U256::ZERO, token_init_code(), 1_000_000);
        world.act_send_l2(deploy).await;
        world.act_l2_build().await.expect("a transaction is work");
        let mut call = |data| alice.sign(TxKind::Call(token), U256::ZERO, data, TOKEN_GAS);
        let calls =
            [call(mint_call(100)), call(transfer_call(BOB, 30)), call(transfer_call(BOB, 71))];
        let mut sent = Vec::new();
        for call in calls {
            sent.push(world.act_send_l2(call).await);
        }
        world.act_l2_build().await.expect("transactions are work");
        let rpc = serve(&world, limits).await;
        let (moved, reverted) = (sent[1], sent[2]);
        Self { rpc, world, alice, token, moved, reverted }
    }

    /// Serves under other limits.
    pub(crate) async fn restart(&mut self, limits: Limits) {
        self.rpc = serve(&self.world, limits).await;
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.rpc.local_addr()
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        client::ask(self.addr(), method, params).await
    }

    /// The code and the message of what must be an error.
    pub(crate) async fn refused(&self, method: &str, params: Value) -> (i64, String) {
        let error = self.ask(method, params.clone()).await;
        let error = error.expect_err(&format!("{method} {params} is refused"));
        let code = error["code"].as_i64().expect("a code");
        (code, error["message"].as_str().expect("a message").to_owned())
    }
}

async fn serve(world: &World, limits: Limits) -> RpcHandle {
    let addr = SocketAddr::from(([127, 0, 0, 1], 0));
    let feed_signer = Some(mezz_action_tests::key("operator"));
    let dev_accounts = vec![mezz_action_tests::key("alice")];
    let config = RpcConfig { addr, limits, dev_accounts, feed_signer };
    let chain = &world.chain;
    let info = ChainInfo {
        config: chain.config.clone(),
        config_hash: chain.config.hash(),
        contracts: chain.contracts,
        genesis_hash: chain.genesis_hash,
        l1_start_block: chain.l1_start_block.get(),
        window_secs: chain.window_secs,
    };
    let parts = world.node.parts();
    mezz_rpc::start(config, parts.view.clone(), parts.pool.clone(), parts.l1.clone(), info)
        .await
        .expect("the server listens")
}
