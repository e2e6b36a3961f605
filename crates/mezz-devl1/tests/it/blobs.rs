//! Blob transactions from the network form to the beacon API.

use std::slice;

use alloy::{
    consensus::{
        SignableTransaction, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar, TxEnvelope,
    },
    eips::{
        Encodable2718,
        eip4844::{Blob, BlobTransactionSidecar},
        eip7594::BlobTransactionSidecarVariant,
    },
    signers::SignerSync,
};
use alloy_primitives::{Address, B256, Bytes, hex};
use mezz_crypto::{blob_sidecar, blob_to_commitment_and_proof};
use serde_json::{Value, json};

use crate::world::{CHAIN_ID, World, quantity, sign, signer};

fn blob(byte: u8) -> Blob {
    let mut blob = Blob::ZERO;
    blob[1..5_000].iter_mut().step_by(32).for_each(|at| *at = byte);
    blob
}

fn version_1(blobs: &[Blob]) -> BlobTransactionSidecarVariant {
    BlobTransactionSidecarVariant::Eip7594(blob_sidecar(blobs).unwrap())
}

fn version_0(blobs: &[Blob]) -> BlobTransactionSidecarVariant {
    let named: Vec<_> =
        blobs.iter().map(|blob| blob_to_commitment_and_proof(blob).unwrap()).collect();
    BlobTransactionSidecarVariant::Eip4844(BlobTransactionSidecar {
        blobs: blobs.to_vec(),
        commitments: named.iter().map(|named| named.commitment.0).collect(),
        proofs: named.iter().map(|named| named.proof.0).collect(),
    })
}

fn bare(nonce: u64, hashes: Vec<B256>) -> TxEip4844 {
    TxEip4844 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 20_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        max_fee_per_blob_gas: 1_000_000_000,
        to: Address::repeat_byte(0xb0),
        blob_versioned_hashes: hashes,
        ..TxEip4844::default()
    }
}

/// In network form, signed by account 0.
fn carrying(nonce: u64, hashes: Vec<B256>, sidecar: BlobTransactionSidecarVariant) -> Bytes {
    let bare = bare(nonce, hashes);
    let signature = signer(0).sign_hash_sync(&bare.signature_hash()).unwrap();
    let whole = TxEip4844Variant::TxEip4844WithSidecar(TxEip4844WithSidecar::from_tx_and_sidecar(
        bare, sidecar,
    ));
    TxEnvelope::Eip4844(whole.into_signed(signature)).encoded_2718().into()
}

fn honest(nonce: u64, sidecar: BlobTransactionSidecarVariant) -> Bytes {
    carrying(nonce, sidecar.versioned_hashes().collect(), sidecar)
}

fn fetch(world: &World, path: &str) -> Value {
    let (status, body) = world.l1.handle_beacon_request(path);
    assert_eq!(status, 200, "{path}: {body}");
    body
}

#[tokio::test]
async fn a_blob_can_be_fetched_from_the_block_that_carries_it() {
    let world = World::new().await;
    let blobs = [blob(1), blob(2)];
    let sidecar = version_1(&blobs);
    let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    let receipt = world.succeed(honest(0, sidecar)).await;
    assert_eq!(receipt["type"], "0x3");
    assert_eq!(quantity(&receipt["blobGasUsed"]), 2 << 17);
    assert_eq!(quantity(&receipt["blobGasPrice"]), 1);
    let block = world.block("latest").await;
    assert_eq!(quantity(&block["blobGasUsed"]), 2 << 17);
    let transaction =
        world.ask("eth_getTransactionByHash", json!([receipt["transactionHash"]])).await;
    assert_eq!(transaction["blobVersionedHashes"], json!(hashes));
    assert_eq!(transaction["sidecar"], Value::Null);

    let hexes = blobs.map(hex::encode_prefixed);
    let all = json!({ "execution_optimistic": false, "finalized": false, "data": hexes });
    let hash = block["hash"].as_str().unwrap();
    for id in ["1", "head", hash] {
        assert_eq!(fetch(&world, &format!("/eth/v1/beacon/blobs/{id}")), all, "{id}");
    }
    let [first, second] = [hashes[0], hashes[1]];
    let one = fetch(&world, &format!("/eth/v1/beacon/blobs/1?versioned_hashes={second}"));
    assert_eq!(one["data"], json!([hexes[1]]));
    for query in [
        format!("versioned_hashes={first}&versioned_hashes={second}"),
        format!("versioned_hashes={first},{second}"),
    ] {
        let both = fetch(&world, &format!("/eth/v1/beacon/blobs/1?{query}"));
        assert_eq!(both["data"], json!(hexes), "{query}");
    }
    let other = B256::repeat_byte(1);
    let none = fetch(&world, &format!("/eth/v1/beacon/blobs/1?versioned_hashes={other}"));
    assert_eq!(none["data"], json!([]));
    assert_eq!(fetch(&world, "/eth/v1/beacon/blobs/genesis")["data"], json!([]));
}

