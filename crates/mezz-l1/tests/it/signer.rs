//! A signer in another place, over HTTP: one that does its work, and those that sign something else,
//! with another key, or nothing.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use alloy::{
    consensus::{
        SignableTransaction as _, TxEip1559, TxEip4844, TxEip4844Variant, TxEnvelope, TxLegacy,
        TypedTransaction,
    },
    eips::Encodable2718 as _,
    rpc::types::TransactionRequest,
    signers::{SignerSync as _, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Signature, U256, keccak256};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use mezz_l1::{Endpoint, L1Call, L1Error, L1Signer, RemoteSigner, Severity};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::world::{
    Act::{Mine, Wait},
    World, signer, work,
};

/// What a signer does with what it is asked to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Signs it, and answers with the bytes.
    Honest,
    /// Signs it, and answers as nodes do.
    HonestObject,
    OtherKey,
    OtherDestination,
    OtherValue,
    OtherInput,
    OtherNonce,
    OtherGasLimit,
    OtherFee,
    OtherTip,
    OtherChain,
    OtherBlobs,
    OtherBlobFee,
    OtherType,
    /// The same signature in the form that L1 refuses.
    HighS,
    /// A signature of something else.
    OtherSignature,
    BytesAfterwards,
    Garbage,
    Refuses,
    NoJson,
    Fails,
}

use Manner::*;

/// A signer that listens; it ends with this.
struct Signer {
    addr: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<Mutex<Vec<Value>>>,
    _tasks: JoinSet<()>,
}

impl Signer {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let manner = Arc::new(Mutex::new(manner));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (now, notes) = (manner.clone(), asked.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (now, notes) = (now.clone(), notes.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let (now, notes) = (now.clone(), notes.clone());
                        async move { Ok::<_, Infallible>(answer(request, &now, &notes).await) }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { addr, manner, asked, _tasks: tasks }
    }

    fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// What senders are given.
    fn remote(&self) -> L1Signer {
        let endpoint = Endpoint::parse(&format!("http://{}", self.addr)).unwrap();
        RemoteSigner::new(endpoint, signer().address()).into()
    }
}

async fn answer(
    request: Request<Incoming>,
    manner: &Mutex<Manner>,
    notes: &Mutex<Vec<Value>>,
) -> Response<Full<hyper::body::Bytes>> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let request: Value = serde_json::from_slice(&body).unwrap();
    notes.lock().unwrap().push(request.clone());
    let manner = *manner.lock().unwrap();
    let text = |text: String| Response::new(Full::new(text.into()));
    if manner == NoJson {
        return text("<html>this is a router</html>".into());
    }
    if manner == Fails {
        let mut response = text("the key store is sealed".into());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return response;
    }
    let id = &request["id"];
    assert_eq!(request["method"], "eth_signTransaction");
    if manner == Refuses {
        let error = json!({ "code": -32_000, "message": "signing key is locked" });
        return text(json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string());
    }
    let params: (TransactionRequest,) = serde_json::from_value(request["params"].clone()).unwrap();
    let raw = sign(params.0, manner);
    let result = match manner {
        HonestObject => json!({ "raw": raw, "tx": { "hash": keccak256(&raw) } }),
        _ => json!(raw),
    };
    text(json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string())
}

