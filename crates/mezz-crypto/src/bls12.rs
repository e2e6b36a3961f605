//! BLS12-381 by `blst`, in the encodings of EIP-2537 without padding.
//!
//! `blst` calls points of G1 public keys and points of G2 signatures; its safe functions under these names
//! do what is needed here, all but the maps. The point at infinity is marked by a flag in its encodings and
//! by zeros in EIP-2537's.

use alloy_primitives::{U256, uint};
use blst::{
    MultiPoint, blst_fp, blst_fp2, blst_fp12, blst_p1, blst_p1_affine, blst_p2, blst_p2_affine,
    min_pk::{AggregatePublicKey, AggregateSignature, PublicKey as G1, Signature as G2},
};
use mezz_evm::{Bls12Fp, Bls12Fp2, Bls12G1, Bls12G2, Bls12Scalar};

/// Order of both groups.
const ORDER: U256 = uint!(0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001_U256);
const ORDER_BITS: usize = 255;

/// Size of the base field, big-endian.
const FIELD: Bls12Fp = [
    0x1a, 0x01, 0x11, 0xea, 0x39, 0x7f, 0xe6, 0x9a, 0x4b, 0x1b, 0xa7, 0xb6, 0x43, 0x4b, 0xac, 0xd7,
    0x64, 0x77, 0x4b, 0x84, 0xf3, 0x85, 0x12, 0xbf, 0x67, 0x30, 0xd2, 0xa0, 0xf6, 0xb0, 0xf6, 0x24,
    0x1e, 0xab, 0xff, 0xfe, 0xb1, 0x53, 0xff, 0xff, 0xb9, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xab,
];

/// The bits of `blst`'s encodings that are flags: compressed, infinity, sign.
const FLAGS: u8 = 0xe0;
const INFINITY: u8 = 0x40;

fn g1_infinity() -> G1 {
    G1::from(blst_p1_affine::default())
}

fn g2_infinity() -> G2 {
    G2::from(blst_p2_affine::default())
}

pub(crate) fn g1_add(a: &Bls12G1, b: &Bls12G1) -> Option<Bls12G1> {
    let mut sum = AggregatePublicKey::from_public_key(&decode_g1(a)?);
    sum.add_public_key(&decode_g1(b)?, false).ok()?;
    Some(encode_g1(&sum.to_public_key()))
}

pub(crate) fn g2_add(a: &Bls12G2, b: &Bls12G2) -> Option<Bls12G2> {
    let mut sum = AggregateSignature::from_signature(&decode_g2(a)?);
    sum.add_signature(&decode_g2(b)?, false).ok()?;
    Some(encode_g2(&sum.to_signature()))
}

pub(crate) fn g1_msm(terms: &[(Bls12G1, Bls12Scalar)]) -> Option<Bls12G1> {
    let mut points = Vec::with_capacity(terms.len());
    let mut scalars = Vec::with_capacity(terms.len() * 32);
    for (point, scalar) in terms {
        let point = decode_g1_of_subgroup(point)?;
        if let Some(scalar) = reduce(scalar).filter(|_| point != g1_infinity()) {
            points.push(point);
            scalars.extend(scalar);
        }
    }
    if points.is_empty() {
        return Some([0; 96]);
    }
    Some(encode_g1(&points.mult(&scalars, ORDER_BITS).to_public_key()))
}

pub(crate) fn g2_msm(terms: &[(Bls12G2, Bls12Scalar)]) -> Option<Bls12G2> {
    let mut points = Vec::with_capacity(terms.len());
    let mut scalars = Vec::with_capacity(terms.len() * 32);
    for (point, scalar) in terms {
        let point = decode_g2_of_subgroup(point)?;
        if let Some(scalar) = reduce(scalar).filter(|_| point != g2_infinity()) {
            points.push(point);
            scalars.extend(scalar);
        }
    }
    if points.is_empty() {
        return Some([0; 192]);
    }
    Some(encode_g2(&points.mult(&scalars, ORDER_BITS).to_signature()))
}

pub(crate) fn pairing(pairs: &[(Bls12G1, Bls12G2)]) -> Option<bool> {
    let mut product = blst_fp12::default();
    for (p, q) in pairs {
        let p = decode_g1_of_subgroup(p)?;
        let q = decode_g2_of_subgroup(q)?;
        if p != g1_infinity() && q != g2_infinity() {
            product *= blst_fp12::miller_loop(&blst_p2_affine::from(q), &blst_p1_affine::from(p));
        }
    }
    Some(product.final_exp() == blst_fp12::default())
}

