//! The native libraries against plain Rust: one result for every input.

use alloy_primitives::Address;
use mezz_crypto::NativeCrypto;
use mezz_evm::{Crypto, MezzPrecompiles, PlainCrypto};

use crate::precompile_inputs::{ALL, Rng, input};
use crate::precompile_vectors::{Vector, vectors};

fn outcome(crypto: &dyn Crypto, number: u16, input: &[u8]) -> Result<Vec<u8>, ()> {
    outcome_with(crypto, number, input, u64::MAX)
}

fn outcome_with(crypto: &dyn Crypto, number: u16, input: &[u8], gas: u64) -> Result<Vec<u8>, ()> {
    let mut address = Address::ZERO;
    address[18..].copy_from_slice(&number.to_be_bytes());
    let result = MezzPrecompiles::unbounded(crypto).call(&address, input, gas);
    result.expect("a precompile").map(|output| output.bytes.to_vec()).map_err(drop)
}

fn compare(number: u16, count: usize) {
    // Other inputs than those that the precompiles themselves are tested with.
    let mut rng = Rng::new(u64::from(number) << 32 | 1);
    let mut succeeded = 0;
    for _ in 0..count {
        let input = input(number, &mut rng);
        let plain = outcome(&PlainCrypto, number, &input);
        let native = outcome(&NativeCrypto, number, &input);
        assert_eq!(native, plain, "precompile {number:#x}, input {}", hex::encode(&input));
        succeeded += usize::from(plain.is_ok());
    }
    assert!(succeeded * 4 > count, "{succeeded} of {count} succeeded");
}

macro_rules! native_is_plain {
    ($($name:ident: $number:literal, $count:literal;)*) => {
        $(#[test]
        fn $name() {
            compare($number, $count);
        })*
    };
}

native_is_plain! {
    ecrecover: 0x01, 6_000;
    sha256: 0x02, 500;
    ripemd160: 0x03, 500;
    modexp: 0x05, 500;
    bn254_add: 0x06, 500;
    bn254_mul: 0x07, 500;
    bn254_pairing: 0x08, 50;
    blake2f: 0x09, 500;
    kzg_point_evaluation: 0x0a, 800;
    bls12_g1_add: 0x0b, 4_000;
    bls12_g1_msm: 0x0c, 1_500;
    bls12_g2_add: 0x0d, 4_000;
    bls12_g2_msm: 0x0e, 800;
    bls12_pairing: 0x0f, 800;
    bls12_map_fp_to_g1: 0x10, 1_000;
    bls12_map_fp2_to_g2: 0x11, 800;
    p256_verify: 0x0100, 500;
}

/// Enough terms for each library's way of adding many at once.
#[test]
fn long_sums() {
    let mut rng = Rng::new(7);
    for (number, term, terms) in [(0x0c, 160, 300), (0x0e, 288, 150)] {
        let mut long = Vec::new();
        while long.len() < term * terms {
            let part = input(number, &mut rng);
            if part.len().is_multiple_of(term) && outcome(&PlainCrypto, number, &part).is_ok() {
                long.extend(part);
            }
        }
        // The same points again, so that sums meet themselves on the way.
        let again = long[..term * 20].to_vec();
        long.extend(again);
        let plain = outcome(&PlainCrypto, number, &long);
        assert!(plain.is_ok());
        assert_eq!(outcome(&NativeCrypto, number, &long), plain);
    }
}

#[test]
fn no_terms_and_no_pairs() {
    for crypto in [&PlainCrypto as &dyn Crypto, &NativeCrypto] {
        assert_eq!(crypto.bls12_g1_msm(&[]), Some([0; 96]));
        assert_eq!(crypto.bls12_g2_msm(&[]), Some([0; 192]));
        assert_eq!(crypto.bls12_pairing(&[]), Some(true));
        assert_eq!(crypto.bn254_pairing(&[]), Some(true));
    }
}

/// Bytes of the right length that mean nothing.
#[test]
fn noise() {
    let mut rng = Rng::new(8);
    for number in ALL {
        for _ in 0..100 {
            let count = rng.pick(&[0, 64, 96, 128, 160, 192, 256, 288, 320, 384, 512, 576, 768]);
            let mut noise = rng.bytes(count);
            // Small enough for a field element here and there.
            noise
                .chunks_mut(64)
                .for_each(|word| word.iter_mut().take(17).for_each(|byte| *byte = 0));
            let plain = outcome(&PlainCrypto, number, &noise);
            assert_eq!(outcome(&NativeCrypto, number, &noise), plain, "{number:#x} {noise:x?}");
        }
    }
}

#[test]
fn the_vectors_hold() {
    for Vector { precompile, gas, input, output } in vectors() {
        let got = outcome_with(&NativeCrypto, precompile, &input, gas);
        assert_eq!(got.ok(), output, "{precompile:#x} {}", hex::encode(&input));
    }
}
