//! What each precompile costs per gas, and what blobs and signatures cost. `cargo bench -p mezz-crypto`.

#[path = "../../mezz-evm/tests/it/precompile_inputs.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod precompile_inputs;
#[path = "../../mezz-evm/tests/it/precompile_vectors.rs"]
mod precompile_vectors;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, B256, Signature, U256};
use mezz_crypto::{
    NativeCrypto, SignedHash, blob_to_commitment_and_proof, cell_proofs, recover_many, verify_blob,
    verify_cell_proofs,
};
use mezz_evm::{Crypto, MezzPrecompiles, PlainCrypto};
use precompile_inputs::Rng;
use precompile_vectors::vectors;

/// The median of as many runs as fit into half a second, at least three.
fn median(mut run: impl FnMut()) -> Duration {
    let started = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || (started.elapsed() < Duration::from_millis(500) && times.len() < 9_999)
    {
        let before = Instant::now();
        run();
        times.push(before.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}

fn row(name: &str, number: u16, input: &[u8]) {
    let mut address = Address::ZERO;
    address[18..].copy_from_slice(&number.to_be_bytes());
    let run = |crypto: &dyn Crypto| {
        let result = MezzPrecompiles::bounded(crypto).call(&address, black_box(input), u64::MAX);
        result.expect("a precompile").expect("valid").gas_used
    };
    let gas = run(&NativeCrypto);
    let native = median(|| {
        black_box(run(&NativeCrypto));
    });
    let plain = median(|| {
        black_box(run(&PlainCrypto));
    });
    let speed = |time: Duration| gas as f64 / time.as_secs_f64() / 1e6;
    println!(
        "{name:<34} {gas:>9} gas {native:>12.1?} {:>8.1} Mgas/s   plain {plain:>12.1?} {:>8.1} Mgas/s",
        speed(native),
        speed(plain)
    );
}

fn modexp(base_len: usize, exponent_len: usize, modulus_len: usize, last: u8) -> Vec<u8> {
    let mut input = Vec::new();
    for length in [base_len, exponent_len, modulus_len] {
        input.extend(U256::from(length).to_be_bytes::<32>());
    }
    input.extend(vec![0xff; base_len + exponent_len + modulus_len]);
    *input.last_mut().expect("not empty") = last;
    input
}

/// The last vector of a precompile that succeeds, repeated: long sums and products of pairings.
fn repeated(number: u16, times: usize) -> Vec<u8> {
    let vectors = vectors();
    let mut matching =
        vectors.iter().filter(|v| v.precompile == number && v.output.is_some() && v.gas > 0);
    matching.next_back().expect("a vector").input.repeat(times)
}

fn blob() -> Box<Blob> {
    let mut rng = Rng::new(1);
    let mut blob = Box::new(Blob::ZERO);
    for element in blob.0.as_chunks_mut::<32>().0 {
        element[1..].copy_from_slice(&rng.bytes(31));
    }
    blob
}

fn blobs() {
    let blob = blob();
    let before = Instant::now();
    let committed = blob_to_commitment_and_proof(&blob).expect("canonical");
    println!("trusted setup and first commitment {:>12.1?}", before.elapsed());
    let time = median(|| drop(black_box(blob_to_commitment_and_proof(&blob))));
    println!("commitment and proof               {time:>12.1?}");
    let time = median(|| drop(black_box(cell_proofs(&blob))));
    println!("cell proofs                        {time:>12.1?}");
    let time = median(|| {
        black_box(verify_blob(&blob, &committed.commitment, &committed.proof));
    });
    println!("verification of a blob             {time:>12.1?}");
    let proofs = cell_proofs(&blob).expect("canonical");
    let time = median(|| {
        black_box(verify_cell_proofs(&blob, &committed.commitment, &proofs));
    });
    println!("verification of cell proofs        {time:>12.1?}");
}

fn signatures() {
    // The published example of the vectors, as a transaction's signature.
    let input = first(0x01, 1);
    let word = |at: usize| U256::from_be_slice(&input[32 * at..32 * (at + 1)]);
    let signed = SignedHash {
        prehash: B256::from(word(0)),
        signature: Signature::new(word(2), word(3), word(1) == U256::from(28)),
    };
    let many = vec![signed; 4_096];
    let time = median(|| drop(black_box(recover_many(&many))));
    let rate = many.len() as f64 / time.as_secs_f64();
    println!("recovery of {} signers           {time:>12.1?} {rate:>8.0}/s", many.len());
}

fn main() {
    blobs();
    signatures();
    row("ecrecover", 0x01, &first(0x01, 1));
    row("sha256, 48 KiB", 0x02, &[0x5a; 49_152]);
    row("ripemd160, 48 KiB", 0x03, &[0x5a; 49_152]);
    row("identity, 48 KiB", 0x04, &[0x5a; 49_152]);
    row("modexp, 32/32/32 odd", 0x05, &modexp(32, 32, 32, 0xff));
    row("modexp, 32/32/32 even", 0x05, &modexp(32, 32, 32, 0xfe));
    row("modexp, 40/1/40 odd", 0x05, &modexp(40, 1, 40, 0xff));
    row("modexp, 256/256/256 odd", 0x05, &modexp(256, 256, 256, 0xff));
    row("modexp, 256/256/256 even", 0x05, &modexp(256, 256, 256, 0xfe));
    row("modexp, 1024/1/1024 odd", 0x05, &modexp(1024, 1, 1024, 0xff));
    row("modexp, 1024/1/1024 even", 0x05, &modexp(1024, 1, 1024, 0xfe));
    row("modexp, 1024/32/1024 odd", 0x05, &modexp(1024, 32, 1024, 0xff));
    row("modexp, 1024/32/1 even", 0x05, &modexp(1024, 32, 1, 0xfe));
    row("bn254 addition", 0x06, &repeated(0x06, 1));
    row("bn254 multiplication", 0x07, &repeated(0x07, 1));
    row("bn254 pairing, 2 pairs", 0x08, &first(0x08, 1));
    row("bn254 pairing, 32 pairs", 0x08, &first(0x08, 16));
    row("blake2f, 100,000 rounds", 0x09, &rounds(100_000));
    row("kzg point evaluation", 0x0a, &repeated(0x0a, 1));
    row("bls12 g1 addition", 0x0b, &repeated(0x0b, 1));
    row("bls12 g1 msm, 1 term", 0x0c, &repeated(0x0c, 1)[..160]);
    row("bls12 g1 msm, 306 terms", 0x0c, &repeated(0x0c, 153));
    row("bls12 g2 addition", 0x0d, &repeated(0x0d, 1));
    row("bls12 g2 msm, 1 term", 0x0e, &repeated(0x0e, 1)[..288]);
    row("bls12 g2 msm, 170 terms", 0x0e, &repeated(0x0e, 85));
    row("bls12 pairing, 2 pairs", 0x0f, &repeated(0x0f, 1));
    row("bls12 pairing, 128 pairs", 0x0f, &repeated(0x0f, 64));
    row("bls12 map to g1", 0x10, &repeated(0x10, 1));
    row("bls12 map to g2", 0x11, &repeated(0x11, 1));
    row("p256 verification", 0x0100, &first(0x0100, 1));
}

/// The first vector of a precompile, repeated.
fn first(number: u16, times: usize) -> Vec<u8> {
    let vectors = vectors();
    let first = vectors.iter().find(|v| v.precompile == number && !v.input.is_empty());
    first.expect("a vector").input.repeat(times)
}

fn rounds(count: u32) -> Vec<u8> {
    let mut input = repeated(0x09, 1);
    input[..4].copy_from_slice(&count.to_be_bytes());
    input
}
