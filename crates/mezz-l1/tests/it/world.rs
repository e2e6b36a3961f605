//! A development L1 that stands still until a test moves it, a journal that outlives its sender, and
//! waiting that lets the next thing of a script happen.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::Decodable2718 as _,
    providers::{DynProvider, Provider as _},
    signers::local::PrivateKeySigner,
};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use mezz_devl1::{DevL1, DevL1Config, DevL1Handle, Dropped, ManualClock, Mining, Reorg};
use mezz_l1::{
    Endpoint, Journal, JsonRpcHandler, L1Call, L1Signer, SenderSettings, Timer, TxSender,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Blocks that `finalized` is behind the head.
pub(crate) const FINALIZED_DEPTH: u64 = 4;
/// When every test begins, seconds.
const START: u64 = 1_700_000_000;

/// Something that happens while a sender waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Nothing.
    Wait,
    /// L1 makes so many blocks.
    Mine(u64),
    /// L1 forgets everything that waits.
    Forget,
    /// L1 takes back so many blocks, and forgets what was in them.
    TakeBack(u64),
    /// From now on L1 does not get what the sender sends.
    Swallow,
    /// The sender waits for ever, and the test hears of it.
    Crash,
    /// Somebody else, who has the key, sends a transaction with this nonce and outbids ours.
    Stranger(u64),
}

/// An L1 in the test's process, and what was sent to it.
pub(crate) struct World {
    pub(crate) l1: Arc<DevL1Handle>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) provider: DynProvider,
    pub(crate) journal: MemoryJournal,
    script: Arc<Mutex<VecDeque<Act>>>,
}

/// Between the sender and L1: notes what is sent, and may keep it back.
pub(crate) struct Gate {
    l1: Arc<DevL1Handle>,
    pub(crate) swallow: AtomicBool,
    crashed: Notify,
    sent: Mutex<Vec<TxEnvelope>>,
}

impl JsonRpcHandler for Gate {
    fn handle(&self, request: String) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        let request: Value = serde_json::from_str(&request).unwrap();
        let sends = request["method"] == "eth_sendRawTransaction";
        if sends {
            let raw: Bytes = serde_json::from_value(request["params"][0].clone()).unwrap();
            let signed = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
            let hash = *signed.tx_hash();
            self.sent.lock().unwrap().push(signed);
            if self.swallow.load(Ordering::SeqCst) {
                let answer = json!({ "jsonrpc": "2.0", "id": request["id"], "result": hash });
                return Box::pin(std::future::ready(answer.to_string()));
            }
        }
        Box::pin(async move { self.l1.handle_request(request).await.to_string() })
    }
}

/// Survives its sender, as a disk does.
#[derive(Clone, Default)]
pub(crate) struct MemoryJournal {
    entries: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
    pub(crate) full: Arc<AtomicBool>,
}

impl MemoryJournal {
    pub(crate) fn nonces(&self) -> Vec<u64> {
        self.entries.lock().unwrap().keys().copied().collect()
    }
}

impl Journal for MemoryJournal {
    fn record(&self, _: Address, nonce: u64, entry: &[u8]) -> Result<(), String> {
        if self.full.load(Ordering::SeqCst) {
            return Err("no space left on device".into());
        }
        self.entries.lock().unwrap().insert(nonce, entry.to_vec());
        Ok(())
    }

    fn entries(&self, _: Address) -> Result<Vec<(u64, Vec<u8>)>, String> {
        let entries = self.entries.lock().unwrap();
        Ok(entries.iter().map(|(nonce, entry)| (*nonce, entry.clone())).collect())
    }

    fn remove(&self, _: Address, nonce: u64) -> Result<(), String> {
        self.entries.lock().unwrap().remove(&nonce);
        Ok(())
    }
}

/// Waiting makes the next thing of the script happen.
struct Scripted {
    l1: Arc<DevL1Handle>,
    gate: Arc<Gate>,
    provider: DynProvider,
    script: Arc<Mutex<VecDeque<Act>>>,
}

impl Timer for Scripted {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn pause(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let act = self.script.lock().unwrap().pop_front();
        Box::pin(async move {
            match act.expect("the sender waits longer than the script says") {
                Act::Wait => {}
                Act::Mine(count) => {
                    self.l1.mine_many(count).await.unwrap();
                }
                Act::Forget => forget(&self.l1).await,
                Act::TakeBack(depth) => take_back(&self.l1, depth, Dropped::Forget).await,
                Act::Swallow => self.gate.swallow.store(true, Ordering::SeqCst),
                Act::Crash => {
                    self.gate.crashed.notify_one();
                    std::future::pending().await
                }
                Act::Stranger(nonce) => stranger(&self.provider, nonce).await,
            }
        })
    }
}

async fn take_back(l1: &DevL1Handle, depth: u64, dropped: Dropped) {
    l1.reorg(Reorg { depth, blocks: None, dropped, delay_secs: 1 }).await.unwrap();
}

async fn forget(l1: &DevL1Handle) {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "anvil_dropAllTransactions" });
    let answer = l1.handle_request(request).await;
    assert!(answer.get("error").is_none(), "{answer}");
}

/// Sends a transaction of the tests' key from outside, with a high bid.
async fn stranger(provider: &DynProvider, nonce: u64) {
    use alloy::{
        consensus::{SignableTransaction as _, TxEip1559},
        eips::Encodable2718 as _,
        network::TxSignerSync as _,
    };
    let mut transaction = TxEip1559 {
        chain_id: DevL1Config::CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 50_000_000_000,
        to: Address::repeat_byte(0x66).into(),
        ..TxEip1559::default()
    };
    let signature = signer().sign_transaction_sync(&mut transaction).unwrap();
    let signed = TxEnvelope::from(transaction.into_signed(signature));
    let _ = provider.send_raw_transaction(&signed.encoded_2718()).await.unwrap();
}

