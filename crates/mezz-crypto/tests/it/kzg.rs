//! Blobs, their commitments and proofs.

use alloy_eips::eip4844::Blob;
use alloy_primitives::{B256, FixedBytes, b256, fixed_bytes};
use c_kzg::Bytes32;
use mezz_crypto::{
    KzgCommitment, KzgError, KzgProof, NativeCrypto, blob_sidecar, blob_to_commitment_and_proof,
    blob_versioned_hash, cell_proofs, element_proof, verify_blob, verify_blob_sidecar,
    verify_cell_proofs, versioned_hash,
};
use mezz_evm::{Crypto, KzgOpening, PlainCrypto};

use crate::precompile_inputs::Rng;

fn random_blob(rng: &mut Rng) -> Box<Blob> {
    let mut blob = Box::new(Blob::ZERO);
    for element in blob.0.as_chunks_mut::<32>().0 {
        element[1..].copy_from_slice(&rng.bytes(31));
    }
    blob
}

#[test]
fn a_blob_has_one_commitment_and_its_proofs_hold() {
    let mut rng = Rng::new(10);
    let blob = random_blob(&mut rng);
    let committed = blob_to_commitment_and_proof(&blob).expect("canonical");
    assert_eq!(committed.versioned_hash, versioned_hash(&committed.commitment));
    assert_eq!(committed.versioned_hash, blob_versioned_hash(&blob).expect("canonical"));
    assert_eq!(committed.versioned_hash[0], 1);
    assert!(verify_blob(&blob, &committed.commitment, &committed.proof));

    let mut other = blob.clone();
    other.0[31] ^= 1;
    assert!(!verify_blob(&other, &committed.commitment, &committed.proof));
    let wrong = KzgProof(FixedBytes(committed.commitment.0.0));
    assert!(!verify_blob(&blob, &committed.commitment, &wrong));
    let no_point = KzgProof(FixedBytes([0xff; 48]));
    assert!(!verify_blob(&blob, &committed.commitment, &no_point));
}

#[test]
fn cell_proofs_hold_for_their_blob_only() {
    let mut rng = Rng::new(11);
    let blob = random_blob(&mut rng);
    let commitment = blob_to_commitment_and_proof(&blob).expect("canonical").commitment;
    let proofs = cell_proofs(&blob).expect("canonical");
    assert_eq!(proofs.len(), 128);
    assert!(verify_cell_proofs(&blob, &commitment, &proofs));

    assert!(!verify_cell_proofs(&blob, &commitment, &proofs[1..]));
    let mut swapped = proofs.clone();
    swapped.swap(5, 77);
    assert!(!verify_cell_proofs(&blob, &commitment, &swapped));
    let other = random_blob(&mut rng);
    assert!(!verify_cell_proofs(&other, &commitment, &proofs));
    let infinity =
        KzgCommitment(FixedBytes(std::array::from_fn(|at| if at == 0 { 0xc0 } else { 0 })));
    assert!(!verify_cell_proofs(&blob, &infinity, &proofs));
}

#[test]
fn a_sidecar_is_whole_or_refused() {
    let mut rng = Rng::new(12);
    let blobs = [random_blob(&mut rng), random_blob(&mut rng)];
    let sidecar = blob_sidecar(&blobs).expect("canonical");
    let hashes: Vec<B256> = sidecar.versioned_hashes().collect();
    let named: Vec<B256> =
        blobs.iter().map(|blob| blob_versioned_hash(blob).expect("canonical")).collect();
    assert_eq!(hashes, named);
    assert!(verify_blob_sidecar(&sidecar, &hashes));

    assert!(!verify_blob_sidecar(&sidecar, &hashes[..1]));
    assert!(!verify_blob_sidecar(&sidecar, &[hashes[1], hashes[0]]));
    let mut broken = sidecar.clone();
    broken.cell_proofs.pop();
    assert!(!verify_blob_sidecar(&broken, &hashes));
    let mut broken = sidecar.clone();
    broken.blobs.swap(0, 1);
    assert!(!verify_blob_sidecar(&broken, &hashes));
    let mut broken = sidecar.clone();
    broken.commitments.swap(0, 1);
    assert!(!verify_blob_sidecar(&broken, &hashes));
    let mut broken = sidecar;
    broken.cell_proofs.swap(3, 200);
    assert!(!verify_blob_sidecar(&broken, &hashes));
}

