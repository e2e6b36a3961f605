//! A chain that stands still until a test moves it, and people to use it.

use std::{path::Path, sync::Arc};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::Encodable2718,
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use mezz_devl1::{DEV_MNEMONIC, DevL1, DevL1Config, DevL1Handle, ManualClock, Mining};
use serde_json::{Value, json};

/// When every test begins, seconds.
pub(crate) const START: u64 = 1_700_000_000;
pub(crate) const CHAIN_ID: u64 = 900;

/// A chain, its clock, and short ways to ask it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) l1: DevL1Handle,
    pub(crate) clock: Arc<ManualClock>,
}

/// A chain that makes blocks when it is told to.
pub(crate) fn config(clock: Arc<ManualClock>) -> DevL1Config {
    DevL1Config { mining: Mining::Manual, clock, ..DevL1Config::default() }
}

/// The account of the test mnemonic with this index.
pub(crate) fn signer(index: u32) -> PrivateKeySigner {
    use alloy::signers::local::{MnemonicBuilder, coins_bip39::English};
    MnemonicBuilder::<English>::default()
        .phrase(DEV_MNEMONIC)
        .index(index)
        .unwrap()
        .build()
        .unwrap()
}

/// Signs whatever can be signed, and encodes it for the network.
pub(crate) fn sign<T>(transaction: T, signer: &PrivateKeySigner) -> Bytes
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy::consensus::Signed<T>>,
{
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
}

/// A transaction that pays enough.
pub(crate) fn transaction(nonce: u64, to: impl Into<TxKind>, input: impl Into<Bytes>) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: to.into(),
        input: input.into(),
        ..TxEip1559::default()
    }
}

/// Init code of a contract. Called with a word, it keeps the word in slot 0 and emits a log with the topics
/// «word, caller»; called with nothing, it reverts with the reason `nope`.
pub(crate) fn keeper() -> Vec<u8> {
    let runtime = hex!(
        "36602857"                       // if calldatasize: jump 0x28
        "6308c379a060e01b5f52"           // selector of Error(string)
        "6020600452"                     // offset
        "6004602452"                     // length
        "636e6f706560e01b604452"         // "nope"
        "60645ffd00"
        "5b5f35805f5533905f5fa200"       // sstore(0, word); log2(word, caller)
    );
    init_code(&runtime)
}

/// Init code that returns `runtime`.
pub(crate) fn init_code(runtime: &[u8]) -> Vec<u8> {
    let length = u8::try_from(runtime.len()).unwrap();
    // codecopy(0, 10, length); return(0, length)
    let mut code = vec![0x60, length, 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3, 0x00];
    code.extend(runtime);
    code
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut DevL1Config)) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        let mut config = config(clock.clone());
        change(&mut config);
        Self { l1: DevL1::start(config).await.unwrap(), clock }
    }

    pub(crate) async fn in_directory(directory: &Path) -> Self {
        Self::with(|config| config.data_dir = Some(directory.to_owned())).await
    }

    /// Asks, and wants an answer.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        match self.try_ask(method, params).await {
            Ok(result) => result,
            Err(error) => panic!("{method}: {error}"),
        }
    }

    /// Asks, and wants an error: its code, message and data.
    pub(crate) async fn refused(&self, method: &str, params: Value) -> (i64, String, Value) {
        match self.try_ask(method, params).await {
            Ok(result) => panic!("{method} is not refused: {result}"),
            Err(error) => (
                error["code"].as_i64().unwrap(),
                error["message"].as_str().unwrap().to_owned(),
                error["data"].clone(),
            ),
        }
    }

    async fn try_ask(&self, method: &str, params: Value) -> Result<Value, Value> {
        let request = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let mut answer = self.l1.handle_request(request).await;
        assert_eq!(answer["id"], 7);
        match answer.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(answer["result"].take()),
        }
    }

    /// Sends a signed transaction; its hash.
    pub(crate) async fn send(&self, raw: Bytes) -> B256 {
        let hash = self.ask("eth_sendRawTransaction", json!([raw])).await;
        serde_json::from_value(hash).unwrap()
    }

    /// Sends a signed transaction, makes a block, and wants it to have worked; its receipt.
    pub(crate) async fn succeed(&self, raw: Bytes) -> Value {
        let hash = self.send(raw).await;
        self.l1.mine().await.unwrap();
        let receipt = self.receipt(hash).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }

    pub(crate) async fn receipt(&self, hash: B256) -> Value {
        self.ask("eth_getTransactionReceipt", json!([hash])).await
    }

    pub(crate) async fn balance(&self, address: Address) -> U256 {
        let balance = self.ask("eth_getBalance", json!([address, "latest"])).await;
        serde_json::from_value(balance).unwrap()
    }

    /// Deploys the contract of [`keeper`] from account 0; its address.
    pub(crate) async fn deploy_keeper(&self, nonce: u64) -> Address {
        let deploy = transaction(nonce, TxKind::Create, keeper());
        let receipt = self.succeed(sign(deploy, &signer(0))).await;
        serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
    }

    pub(crate) async fn block(&self, tag: impl Into<Value>) -> Value {
        self.ask("eth_getBlockByNumber", json!([tag.into(), false])).await
    }
}

/// The number in a hexadecimal quantity.
pub(crate) fn quantity(value: &Value) -> u64 {
    let text = value.as_str().unwrap_or_else(|| panic!("not a quantity: {value}"));
    u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap()
}