pub(crate) fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256("sender")).unwrap()
}

/// How the tests' senders pace themselves, in pauses of a second.
pub(crate) fn settings() -> SenderSettings {
    SenderSettings {
        poll: Duration::from_secs(1),
        rebroadcast_after: Duration::from_secs(3),
        bump_after: Duration::from_secs(10),
        give_up_after: Duration::from_secs(20),
        ..SenderSettings::default()
    }
}

/// A call that can be told from others, and that succeeds.
pub(crate) fn work(number: u8) -> L1Call {
    L1Call {
        to: Some(Address::repeat_byte(0x70)),
        data: Bytes::from(vec![number; 3]),
        ..L1Call::default()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let config = DevL1Config {
            funded: vec![(signer().address(), U256::from(1_000_000_000_000_000_000_000_u128))],
            genesis_timestamp: Some(START),
            mining: Mining::Manual,
            finalized_depth: FINALIZED_DEPTH,
            clock: Arc::new(ManualClock::new(START)),
            ..DevL1Config::default()
        };
        let l1 = Arc::new(DevL1::start(config).await.unwrap());
        let gate = Arc::new(Gate {
            l1: l1.clone(),
            swallow: AtomicBool::new(false),
            crashed: Notify::new(),
            sent: Mutex::default(),
        });
        let provider = Endpoint::in_process(gate.clone()).connect();
        let (journal, script) = (MemoryJournal::default(), Arc::default());
        Self { l1, gate, provider, journal, script }
    }

    /// A sender, as after a start.
    pub(crate) fn sender(&self) -> TxSender {
        self.sender_with(settings())
    }

    pub(crate) fn sender_with(&self, settings: SenderSettings) -> TxSender {
        self.make_sender(settings, signer().into())
    }

    /// A sender whose key is somewhere else.
    pub(crate) fn sender_signed_by(&self, signer: L1Signer) -> TxSender {
        self.make_sender(settings(), signer)
    }

    fn make_sender(&self, settings: SenderSettings, signer: L1Signer) -> TxSender {
        let journal = Arc::new(self.journal.clone());
        let scripted = Scripted {
            l1: self.l1.clone(),
            gate: self.gate.clone(),
            // Around the gate: it notes what the sender sends.
            provider: Endpoint::in_process(Arc::new(Plain(self.l1.clone()))).connect(),
            script: self.script.clone(),
        };
        TxSender::new(self.provider.clone(), signer, settings, journal)
            .with_timer(Arc::new(scripted))
    }

    /// What happens while the sender waits, one thing each pause.
    pub(crate) fn script(&self, acts: &[Act]) {
        let mut script = self.script.lock().unwrap();
        assert!(script.is_empty(), "the sender waited less than the script says: {script:?}");
        script.extend(acts);
    }

    pub(crate) fn assert_script_over(&self) {
        self.script(&[]);
    }

    /// Returns when a sender came to [`Act::Crash`].
    pub(crate) async fn crashed(&self) {
        self.gate.crashed.notified().await;
    }

    /// L1 forgets everything that waits.
    pub(crate) async fn forget(&self) {
        forget(&self.l1).await;
    }

    /// The key's next nonce, in the state of the head.
    pub(crate) async fn provider_nonce(&self) -> u64 {
        self.provider.get_transaction_count(signer().address()).await.unwrap()
    }

    pub(crate) async fn mine(&self, count: u64) {
        self.l1.mine_many(count).await.unwrap();
    }

    pub(crate) async fn reorg(&self, depth: u64, dropped: Dropped) {
        take_back(&self.l1, depth, dropped).await;
    }

    /// Nonces of what was sent, and how many different transactions that were.
    pub(crate) fn sent(&self) -> (Vec<u64>, usize) {
        let sent = self.gate.sent.lock().unwrap();
        let hashes: std::collections::BTreeSet<B256> =
            sent.iter().map(|tx| *tx.tx_hash()).collect();
        (sent.iter().map(|tx| tx.nonce()).collect(), hashes.len())
    }

    /// What was sent last.
    pub(crate) fn last_sent(&self) -> TxEnvelope {
        self.gate.sent.lock().unwrap().last().cloned().unwrap()
    }

    /// Inputs of the transactions that L1 mined, in order.
    pub(crate) async fn mined(&self) -> Vec<u8> {
        let mut inputs = Vec::new();
        for number in 1..=self.l1.block_number() {
            let block = self.provider.get_block(number.into()).full().await.unwrap().unwrap();
            let transactions = block.transactions.into_transactions();
            inputs.extend(transactions.map(|tx| tx.input().first().copied().unwrap_or_default()));
        }
        inputs
    }
}

struct Plain(Arc<DevL1Handle>);

impl JsonRpcHandler for Plain {
    fn handle(&self, request: String) -> Pin<Box<dyn Future<Output = String> + Send + '_>> {
        let request = serde_json::from_str(&request).unwrap();
        Box::pin(async move { self.0.handle_request(request).await.to_string() })
    }
}

/// Init code of a contract that reverts until the second after `until`: `timestamp <= until` reverts
/// with the word `until`.
pub(crate) fn shut_until(until: u32) -> Bytes {
    // if until < timestamp: stop; mstore(0, until); revert(0, 32)
    let word = until.to_be_bytes();
    let runtime =
        [&hex!("4263")[..], &word, &hex!("1060155763"), &word, &hex!("5f5260205ffd5b00")].concat();
    let length = u8::try_from(runtime.len()).unwrap();
    // codecopy(0, 10, length); return(0, length)
    let mut code = vec![0x60, length, 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3, 0x00];
    code.extend(runtime);
    code.into()
}
