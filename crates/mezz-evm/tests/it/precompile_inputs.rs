//! Inputs of precompiles from a seed: valid ones, valid ones spoiled in one place, and noise.
//!
//! Also read by the tests of `mezz-crypto`, which hold the native library against the plain code.

use ark_bls12_381::{G1Projective, G2Projective};
use ark_ec::{
    AffineRepr, CurveGroup, PrimeGroup,
    short_weierstrass::{Affine, Projective, SWCurveConfig},
};
use ark_ff::{BigInteger, Field, PrimeField};
use k256::ecdsa::SigningKey;
use p256::ecdsa::{Signature as P256Signature, signature::hazmat::PrehashSigner};

/// Numbers of the precompiles of Osaka.
pub(crate) const ALL: [u16; 18] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 0x100];

/// SplitMix64: the same inputs on every run.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// A scalar that is often at an edge of the field.
    pub(crate) fn scalar<F: PrimeField>(&mut self) -> F {
        match self.below(8) {
            0 => F::zero(),
            1 => F::one(),
            2 => -F::one(),
            3 => F::from(self.next() % 16),
            _ => F::from_le_bytes_mod_order(&self.bytes(64)),
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    hex::decode(text).expect("a constant")
}

/// Orders and field sizes of the curves, where comparisons go wrong by one.
fn moduli() -> Vec<Vec<u8>> {
    [
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        "30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47",
        "30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001",
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
        "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001",
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ]
    .map(unhex)
    .to_vec()
}

/// One change that makes most inputs invalid.
fn spoil(rng: &mut Rng, input: &mut Vec<u8>) {
    match rng.below(9) {
        0 if !input.is_empty() => {
            let at = rng.below(input.len());
            input[at] ^= 1 << rng.below(8);
        }
        1 => {
            let keep = rng.below(input.len() + 1);
            input.truncate(keep);
        }
        2 => {
            let more = 1 + rng.below(300);
            input.extend(rng.bytes(more));
        }
        3 => overwrite(rng, input, &[0; 32]),
        4 => overwrite(rng, input, &[0xff; 32]),
        5 => {
            let modulus = rng.pick(&moduli());
            overwrite(rng, input, &modulus);
        }
        6 => {
            let mut modulus = rng.pick(&moduli());
            *modulus.last_mut().expect("not empty") -= 1;
            overwrite(rng, input, &modulus);
        }
        7 => {
            let word = rng.bytes(32);
            overwrite(rng, input, &word);
        }
        _ => {
            let count = rng.pick(&[0, 1, 31, 32, 33, 96, 127, 128, 192, 213, 256, 384, 512]);
            *input = rng.bytes(count);
        }
    }
}

/// Writes a word where one could stand: aligned to 16 bytes.
fn overwrite(rng: &mut Rng, input: &mut [u8], word: &[u8]) {
    let at = 16 * rng.below(input.len() / 16 + 1);
    for (to, from) in input.iter_mut().skip(at).zip(word) {
        *to = *from;
    }
}

/// One input of a precompile: valid in about half of the cases.
pub(crate) fn input(precompile: u16, rng: &mut Rng) -> Vec<u8> {
    let mut input = valid_input(precompile, rng);
    if rng.below(2) == 0 {
        spoil(rng, &mut input);
    }
    if precompile == 9 {
        // Four thousand million rounds would compare no more than sixty thousand.
        input.iter_mut().take(2).for_each(|byte| *byte = 0);
    }
    input
}

fn valid_input(precompile: u16, rng: &mut Rng) -> Vec<u8> {
    match precompile {
        1 => ecrecover(rng),
        2..=4 => {
            let count = rng.below(400);
            rng.bytes(count)
        }
        5 => modexp(rng),
        6 => [bn254_g1(rng), bn254_g1(rng)].concat(),
        7 => [bn254_g1(rng), rng.bytes(32)].concat(),
        8 => bn254_pairs(rng),
        9 => blake2f(rng),
        10 => kzg_opening(rng),
        11 => many(rng, &[2], |rng| bls_g1(rng, true)),
        12 => many(rng, &[1, 2, 3, 17], |rng| [bls_g1(rng, false), bls_scalar(rng)].concat()),
        13 => many(rng, &[2], |rng| bls_g2(rng, true)),
        14 => many(rng, &[1, 2, 3, 9], |rng| [bls_g2(rng, false), bls_scalar(rng)].concat()),
        15 => bls_pairs(rng),
        16 => bls_fp(rng),
        17 => [bls_fp(rng), bls_fp(rng)].concat(),
        _ => p256_verify(rng),
    }
}

fn many(rng: &mut Rng, counts: &[usize], one: impl Fn(&mut Rng) -> Vec<u8>) -> Vec<u8> {
    let count = rng.pick(counts);
    (0..count).flat_map(|_| one(rng)).collect()
}

fn ecrecover(rng: &mut Rng) -> Vec<u8> {
    let key =
        SigningKey::from_slice(&[&[1][..], &rng.bytes(31)].concat()).expect("below the order");
    let hash = if rng.below(8) == 0 { vec![0; 32] } else { rng.bytes(32) };
    let (signature, id) = key.sign_prehash_recoverable(&hash).expect("32 bytes");
    let (r, s) = signature.split_scalars();
    let mut v = 27 + u8::from(id.is_y_odd());
    let mut s = *s;
    if rng.below(3) == 0 {
        // The other half of the order is as valid here as the lower one.
        s = -s;
        v = 55 - v;
    }
    if rng.below(16) == 0 {
        v = rng.next() as u8;
    }
    let mut word = [0; 32];
    word[31] = v;
    [&hash[..], &word, &r.to_bytes(), &s.to_bytes()].concat()
}

fn modexp(rng: &mut Rng) -> Vec<u8> {
    let small = [0, 1, 2, 3, 8, 31, 32, 33, 64];
    let any = [0, 1, 7, 32, 33, 65, 100, 255, 256, 1023, 1024, 1025];
    let (lengths, exponent) = if rng.below(12) == 0 { (&any[..], 3) } else { (&small[..], 40) };
    let base_len = rng.pick(lengths);
    let exponent_len =
        if rng.below(16) == 0 { rng.pick(&any).min(260) } else { rng.below(exponent) };
    let modulus_len = rng.pick(lengths);
    let mut input = Vec::new();
    for length in [base_len, exponent_len, modulus_len] {
        let mut word = [0; 32];
        word[24..].copy_from_slice(&(length as u64).to_be_bytes());
        if rng.below(40) == 0 {
            word[rng.below(24)] = 1;
        }
        input.extend(word);
    }
    let mut operands = rng.bytes(base_len + exponent_len + modulus_len);
    match rng.below(8) {
        0 => operands.fill(0),
        1 => operands.fill(0xff),
        // Powers of two and even numbers take their own way through the library.
        2 if modulus_len > 0 => {
            let at = base_len + exponent_len;
            operands[at..].fill(0);
            operands[at + rng.below(modulus_len)] = 1 << rng.below(8);
        }
        3 => *operands.last_mut().unwrap_or(&mut 0) &= 0xf0,
        4 if exponent_len > 1 => operands[base_len..base_len + exponent_len - 1].fill(0),
        _ => {}
    }
    input.extend(operands);
    input
}

fn blake2f(rng: &mut Rng) -> Vec<u8> {
    let rounds = rng.pick(&[0u32, 1, 9, 10, 11, 12, 13, 100, 1000]);
    [&rounds.to_be_bytes()[..], &rng.bytes(208), &[rng.below(2) as u8]].concat()
}

fn be<F: PrimeField>(element: &F) -> Vec<u8> {
    element.into_bigint().to_bytes_be()
}

/// A point of a curve that has a cofactor, outside the subgroup of prime order.
fn outside_subgroup<P: SWCurveConfig>(mut x: P::BaseField) -> Affine<P> {
    loop {
        if let Some(point) = Affine::<P>::get_point_from_x_unchecked(x, true)
            && !point.is_in_correct_subgroup_assuming_on_curve()
        {
            return point;
        }
        x += P::BaseField::ONE;
    }
}

fn multiple<P: SWCurveConfig>(rng: &mut Rng) -> Affine<P> {
    let scalar: P::ScalarField = rng.scalar();
    (Projective::<P>::generator() * scalar).into_affine()
}

fn bn254_g1_bytes(point: &ark_bn254::G1Affine) -> Vec<u8> {
    match point.xy() {
        Some((x, y)) => [be(&x), be(&y)].concat(),
        None => vec![0; 64],
    }
}

fn bn254_g2_bytes(point: &ark_bn254::G2Affine) -> Vec<u8> {
    match point.xy() {
        Some((x, y)) => [be(&x.c1), be(&x.c0), be(&y.c1), be(&y.c0)].concat(),
        None => vec![0; 128],
    }
}

fn bn254_g1(rng: &mut Rng) -> Vec<u8> {
    bn254_g1_bytes(&multiple::<ark_bn254::g1::Config>(rng))
}

/// Pairs whose product is one in about half of the cases: `e(aP, bQ) · e(−abP, Q)`, and more of them.
fn bn254_pairs(rng: &mut Rng) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..rng.below(3) {
        let a: ark_bn254::Fr = rng.scalar();
        let b: ark_bn254::Fr = rng.scalar();
        let skew = ark_bn254::Fr::from((rng.below(4) == 0) as u64);
        let p = ark_bn254::G1Projective::generator();
        let q = ark_bn254::G2Projective::generator();
        input.extend(bn254_g1_bytes(&(p * a).into_affine()));
        input.extend(bn254_g2_bytes(&(q * b).into_affine()));
        input.extend(bn254_g1_bytes(&(p * (skew - a * b)).into_affine()));
        input.extend(bn254_g2_bytes(&q.into_affine()));
    }
    if rng.below(8) == 0 {
        let x = ark_bn254::Fq2::new(ark_bn254::Fq::from(rng.next()), ark_bn254::Fq::from(1));
        input.extend(bn254_g1(rng));
        input.extend(bn254_g2_bytes(&outside_subgroup::<ark_bn254::g2::Config>(x)));
    }
    input
}

