//! A plain operation that has no native twin, against a third implementation.

use mezz_evm::{Crypto, PlainCrypto};
use num_bigint::BigUint;

use crate::precompile_inputs::Rng;

#[test]
fn modexp_is_that_of_another_library() {
    let mut rng = Rng::new(5);
    for round in 0..3_000 {
        let mut operand = |longest: usize| {
            let count = rng.below(longest);
            let mut bytes = rng.bytes(count);
            match rng.below(6) {
                0 => bytes.fill(0),
                1 => bytes.fill(0xff),
                2 => bytes.iter_mut().skip(1).for_each(|byte| *byte = 0),
                3 => bytes.iter_mut().rev().skip(1).for_each(|byte| *byte = 0),
                _ => {}
            }
            bytes
        };
        let long = if round % 100 == 0 { 1_025 } else { 70 };
        let (base, exponent, modulus) = (operand(long), operand(40), operand(long));
        let got = PlainCrypto.modexp(&base, &exponent, &modulus);
        assert!(got.len() <= modulus.len());
        let number = BigUint::from_bytes_be;
        let expected = if number(&modulus) == BigUint::ZERO {
            BigUint::ZERO
        } else {
            number(&base).modpow(&number(&exponent), &number(&modulus))
        };
        assert_eq!(number(&got), expected, "{base:x?} ^ {exponent:x?} mod {modulus:x?}");
    }
}