#[test]
fn an_element_beyond_the_field_is_named() {
    let order: B256 = b256!("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    let mut blob = Box::new(Blob::ZERO);
    blob.0[77 * 32..78 * 32].copy_from_slice(order.as_slice());
    let refused = blob_versioned_hash(&blob);
    assert!(matches!(refused, Err(KzgError::NotCanonical { element: 77 })), "{refused:?}");
    blob.0[78 * 32 - 1] -= 1;
    assert!(blob_versioned_hash(&blob).is_ok());
}

/// The commitment to nothing is the point at infinity; published as the hash of an empty blob.
#[test]
fn the_empty_blob_has_its_known_hash() {
    let hash = blob_versioned_hash(&Blob::ZERO).expect("canonical");
    assert_eq!(hash, b256!("010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014"));
}

/// Real openings of real blobs: by `c-kzg` on one side and plain pairings on the other.
#[test]
fn openings_agree_between_native_and_plain() {
    let settings = c_kzg::ethereum_kzg_settings(0);
    let mut rng = Rng::new(13);
    for round in 0..24 {
        let mut blob = random_blob(&mut rng);
        if round % 6 == 0 {
            // A constant polynomial: its proof is the point at infinity.
            let element: [u8; 32] = blob.0[..32].try_into().expect("32 bytes");
            blob.0.as_chunks_mut::<32>().0.fill(element);
        }
        let native = c_kzg::Blob::new(blob.0);
        let commitment = blob_to_commitment_and_proof(&blob).expect("canonical").commitment;
        let mut z = [0; 32];
        z[1..].copy_from_slice(&rng.bytes(31));
        if round % 3 == 0 {
            // A root of unity: the polynomial is opened where it was given.
            z = [0; 32];
            z[31] = 1;
        }
        let (proof, y) = settings.compute_kzg_proof(&native, &Bytes32::new(z)).expect("canonical");
        let opening = KzgOpening {
            commitment: commitment.0.0,
            z,
            y: *y,
            proof: proof.to_bytes().into_inner(),
        };
        let mut wrong_value = opening;
        wrong_value.y[31] ^= 1;
        let mut wrong_point = opening;
        wrong_point.z[31] ^= 2;
        for crypto in [&PlainCrypto as &dyn Crypto, &NativeCrypto] {
            assert!(crypto.verify_kzg_opening(&opening), "{round}");
            assert!(!crypto.verify_kzg_opening(&wrong_value), "{round}");
            // Only a constant has the same value everywhere.
            assert_eq!(crypto.verify_kzg_opening(&wrong_point), round % 6 == 0, "{round}");
        }
    }
}

/// What is put to L1 for one element is true there, and of that element alone.
#[test]
fn every_element_of_a_blob_can_be_proven() {
    let mut rng = Rng::new(14);
    let blob = random_blob(&mut rng);
    for index in [0, 1, 2, 3, 1_000, 2_047, 2_048, 4_095] {
        let proven = element_proof(&blob, index).expect("canonical");
        let bytes = blob.0.as_chunks::<32>().0[index as usize];
        assert_eq!(proven.element, bytes, "{index}");
        let opening = KzgOpening {
            commitment: proven.commitment.0.0,
            z: proven.point.0,
            y: proven.element.0,
            proof: proven.proof.0.0,
        };
        assert!(PlainCrypto.verify_kzg_opening(&opening), "{index}");
        let next = element_proof(&blob, (index + 1) % 4_096).expect("canonical");
        assert_ne!(next.point, proven.point);
        assert!(!PlainCrypto.verify_kzg_opening(&KzgOpening { z: next.point.0, ..opening }));
    }
    let beyond = element_proof(&blob, 4_096);
    assert!(matches!(beyond, Err(KzgError::NoElement { index: 4_096 })), "{beyond:?}");
}

/// The proof that `contracts/test/dispute/PreimageOracle.t.sol` puts to the contract.
#[test]
fn the_element_of_the_contract_s_tests_has_this_proof() {
    let mut blob = Box::new(Blob::ZERO);
    for (element, number) in blob.0.as_chunks_mut::<32>().0.iter_mut().zip(0u64..) {
        element[24..].copy_from_slice(&(number * number + 7).to_be_bytes());
    }
    let proven = element_proof(&blob, 1_234).expect("canonical");
    assert_eq!(versioned_hash(&proven.commitment), ELEMENT_HASH);
    assert_eq!(proven.commitment.0, ELEMENT_COMMITMENT);
    assert_eq!(proven.proof.0, ELEMENT_PROOF);
}

const ELEMENT_HASH: B256 =
    b256!("012fbcce4b727c5aac28fa0f5223d397bc6050019d43728e2fbdb8c1c3df6598");
const ELEMENT_COMMITMENT: FixedBytes<48> = fixed_bytes!(
    "9557ada58d1ea7f48806d66720bb05d148ce52dfab866d26b638e3c838db4d390a37ff3ea7fedf29e9c9181b3ea9e589"
);
const ELEMENT_PROOF: FixedBytes<48> = fixed_bytes!(
    "8a68176000b6b6e18a98ebc28e13f1e1575b0788d7d32da3a82673c38eed55e6b96769b9dd3ff52d1245040af5dee697"
);
