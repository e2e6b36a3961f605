//! A compiled program: `guest/src/bin/fingerprint.rs`.

use mezz_machine::{
    Exit, MAX_PREIMAGE_BYTES, MachineError, PreimageKey, PreimageKind, PreimageMap, Stop, run,
};
use sha2::{Digest, Sha256};

const FINGERPRINT: &[u8] = include_bytes!("../../../../guest/artifacts/fingerprint.elf");
const SHA256: &str = include_str!("../../../../guest/artifacts/fingerprint.sha256");
const MAX_STEPS: u64 = 50_000_000;

#[test]
fn the_artifact_is_the_one_that_its_hash_names() {
    let hash = hex::encode(Sha256::digest(FINGERPRINT));
    assert_eq!(SHA256, format!("{hash}  fingerprint.elf\n"));
}

#[test]
fn a_compiled_program_hashes_as_a_native_one() {
    for length in [0, 1, 31, 32, 33, 55, 56, 63, 64, 65, 1000, MAX_PREIMAGE_BYTES] {
        let bytes: Vec<u8> = (0..length).map(|n| (n * 7 % 251) as u8).collect();
        let mut host = PreimageMap::default();
        let input = host.insert_keccak256(bytes.clone());
        let output = run(FINGERPRINT, input, &mut host, MAX_STEPS).expect("a program and its data");
        let expected: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(output.result(), Some(expected), "{length} bytes: {output:?}");
    }
}

#[test]
fn a_compiled_program_waits_for_its_data() {
    let key = PreimageKey { kind: PreimageKind::Keccak256, hash: [9; 32] };
    let missing = run(FINGERPRINT, [9; 32], &mut PreimageMap::default(), MAX_STEPS);
    assert_eq!(missing, Err(MachineError::PreimageMissing { key }));
}

#[test]
fn a_compiled_program_stops_at_the_limit() {
    let mut host = PreimageMap::default();
    let input = host.insert_keccak256(vec![1; 100]);
    let whole = run(FINGERPRINT, input, &mut host, MAX_STEPS).expect("a program and its data");
    assert_eq!(whole.stop, Stop::Exited(Exit::Halted(0)));
    let cut = run(FINGERPRINT, input, &mut host, whole.steps - 1).expect("a program and its data");
    assert_eq!((cut.stop, cut.result()), (Stop::StepLimit, None));
}
