//! A small program for trying machines: its output is the SHA-256 of the bytes whose Keccak-256 is its input.
#![no_std]
#![no_main]

use mezz_guest_runtime::{PreimageKind, entry, input, preimage, set_output};
use sha2::{Digest, Sha256};

fn fingerprint() {
    let bytes = preimage(PreimageKind::Keccak256, &input());
    set_output(Sha256::digest(bytes).into());
}

entry!(fingerprint);
