//! The world's L1: the development L1, which makes a block for each transaction.

use std::{future::Future, net::Ipv4Addr, pin::Pin, sync::Arc, time::Duration};

use alloy::{
    network::TransactionBuilder as _,
    providers::{DynProvider, Provider as _},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use mezz_devl1::{DevL1, DevL1Config, DevL1Handle, Mining, Reorg};
use mezz_l1::{Endpoint, JsonRpcHandler, L1Call, L1Error, NoJournal, SenderSettings, TxSender};
use url::Url;

use crate::WorldClock;

/// Blocks of L1 that `finalized` is behind the head, unless a world's settings say otherwise.
pub const FINALIZED_DEPTH: u64 = 12;
/// What every named key has, wei.
const L1_BALANCE: U256 = U256::from_limbs([0, 1 << 30, 0, 0]);

/// The world's L1.
pub struct L1 {
    handle: Arc<DevL1Handle>,
    clock: WorldClock,
    /// JSON-RPC, without a socket.
    pub endpoint: Endpoint,
    /// The beacon API.
    pub beacon: Url,
    /// Speaks to `endpoint`.
    pub provider: DynProvider,
}

struct InProcess(Arc<DevL1Handle>);

impl JsonRpcHandler for InProcess {
    fn handle(&self, request: String) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        Box::pin(async move {
            let request = serde_json::from_str(&request).unwrap_or_default();
            self.0.handle_request(request).await.to_string()
        })
    }
}

/// How senders of a world pace themselves: a block is there as soon as the transaction was taken.
pub(crate) fn sender_settings() -> SenderSettings {
    SenderSettings {
        poll: Duration::from_millis(1),
        bump_after: Duration::from_secs(2),
        give_up_after: Duration::from_secs(2),
        ..SenderSettings::default()
    }
}

impl L1 {
    /// Starts it with ether for these.
    pub async fn start(clock: WorldClock, funded: &[Address], finalized_depth: u64) -> Self {
        let config = DevL1Config {
            funded: funded.iter().map(|address| (*address, L1_BALANCE)).collect(),
            mining: Mining::OnTransaction,
            finalized_depth,
            listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
            clock: Arc::new(clock.clone()),
            ..DevL1Config::default()
        };
        let handle = DevL1::start(config).await.expect("an L1 in memory starts");
        let beacon = handle.beacon_url().expect("it listens");
        let beacon = Url::parse(&beacon).expect("an address makes a URL");
        let handle = Arc::new(handle);
        let endpoint = Endpoint::in_process(Arc::new(InProcess(Arc::clone(&handle))));
        let provider = endpoint.connect();
        Self { handle, clock, endpoint, beacon, provider }
    }

    /// What answers its JSON-RPC.
    pub fn handler(&self) -> Arc<dyn JsonRpcHandler> {
        Arc::new(InProcess(Arc::clone(&self.handle)))
    }

    /// Where its JSON-RPC listens.
    pub fn url(&self) -> Url {
        let url = self.handle.http_url().expect("it listens");
        Url::parse(&url).expect("an address makes a URL")
    }

    /// A block as its JSON-RPC shows it, with hashes of its transactions.
    pub async fn block(&self, number: u64) -> serde_json::Value {
        let params = serde_json::json!([format!("{number:#x}"), false]);
        let request = serde_json::json!({
            "jsonrpc": "2.0", "id": 0, "method": "eth_getBlockByNumber", "params": params,
        });
        self.handle.handle_request(request).await["result"].take()
    }

    /// Height of the head.
    pub fn head(&self) -> u64 {
        self.handle.block_number()
    }

    /// Hash of the head.
    pub fn head_hash(&self) -> B256 {
        self.handle.block_hash()
    }

    /// Timestamp of the head, seconds.
    pub fn timestamp(&self) -> u64 {
        self.handle.block_timestamp()
    }

    /// Makes so many blocks, a second apart.
    pub async fn mine(&self, count: u64) {
        for _ in 0..count {
            self.clock.advance_secs(1);
            self.handle.mine().await.expect("L1 runs");
        }
    }

    /// Replaces the last blocks.
    pub async fn reorg(&self, reorg: Reorg) {
        self.handle.reorg(reorg).await.expect("the blocks are not finalized");
    }

    /// Takes blocks when asked, and not with each transaction.
    pub async fn mine_on_demand(&self, on_demand: bool) {
        let mining = if on_demand { Mining::Manual } else { Mining::OnTransaction };
        self.handle.set_mining(mining).await.expect("L1 runs");
    }

    /// Sends a transaction in a block of its own.
    ///
    /// # Errors
    /// [`L1Error::Refused`] if it would revert; with a gas limit given, [`L1Error::Reverted`] if it did.
    pub async fn send(
        &self,
        signer: &PrivateKeySigner,
        call: L1Call,
    ) -> Result<TransactionReceipt, L1Error> {
        self.clock.advance_secs(1);
        self.sender(signer).send(call).await
    }

    /// A sender of this key.
    pub fn sender(&self, signer: &PrivateKeySigner) -> TxSender {
        let provider = self.provider.clone();
        TxSender::new(provider, signer.clone(), sender_settings(), Arc::new(NoJournal))
    }

    /// Asks a view of a contract.
    pub async fn view<C: SolCall>(&self, to: Address, call: C) -> C::Return {
        let request =
            TransactionRequest::default().with_to(to).with_input(Bytes::from(call.abi_encode()));
        let answer = self.provider.call(request).latest().await;
        let answer = answer.expect("a view does not revert");
        C::abi_decode_returns(&answer).expect("the contract is the one of the binding")
    }

    /// Wei of an account.
    pub async fn balance(&self, address: Address) -> U256 {
        self.provider.get_balance(address).await.expect("L1 answers")
    }
}