fn bls_field(element: &ark_bls12_381::Fq) -> Vec<u8> {
    [vec![0; 16], be(element)].concat()
}

fn bls_fp(rng: &mut Rng) -> Vec<u8> {
    bls_field(&rng.scalar())
}

fn bls_scalar(rng: &mut Rng) -> Vec<u8> {
    match rng.below(4) {
        0 => be(&rng.scalar::<ark_bls12_381::Fr>()),
        1 => vec![0xff; 32],
        _ => rng.bytes(32),
    }
}

pub(crate) fn bls_g1_bytes(point: &ark_bls12_381::G1Affine) -> Vec<u8> {
    match point.xy() {
        Some((x, y)) => [bls_field(&x), bls_field(&y)].concat(),
        None => vec![0; 128],
    }
}

fn bls_g2_bytes(point: &ark_bls12_381::G2Affine) -> Vec<u8> {
    match point.xy() {
        Some((x, y)) => [x.c0, x.c1, y.c0, y.c1].iter().flat_map(bls_field).collect(),
        None => vec![0; 256],
    }
}

fn bls_g1(rng: &mut Rng, any_subgroup: bool) -> Vec<u8> {
    if rng.below(if any_subgroup { 3 } else { 24 }) == 0 {
        let x = ark_bls12_381::Fq::from(rng.next());
        return bls_g1_bytes(&outside_subgroup::<ark_bls12_381::g1::Config>(x));
    }
    bls_g1_bytes(&multiple::<ark_bls12_381::g1::Config>(rng))
}