#[tokio::test]
async fn the_beacon_api_is_that_of_anvil() {
    let world = World::new().await;
    let genesis = fetch(&world, "/eth/v1/beacon/genesis");
    assert_eq!(genesis["data"]["genesis_time"], crate::world::START.to_string());
    assert_eq!(genesis["data"]["genesis_fork_version"], "0x00000000");
    let refused = |path: &str| world.l1.handle_beacon_request(path);
    let failure = |code: u16, message: &str| (code, json!({ "code": code, "message": message }));
    assert_eq!(refused("/eth/v1/beacon/blobs/9"), failure(404, "Block not found"));
    assert_eq!(refused("/eth/v1/beacon/blobs/foo"), failure(400, "Invalid block ID: foo"));
    assert_eq!(
        refused("/eth/v1/beacon/blobs/0?versioned_hashes=zz"),
        failure(400, "Invalid versioned hash: zz")
    );
    assert_eq!(refused("/eth/v1/beacon/blob_sidecars/0").0, 410);
    assert_eq!(refused("/eth/v1/config/spec"), (404, Value::Null));
    assert_eq!(refused("/other"), (404, Value::Null));
}

#[tokio::test]
async fn both_versions_of_sidecars_are_taken() {
    let world = World::new().await;
    for (nonce, sidecar) in [(0, version_0(&[blob(3)])), (1, version_1(&[blob(4), blob(5)]))] {
        world.succeed(honest(nonce, sidecar)).await;
    }
    let data = fetch(&world, "/eth/v1/beacon/blobs/head")["data"].clone();
    assert_eq!(data, json!([hex::encode_prefixed(blob(4)), hex::encode_prefixed(blob(5))]));
}

#[tokio::test]
async fn a_sidecar_that_does_not_prove_its_blobs_is_refused() {
    let world = World::new().await;
    let refused = async |raw: Bytes| world.refused("eth_sendRawTransaction", json!([raw])).await;
    for make in [version_0, version_1] {
        let sidecar = make(&[blob(1)]);
        let hashes: Vec<B256> = sidecar.versioned_hashes().collect();

        let mut other_blob = sidecar.clone();
        let mut other_proof = sidecar.clone();
        let donor = make(&[blob(2)]);
        let mut extra = sidecar.clone();
        let mut fewer = sidecar.clone();
        match (&mut other_blob, &mut other_proof, &mut extra, &mut fewer, &donor) {
            (
                BlobTransactionSidecarVariant::Eip4844(a),
                BlobTransactionSidecarVariant::Eip4844(b),
                BlobTransactionSidecarVariant::Eip4844(c),
                BlobTransactionSidecarVariant::Eip4844(d),
                BlobTransactionSidecarVariant::Eip4844(donor),
            ) => {
                a.blobs[0] = blob(2);
                b.proofs[0] = donor.proofs[0];
                c.blobs.push(blob(9));
                d.proofs.clear();
            }
            (
                BlobTransactionSidecarVariant::Eip7594(a),
                BlobTransactionSidecarVariant::Eip7594(b),
                BlobTransactionSidecarVariant::Eip7594(c),
                BlobTransactionSidecarVariant::Eip7594(d),
                BlobTransactionSidecarVariant::Eip7594(donor),
            ) => {
                a.blobs[0] = blob(2);
                b.cell_proofs[127] = donor.cell_proofs[127];
                c.blobs.push(blob(9));
                d.cell_proofs.pop();
            }
            _ => unreachable!("all are made by the same function"),
        }
        for (sidecar, reason) in [
            (other_blob, "KZG proof does not hold"),
            (other_proof, "KZG proof does not hold"),
            (extra, "invalid sidecar: 2 blobs"),
            (fewer, "invalid sidecar: 1 blobs"),
        ] {
            let (code, message, _) = refused(carrying(0, hashes.clone(), sidecar)).await;
            assert!(code == -32000 && message.contains(reason), "{reason}: {message}");
        }
        let (_, message, _) = refused(carrying(0, hashes.clone(), donor)).await;
        assert!(message.contains("versioned hash"), "{message}");
    }
    let hashes: Vec<B256> = version_1(&[blob(1)]).versioned_hashes().collect();
    let (_, message, _) = refused(sign(bare(0, hashes), &signer(0))).await;
    assert!(message.starts_with("missing sidecar"), "{message}");
    assert_eq!(world.ask("txpool_status", json!([])).await["pending"], "0x0");
}

