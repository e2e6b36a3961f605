//! The transition's cryptography by native libraries, where they are faster.

use alloy_primitives::{Address, B256, Signature};
use mezz_evm::{
    Blake2Input, Bls12Fp, Bls12Fp2, Bls12G1, Bls12G2, Bls12Scalar, Bn254G1, Bn254Pair, Crypto,
    KzgOpening, P256Signature, PlainCrypto,
};

use crate::{bls12, kzg, recovery};

/// [`Crypto`] by `libsecp256k1`, `blst` and `c-kzg`, and by plain Rust for the rest.
///
/// It returns what [`PlainCrypto`] returns, for every argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NativeCrypto;

impl Crypto for NativeCrypto {
    fn recover_signer(&self, prehash: &B256, signature: &Signature) -> Option<Address> {
        recovery::recover(prehash, signature)
    }

    fn sha256(&self, input: &[u8]) -> [u8; 32] {
        PlainCrypto.sha256(input)
    }

    fn ripemd160(&self, input: &[u8]) -> [u8; 20] {
        PlainCrypto.ripemd160(input)
    }

    fn modexp(&self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
        PlainCrypto.modexp(base, exponent, modulus)
    }

    fn bn254_add(&self, a: &Bn254G1, b: &Bn254G1) -> Option<Bn254G1> {
        PlainCrypto.bn254_add(a, b)
    }

    fn bn254_mul(&self, point: &Bn254G1, scalar: &[u8; 32]) -> Option<Bn254G1> {
        PlainCrypto.bn254_mul(point, scalar)
    }

    fn bn254_pairing(&self, pairs: &[Bn254Pair]) -> Option<bool> {
        PlainCrypto.bn254_pairing(pairs)
    }

    fn blake2f(&self, input: &Blake2Input) -> [u64; 8] {
        PlainCrypto.blake2f(input)
    }

    fn verify_kzg_opening(&self, opening: &KzgOpening) -> bool {
        kzg::verify_opening(opening)
    }

    fn bls12_g1_add(&self, a: &Bls12G1, b: &Bls12G1) -> Option<Bls12G1> {
        bls12::g1_add(a, b)
    }

    fn bls12_g1_msm(&self, terms: &[(Bls12G1, Bls12Scalar)]) -> Option<Bls12G1> {
        bls12::g1_msm(terms)
    }

    fn bls12_g2_add(&self, a: &Bls12G2, b: &Bls12G2) -> Option<Bls12G2> {
        bls12::g2_add(a, b)
    }

    fn bls12_g2_msm(&self, terms: &[(Bls12G2, Bls12Scalar)]) -> Option<Bls12G2> {
        bls12::g2_msm(terms)
    }

    fn bls12_pairing(&self, pairs: &[(Bls12G1, Bls12G2)]) -> Option<bool> {
        bls12::pairing(pairs)
    }

    fn bls12_map_fp_to_g1(&self, element: &Bls12Fp) -> Option<Bls12G1> {
        bls12::map_fp_to_g1(element)
    }

    fn bls12_map_fp2_to_g2(&self, element: &Bls12Fp2) -> Option<Bls12G2> {
        bls12::map_fp2_to_g2(element)
    }

    fn verify_p256(&self, signature: &P256Signature) -> bool {
        PlainCrypto.verify_p256(signature)
    }
}