fn bls_g2(rng: &mut Rng, any_subgroup: bool) -> Vec<u8> {
    if rng.below(if any_subgroup { 3 } else { 24 }) == 0 {
        let x = ark_bls12_381::Fq2::new(rng.scalar(), ark_bls12_381::Fq::from(rng.next()));
        return bls_g2_bytes(&outside_subgroup::<ark_bls12_381::g2::Config>(x));
    }
    bls_g2_bytes(&multiple::<ark_bls12_381::g2::Config>(rng))
}

fn bls_pairs(rng: &mut Rng) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..1 + rng.below(2) {
        let a: ark_bls12_381::Fr = rng.scalar();
        let b: ark_bls12_381::Fr = rng.scalar();
        let skew = ark_bls12_381::Fr::from((rng.below(4) == 0) as u64);
        let (p, q) = (G1Projective::generator(), G2Projective::generator());
        input.extend(bls_g1_bytes(&(p * a).into_affine()));
        input.extend(bls_g2_bytes(&(q * b).into_affine()));
        input.extend(bls_g1_bytes(&(p * (skew - a * b)).into_affine()));
        input.extend(bls_g2_bytes(&q.into_affine()));
    }
    if rng.below(8) == 0 {
        input.extend(bls_g1(rng, true));
        input.extend(bls_g2(rng, true));
    }
    input
}