pub(crate) fn map_fp_to_g1(element: &Bls12Fp) -> Option<Bls12G1> {
    let point = map_to_g1(&decode_fp(element)?);
    Some(encode_g1(&AggregatePublicKey::from(point).to_public_key()))
}

pub(crate) fn map_fp2_to_g2(element: &Bls12Fp2) -> Option<Bls12G2> {
    let (c0, c1) = element.split_first_chunk::<48>()?;
    let element = blst_fp2 { fp: [decode_fp(c0)?, decode_fp(c1.first_chunk()?)?] };
    Some(encode_g2(&AggregateSignature::from(map_to_g2(&element)).to_signature()))
}

#[expect(unsafe_code, reason = "blst has no safe function for a map without hashing")]
fn map_to_g1(element: &blst_fp) -> blst_p1 {
    let mut point = blst_p1::default();
    // SAFETY: both pointers come from references to whole values of the types that the function expects;
    // a null second element asks for the map of one.
    unsafe { blst::blst_map_to_g1(&mut point, element, std::ptr::null()) };
    point
}

#[expect(unsafe_code, reason = "blst has no safe function for a map without hashing")]
fn map_to_g2(element: &blst_fp2) -> blst_p2 {
    let mut point = blst_p2::default();
    // SAFETY: as in `map_to_g1`.
    unsafe { blst::blst_map_to_g2(&mut point, element, std::ptr::null()) };
    point
}

#[expect(unsafe_code, reason = "blst has no safe function for a field element")]
fn decode_fp(element: &Bls12Fp) -> Option<blst_fp> {
    if *element >= FIELD {
        return None;
    }
    let mut decoded = blst_fp::default();
    // SAFETY: the function reads 48 bytes, which is what the array has, and writes one element.
    unsafe { blst::blst_fp_from_bendian(&mut decoded, element.as_ptr()) };
    Some(decoded)
}

/// A point of the curve, in any subgroup.
fn decode_g1(point: &Bls12G1) -> Option<G1> {
    if *point == [0; 96] {
        return Some(g1_infinity());
    }
    // No canonical coordinate reaches into the flags.
    if point[0] & FLAGS != 0 {
        return None;
    }
    G1::deserialize(point).ok()
}

fn decode_g1_of_subgroup(point: &Bls12G1) -> Option<G1> {
    let point = decode_g1(point)?;
    (point == g1_infinity() || point.validate().is_ok()).then_some(point)
}

fn encode_g1(point: &G1) -> Bls12G1 {
    let encoded = point.serialize();
    if encoded[0] & INFINITY == 0 { encoded } else { [0; 96] }
}

/// A point of the curve, in any subgroup.
fn decode_g2(point: &Bls12G2) -> Option<G2> {
    if *point == [0; 192] {
        return Some(g2_infinity());
    }
    let encoded = swap_coefficients(point);
    if encoded[0] & FLAGS != 0 {
        return None;
    }
    G2::deserialize(&encoded).ok()
}

fn decode_g2_of_subgroup(point: &Bls12G2) -> Option<G2> {
    let point = decode_g2(point)?;
    (point == g2_infinity() || point.validate(false).is_ok()).then_some(point)
}

fn encode_g2(point: &G2) -> Bls12G2 {
    let encoded = point.serialize();
    if encoded[0] & INFINITY == 0 { swap_coefficients(&encoded) } else { [0; 192] }
}

/// `c0 ‖ c1` of EIP-2537 to `c1 ‖ c0` of `blst`, and back.
fn swap_coefficients(point: &Bls12G2) -> Bls12G2 {
    let mut swapped = [0; 192];
    for (to, from) in swapped.chunks_exact_mut(96).zip(point.chunks_exact(96)) {
        to[..48].copy_from_slice(&from[48..]);
        to[48..].copy_from_slice(&from[..48]);
    }
    swapped
}

/// The scalar modulo the order, little-endian; `None` if it is zero.
fn reduce(scalar: &Bls12Scalar) -> Option<[u8; 32]> {
    let scalar = U256::from_be_bytes(*scalar) % ORDER;
    (!scalar.is_zero()).then(|| scalar.to_le_bytes())
}
