//! Cryptography in plain Rust: the same code in a node and inside a RISC-V guest.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Signature};
use revm::precompile::{
    Crypto as Backend, DefaultCrypto,
    bls12_381::{G1Point, G2Point},
};

use crate::crypto::{
    Blake2Input, Bls12Fp, Bls12Fp2, Bls12G1, Bls12G2, Bls12Scalar, Bn254G1, Bn254Pair, Crypto,
    KzgOpening, P256Signature,
};

/// [`Crypto`] by `k256`, `p256`, `ark-bn254`, `ark-bls12-381`, `aurora-engine-modexp`, `sha2` and `ripemd`,
/// as `revm-precompile` combines them when none of its native back ends is switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlainCrypto;

const BACKEND: DefaultCrypto = DefaultCrypto;

fn join<const HALF: usize, const WHOLE: usize>(a: &[u8; HALF], b: &[u8; HALF]) -> [u8; WHOLE] {
    let mut whole = [0; WHOLE];
    for (to, from) in whole.iter_mut().zip(a.iter().chain(b)) {
        *to = *from;
    }
    whole
}

fn g1(point: &Bls12G1) -> Option<G1Point> {
    match point.as_chunks::<48>().0 {
        [x, y] => Some((*x, *y)),
        _ => None,
    }
}

fn g2(point: &Bls12G2) -> Option<G2Point> {
    match point.as_chunks::<48>().0 {
        [x0, x1, y0, y1] => Some((*x0, *x1, *y0, *y1)),
        _ => None,
    }
}

impl Crypto for PlainCrypto {
    fn recover_signer(&self, prehash: &B256, signature: &Signature) -> Option<Address> {
        let compact = join::<32, 64>(&signature.r().to_be_bytes(), &signature.s().to_be_bytes());
        let word =
            BACKEND.secp256k1_ecrecover(&compact, u8::from(signature.v()), &prehash.0).ok()?;
        Some(Address::from_word(B256::new(word)))
    }

    fn sha256(&self, input: &[u8]) -> [u8; 32] {
        BACKEND.sha256(input)
    }

    fn ripemd160(&self, input: &[u8]) -> [u8; 20] {
        // The back end pads on the left, as the precompile does.
        Address::from_word(B256::new(BACKEND.ripemd160(input))).into()
    }

    fn modexp(&self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
        if modulus.iter().all(|byte| *byte == 0) {
            return Vec::new();
        }
        BACKEND.modexp(base, exponent, modulus).unwrap_or_default()
    }

    fn bn254_add(&self, a: &Bn254G1, b: &Bn254G1) -> Option<Bn254G1> {
        BACKEND.bn254_g1_add(a, b).ok()
    }

    fn bn254_mul(&self, point: &Bn254G1, scalar: &[u8; 32]) -> Option<Bn254G1> {
        BACKEND.bn254_g1_mul(point, scalar).ok()
    }

    fn bn254_pairing(&self, pairs: &[Bn254Pair]) -> Option<bool> {
        let pairs: Vec<(&[u8], &[u8])> =
            pairs.iter().filter_map(|pair| pair.split_at_checked(64)).collect();
        BACKEND.bn254_pairing_check(&pairs).ok()
    }

    fn blake2f(&self, input: &Blake2Input) -> [u64; 8] {
        let mut h = input.h;
        BACKEND.blake2_compress(input.rounds, &mut h, &input.m, &input.t, input.last);
        h
    }

    fn verify_kzg_opening(&self, opening: &KzgOpening) -> bool {
        BACKEND
            .verify_kzg_proof(&opening.z, &opening.y, &opening.commitment, &opening.proof)
            .is_ok()
    }

    fn bls12_g1_add(&self, a: &Bls12G1, b: &Bls12G1) -> Option<Bls12G1> {
        BACKEND.bls12_381_g1_add(g1(a)?, g1(b)?).ok()
    }

    fn bls12_g1_msm(&self, terms: &[(Bls12G1, Bls12Scalar)]) -> Option<Bls12G1> {
        let mut terms = terms.iter().filter_map(|(point, scalar)| Some(Ok((g1(point)?, *scalar))));
        BACKEND.bls12_381_g1_msm(&mut terms).ok()
    }

    fn bls12_g2_add(&self, a: &Bls12G2, b: &Bls12G2) -> Option<Bls12G2> {
        BACKEND.bls12_381_g2_add(g2(a)?, g2(b)?).ok()
    }

    fn bls12_g2_msm(&self, terms: &[(Bls12G2, Bls12Scalar)]) -> Option<Bls12G2> {
        let mut terms = terms.iter().filter_map(|(point, scalar)| Some(Ok((g2(point)?, *scalar))));
        BACKEND.bls12_381_g2_msm(&mut terms).ok()
    }

    fn bls12_pairing(&self, pairs: &[(Bls12G1, Bls12G2)]) -> Option<bool> {
        let pairs: Vec<(G1Point, G2Point)> =
            pairs.iter().filter_map(|(a, b)| Some((g1(a)?, g2(b)?))).collect();
        BACKEND.bls12_381_pairing_check(&pairs).ok()
    }

    fn bls12_map_fp_to_g1(&self, element: &Bls12Fp) -> Option<Bls12G1> {
        BACKEND.bls12_381_fp_to_g1(element).ok()
    }

    fn bls12_map_fp2_to_g2(&self, element: &Bls12Fp2) -> Option<Bls12G2> {
        match element.as_chunks::<48>().0 {
            [c0, c1] => BACKEND.bls12_381_fp2_to_g2((*c0, *c1)).ok(),
            _ => None,
        }
    }

    fn verify_p256(&self, signature: &P256Signature) -> bool {
        BACKEND.secp256r1_verify_signature(
            &signature.prehash,
            &signature.signature,
            &signature.public_key,
        )
    }
}
