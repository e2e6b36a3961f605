//! Every cryptographic operation that executing a block needs, as one explicit argument.
//!
//! Nothing below a [`Crypto`] is global: the node passes native libraries, a witness replay passes
//! [`PlainCrypto`](crate::PlainCrypto), and a fault-proof guest may pass an oracle that asks L1.
//! Keccak-256 is not here: it is part of how the EVM addresses its state, and every caller computes
//! it with plain code.

use alloc::vec::Vec;
use core::fmt;

use alloy_primitives::{Address, B256, Signature};

/// A point of BN254 G1: `x (32, BE) ‖ y (32, BE)`; the point at infinity is all zeros (EIP-196).
pub type Bn254G1 = [u8; 64];
/// A pair of BN254 points: `G1 (64) ‖ G2 (128)`, each coordinate of G2 as `imaginary ‖ real` (EIP-197).
pub type Bn254Pair = [u8; 192];
/// A point of BLS12-381 G1: `x (48, BE) ‖ y (48, BE)`, without EIP-2537's padding; infinity is all zeros.
pub type Bls12G1 = [u8; 96];
/// A point of BLS12-381 G2: `x.c0 ‖ x.c1 ‖ y.c0 ‖ y.c1`, 48 bytes each, BE, without EIP-2537's padding;
/// infinity is all zeros.
pub type Bls12G2 = [u8; 192];
/// A scalar of BLS12-381: 32 bytes, BE; any value, taken modulo the order of the group (EIP-2537).
pub type Bls12Scalar = [u8; 32];
/// An element of the base field of BLS12-381: 48 bytes, BE.
pub type Bls12Fp = [u8; 48];
/// An element of the quadratic extension of that field: `c0 ‖ c1`.
pub type Bls12Fp2 = [u8; 96];

/// The claim that a committed polynomial has the value `y` at `z` (EIP-4844).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KzgOpening {
    /// KZG commitment to the polynomial: a compressed point of BLS12-381 G1.
    pub commitment: [u8; 48],
    /// Point of evaluation: 32 bytes, BE; must be canonical.
    pub z: [u8; 32],
    /// Claimed value: 32 bytes, BE; must be canonical.
    pub y: [u8; 32],
    /// KZG proof: a compressed point of BLS12-381 G1.
    pub proof: [u8; 48],
}

/// The state of BLAKE2b's compression function F (EIP-152).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blake2Input {
    /// Number of rounds.
    pub rounds: u32,
    /// State vector.
    pub h: [u64; 8],
    /// Message block.
    pub m: [u64; 16],
    /// Offset counters.
    pub t: [u64; 2],
    /// Whether this is the last block.
    pub last: bool,
}

/// An ECDSA signature over P-256 and the key that should have made it (EIP-7951).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct P256Signature {
    /// The signed hash.
    pub prehash: [u8; 32],
    /// `r (32, BE) ‖ s (32, BE)`.
    pub signature: [u8; 64],
    /// Public key: `x (32, BE) ‖ y (32, BE)`.
    pub public_key: [u8; 64],
}

/// The cryptography of the state transition.
///
/// Obligations of an implementor: every method is a pure, total function of its arguments; no
/// argument makes it panic; and for every argument it returns what every other implementation
/// returns, since two that differ would make two nodes disagree on a block. `None` (or `false`)
/// is the failure that the operation's EIP defines, never a fault of the implementation.
pub trait Crypto: fmt::Debug + Send + Sync {
    /// Recovers the address that signed `prehash` (secp256k1 ECDSA).
    ///
    /// `s` may lie in either half of the group's order, as the `ecrecover` precompile demands; that
    /// transactions and authorizations must have it in the lower half (EIP-2, EIP-7702) is for the caller to
    /// check. `None` if `r` or `s` is zero or not below the order, or no key fits.
    fn recover_signer(&self, prehash: &B256, signature: &Signature) -> Option<Address>;

    /// SHA-256.
    fn sha256(&self, input: &[u8]) -> [u8; 32];

    /// RIPEMD-160.
    fn ripemd160(&self, input: &[u8]) -> [u8; 20];

    /// `base ^ exponent mod modulus`, all big-endian of any length (EIP-198).
    ///
    /// The result is big-endian with at most as many bytes as `modulus`; leading zeros may be missing.
    /// A modulus of zero gives zero.
    fn modexp(&self, base: &[u8], exponent: &[u8], modulus: &[u8]) -> Vec<u8>;

    /// Sum of two points of BN254 G1 (EIP-196). `None` if one of them is not a point of the curve.
    fn bn254_add(&self, a: &Bn254G1, b: &Bn254G1) -> Option<Bn254G1>;

    /// Product of a point of BN254 G1 and a scalar of 32 bytes, BE, of any value (EIP-196). `None` if it is
    /// not a point of the curve.
    fn bn254_mul(&self, point: &Bn254G1, scalar: &[u8; 32]) -> Option<Bn254G1>;

    /// Whether the product of the pairings is one (EIP-197); true for no pairs. `None` if a point is not
    /// in its group.
    fn bn254_pairing(&self, pairs: &[Bn254Pair]) -> Option<bool>;

    /// BLAKE2b's compression function: the new state vector (EIP-152).
    fn blake2f(&self, input: &Blake2Input) -> [u64; 8];

    /// Whether a KZG opening holds (EIP-4844). False also for a point or scalar that is not valid.
    fn verify_kzg_opening(&self, opening: &KzgOpening) -> bool;

    /// Sum of two points of BLS12-381 G1 (EIP-2537). `None` if one is not on the curve; a point outside the
    /// subgroup is allowed.
    fn bls12_g1_add(&self, a: &Bls12G1, b: &Bls12G1) -> Option<Bls12G1>;

    /// Sum of products of points of G1 and scalars (EIP-2537). `None` if a point is not in the subgroup, even
    /// when its scalar is zero.
    fn bls12_g1_msm(&self, terms: &[(Bls12G1, Bls12Scalar)]) -> Option<Bls12G1>;

    /// Sum of two points of BLS12-381 G2 (EIP-2537). `None` if one is not on the curve; a point outside the
    /// subgroup is allowed.
    fn bls12_g2_add(&self, a: &Bls12G2, b: &Bls12G2) -> Option<Bls12G2>;

    /// Sum of products of points of G2 and scalars (EIP-2537). `None` if a point is not in the subgroup, even
    /// when its scalar is zero.
    fn bls12_g2_msm(&self, terms: &[(Bls12G2, Bls12Scalar)]) -> Option<Bls12G2>;

    /// Whether the product of the pairings is one (EIP-2537). `None` if a point is not in its subgroup.
    fn bls12_pairing(&self, pairs: &[(Bls12G1, Bls12G2)]) -> Option<bool>;

    /// Maps a field element to G1 (EIP-2537). `None` if it is not canonical.
    fn bls12_map_fp_to_g1(&self, element: &Bls12Fp) -> Option<Bls12G1>;

    /// Maps an element of the extension field to G2 (EIP-2537). `None` if it is not canonical.
    fn bls12_map_fp2_to_g2(&self, element: &Bls12Fp2) -> Option<Bls12G2>;

    /// Whether an ECDSA signature over P-256 is valid (EIP-7951). False also for a key that is not valid.
    fn verify_p256(&self, signature: &P256Signature) -> bool;
}