/// A valid opening, made of a known one: openings at one point are linear.
fn kzg_opening(rng: &mut Rng) -> Vec<u8> {
    use ark_serialize::CanonicalSerialize;
    use sha2::Digest;

    let (z, mut opening) = known_opening();
    let factor: ark_bls12_381::Fr = rng.scalar();
    let constant: ark_bls12_381::Fr = rng.scalar();
    opening.commitment = opening.commitment * factor + G1Projective::generator() * constant;
    opening.y = opening.y * factor + constant;
    opening.proof *= factor;

    let compress = |point: G1Projective| {
        let mut bytes = Vec::new();
        point.into_affine().serialize_compressed(&mut bytes).expect("writes to memory");
        bytes
    };
    let mut commitment = compress(opening.commitment);
    let mut proof = compress(opening.proof);
    // Spoiled before hashing, so that the point itself is looked at.
    match rng.below(6) {
        0 => spoil_point(rng, &mut commitment),
        1 => spoil_point(rng, &mut proof),
        _ => {}
    }
    let mut hash = sha2::Sha256::digest(&commitment).to_vec();
    hash[0] = 1;
    [hash, z, be(&opening.y), commitment, proof].concat()
}

/// Changes what a compressed point says: its flags, its `x`, or a form that is not canonical.
fn spoil_point(rng: &mut Rng, point: &mut [u8]) {
    match rng.below(6) {
        0 => point[0] ^= rng.pick(&[0x80, 0x40, 0x20, 0xe0]),
        1 => {
            point.fill(0);
            point[0] = rng.pick(&[0xc0, 0xe0, 0x40, 0x00, 0x80]);
        }
        2 => {
            point.fill(0);
            point[0] = 0xc0;
            point[47] = 1;
        }
        3 => {
            point.copy_from_slice(&moduli()[4]);
            point[0] |= 0x80;
        }
        4 => {
            let noise = rng.bytes(48);
            point.copy_from_slice(&noise);
            point[0] = (point[0] & 0x3f) | 0x80;
        }
        _ => {
            // On the curve, outside the subgroup.
            use ark_serialize::CanonicalSerialize;
            let x = ark_bls12_381::Fq::from(rng.next());
            let outside = outside_subgroup::<ark_bls12_381::g1::Config>(x);
            outside.serialize_compressed(&mut point[..]).expect("48 bytes");
        }
    }
}

struct Opening {
    commitment: G1Projective,
    y: ark_bls12_381::Fr,
    proof: G1Projective,
}

/// `verify_kzg_proof_case_correct_proof_4_4` of the consensus specification's vectors.
fn known_opening() -> (Vec<u8>, Opening) {
    use ark_serialize::CanonicalDeserialize;
    let point = |text: &str| {
        ark_bls12_381::G1Affine::deserialize_compressed(&unhex(text)[..]).expect("a point").into()
    };
    let z = unhex("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000000");
    let y = unhex("1522a4a7f34e1ea350ae07c29c96c7e79655aa926122e95fe69fcbd932ca49e9");
    let opening = Opening {
        commitment: point(
            "8f59a8d2a1a625a17f3fea0fe5eb8c896db3764f3185481bc22f91b4aaffcca25f26936857bc3a7c2539ea8ec3a952b7",
        ),
        y: ark_bls12_381::Fr::from_be_bytes_mod_order(&y),
        proof: point(
            "a62ad71d14c5719385c0686f1871430475bf3a00f0aa3f7b8dd99a9abc2160744faf0070725e00b60ad9a026a15b1a8c",
        ),
    };
    (z, opening)
}

fn p256_verify(rng: &mut Rng) -> Vec<u8> {
    let key = p256::ecdsa::SigningKey::from_slice(&[&[1][..], &rng.bytes(31)].concat())
        .expect("below the order");
    let hash = if rng.below(8) == 0 { vec![0; 32] } else { rng.bytes(32) };
    let signature: P256Signature = key.sign_prehash(&hash).expect("32 bytes");
    let (r, s) = signature.split_scalars();
    let s = if rng.below(2) == 0 { *s } else { -*s };
    let point = key.verifying_key().to_encoded_point(false);
    [&hash[..], &r.to_bytes(), &s.to_bytes(), &point.as_bytes()[1..]].concat()
}