/// What a signer of this manner signs.
fn sign(request: TransactionRequest, manner: Manner) -> Bytes {
    assert_eq!(request.from, Some(signer().address()));
    let key = match manner {
        OtherKey => PrivateKeySigner::from_bytes(&keccak256("somebody else")).unwrap(),
        _ => signer(),
    };
    let mut fields = TxEip1559 {
        chain_id: request.chain_id.unwrap(),
        nonce: request.nonce.unwrap(),
        gas_limit: request.gas.unwrap(),
        max_fee_per_gas: request.max_fee_per_gas.unwrap(),
        max_priority_fee_per_gas: request.max_priority_fee_per_gas.unwrap(),
        to: request.to.unwrap(),
        value: request.value.unwrap(),
        input: request.input.data.clone().unwrap(),
        ..TxEip1559::default()
    };
    assert_eq!(request.input.input, request.input.data);
    match manner {
        OtherDestination => fields.to = Address::repeat_byte(0x66).into(),
        OtherValue => fields.value += U256::from(1),
        OtherInput => fields.input = Bytes::from_static(b"other"),
        OtherNonce => fields.nonce += 1,
        OtherGasLimit => fields.gas_limit += 1,
        OtherFee => fields.max_fee_per_gas += 1,
        OtherTip => fields.max_priority_fee_per_gas += 1,
        OtherChain => fields.chain_id += 1,
        _ => {}
    }
    let mut blob_fee = request.max_fee_per_blob_gas;
    let mut blobs = request.blob_versioned_hashes;
    match manner {
        OtherBlobFee => blob_fee = blob_fee.map(|fee| fee + 1),
        OtherBlobs => blobs = blobs.map(|_| vec![B256::repeat_byte(1)]),
        _ => {}
    }
    let transaction: TypedTransaction = match blobs {
        Some(blob_versioned_hashes) => TypedTransaction::Eip4844(TxEip4844Variant::TxEip4844(
            blob_transaction(fields, blob_versioned_hashes, blob_fee.unwrap()),
        )),
        None if manner == OtherType => legacy(fields).into(),
        None => fields.into(),
    };
    let hash = match manner {
        OtherSignature => B256::repeat_byte(7),
        _ => transaction.signature_hash(),
    };
    let mut signature = key.sign_hash_sync(&hash).unwrap();
    if manner == HighS {
        let order = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let order: U256 = order.parse().unwrap();
        signature = Signature::new(signature.r(), order - signature.s(), !signature.v());
    }
    let mut raw = TxEnvelope::from((transaction, signature)).encoded_2718();
    match manner {
        BytesAfterwards => raw.push(0),
        Garbage => raw.truncate(raw.len() - 1),
        _ => {}
    }
    raw.into()
}

fn blob_transaction(fields: TxEip1559, hashes: Vec<B256>, blob_fee: u128) -> TxEip4844 {
    TxEip4844 {
        chain_id: fields.chain_id,
        nonce: fields.nonce,
        gas_limit: fields.gas_limit,
        max_fee_per_gas: fields.max_fee_per_gas,
        max_priority_fee_per_gas: fields.max_priority_fee_per_gas,
        to: *fields.to.to().unwrap(),
        value: fields.value,
        input: fields.input,
        blob_versioned_hashes: hashes,
        max_fee_per_blob_gas: blob_fee,
        ..TxEip4844::default()
    }
}

fn legacy(fields: TxEip1559) -> TxLegacy {
    TxLegacy {
        chain_id: Some(fields.chain_id),
        nonce: fields.nonce,
        gas_price: fields.max_fee_per_gas,
        gas_limit: fields.gas_limit,
        to: fields.to,
        value: fields.value,
        input: fields.input,
    }
}

fn blob_work() -> L1Call {
    L1Call { blobs: vec![Box::new(FixedBytes::ZERO)], gas_limit: Some(100_000), ..work(3) }
}

#[tokio::test]
async fn a_remote_signer_signs_what_is_sent_and_journalled() {
    let world = World::new().await;
    let remote = Signer::start(Honest).await;
    let sender = world.sender_signed_by(remote.remote());
    world.script(&[Wait, Mine(1), Mine(1), Mine(1)]);
    sender.send(work(1)).await.unwrap();
    remote.behave(HonestObject);
    sender.send(work(2)).await.unwrap();
    sender.send(blob_work()).await.unwrap();
    world.assert_script_over();
    assert_eq!(world.mined().await, [1, 2, 3]);
    assert_eq!(world.journal.nonces(), [0, 1, 2]);
    let asked = remote.asked.lock().unwrap();
    assert_eq!(asked.len(), 3, "each transaction is signed once");
    let blobs = &asked[2]["params"][0];
    assert_eq!(blobs["blobVersionedHashes"].as_array().unwrap().len(), 1);
    assert!(blobs.get("blobs").is_none(), "blobs stay here");
}

