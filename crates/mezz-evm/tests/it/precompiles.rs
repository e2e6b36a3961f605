//! Every precompile against `revm`'s own table, in result, gas and kind of failure.

use alloy_primitives::Address;
use mezz_evm::{MAX_PRECOMPILE_INPUT, MezzPrecompiles, PlainCrypto};
use revm::precompile::{PrecompileHalt, PrecompileStatus, Precompiles, u64_to_address};

use crate::precompile_inputs::{ALL, Rng, input};
use crate::precompile_vectors::vectors;

#[derive(Debug, PartialEq)]
enum Outcome {
    Success { gas_used: u64, output: Vec<u8> },
    OutOfGas,
    Failure,
}

fn ours(precompile: &Address, input: &[u8], gas: u64) -> Outcome {
    let crypto = PlainCrypto;
    let precompiles = MezzPrecompiles::unbounded(&crypto);
    match precompiles.call(precompile, input, gas).expect("a precompile") {
        Ok(output) => Outcome::Success { gas_used: output.gas_used, output: output.bytes.to_vec() },
        Err(PrecompileHalt::OutOfGas) => Outcome::OutOfGas,
        Err(_) => Outcome::Failure,
    }
}

fn theirs(precompile: &Address, input: &[u8], gas: u64) -> Outcome {
    let table = Precompiles::osaka();
    let output = table.get(precompile).expect("a precompile").execute(input, gas, 0);
    let output = output.expect("no fatal error");
    match output.status {
        PrecompileStatus::Success => {
            Outcome::Success { gas_used: output.gas_used, output: output.bytes.to_vec() }
        }
        PrecompileStatus::Halt(PrecompileHalt::OutOfGas) => Outcome::OutOfGas,
        PrecompileStatus::Halt(_) => Outcome::Failure,
        PrecompileStatus::Revert => panic!("no precompile of Ethereum reverts"),
    }
}

/// Compares one input with plenty of gas, then at the edge of what it costs. Returns whether it succeeded.
fn compare(number: u16, input: &[u8], rng: &mut Rng) -> bool {
    let address = u64_to_address(u64::from(number));
    let agree = |gas| {
        let got = ours(&address, input, gas);
        assert_eq!(
            got,
            theirs(&address, input, gas),
            "precompile {number:#x}, gas {gas}, input {}",
            hex::encode(input)
        );
        got
    };
    match agree(u64::MAX) {
        Outcome::Success { gas_used, .. } => {
            if gas_used > 0 {
                assert_eq!(agree(gas_used - 1), Outcome::OutOfGas);
            }
            if rng.below(4) == 0 {
                agree(gas_used);
            }
            true
        }
        _ => {
            let gas = rng.pick(&[0, 1, 374, 375, 500, 6_899, 12_000, 50_000, 100_000]);
            agree(gas);
            false
        }
    }
}

fn compare_many(number: u16, count: usize) {
    let mut rng = Rng::new(u64::from(number) << 32);
    let succeeded = (0..count)
        .filter(|_| {
            let input = input(number, &mut rng);
            compare(number, &input, &mut rng)
        })
        .count();
    // Inputs that all fail, or all succeed, would compare nothing. What follows a valid input is ignored by
    // some precompiles, and hashes take everything.
    let always = matches!(number, 1..=4 | 0x100);
    assert!(succeeded * 4 > count, "{succeeded} of {count} succeeded");
    assert!(always || (count - succeeded) * 16 > count, "{succeeded} of {count} succeeded");
}

macro_rules! agrees_with_revm {
    ($($name:ident: $number:literal, $count:literal;)*) => {
        $(#[test]
        fn $name() {
            compare_many($number, $count);
        })*
    };
}

agrees_with_revm! {
    ecrecover_agrees_with_revm: 0x01, 4_000;
    sha256_agrees_with_revm: 0x02, 4_000;
    ripemd160_agrees_with_revm: 0x03, 4_000;
    identity_agrees_with_revm: 0x04, 4_000;
    modexp_agrees_with_revm: 0x05, 4_000;
    bn254_add_agrees_with_revm: 0x06, 4_000;
    bn254_mul_agrees_with_revm: 0x07, 4_000;
    bn254_pairing_agrees_with_revm: 0x08, 600;
    blake2f_agrees_with_revm: 0x09, 4_000;
    kzg_point_evaluation_agrees_with_revm: 0x0a, 600;
    bls12_g1_add_agrees_with_revm: 0x0b, 3_000;
    bls12_g1_msm_agrees_with_revm: 0x0c, 1_000;
    bls12_g2_add_agrees_with_revm: 0x0d, 3_000;
    bls12_g2_msm_agrees_with_revm: 0x0e, 600;
    bls12_pairing_agrees_with_revm: 0x0f, 500;
    bls12_map_fp_to_g1_agrees_with_revm: 0x10, 1_500;
    bls12_map_fp2_to_g2_agrees_with_revm: 0x11, 1_000;
    p256_verify_agrees_with_revm: 0x0100, 2_000;
}

#[test]
fn the_set_is_that_of_osaka() {
    let crypto = PlainCrypto;
    let precompiles = MezzPrecompiles::bounded(&crypto);
    for number in 0..=0xffff {
        let address = u64_to_address(number);
        let here = precompiles.call(&address, &[], 0).is_some();
        assert_eq!(here, Precompiles::osaka().contains(&address), "{number:#x}");
    }
    assert_eq!(ALL.len(), Precompiles::osaka().len());
    let far = Address::left_padding_from(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(precompiles.call(&far, &[], u64::MAX).is_none());
}

#[test]
fn an_input_beyond_the_bound_fails() {
    let crypto = PlainCrypto;
    let longest = vec![0; MAX_PRECOMPILE_INPUT];
    let longer = vec![0; MAX_PRECOMPILE_INPUT + 1];
    for number in ALL {
        let address = u64_to_address(u64::from(number));
        let call = |precompiles: MezzPrecompiles<'_, PlainCrypto>, input: &[u8]| {
            precompiles.call(&address, input, u64::MAX).expect("a precompile")
        };
        let bounded = call(MezzPrecompiles::bounded(&crypto), &longer);
        assert_eq!(bounded, Err(PrecompileHalt::other_static("precompile input too long")));
        let unbounded = call(MezzPrecompiles::unbounded(&crypto), &longer);
        assert_ne!(unbounded, bounded);
        let same = call(MezzPrecompiles::unbounded(&crypto), &longest);
        assert_eq!(call(MezzPrecompiles::bounded(&crypto), &longest), same, "{number:#x}");
    }
}

#[test]
fn the_vectors_hold() {
    let mut seen = Vec::new();
    for vector in vectors() {
        let address = u64_to_address(u64::from(vector.precompile));
        let expected = match vector.output {
            Some(output) => Outcome::Success { gas_used: vector.gas, output },
            None => Outcome::Failure,
        };
        let input = hex::encode(&vector.input);
        assert_eq!(
            ours(&address, &vector.input, 1_000_000),
            expected,
            "{:#x} {input}",
            vector.precompile
        );
        if vector.gas > 0 {
            let short = ours(&address, &vector.input, vector.gas - 1);
            assert!(matches!(short, Outcome::OutOfGas), "{:#x} {input}", vector.precompile);
        }
        seen.push(vector.precompile);
    }
    seen.dedup();
    assert_eq!(seen, ALL);
}
