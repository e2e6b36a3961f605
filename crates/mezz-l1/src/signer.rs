//! Who signs what is sent to L1: a key in this process, or a program elsewhere that keeps it.
//!
//! # Rules of a remote signer
//! - R1 It is asked by `eth_signTransaction`, the method of Web3Signer, op-signer and the development
//!   nodes, with every field of the transaction; blobs are named by their hashes, and stay here.
//! - R2 Of its answer nothing is kept but the signature: what is journalled and sent is the
//!   transaction that was asked for.
//! - R3 The signature must be of that transaction, by the key of the configured address, and in the
//!   form that L1 takes (low s, EIP-2).

use alloy::{
    consensus::{
        SignableTransaction as _, Transaction as _, TxEnvelope, Typed2718 as _, TypedTransaction,
    },
    eips::Decodable2718 as _,
    providers::Provider as _,
    rpc::types::{TransactionInput, TransactionRequest},
    signers::{SignerSync as _, local::PrivateKeySigner},
};
use alloy_primitives::{Address, Bytes, Signature, TxKind, keccak256};
use serde::Deserialize;

use crate::{Endpoint, L1Error};

/// Who signs what is sent to L1.
#[derive(Clone, Debug)]
pub enum L1Signer {
    /// A key in this process.
    Local(PrivateKeySigner),
    /// A key that another program keeps.
    Remote(RemoteSigner),
}

impl From<PrivateKeySigner> for L1Signer {
    fn from(key: PrivateKeySigner) -> Self {
        Self::Local(key)
    }
}

impl From<RemoteSigner> for L1Signer {
    fn from(signer: RemoteSigner) -> Self {
        Self::Remote(signer)
    }
}

impl L1Signer {
    /// The key's address.
    pub const fn address(&self) -> Address {
        match self {
            Self::Local(key) => key.address(),
            Self::Remote(signer) => signer.address,
        }
    }

    pub(crate) async fn sign(&self, transaction: &TypedTransaction) -> Result<Signature, L1Error> {
        match self {
            Self::Local(key) => key
                .sign_hash_sync(&transaction.signature_hash())
                .map_err(|error| L1Error::Signing { reason: error.to_string() }),
            Self::Remote(signer) => signer.sign(transaction).await,
        }
    }
}

/// A program that keeps a key and signs with it when it is asked.
#[derive(Clone, Debug)]
pub struct RemoteSigner {
    endpoint: Endpoint,
    address: Address,
}

/// A signed transaction, as signers answer: Web3Signer and op-signer with its bytes alone, nodes
/// with an object around them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Bytes(Bytes),
    Object { raw: Bytes },
}

impl RemoteSigner {
    /// The program at `endpoint`, which is to sign with the key of `address`.
    pub const fn new(endpoint: Endpoint, address: Address) -> Self {
        Self { endpoint, address }
    }

    /// Asks for a signature of what no chain takes (it offers no fee), to see whether the signer is
    /// there, has the key and is what it says it is.
    ///
    /// # Errors
    /// Those of signing.
    pub async fn probe(&self, chain_id: u64) -> Result<(), L1Error> {
        let harmless = alloy::consensus::TxEip1559 {
            chain_id,
            gas_limit: 21_000,
            to: TxKind::Call(self.address),
            ..Default::default()
        };
        self.sign(&harmless.into()).await.map(drop)
    }

    async fn sign(&self, wanted: &TypedTransaction) -> Result<Signature, L1Error> {
        let address = self.address;
        let answer = self
            .endpoint
            .connect()
            .raw_request::<_, Answer>("eth_signTransaction".into(), (self.request(wanted),))
            .await
            .map_err(|error| L1Error::SignerRpc { address, error })?;
        let (Answer::Bytes(raw) | Answer::Object { raw }) = answer;
        self.check(wanted, &raw)
    }

    /// All that is to be signed (R1).
    fn request(&self, wanted: &TypedTransaction) -> TransactionRequest {
        let mut request: TransactionRequest = wanted.clone().into();
        request.from = Some(self.address);
        // Some read one name of it, some the other.
        request.input = TransactionInput::both(wanted.input().clone());
        request
    }

    /// The signature in `raw`, if it is of what was asked for (R2, R3).
    fn check(&self, wanted: &TypedTransaction, raw: &[u8]) -> Result<Signature, L1Error> {
        let address = self.address;
        let no_answer = |reason: String| L1Error::SignerAnswer { address, reason };
        let mut rest = raw;
        let signed = TxEnvelope::decode_2718(&mut rest)
            .map_err(|error| no_answer(format!("it is no signed transaction: {error}")))?;
        if !rest.is_empty() {
            return Err(no_answer(format!("{} bytes follow the signed transaction", rest.len())));
        }
        let signature = *signed.signature();
        let got = TypedTransaction::from(signed);
        for ((field, expected), (_, got)) in fields(wanted).into_iter().zip(fields(&got)) {
            if expected != got {
                return Err(L1Error::SignerChanged { address, field, expected, got });
            }
        }
        if signature.normalize_s().is_some() {
            return Err(no_answer("its signature has a high s, which L1 refuses".into()));
        }
        let got = signature
            .recover_address_from_prehash(&wanted.signature_hash())
            .map_err(|error| no_answer(format!("its signature is none: {error}")))?;
        if got != address {
            return Err(L1Error::SignerKey { expected: address, got });
        }
        Ok(signature)
    }
}

/// What a signature binds, as text; long input by its hash.
fn fields(transaction: &TypedTransaction) -> [(&'static str, String); 12] {
    let to = match transaction.kind() {
        TxKind::Call(to) => to.to_string(),
        TxKind::Create => String::from("a creation"),
    };
    [
        ("type", transaction.ty().to_string()),
        ("chain id", format!("{:?}", transaction.chain_id())),
        ("nonce", transaction.nonce().to_string()),
        ("gas limit", transaction.gas_limit().to_string()),
        ("fee", transaction.max_fee_per_gas().to_string()),
        ("tip", format!("{:?}", transaction.max_priority_fee_per_gas())),
        ("destination", to),
        ("value", transaction.value().to_string()),
        ("hash of the input", keccak256(transaction.input()).to_string()),
        ("access list", format!("{:?}", transaction.access_list())),
        ("blob hashes", format!("{:?}", transaction.blob_versioned_hashes())),
        ("blob fee", format!("{:?}", transaction.max_fee_per_blob_gas())),
    ]
}