#[tokio::test]
async fn a_higher_bid_is_signed_anew() {
    let world = World::new().await;
    let remote = Signer::start(Honest).await;
    let mut script = vec![Wait; 10];
    script.push(Mine(1));
    world.script(&script);
    world.sender_signed_by(remote.remote()).send(work(1)).await.unwrap();
    world.assert_script_over();
    assert_eq!(remote.asked.lock().unwrap().len(), 2);
    assert_eq!(world.sent().1, 2);
}

#[tokio::test]
async fn nothing_is_sent_or_journalled_that_was_not_signed_as_asked() {
    let world = World::new().await;
    let remote = Signer::start(Honest).await;
    let sender = world.sender_signed_by(remote.remote());
    let blobs = [OtherBlobs, OtherBlobFee];
    for (manner, expected) in [
        (OtherDestination, "destination"),
        (OtherValue, "value"),
        (OtherInput, "hash of the input"),
        (OtherNonce, "nonce"),
        (OtherGasLimit, "gas limit"),
        (OtherFee, "fee"),
        (OtherTip, "tip"),
        (OtherChain, "chain id"),
        (OtherType, "type"),
        (OtherBlobs, "blob hashes"),
        (OtherBlobFee, "blob fee"),
    ] {
        remote.behave(manner);
        let call = if blobs.contains(&manner) { blob_work() } else { work(1) };
        let error = sender.send(call).await.unwrap_err();
        let L1Error::SignerChanged { field, .. } = &error else { panic!("{manner:?}: {error}") };
        assert_eq!(*field, expected, "{error}");
        // The other roles go on meanwhile.
        assert_eq!(error.severity(), Severity::Temporary, "{error}");
    }
    for manner in [OtherKey, OtherSignature] {
        remote.behave(manner);
        let error = sender.send(work(1)).await.unwrap_err();
        assert!(matches!(error, L1Error::SignerKey { .. }), "{manner:?}: {error}");
    }
    for manner in [HighS, BytesAfterwards, Garbage] {
        remote.behave(manner);
        let error = sender.send(work(1)).await.unwrap_err();
        assert!(matches!(error, L1Error::SignerAnswer { .. }), "{manner:?}: {error}");
    }
    assert_eq!(world.sent(), (vec![], 0));
    assert_eq!(world.journal.nonces(), [0u64; 0]);

    // Once it does its work, the work is done.
    remote.behave(Honest);
    world.script(&[Mine(1)]);
    sender.send(work(1)).await.unwrap();
    assert_eq!(world.mined().await, [1]);
}

#[tokio::test]
async fn a_signer_that_gives_nothing_is_named_with_what_it_says() {
    let world = World::new().await;
    let remote = Signer::start(Honest).await;
    let sender = world.sender_signed_by(remote.remote());
    for (manner, said) in [
        (Refuses, "signing key is locked"),
        (Fails, "the key store is sealed"),
        (NoJson, "this is a router"),
    ] {
        remote.behave(manner);
        let error = sender.send(work(1)).await.unwrap_err();
        assert!(matches!(error, L1Error::SignerRpc { .. }), "{manner:?}: {error}");
        assert_eq!(error.severity(), Severity::Temporary);
        let text = error.to_string();
        let address = signer().address().to_string();
        assert!(text.contains(&address) && text.contains(said), "{text}");
    }
    // Nobody listens there any more.
    let gone = remote.remote();
    drop(remote);
    let error = world.sender_signed_by(gone).send(work(1)).await.unwrap_err();
    assert!(matches!(error, L1Error::SignerRpc { .. }), "{error}");
    assert_eq!(world.sent(), (vec![], 0));
}

#[tokio::test]
async fn a_probe_tells_whether_the_signer_has_the_key_and_signs_nothing_of_worth() {
    let remote = Signer::start(Honest).await;
    let L1Signer::Remote(probed) = remote.remote() else { panic!("it is remote") };
    probed.probe(900).await.unwrap();
    {
        let asked = remote.asked.lock().unwrap();
        let request = &asked[0]["params"][0];
        assert_eq!((&request["maxFeePerGas"], &request["value"]), (&json!("0x0"), &json!("0x0")));
    }
    remote.behave(OtherKey);
    let error = probed.probe(900).await.unwrap_err();
    assert!(matches!(error, L1Error::SignerKey { .. }), "{error}");
}