#[tokio::test]
async fn a_transaction_with_too_many_blobs_is_not_even_checked() {
    let world = World::new().await;
    let mut sidecar = blob_sidecar(slice::from_ref(&blob(1))).unwrap();
    sidecar.blobs = vec![blob(1); 7];
    sidecar.commitments = vec![sidecar.commitments[0]; 7];
    sidecar.cell_proofs = sidecar.cell_proofs.repeat(7);
    let raw = honest(0, BlobTransactionSidecarVariant::Eip7594(sidecar));
    let (_, message, _) = world.refused("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(message, "too many blobs in transaction: have 7, permitted 6");
}

#[tokio::test]
async fn full_blocks_make_blobs_dearer() {
    let world = World::new().await;
    let six = version_0(&[blob(1), blob(2), blob(3), blob(4), blob(5), blob(6)]);
    let three = version_0(&[blob(7), blob(8), blob(9)]);
    let mut nonce = 0;
    for _ in 0..12 {
        world.send(honest(nonce, six.clone())).await;
        world.send(honest(nonce + 1, three.clone())).await;
        nonce += 2;
        world.l1.mine().await.unwrap();
        let block = world.block("latest").await;
        assert_eq!(quantity(&block["blobGasUsed"]), 9 << 17);
    }
    let excess = quantity(&world.block("latest").await["excessBlobGas"]);
    // With no room left below the reserve price of EIP-7918, a third of what is used counts.
    assert_eq!(excess, 11 * 3 * (1 << 17));
    let next = quantity(&world.ask("eth_blobBaseFee", json!([])).await);
    let price = alloy::eips::eip7840::BlobParams::osaka().calc_blob_fee(12 * 3 * (1 << 17));
    assert_eq!(u128::from(next), price);
    assert!(price > 1);
    let history = world.ask("eth_feeHistory", json!(["0x2", "latest", []])).await;
    assert_eq!(history["blobGasUsedRatio"], json!([1.0, 1.0]));
    assert_eq!(history["baseFeePerBlobGas"][2], json!(format!("{next:#x}")));
}

#[tokio::test]
async fn blobs_are_kept_for_as_long_as_is_asked() {
    // Of blocks that are held in memory, and of those that are read from disk.
    let directory = tempfile::tempdir().unwrap();
    for data_dir in [None, Some(directory.path().to_owned())] {
        let world = World::with(|config| {
            config.blob_history = 2;
            config.memory_mib = if data_dir.is_some() { 0 } else { config.memory_mib };
            config.data_dir = data_dir;
        })
        .await;
        world.succeed(honest(0, version_0(&[blob(1)]))).await;
        world.l1.mine_many(1).await.unwrap();
        assert_eq!(fetch(&world, "/eth/v1/beacon/blobs/1")["data"].as_array().unwrap().len(), 1);
        world.l1.mine_many(1).await.unwrap();
        let (status, body) = world.l1.handle_beacon_request("/eth/v1/beacon/blobs/1");
        assert_eq!(status, 404);
        assert!(body["message"].as_str().unwrap().contains("not kept"), "{body}");
    }
}
